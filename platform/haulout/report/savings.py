"""How much of people's time the season took, beside what labelling every photo by hand would have taken."""

from dataclasses import dataclass
from math import ceil

from sqlmodel import Session, and_, col, func, select

from active_learning.effort import LONGEST, Effort, from_json
from haulout.answers import newest_crowd
from haulout.report.detectors import shown_detector
from haulout.report.effort import standing
from haulout.report.span import Span
from haulout.tables import AnswerRow, ConsensusRow, PhotoRow, ProposalRow, TaskRow, TileRow
from labeling_configs.vocabulary import ABOUT_TILES

LEAST_TILES = 20
"""Finished tiles below which nothing is reckoned."""


@dataclass(frozen=True)
class Savings:
    """Minutes of people; who is who is left out on both sides."""

    everything: float
    """What drawing every animal of every photo without a machine would have taken."""
    spent: float
    """What was spent on the season's tiles, disputes and skipped ones included, half an hour for one answer at most."""
    tiles: int
    """Finished tiles."""
    people: float
    """Who answered one of them, on average."""
    effort: Effort
    """Seconds for opening a tile and for drawing a box, as learned from the answers."""

    @property
    def saved(self) -> float:
        """The difference, negative when labelling everything would have been quicker."""
        return self.everything - self.spent


def read_savings(session: Session, span: Span, most_animals: int) -> Savings | None:
    """Reckon the season's savings; None before enough tiles are finished and the times were learned.

    A photo without machine takes one tile for each `most_animals` animals, as few as there can be.
    """
    crowd, (tiles, people) = newest_crowd(session), _finished(session, span)
    if tiles < LEAST_TILES or crowd is None or not crowd.effort:
        return None
    effort = from_json(crowd.effort)
    seconds = sum(
        max(1, ceil(animals / most_animals)) * effort.opening + animals * effort.drawn
        for animals in _animals(session, span)
    )
    return Savings(people * seconds / 60, _spent(session, span) / 60, tiles, people, effort)


def _finished(session: Session, span: Span) -> tuple[int, float]:
    query = (
        select(func.count(), func.avg(ConsensusRow.voters))
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed", *span.photos())
    )
    tiles, people = session.exec(query).one()
    return tiles, float(people or 0)


def _animals(session: Session, span: Span) -> list[float]:
    """Return how many animals the machine expects on each photo, none where it has not looked."""
    looked = and_(col(ProposalRow.photo) == PhotoRow.id, col(ProposalRow.model) == shown_detector(session))
    query = select(ProposalRow.expected_animals).select_from(PhotoRow).join(ProposalRow, looked, isouter=True)
    return [animals or 0.0 for animals in session.exec(query.where(*span.photos()))]


def _spent(session: Session, span: Span) -> float:
    query = (
        select(AnswerRow.seconds)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .join(TileRow, col(TileRow.id) == TaskRow.subject)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(col(AnswerRow.id).in_(standing()), col(TaskRow.question).in_(ABOUT_TILES), *span.photos())
    )
    return sum(min(seconds, LONGEST) for seconds in session.exec(query))
