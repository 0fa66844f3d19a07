"""What to ask an expert next about who is who: the question that saves most wrong identities per second of work."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator

from active_learning.doubts import Cost, Doubts, doubts, gain
from active_learning.evidence import expit
from active_learning.expertise import Pair
from active_learning.partition import Settled
from active_learning.tempering import Floats, Rows
from labeling_configs.vocabulary import AnimalId, Person

Asked = Mapping[Pair, Collection[Person]]
Worth = Callable[[Doubts, Cost], Floats]
"""What an answer about each doubt is worth, shape (n,)."""
MOST_TRIED = 400
"""Doubts looked at for each question wanted."""


class Reason(StrEnum):
    """Why something is asked."""

    BOUNDARY = "boundary"
    """Two individuals may be one."""
    BRIDGE = "bridge"
    """One individual may be two, held together by little."""
    CONTRADICTION = "contradiction"
    """Experts said both across this place."""
    AUDIT = "audit"
    """Drawn at random, to measure errors without bias."""


@dataclass(frozen=True)
class Inquiry:
    """A question: an animal and the candidates to compare it with (one makes a pair, more a gallery).

    `gain` is how many wrong identities it saves by expectation, `chance` the probability with which an audit was drawn.
    """

    animal: AnimalId
    candidates: tuple[AnimalId, ...]
    reason: Reason
    gain: float
    seconds: float
    chance: float | None = None

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs it asks about, each sorted."""
        return tuple((min(self.animal, other), max(self.animal, other)) for other in self.candidates)


def plan(
    settled: Settled,
    expert: Person,
    asked: Asked,
    count: int,
    cost: Cost,
    least: float = 0.0,
    worth: Worth = gain,
    distinct: Collection[AnimalId] | None = None,
) -> tuple[Inquiry, ...]:
    """Return up to `count` questions for this expert, most gain per second first, no pair asked of him before.

    No two questions are about the same smaller side, so that all of them can be answered at once. Those that gain no
    more than `least` are not asked. In a gallery the expert chooses one of several and thereby calls the others
    different: where not all individuals are known to be distinct, `distinct` names the animals of those that are, and
    only these are shown in one.
    """
    found = doubts(settled)
    planner = _Planner(settled, found, worth(found, cost), expert, asked, cost, distinct)
    return planner.plan(count, least)


def audit(
    settled: Settled, expert: Person, asked: Asked, count: int, cost: Cost, rng: Generator
) -> tuple[Inquiry, ...]:
    """Draw pairs with equal chances from all listed ones nobody was asked about, to measure errors without bias."""
    evidence = settled.evidence
    names = evidence.animals
    free = np.array(
        [
            row
            for row in np.flatnonzero(evidence.scored & ~evidence.barred)
            if not asked.get((names[evidence.first[row]], names[evidence.second[row]]))
        ],
        dtype=np.int64,
    )
    drawn = rng.choice(free, min(count, len(free)), replace=False)
    return tuple(
        Inquiry(
            names[evidence.first[row]],
            (names[evidence.second[row]],),
            Reason.AUDIT,
            0.0,
            cost.pair,
            len(drawn) / len(free),
        )
        for row in drawn
    )


