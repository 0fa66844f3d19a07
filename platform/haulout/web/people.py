"""One person's page: how they draw, what speaks against them, and what they can learn from tiles that teach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from active_learning.gold import GoldKind, mark
from haulout.report import (
    Given,
    Measured,
    PersonLine,
    Week,
    measured,
    read_crowd,
    read_given,
    read_people,
    read_truths,
    weeks,
)
from haulout.tables import ConsensusRow, ExclusionRow, SuspicionRow, TileRow
from haulout.web.drawn import Drawn, drawn

LESSONS = 8
"""Teaching tiles shown at most, the newest ones."""
EXAMPLES = 5


@dataclass(frozen=True)
class Lesson:
    """A teaching tile that the person has answered: their right boxes, the animals they missed, their false boxes."""

    tile: TileRow
    given_at: datetime
    right: tuple[Drawn, ...]
    missed: tuple[Drawn, ...]
    false: tuple[Drawn, ...]


@dataclass(frozen=True)
class Suspected:
    """What speaks against the person, and tiles that show it."""

    row: SuspicionRow
    tiles: tuple[str, ...]

    @property
    def times(self) -> float:
        """How much likelier a spammer does this than an honest person, to two digits and a million at most."""
        return float(f"{10 ** min(self.row.evidence, 6.0):.2g}")


@dataclass(frozen=True)
class PersonPage:
    """All that is told of one person."""

    line: PersonLine
    usual: float | None
    """The share of animals that people find on average, None before anything was learned."""
    weeks: tuple[Week, ...]
    measured: Measured | None
    suspected: tuple[Suspected, ...]
    exclusions: tuple[ExclusionRow, ...]
    lessons: tuple[Lesson, ...]


def person_page(session: Session, person: str) -> PersonPage | None:
    """Read one person's page; None when nobody has this name."""
    line = next((line for line in read_people(session) if line.row.id == person), None)
    if line is None:
        return None
    given, crowd = read_given(session, person), read_crowd(session)
    truths = read_truths(session, given)
    exclusions = select(ExclusionRow).where(ExclusionRow.person == person).order_by(col(ExclusionRow.id).desc())
    return PersonPage(
        line=line,
        usual=float(crowd.finds[0, 0]) if crowd and crowd.rounds else None,
        weeks=weeks(given, truths),
        measured=measured(given, truths),
        suspected=tuple(_suspected(session, row) for row in line.suspicions),
        exclusions=tuple(session.exec(exclusions)),
        lessons=lessons(given, truths),
    )


def _suspected(session: Session, row: SuspicionRow) -> Suspected:
    tiles = (str(tile) for tile in row.tiles[:EXAMPLES])
    return Suspected(row, tuple(tile for tile in tiles if session.get(TileRow, tile)))


def lessons(given: Sequence[Given], truths: Mapping[str, tuple[ConsensusRow, GoldKind | None]]) -> tuple[Lesson, ...]:
    """Return what the person can learn from; a tile that measures is never among it."""
    teaching = [one for one in given if one.task.gold and truths.get(one.tile.id, (None, None))[1] is GoldKind.TEACHING]
    return tuple(_lesson(one, truths[one.tile.id][0]) for one in teaching[: -LESSONS - 1 : -1])


def _lesson(one: Given, truth: ConsensusRow) -> Lesson:
    marked = mark(one.vote, truth.accepted())
    wrong = marked.wrong.tolist()
    right = one.vote.boxes[[box not in wrong for box in one.vote.boxes.tolist()]]
    return Lesson(one.tile, one.vote.given_at, drawn(right), drawn(marked.missed), drawn(marked.wrong))
