"""One photo and everything drawn on it: by the machine, by people, and by what they agree on."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from haulout.answers import live_answers, read_vote
from haulout.report import shown_detector
from haulout.spots import read_things
from haulout.tables import AnimalRow, ConsensusRow, PhotoRow, ProposalRow, SightingRow, TileRow, TriagedRow
from haulout.web.drawn import Drawn, drawn
from haulout.web.photos import neighbours
from labeling_configs.vocabulary import Question

LEAST_SCORE = 0.3
"""Boxes below this score only count towards what the machine expects; drawn, they would hide the picture."""


@dataclass(frozen=True)
class TileState:
    """A tile of the photo, and what became of it."""

    row: TileRow
    state: str
    voters: int


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
    tiles: tuple[TileState, ...]
    animals: tuple[tuple[AnimalRow, str | None], ...]
    """Each animal with its individual, if known."""
    before: PhotoRow | None
    after: PhotoRow | None


def photo_page(session: Session, photo: PhotoRow) -> PhotoPage:
    """Read all that is known of the photo."""
    tiles = list(session.exec(select(TileRow).where(TileRow.photo == photo.id).order_by(TileRow.id)))
    settled = {tile.id: session.get(ConsensusRow, tile.id) for tile in tiles}
    proposal = _proposal(session, photo)
    before, after = neighbours(session, photo)
    machine, things = _machine(session, photo, proposal)
    return PhotoPage(
        photo=photo,
        model=proposal.model if proposal else None,
        machine=machine,
        things=things,
        triage=session.get(TriagedRow, photo.id),
        votes=tuple(vote for tile in tiles for vote in _votes(session, tile)),
        consensus=tuple(box for row in settled.values() if row for box in _agreed(row)),
        tiles=tuple(_state(tile, settled[tile.id]) for tile in tiles),
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


def _votes(session: Session, tile: TileRow) -> list[tuple[Drawn, ...]]:
    """Leave out the answers on copies whose answer is known: nobody may learn here which tiles measure people."""
    answers = live_answers(session, Question.BOXES, tile.id, gold=False)
    votes = [read_vote(answer, task, tile.word())[0] for answer, task in answers]
    return [drawn(vote.boxes) for vote in votes if not vote.skipped and not vote.unusable]


def _agreed(row: ConsensusRow) -> tuple[Drawn, ...]:
    return drawn(row.accepted(), row.accepted_probabilities()) if row.boxes else ()


def _state(tile: TileRow, row: ConsensusRow | None) -> TileState:
    return TileState(tile, row.state if row else "open", row.voters if row else 0)


def _animals(session: Session, photo: PhotoRow) -> tuple[tuple[AnimalRow, str | None], ...]:
    query = (
        select(AnimalRow, SightingRow.individual)
        .join(SightingRow, col(SightingRow.animal) == AnimalRow.id, isouter=True)
        .where(AnimalRow.photo == photo.id)
        .order_by(AnimalRow.id)
    )
    return tuple((animal, individual) for animal, individual in session.exec(query))
