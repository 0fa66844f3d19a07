"""Every tile that could be asked about, with what the serving detector says of it and what its label would cost."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, func, select

from active_learning import effort as efforts
from active_learning.effort import Effort, expected_work
from active_learning.pool import Pool, Reason
from active_learning.rarity import crowd, light, rarity
from active_learning.tiling import lay_tiles
from active_learning.uncertainty import tile_doubts
from haulout.answers import SHOWN_ABOVE, newest_crowd
from haulout.config import Settings
from haulout.spots import Things, read_things
from haulout.tables import ConsensusRow, ModelRow, PhotoRow, ProposalRow, TileRow
from labeling_configs.vocabulary import COLD, ModelVersion, PhotoId, Proposal, Tile

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One tile, laid now or before; `scores` are those of the boxes centred in its core."""

    tile: Tile
    photo: PhotoRow
    model: str
    scores: Numbers
    doubts: Mapping[Reason, float]
    features: Numbers
    traits: Mapping[str, Hashable]
    looked: bool = True
    """False where no detector looked at the photo, so that having no boxes says nothing."""


def read_candidates(session: Session, model: ModelVersion, settings: Settings) -> list[Candidate]:
    """Return every tile of the photos that the model has looked at, those that were asked about among them."""
    laid: dict[str, list[Tile]] = defaultdict(list)
    for row in session.exec(select(TileRow).order_by(col(TileRow.id))):
        laid[row.photo].append(row.word())
    second, things = _proposals(session, _earlier(session, model)), read_things(session)
    query = select(PhotoRow, ProposalRow).join(ProposalRow, col(ProposalRow.photo) == PhotoRow.id)
    seen = session.exec(query.where(ProposalRow.model == model).order_by(col(PhotoRow.id)))
    return [
        one
        for photo, row in seen
        for one in _of_photo(photo, row, second.get(photo.id), laid[photo.id], settings, things)
    ]


def as_pool(
    session: Session,
    candidates: Sequence[Candidate],
    known: Sequence[Candidate],
    model: ModelVersion,
    fresh: Collection[str] | None = None,
    eased: Mapping[str, float] | None = None,
) -> Pool:
    """Return the candidates as columns; `known` are the tiles that were asked about before.

    Tiles not among the `fresh` ones are left to chance; all are fresh when None are given. `eased` says of tiles that
    an imported file answers how many times less people's work settles them: an answer there is worth so much more.
    """
    effort = learned_effort(session)
    ease = np.array([(eased or {}).get(one.tile.id, 1.0) for one in candidates], dtype=np.float64)
    doubts = {
        kind: ease * np.array([one.doubts.get(kind, 0.0) for one in candidates], dtype=np.float64)
        for kind in sorted({kind for one in candidates for kind in one.doubts})
    }
    rare = rarity(_traits(candidates), _traits(known))
    # A tile of a kind nobody labelled counts twice as much as a usual one.
    typical = float(np.mean(sum(doubts.values()))) if candidates else 0.0
    return Pool(
        tiles=[one.tile.id for one in candidates],
        bursts=[one.photo.burst for one in candidates],
        doubts=doubts | {Reason.RARE: rare * typical},
        minutes=_minutes(candidates, effort, blind=model == COLD),
        occupied=_occupied(session, candidates, known, model),
        exam=np.array([one.photo.split == "exam" for one in candidates], dtype=np.bool_),
        repeats=None if fresh is None else np.array([one.tile.id not in fresh for one in candidates], dtype=np.bool_),
        features=features_of(candidates),
    )


def features_of(candidates: Sequence[Candidate]) -> NDArray[np.float32] | None:
    """Return what the backbone sees in the photos of the tiles, shape (n, d); None for no tiles."""
    return np.stack([one.features for one in candidates]).astype(np.float32) if candidates else None


def learned_effort(session: Session) -> Effort:
    """Return how long answers take, as learned last night; before that, as it usually is."""
    newest = newest_crowd(session)
    return efforts.from_json(newest.effort) if newest and newest.effort else efforts.USUAL


