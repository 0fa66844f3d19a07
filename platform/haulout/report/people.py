"""What each person gave and how well they draw: what was learned of them, week by week, and how they were measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from active_learning import crowd as crowds
from active_learning.crowd import Crowd, Skill
from active_learning.gold import GoldKind, GoldTile, Marked, mark
from active_learning.intervals import share_interval
from haulout.answers import excluded_people, newest_crowd, read_vote
from haulout.report.exams import Figure
from haulout.tables import AnswerRow, ConsensusRow, PersonRow, PhotoRow, SuspicionRow, TaskRow, TileRow
from labeling_configs.vocabulary import Person, Question, TileId, Vote

FEWEST = 5
"""Tiles below which no figure of a person is given: it would say how single ones went."""


@dataclass(frozen=True)
class PersonLine:
    """One person; `skill` is None before it was learned from enough tiles."""

    row: PersonRow
    answers: int
    """Answers of all kinds that stand, skips included."""
    tiles: int
    skill: Skill | None
    suspicions: tuple[SuspicionRow, ...]
    excluded: bool

    def found(self) -> Figure | None:
        """Return the share of plain animals that the person draws without a machine's help."""
        if self.skill is None:
            return None
        value, low, high = self.skill.detection()
        return Figure(value, low, high)


@dataclass(frozen=True)
class Week:
    """What a person did in the week that began on Monday `first`.

    `found` is the share of the agreed animals that they drew, None when no agreed tile held one.
    """

    first: date
    answers: int
    found: Figure | None


@dataclass(frozen=True)
class Measured:
    """How a person did on tiles whose answer was known, all in one: never tile by tile."""

    answers: int
    found: Figure | None
    false_per_tile: float


@dataclass(frozen=True)
class Given:
    """One vote, the task it answers, and the tile."""

    vote: Vote
    task: TaskRow
    tile: TileRow


def read_crowd(session: Session) -> Crowd | None:
    """Return what was learned last of everybody, None before the first night."""
    row = newest_crowd(session)
    return crowds.from_json(row.learned) if row else None


def read_people(session: Session) -> tuple[PersonLine, ...]:
    """Return everybody, those with most answers first."""
    crowd, excluded = read_crowd(session) or Crowd(), excluded_people(session)
    given: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for person, question, subject in session.exec(_standing()):
        given[person].append((question, subject))
    suspected: dict[str, list[SuspicionRow]] = defaultdict(list)
    for row in session.exec(select(SuspicionRow).order_by(col(SuspicionRow.evidence).desc(), SuspicionRow.kind)):
        suspected[row.person].append(row)
    lines = [
        PersonLine(
            row=row,
            answers=len(given[row.id]),
            tiles=len({subject for question, subject in given[row.id] if question == Question.BOXES.value}),
            skill=_known_skill(crowd.skills.get(Person(row.id))),
            suspicions=tuple(suspected[row.id]),
            excluded=row.id in excluded,
        )
        for row in session.exec(select(PersonRow).order_by(PersonRow.id))
    ]
    return tuple(sorted(lines, key=lambda line: -line.answers))


def read_given(session: Session, person: str, *, most: int | None = None, gold: bool = False) -> list[Given]:
    """Return the person's votes on tiles that stand, oldest first; skipped ones say nothing and are left out.

    The newest ones when only so many are wanted, and with `gold` those on tiles whose answer is known.
    """
    query = (
        select(AnswerRow, TaskRow, TileRow)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .join(TileRow, col(TileRow.id) == TaskRow.subject)
        .where(col(AnswerRow.id).in_(_newest(person)), AnswerRow.person == person, col(AnswerRow.gone).is_(False))
        .where(col(AnswerRow.skipped).is_(False), TaskRow.question == Question.BOXES.value)
        .order_by(col(AnswerRow.given_at).desc(), col(AnswerRow.id).desc())
        .limit(most)
    )
    rows = session.exec(query.where(TaskRow.gold > 0) if gold else query).all()
    return [Given(read_vote(answer, task, tile.word())[0], task, tile) for answer, task, tile in reversed(rows)]


def read_truths(session: Session, given: Sequence[Given]) -> dict[str, tuple[ConsensusRow, GoldKind | None]]:
    """Return the agreed tiles among those of the votes, and what those that an expert settled are for."""
    tiles = sorted({one.tile.id for one in given})
    query = (
        select(ConsensusRow, PhotoRow.split)
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed")
    )
    return {
        row.tile: (row, GoldTile(TileId(row.tile), 0, split == "exam").kind if row.by_expert else None)
        for some in (tiles[start : start + 500] for start in range(0, len(tiles), 500))
        for row, split in session.exec(query.where(col(ConsensusRow.tile).in_(some)))
    }


def weeks(given: Iterable[Given], truths: Mapping[str, tuple[ConsensusRow, GoldKind | None]]) -> tuple[Week, ...]:
    """Return the weeks in which the person answered; tiles that measure are counted, but their marks left out."""
    answers: dict[date, int] = defaultdict(int)
    marked: dict[date, list[Marked]] = defaultdict(list)
    for one in given:
        day = one.vote.given_at.date()
        monday = day - timedelta(days=day.weekday())
        answers[monday] += 1
        truth, kind = truths.get(one.tile.id, (None, None))
        if truth is not None and kind is not GoldKind.MEASURING:
            marked[monday].append(mark(one.vote, truth.accepted()))
    return tuple(Week(monday, answers[monday], _found(marked[monday])) for monday in sorted(answers))


def measured(given: Iterable[Given], truths: Mapping[str, tuple[ConsensusRow, GoldKind | None]]) -> Measured | None:
    """Sum up the answers on measuring tiles; by fives, or the change after one answer would give its mark away."""
    marks = [
        mark(one.vote, truths[one.tile.id][0].accepted())
        for one in given
        if one.task.gold and truths.get(one.tile.id, (None, None))[1] is GoldKind.MEASURING
    ]
    counted = marks[: len(marks) // FEWEST * FEWEST]
    if not counted:
        return None
    return Measured(len(counted), _found(counted), sum(one.false for one in counted) / len(counted))


def _found(marks: Sequence[Marked]) -> Figure | None:
    hits, animals = sum(one.hits for one in marks), sum(one.hits + one.misses for one in marks)
    if not animals:
        return None
    share = share_interval(hits, animals)
    return Figure(share.value, share.low, share.high)


def _known_skill(skill: Skill | None) -> Skill | None:
    return skill if skill and skill.tiles >= FEWEST else None


def _standing() -> SelectOfScalar[tuple[str, str, str]]:
    query = select(AnswerRow.person, TaskRow.question, TaskRow.subject)
    joined = query.join(TaskRow, col(TaskRow.id) == AnswerRow.task)
    return joined.where(col(AnswerRow.id).in_(_newest()), col(AnswerRow.gone).is_(False))  # type: ignore[return-value]


def _newest(person: str | None = None) -> SelectOfScalar[int | None]:
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    return newest if person is None else newest.where(AnswerRow.person == person)