class _Planner:
    """Finds the pairs of animals to show for the doubts that are worth most."""

    def __init__(
        self,
        settled: Settled,
        found: Doubts,
        gains: Floats,
        expert: Person,
        asked: Asked,
        cost: Cost,
        distinct: Collection[AnimalId] | None,
    ) -> None:
        self._evidence, self._label, self._cuts = settled.evidence, settled.label, settled.cuts
        self._names = settled.evidence.animals
        self._found, self._gains, self._expert, self._asked, self._cost = found, gains, expert, asked, cost
        self._members = settled.members
        self._distinct = distinct
        ends = np.sort(np.column_stack([self._label[self._evidence.first], self._label[self._evidence.second]]), axis=1)
        self._key = ends[:, 0] * len(self._label) + ends[:, 1]
        self._order = np.argsort(self._key, kind="stable")
        self._sorted = self._key[self._order]
        self._used: set[int] = set()
        self._planned: set[Pair] = set()

    def plan(self, count: int, least: float) -> tuple[Inquiry, ...]:
        found: list[Inquiry] = []
        for doubt in np.argsort(-self._gains, kind="stable")[: count * MOST_TRIED].tolist():
            if len(found) >= count or self._gains[doubt] <= least:
                break
            ends = {int(self._found.one[doubt]), int(self._found.other[doubt])} - {-1}
            subject = min(ends, key=lambda label: (len(self._members[label]), label))
            if subject not in self._used and (inquiry := self._ask(doubt, subject)):
                self._used.add(subject)
                self._planned.update(inquiry.pairs)
                found.append(inquiry)
        return tuple(sorted(found, key=lambda one: -one.gain / one.seconds))

    def _ask(self, doubt: int, subject: int) -> Inquiry | None:
        if self._found.other[doubt] < 0:
            return self._pair(doubt, Reason.BRIDGE)
        return self._gallery(doubt, subject) or self._pair(doubt, Reason.BOUNDARY)

    def _pair(self, doubt: int, reason: Reason) -> Inquiry | None:
        shown = self._shown(doubt, None)
        if shown is None:
            return None
        first, second, both = shown
        why = Reason.CONTRADICTION if both else reason
        gained = float(self._gains[doubt])
        return Inquiry(self._names[first], (self._names[second],), why, gained, self._cost.pair)

    def _gallery(self, doubt: int, subject: int) -> Inquiry | None:
        """Compare one animal with its rivals if that gains more per second than a pair."""
        touching = np.flatnonzero((self._found.one == subject) | (self._found.other == subject))
        rivals = touching[(expit(self._found.strength[touching]) > self._cost.rival) & ~self._found.bridge[touching]]
        if len(rivals) < 2 or len(self._members[subject]) > 1:
            return None
        ordered = rivals[np.argsort(-self._gains[rivals], kind="stable")].tolist()
        ranked = [rival for rival in ordered if self._is_distinct(rival, subject)][: self._cost.most]
        animal = self._members[subject][0]
        shown = [(rival, pair) for rival in ranked if (pair := self._shown(rival, animal)) is not None]
        gained = float(sum(self._gains[rival] for rival, _ in shown))
        seconds = self._cost.seconds(len(shown))
        if len(shown) < 2 or gained / seconds <= self._gains[doubt] / self._cost.pair:
            return None
        others = tuple(self._names[second if first == animal else first] for _, (first, second, _) in shown)
        return Inquiry(self._names[animal], others, Reason.BOUNDARY, gained, seconds)

    def _is_distinct(self, doubt: int, subject: int) -> bool:
        other = int(self._found.one[doubt] + self._found.other[doubt]) - subject
        return self._distinct is None or self._names[self._members[other][0]] in self._distinct

    def _shown(self, doubt: int, animal: int | None) -> tuple[int, int, bool] | None:
        """Return the pair to show: asked least often, then most alike; and whether experts said both at this place."""
        rows = self._across(doubt)
        evidence = self._evidence
        both = bool(evidence.same[rows].any() and evidence.different[rows].any())
        best: tuple[int, float, int, int] | None = None
        for row in rows.tolist():
            first, second = int(evidence.first[row]), int(evidence.second[row])
            pair = (self._names[first], self._names[second])
            people = self._asked.get(pair, ())
            if pair in self._planned or self._expert in people or evidence.barred[row]:
                continue
            if animal in (None, first, second):
                rank = (len(people), -float(evidence.machine[row]), first, second)
                best = rank if best is None or rank < best else best
        return None if best is None else (best[2], best[3], both)

    def _across(self, doubt: int) -> Rows:
        one, other = int(self._found.one[doubt]), int(self._found.other[doubt])
        key = one * len(self._label) + (one if other < 0 else other)
        rows = self._order[np.searchsorted(self._sorted, key) : np.searchsorted(self._sorted, key, side="right")]
        if other >= 0:
            return rows
        side: Sequence[int] = self._cuts[one].side
        inside = np.isin(self._evidence.first[rows], side) ^ np.isin(self._evidence.second[rows], side)
        return rows[inside]
