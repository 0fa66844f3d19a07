"""How many people it takes to finish a tile, and whether retirement behaves: each alarm is a rule of its own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from sqlmodel import Session, col, distinct, func, select

from haulout.answers import FOR_GOLD, HELD
from haulout.tables import IMPORTED, AnswerRow, ConsensusRow, TaskRow
from labeling_configs.vocabulary import Question

ENOUGH = 20
"""Finished tiles below which shares and means say nothing yet."""
MOST_TO_EXPERTS = 0.2
MOST_BEYOND = 0.02
"""People beyond those wanted, per finished tile."""
PATIENCE = timedelta(days=14)
"""How long an open tile may wait for its first answer."""
LEAST_PEOPLE = 2
"""Who drew animals should have somebody who confirms them."""


class AlarmKind(StrEnum):
    """What is wrong with retirement."""

    TO_EXPERTS = "to_experts"
    BEYOND = "beyond"
    ALONE = "alone"
    MANY = "many"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True)
class Asked:
    """A tile that people were asked about; copies of it whose answer is known are left out everywhere."""

    tile: str
    state: str
    people: int
    """Who answered, skips included."""
    wanted: int
    asked_at: datetime
    voters: int = 0
    """Those whose word is in the consensus."""
    boxes: int = 0
    """Animals in the consensus; read only where fewer than two people have a word in it."""
    to_expert: bool = False
    by_expert: bool = False

    @property
    def finished(self) -> bool:
        """Whether volunteers are asked no more."""
        return self.state != "open"


@dataclass(frozen=True)
class Alarm:
    """One rule that is broken: by how much, what would be fine, and on which tiles; the worst come first."""

    kind: AlarmKind
    value: float
    limit: float
    tiles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retirement:
    """How tiles are finished."""

    finished: int
    open: int
    people: tuple[tuple[int, int], ...]
    """How many finished tiles were answered by 0, 1, 2, … people, without gaps."""
    mean: float | None
    """People per finished tile; None before the first one."""
    alarms: tuple[Alarm, ...]


def read_retirement(session: Session, most_votes: int, now: datetime) -> Retirement:
    """Read how all tiles fared."""
    tiles = read_asked(session)
    finished = [tile for tile in tiles if tile.finished]
    return Retirement(
        finished=len(finished),
        open=len(tiles) - len(finished),
        people=people_per_tile(finished),
        mean=float(np.mean([tile.people for tile in finished])) if finished else None,
        alarms=alarms(tiles, most_votes, now),
    )


def people_per_tile(finished: Sequence[Asked]) -> tuple[tuple[int, int], ...]:
    """Return how many tiles each number of people finished, from the smallest number that occurs to the largest."""
    counts = Counter(tile.people for tile in finished)
    return tuple((people, counts[people]) for people in range(min(counts), max(counts) + 1)) if counts else ()


def alarms(tiles: Sequence[Asked], most_votes: int, now: datetime) -> tuple[Alarm, ...]:
    """Return the rules that are broken; shares and means are judged from twenty finished tiles on."""
    finished = [tile for tile in tiles if tile.finished]
    shares = [to_experts(finished), beyond(finished), many(finished, most_votes)] if len(finished) >= ENOUGH else []
    return tuple(alarm for alarm in (*shares, alone(finished), forgotten(tiles, now)) if alarm)


def to_experts(finished: Sequence[Asked]) -> Alarm | None:
    """Find out whether volunteers leave too many tiles to experts."""
    passed_on = [tile.tile for tile in finished if tile.to_expert]
    share = len(passed_on) / len(finished)
    return Alarm(AlarmKind.TO_EXPERTS, share, MOST_TO_EXPERTS, tuple(passed_on)) if share > MOST_TO_EXPERTS else None


def beyond(finished: Sequence[Asked]) -> Alarm | None:
    """Find out whether Label Studio gave tiles to more people than were wanted."""
    over = sorted((tile for tile in finished if tile.people > tile.wanted), key=lambda t: t.wanted - t.people)
    share = sum(tile.people - tile.wanted for tile in over) / len(finished)
    return Alarm(AlarmKind.BEYOND, share, MOST_BEYOND, tuple(t.tile for t in over)) if share > MOST_BEYOND else None


def many(finished: Sequence[Asked], most_votes: int) -> Alarm | None:
    """Find out whether asking mostly goes on until it must end."""
    mean, limit = float(np.mean([tile.people for tile in finished])), most_votes - 1
    return Alarm(AlarmKind.MANY, mean, limit) if mean > limit else None


def alone(finished: Sequence[Asked]) -> Alarm | None:
    """Find the tiles whose animals only one person has seen; an expert may be alone."""
    lonely = [
        tile.tile
        for tile in finished
        if tile.state == "agreed" and not tile.by_expert and tile.boxes and tile.voters < LEAST_PEOPLE
    ]
    return Alarm(AlarmKind.ALONE, len(lonely), 0, tuple(lonely)) if lonely else None


def forgotten(tiles: Sequence[Asked], now: datetime) -> Alarm | None:
    """Find the open tiles that nobody has answered for long."""
    old = [t for t in tiles if not t.finished and not t.people and now - t.asked_at > PATIENCE]
    names = tuple(tile.tile for tile in sorted(old, key=lambda tile: tile.asked_at))
    return Alarm(AlarmKind.FORGOTTEN, len(old), PATIENCE.days, names) if old else None


def read_asked(session: Session) -> list[Asked]:
    """Return every tile that people were asked about."""
    people, passed_on, lonely = _people(session), _to_experts(session), _boxes_of_few(session)
    settled, open_ = _standing(session), ("open", 0, False)
    # Columns and no rows of tables: thousands of these take a second to make, and the first page reads them all.
    query = (
        select(TaskRow.id, TaskRow.subject, TaskRow.overlap, TaskRow.created_at)
        .where(TaskRow.question == Question.BOXES.value, TaskRow.gold == 0, TaskRow.state != HELD)
        .order_by(TaskRow.subject)
    )
    asked = []
    for task, tile, wanted, asked_at in session.exec(query):
        state, voters, by_expert = settled.get(tile, open_)
        boxes, to_expert = lonely.get(tile, 0), tile in passed_on
        asked.append(
            Asked(tile, state, people.get(task or 0, 0), wanted, asked_at, voters, boxes, to_expert, by_expert)
        )
    return asked


def _standing(session: Session) -> dict[str, tuple[str, int, bool]]:
    """Return state, voters and whether an expert settled it, by tile."""
    query = select(ConsensusRow.tile, ConsensusRow.state, ConsensusRow.voters, ConsensusRow.by_expert)
    return {tile: (state, voters, by_expert) for tile, state, voters, by_expert in session.exec(query)}


def _boxes_of_few(session: Session) -> dict[str, int]:
    """Return how many animals each consensus of fewer than two people holds: the boxes of all would take long."""
    rows = session.exec(select(ConsensusRow).where(ConsensusRow.voters < LEAST_PEOPLE, ConsensusRow.state == "agreed"))
    return {row.tile: len(row.accepted()) for row in rows}


def _people(session: Session) -> dict[int, int]:
    """Return how many people answered each task, by answers that were not taken back; a file was not asked."""
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    asked = func.substr(AnswerRow.person, 1, len(IMPORTED)) != IMPORTED
    query = select(AnswerRow.task, func.count(distinct(col(AnswerRow.person)))).group_by(col(AnswerRow.task))
    return dict(session.exec(query.where(col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False), asked)).all())


def _to_experts(session: Session) -> set[str]:
    """Return the tiles that volunteers could not settle; experts are also asked about some that they could."""
    disputes = session.exec(select(TaskRow).where(TaskRow.question == Question.BOX_DISPUTE.value))
    return {task.subject for task in disputes if task.details.get("why") != FOR_GOLD}
