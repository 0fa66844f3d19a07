"""One photo and everything drawn on it: by the machine, by people, and by what they agree on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session, col, select

from haulout.answers import live_answers, read_vote
from haulout.report import shown_detector
from haulout.spots import read_things
from haulout.tables import (
    AnimalRow,
    ConsensusRow,
    ImportedRow,
    ImportRow,
    PhotoRow,
    ProposalRow,
    SightingRow,
    TileRow,
    TriagedRow,
)
from haulout.web.drawn import Drawn, drawn
from haulout.web.photos import neighbours
from labeling_configs.vocabulary import Question, TileId

LEAST_SCORE = 0.3
"""Boxes below this score only count towards what the machine expects; drawn, they would hide the picture."""


@dataclass(frozen=True)
class TileState:
    """A tile of the photo, and what became of it."""

    row: TileRow
    state: str
    voters: int
    disturbed: Mapping[str, int]
    """How many of the voters saw what may disturb the animals, by `vocabulary.Disturbance`."""


@dataclass(frozen=True)
class PhotoPage:
    """A photo with its layers of boxes."""

    photo: PhotoRow
    model: str | None
    machine: tuple[Drawn, ...]
    things: tuple[Drawn, ...]
    """Boxes of the machine at places of which somebody said that there is no animal."""
    triage: TriagedRow | None
    votes: tuple[tuple[Drawn, ...], ...]
    """The boxes of one vote each."""
    consensus: tuple[Drawn, ...]
    imported: tuple[tuple[str, tuple[Drawn, ...]], ...]
    """What each imported file knows of the photo: its name, and its boxes."""
    tiles: tuple[TileState, ...]
    animals: tuple[tuple[AnimalRow, str | None], ...]
    """Each animal with its individual, if known."""
    before: str | None
    after: str | None
    """The ids of the photos that the same camera took before and after."""

    @property
    def disturbances(self) -> tuple[str, ...]:
        """What somebody saw that may disturb the animals, see `vocabulary.Disturbance`."""
        return tuple(sorted({kind for tile in self.tiles for kind, ticks in tile.disturbed.items() if ticks}))


def photo_page(session: Session, photo: PhotoRow) -> PhotoPage:
    """Read all that is known of the photo."""
    tiles = list(session.exec(select(TileRow).where(TileRow.photo == photo.id).order_by(TileRow.id)))
    settled = _settled(session, tiles)
    proposal = _proposal(session, photo)
    before, after = neighbours(session, photo)
    machine, things = _machine(session, photo, proposal)
    return PhotoPage(
        photo=photo,
        model=proposal.model if proposal else None,
        machine=machine,
        things=things,
        triage=session.get(TriagedRow, photo.id),
        votes=_votes(session, tiles),
        consensus=tuple(box for tile in tiles if tile.id in settled for box in _agreed(settled[tile.id])),
        imported=_imported(session, photo),
        tiles=tuple(_state(tile, settled.get(tile.id)) for tile in tiles),
        animals=_animals(session, photo),
        before=before,
        after=after,
    )


def _proposal(session: Session, photo: PhotoRow) -> ProposalRow | None:
    shown = session.get(ProposalRow, (photo.id, shown_detector(session) or ""))
    newest = select(ProposalRow).where(ProposalRow.photo == photo.id).order_by(col(ProposalRow.made_at).desc())
    return shown or session.exec(newest).first()


def _machine(
    session: Session, photo: PhotoRow, proposal: ProposalRow | None
) -> tuple[tuple[Drawn, ...], tuple[Drawn, ...]]:
    """Return the boxes that may be animals, and those that are things."""
    if proposal is None:
        return (), ()
    boxes, scores = proposal.boxes(), proposal.scores()
    thing, clear = read_things(session).on(photo, boxes, scores), scores >= LEAST_SCORE
    may_be, is_none = clear & ~thing, clear & thing
    return drawn(boxes[may_be], scores[may_be]), drawn(boxes[is_none], scores[is_none])


def _settled(session: Session, tiles: Sequence[TileRow]) -> dict[str, ConsensusRow]:
    ids = [tile.id for tile in tiles]
    return {row.tile: row for row in session.exec(select(ConsensusRow).where(col(ConsensusRow.tile).in_(ids)))}


def _votes(session: Session, tiles: Sequence[TileRow]) -> tuple[tuple[Drawn, ...], ...]:
    """Leave out the answers on copies whose answer is known: nobody may learn here which tiles measure people."""
    words = {tile.id: tile.word() for tile in tiles}
    answers = live_answers(session, Question.BOXES, list(words), gold=False)
    votes = [read_vote(answer, task, words[TileId(task.subject)])[0] for answer, task in answers]
    return tuple(drawn(vote.boxes) for vote in votes if not vote.skipped and not vote.unusable)


def _imported(session: Session, photo: PhotoRow) -> tuple[tuple[str, tuple[Drawn, ...]], ...]:
    query = (
        select(ImportRow.source, ImportedRow.packed)
        .join(ImportRow, col(ImportRow.id) == ImportedRow.source)
        .where(ImportedRow.photo == photo.id)
        .order_by(ImportRow.source)
    )
    read = ((source, np.frombuffer(packed, dtype=np.float64).reshape(-1, 5)) for source, packed in session.exec(query))
    return tuple((source, drawn(rows[:, :4], rows[:, 4])) for source, rows in read)


def _agreed(row: ConsensusRow) -> tuple[Drawn, ...]:
    return drawn(row.accepted(), row.accepted_probabilities()) if row.boxes else ()


def _state(tile: TileRow, row: ConsensusRow | None) -> TileState:
    return TileState(tile, row.state, row.voters, row.disturbed) if row else TileState(tile, "open", 0, {})


def _animals(session: Session, photo: PhotoRow) -> tuple[tuple[AnimalRow, str | None], ...]:
    query = (
        select(AnimalRow, SightingRow.individual)
        .join(SightingRow, col(SightingRow.animal) == AnimalRow.id, isouter=True)
        .where(AnimalRow.photo == photo.id)
        .order_by(AnimalRow.id)
    )
    return tuple((animal, individual) for animal, individual in session.exec(query))