def _of_photo(
    photo: PhotoRow,
    row: ProposalRow,
    second: ProposalRow | None,
    laid: Sequence[Tile],
    settings: Settings,
    things: Things,
) -> list[Candidate]:
    """Keep the tiles a photo was once cut into: their cores must go on partitioning it."""
    proposal = _word(photo, row, things)
    tiles = laid or lay_tiles(
        proposal.photo, photo.width, photo.height, proposal.boxes, proposal.scores, settings.most_animals_per_tile
    )
    looked = proposal if row.looked else None
    doubts = tile_doubts(tiles, looked, _word(photo, second, things) if second else None)
    traits = {
        "camera": (photo.site, photo.camera),
        "light": light(row.brightness, row.contrast),
        "crowd": crowd(float(proposal.scores.sum())) if looked else 0,
    }
    return [
        Candidate(
            tile=tile,
            photo=photo,
            model=row.model,
            scores=proposal.scores[tile.core.holds_centres_of(proposal.boxes)],
            doubts={kind: float(values[place]) for kind, values in doubts.items()},
            features=row.description(),
            traits=traits,
            looked=row.looked,
        )
        for place, tile in enumerate(tiles)
    ]


def _word(photo: PhotoRow, row: ProposalRow, things: Things) -> Proposal:
    """Return what the machine takes for animals: a rock that a person named is none."""
    return Proposal(PhotoId(row.photo), ModelVersion(row.model), *things.read(photo, row))


def _earlier(session: Session, model: ModelVersion) -> str | None:
    """Return the trained detector that looked at the photos before this one: two checkpoints are a committee."""
    query = (
        select(ProposalRow.model)
        .join(ModelRow, col(ModelRow.version) == ProposalRow.model)
        .where(ProposalRow.model != model)
        .group_by(ProposalRow.model)
        .order_by(func.max(ProposalRow.made_at).desc(), col(ProposalRow.model).desc())
    )
    return session.exec(query.limit(1)).first()


def _proposals(session: Session, model: str | None) -> Mapping[str, ProposalRow]:
    if model is None:
        return {}
    return {row.photo: row for row in session.exec(select(ProposalRow).where(ProposalRow.model == model))}


def _minutes(candidates: Sequence[Candidate], effort: Effort, *, blind: bool) -> Numbers:
    work = [expected_work(one.scores, None if blind else SHOWN_ABOVE) for one in candidates]
    drawn, kept = np.array(work, dtype=np.float64).reshape(-1, 2).T
    return effort.seconds(drawn, kept) / 60


def _traits(candidates: Sequence[Candidate]) -> dict[str, list[Hashable]]:
    return {trait: [one.traits[trait] for one in candidates] for trait in ("camera", "light", "crowd")}


def _occupied(
    session: Session, candidates: Sequence[Candidate], known: Sequence[Candidate], model: ModelVersion
) -> Numbers:
    """Return the chance that a tile holds an animal: by its boxes, before any detector by tiles that look alike."""
    if model != COLD:
        return np.array([1 - np.prod(1 - one.scores) for one in candidates], dtype=np.float64)
    agreed = occupied_tiles(session)
    labelled = [one for one in known if one.tile.id in agreed]
    seen, told = features_of(labelled), np.array([agreed[one.tile.id] for one in labelled], dtype=np.bool_)
    pool = features_of(candidates)
    if seen is None or pool is None or len(set(told.tolist())) < 2:
        return np.full(len(candidates), 0.5)
    from active_learning.strategies import occupancy  # modAL loads torch: nobody waits for it who asks nothing

    return occupancy(seen, told, pool)


def occupied_tiles(session: Session) -> dict[str, bool]:
    """Say of each tile on which people agree whether it holds an animal."""
    rows = session.exec(select(ConsensusRow).where(ConsensusRow.state == "agreed"))
    return {row.tile: bool(len(row.accepted())) for row in rows}
