"""Step 3 of the loop: choose the tiles that people are asked next, and write down why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from active_learning.selection import Candidate, Chosen, Shares
from active_learning.selection import select as choose
from active_learning.tiling import lay_tiles
from active_learning.uncertainty import tile_uncertainties
from haulout.config import Settings
from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version
from haulout.tables import BatchRow, ChosenRow, PhotoRow, ProposalRow, TaskRow, TileRow
from labeling_configs.vocabulary import COLD, ModelVersion, PhotoId, Proposal, Question, Tile, TileId

PURPOSE = 3
"""Keeps the random numbers of selection apart from those of other stages."""


def select_batch(services: Services, run: int | None = None, tell: Tell = silently) -> int | None:
    """Fill the queue up to the size of a batch; return the new batch's id, or None when the queue is full.

    Also None when nothing is left to ask. A second call, after a crash or in a slow week, asks nobody twice as much.
    """
    tell("Choosing what to ask next", 0, 0)
    model = detector_version(services)
    with reading(services.database) as session:
        pool = _pool(session, model, services.settings)
        questions = select(TaskRow.subject, TaskRow.state).where(TaskRow.question == Question.BOXES.value)
        states = session.exec(questions.where(TaskRow.gold == 0))
        asked = dict(states.all())
        number = len(session.exec(select(BatchRow.id)).all())
    room = services.settings.batch_size - list(asked.values()).count("open")
    chosen = _choose(pool, asked, services, number, room) if room > 0 else ()
    if not chosen:
        return None
    layouts = {tile.id: tiles for tiles, _ in pool.values() for tile in tiles}
    return _store(services, run, model, chosen, layouts)


Pool = Mapping[PhotoId, tuple[Sequence[Tile], list[Candidate]]]
"""The tiles of each photo, and the same tiles as candidates."""


def _pool(session: Session, model: ModelVersion, settings: Settings) -> Pool:
    laid: dict[str, list[Tile]] = defaultdict(list)
    for row in session.exec(select(TileRow)):
        laid[row.photo].append(row.word())
    query = select(PhotoRow, ProposalRow).join(ProposalRow, col(ProposalRow.photo) == PhotoRow.id)
    seen = session.exec(query.where(ProposalRow.model == model).order_by(col(PhotoRow.id)))
    return {PhotoId(photo.id): _candidates(photo, row, laid[photo.id], settings) for photo, row in seen}


def _candidates(
    photo: PhotoRow, row: ProposalRow, laid: Sequence[Tile], settings: Settings
) -> tuple[Sequence[Tile], list[Candidate]]:
    """Keep the tiles a photo was once cut into: their cores must go on partitioning it."""
    proposal = Proposal(PhotoId(photo.id), ModelVersion(row.model), row.boxes(), row.scores())
    tiles = laid or lay_tiles(
        proposal.photo, photo.width, photo.height, proposal.boxes, proposal.scores, settings.most_animals_per_tile
    )
    doubts = tile_uncertainties(tiles, None if row.model == COLD else proposal)
    features = row.description()
    candidates = [
        Candidate(
            tile=tile.id,
            photo=proposal.photo,
            burst=photo.burst,
            day=photo.taken_at.date() if photo.taken_at else None,
            uncertainty=float(doubt),
            features=features,
            expected_boxes=float(proposal.scores[tile.core.holds_centres_of(proposal.boxes)].sum()),
            exam=photo.split == "exam",
        )
        for tile, doubt in zip(tiles, doubts, strict=True)
    ]
    return tiles, candidates


def _choose(pool: Pool, asked: Mapping[str, str], services: Services, number: int, size: int) -> Sequence[Chosen]:
    """Leave out bursts that were asked about before, as long as others are left: they show the same animals again.

    Other tiles of a photo that was begun stay: only all of them together count its animals. While one tile of a burst
    waits for people, no other joins it. `asked` holds the state of each tile's task.
    """
    everything = [candidate for _, candidates in pool.values() for candidate in candidates]
    known = [candidate for candidate in everything if candidate.tile in asked]
    bursts, photos = {c.burst for c in known}, {c.photo for c in known}
    settings = services.settings
    waiting = {c.burst for c in known if asked[c.tile] == "open"}
    unasked = [c for c in everything if c.tile not in asked and c.burst not in waiting]
    fresh = [c for c in unasked if c.burst not in bursts or c.photo in photos]
    free = fresh if len({c.burst for c in fresh}) >= size else unasked
    shares = Shares(settings.random_share, settings.exam_share, settings.blind_share)
    return choose(free, size, services.rng(PURPOSE, number), shares, _features(known))


def _features(candidates: Sequence[Candidate]) -> NDArray[np.float64] | None:
    rows = [candidate.features for candidate in candidates if candidate.features is not None]
    return np.stack(rows) if rows else None


def _store(
    services: Services,
    run: int | None,
    model: str,
    chosen: Sequence[Chosen],
    layouts: Mapping[TileId, Sequence[Tile]],
) -> int:
    with writing(services.database) as session:
        batch = BatchRow(
            run=run, created_at=services.now(), seed=services.settings.seed, model=model, code=version("haulout")
        )
        session.add(batch)
        session.flush()
        if batch.id is None:
            raise LookupError("the database gave the new batch no number")
        for tile in {tile.id: tile for one in chosen for tile in layouts[one.tile]}.values():
            session.merge(TileRow.of(tile))
        session.flush()
        for place, one in enumerate(chosen):
            why = ChosenRow(batch=batch.id, tile=one.tile, reason=one.reason.value, value=one.value, blind=one.blind)
            why.probability = one.probability
            session.add(why)
            session.add(_task(services, batch.id, model, one, 1 - place / len(chosen)))
    return batch.id


def _task(services: Services, batch: int, model: str, one: Chosen, priority: float) -> TaskRow:
    return TaskRow(
        question=Question.BOXES.value,
        subject=one.tile,
        batch=batch,
        # Sealed, because it can be read in Label Studio: gold asks about the same tile and must not be told apart.
        key=f"{Question.BOXES.value}:{services.sealed(one.tile)}",
        priority=priority,
        overlap=services.settings.least_votes,
        blind=one.blind,
        model=model,
        created_at=services.now(),
    )
