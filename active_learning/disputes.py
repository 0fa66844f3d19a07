"""Where the evidence contradicts itself: each dispute by name, with what both sides say."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.boundaries import Boundaries, boundaries
from active_learning.clusters import wire
from active_learning.expertise import Answers, Pair
from active_learning.identity import Contradiction
from active_learning.partition import Settled
from active_learning.tempering import Rows
from labeling_configs.vocabulary import AnimalId, Person, Same

SETTLED = 2.0
"""Log-odds beyond which both answers on one pair are no longer a dispute."""


@dataclass(frozen=True)
class Saying:
    """What one expert said of one pair."""

    pair: Pair
    expert: Person
    answer: Same


@dataclass(frozen=True)
class NamedDispute:
    """A chain of animals held to be the same one after the other whose ends cannot be, or a pair with both answers.

    `refused` is the pair on which the catalogue goes against experts or they against each other; `strength` are the
    log-odds that both sides are one individual as things stand.
    """

    why: Contradiction
    refused: Pair
    chain: tuple[AnimalId, ...]
    strength: float
    same: tuple[Saying, ...]
    different: tuple[Saying, ...]


def disputes(settled: Settled, answers: Answers) -> tuple[NamedDispute, ...]:
    """Return all disputes, in the order of the pairs they are about.

    A pair called the same (by more than called it different) that is kept apart, for a photo or for what was said of
    others; one called different that lies inside one individual; one with as many of either, while it is not settled.
    """
    return _Court(settled, answers, boundaries(settled)).hear()


class _Court:
    """Looks at every pair of which an expert said something."""

    def __init__(self, settled: Settled, answers: Answers, found: Boundaries) -> None:
        self._settled, self._evidence = settled, settled.evidence
        self._row = settled.evidence.row
        self._answers = {pair: given for pair, given in answers.items() if set(pair) <= self._row.keys()}
        keys = zip(found.one.tolist(), found.other.tolist(), strict=True)
        self._strength = dict(zip(keys, found.strength.tolist(), strict=True))
        self._members = settled.members
        self._wiring = wire(settled.evidence, settled.anchor, self._links())
        self._said: dict[tuple[int, int], list[Saying]] = {}
        for pair, given in self._answers.items():
            for expert, answer in given.items():
                self._said.setdefault(self._ends(pair), []).append(Saying(pair, expert, answer))

    def hear(self) -> tuple[NamedDispute, ...]:
        heard = (self._dispute(pair, given) for pair, given in sorted(self._answers.items()))
        return tuple(dispute for dispute in heard if dispute is not None)

    def _dispute(self, pair: Pair, given: Mapping[Person, Same]) -> NamedDispute | None:
        said = list(given.values())
        balance = said.count(Same.SAME) - said.count(Same.DIFFERENT)
        one, other = self._ends(pair)
        strength = self._settled.cuts[one].strength if one == other else self._strength.get((one, other), -np.inf)
        if balance == 0 and Same.SAME in said and abs(strength) < SETTLED:
            return self._named(Contradiction.EXPERTS_DISAGREE, pair, strength)
        if balance < 0 and one == other:
            return self._named(Contradiction.CALLED_DIFFERENT, pair, strength)
        if balance > 0 and one != other:
            if clash := self._clash(one, other):
                return self._named(Contradiction.ONE_PHOTO, pair, strength, clash)
            if any(saying.answer is Same.DIFFERENT for saying in self._said.get((one, other), ())):
                return self._named(Contradiction.CALLED_DIFFERENT, pair, strength)
        return None

    def _named(
        self, why: Contradiction, pair: Pair, strength: float, ends: tuple[int, int] | None = None
    ) -> NamedDispute:
        said = self._said.get(self._ends(pair), [])
        sides = [tuple(one for one in said if one.answer is answer) for answer in (Same.SAME, Same.DIFFERENT)]
        return NamedDispute(why, pair, self._chain(pair, ends), strength, sides[0], sides[1])

    def _chain(self, pair: Pair, ends: tuple[int, int] | None) -> tuple[AnimalId, ...]:
        """Return the links within both clusters from one end to the pair and on to the other end."""
        names, (first, second) = self._evidence.animals, (self._row[name] for name in pair)
        start, end = ends or (first, second)
        if self._settled.label[start] != self._settled.label[first]:
            start, end = end, start
        if self._settled.label[first] == self._settled.label[second]:
            return tuple(names[row] for row in self._path(first, second))
        return tuple(names[row] for row in (*self._path(start, first), *self._path(second, end)))

    def _path(self, start: int, end: int) -> list[int]:
        """Return the shortest chain of supported pairs; the two alone where only weaker evidence joins them."""
        came = {start: start}
        queue = deque([start])
        while queue and end not in came:
            here = queue.popleft()
            for there in self._wiring.neighbours[here]:
                if there not in came:
                    came[there] = here
                    queue.append(there)
        if end not in came:
            return [start, end]
        path = [end]
        while path[-1] != start:
            path.append(came[path[-1]])
        return path[::-1]

    def _clash(self, one: int, other: int) -> tuple[int, int] | None:
        photo = self._evidence.photo
        seen = {int(photo[row]): row for row in self._members[one]}
        shared: Iterable[tuple[int, int]] = (
            (seen[int(photo[row])], row) for row in self._members[other] if int(photo[row]) in seen
        )
        return next(iter(shared), None)

    def _links(self) -> NDArray[np.bool_]:
        label: Rows = self._settled.label
        first, second = self._evidence.first, self._evidence.second
        held = (self._evidence.alone() > 0) & (self._evidence.different <= self._evidence.same)
        kept: NDArray[np.bool_] = (label[first] == label[second]) & held
        return kept

    def _ends(self, pair: Pair) -> tuple[int, int]:
        one, other = sorted(int(self._settled.label[self._row[name]]) for name in pair)
        return one, other
