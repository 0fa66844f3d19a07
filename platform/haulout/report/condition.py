"""How each walrus looked to the experts, day by day, and what changed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Any

from sqlmodel import Session, col, select

from haulout.tables import AnimalRow, ConditionRow, PhotoRow, SightingRow
from labeling_configs.vocabulary import FATNESS, Condition


class ChangeKind(StrEnum):
    """How the condition of an individual changed between two days."""

    THINNER = "thinner"
    FATTER = "fatter"
    INJURED = "injured"
    HEALED = "healed"
    ILL = "ill"
    RECOVERED = "recovered"


_COMES_AND_GOES = {
    Condition.INJURY: (ChangeKind.INJURED, ChangeKind.HEALED),
    Condition.DISEASE: (ChangeKind.ILL, ChangeKind.RECOVERED),
}


@dataclass(frozen=True)
class Seen:
    """How an individual looked on one day: so many `experts` described it, and so many of them `said` each sign.

    `animal` is the crop of the day that most of them described.
    """

    day: date
    animal: str
    experts: int
    said: tuple[tuple[Condition, int], ...]

    @property
    def fatness(self) -> Condition | None:
        """Thin, normal or fat, as more than half of those say who spoke of it; None when there are none."""
        spoken = {sign: number for sign, number in self.said if sign in FATNESS}
        return next((sign for sign, number in spoken.items() if 2 * number > sum(spoken.values())), None)

    def shows(self, sign: Condition) -> bool | None:
        """Say whether most of all who described it saw an injury or a disease; None when only a few of them did."""
        number = dict(self.said).get(sign, 0)
        return None if 0 < 2 * number <= self.experts else number > 0

    @property
    def signs(self) -> tuple[Condition, ...]:
        """All that most experts saw."""
        fatness = (self.fatness,) if self.fatness else ()
        return fatness + tuple(sign for sign in _COMES_AND_GOES if self.shows(sign))


@dataclass(frozen=True)
class ConditionChange:
    """A change between two days on which experts described the individual; the animals are the crops to show.

    `before` and `after` are all that most experts saw on these days. That an injury or a disease is gone means that
    nobody saw it any more, be it that the other flank was seen.
    """

    individual: str
    kind: ChangeKind
    before_day: date
    after_day: date
    before_animal: str
    after_animal: str
    before: tuple[Condition, ...]
    after: tuple[Condition, ...]


def conditions_of(session: Session, individual: str) -> tuple[Seen, ...]:
    """Return how the individual looked at all sites, oldest day first, without photos that tell no time."""
    return _days(_read(session, SightingRow.individual == individual).get(individual, ()))


def read_condition_changes(session: Session, site: str) -> tuple[ConditionChange, ...]:
    """Return the changes of all individuals between days at the site, oldest first."""
    said = _read(session, PhotoRow.site == site)
    changes = [change for individual, words in said.items() for change in _changes(individual, _days(words))]
    return tuple(sorted(changes, key=lambda one: (one.after_day, one.individual, one.kind)))


_Word = tuple[date, ConditionRow]


def _read(session: Session, wanted: Any) -> Mapping[str, list[_Word]]:
    """Return what was said of each individual, by the time of the photo."""
    query = (
        select(SightingRow.individual, PhotoRow.taken_at, ConditionRow)
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .join(ConditionRow, col(ConditionRow.animal) == SightingRow.animal)
        .where(wanted)
        .order_by(col(PhotoRow.taken_at), ConditionRow.animal)
    )
    said: dict[str, list[_Word]] = defaultdict(list)
    for individual, taken_at, word in session.exec(query):
        if taken_at:
            said[individual].append((taken_at.date(), word))
    return said


def _days(words: Iterable[_Word]) -> tuple[Seen, ...]:
    days: dict[date, list[ConditionRow]] = defaultdict(list)
    for day, word in words:
        days[day].append(word)
    return tuple(_seen(day, rows) for day, rows in sorted(days.items()))


def _seen(day: date, rows: Sequence[ConditionRow]) -> Seen:
    of_animal, who_said = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for row in rows:
        of_animal[row.animal].add(row.person)
        who_said[row.sign].add(row.person)
    return Seen(
        day=day,
        animal=max(of_animal, key=lambda animal: len(of_animal[animal])),
        experts=len({row.person for row in rows}),
        said=tuple((sign, len(who_said[sign])) for sign in Condition if sign in who_said),
    )


def _changes(individual: str, seen: Sequence[Seen]) -> Iterator[ConditionChange]:
    for before, after in pairwise(day for day in seen if day.fatness):
        was, became = (FATNESS.index(day.fatness) for day in (before, after) if day.fatness)
        if was != became:
            yield _change(individual, ChangeKind.FATTER if became > was else ChangeKind.THINNER, before, after)
    for sign, (came, went) in _COMES_AND_GOES.items():
        for before, after in pairwise(day for day in seen if day.shows(sign) is not None):
            if before.shows(sign) != after.shows(sign):
                yield _change(individual, came if after.shows(sign) else went, before, after)


def _change(individual: str, kind: ChangeKind, before: Seen, after: Seen) -> ConditionChange:
    return ConditionChange(
        individual, kind, before.day, after.day, before.animal, after.animal, before.signs, after.signs
    )
