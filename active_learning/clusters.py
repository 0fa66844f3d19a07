"""Clusters of animals while they are being formed: who is in which, and what lies across every boundary."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from active_learning.evidence import Evidence
from active_learning.tempering import Rows, Tempering

Boundary = tuple[float, int, float, int, float, int]
"""Machine's evidence for in sum and pairs, against in sum and pairs, certain evidence, number of anchors."""
NOTHING: Boundary = (0.0, 0, 0.0, 0, 0.0, 0)


@dataclass(frozen=True)
class Wiring:
    """The evidence as every animal sees it: its neighbours in order and the boundary to each."""

    odds: float
    tempering: Tempering
    neighbours: list[list[int]]
    links: list[list[Boundary]]
    crowd: list[int]
    """The number of the photo of an animal that is not alone in it, -1 for others."""

    def strength(self, boundary: Boundary, possible: int) -> float:
        """Return the log-odds that two clusters are one individual, given all that lies across their boundary.

        The same as `Tempering.told`, for one boundary and without arrays; `possible` is the product of their sizes.
        """
        pro, pros, contra, cons, certain, _ = boundary
        dependence = self.tempering.dependence
        told = pro / (1 + dependence * (pros - 1)) if pros else 0.0
        if cons:
            told += contra / (1 + dependence * (cons - 1))
        searched = log(possible / max(pros + cons, 1))
        odds = self.odds + self.tempering.shift + certain
        return odds + self.tempering.share * told - self.tempering.comparisons * searched


def wire(evidence: Evidence, anchor: float, kept: NDArray[np.bool_]) -> Wiring:
    """Turn pairs (m,) that are kept into neighbours; an anchor makes its animals one with log-odds `anchor` alone."""
    size = len(evidence.animals)
    told = (
        *evidence.sides(),
        np.where(evidence.barred, -inf, evidence.experts),
        (evidence.alone() >= anchor).astype(int),
    )
    neighbours: list[list[int]] = [[] for _ in range(size)]
    links: list[list[Boundary]] = [[] for _ in range(size)]
    pairs = zip(evidence.first[kept].tolist(), evidence.second[kept].tolist(), strict=True)
    boundaries = zip(*(column[kept].tolist() for column in told), strict=True)
    for (one, other), boundary in zip(pairs, boundaries, strict=True):
        neighbours[one].append(other)
        links[one].append(boundary)
        neighbours[other].append(one)
        links[other].append(boundary)
    return Wiring(evidence.odds, evidence.tempering, neighbours, links, _crowded(evidence.photo))


def added(one: Boundary, other: Boundary) -> Boundary:
    """Return what lies across two boundaries together."""
    a, b, c, d, e, f = one
    u, v, w, x, y, z = other
    return a + u, b + v, c + w, d + x, e + y, f + z


@dataclass
class Clusters:
    """A partition that changes: each animal's label, each label's animals, and the boundaries between labels."""

    wiring: Wiring
    label: list[int]
    members: dict[int, list[int]] = field(default_factory=dict)
    around: dict[int, dict[int, Boundary]] = field(default_factory=dict)
    photos: dict[int, set[int]] = field(default_factory=dict)

    @classmethod
    def alone(cls, wiring: Wiring, rows: Iterable[int]) -> "Clusters":
        """Begin with every one of these animals alone."""
        clusters = cls(wiring, list(range(len(wiring.neighbours))))
        for row in rows:
            clusters.members[row] = [row]
            clusters.around[row] = dict(zip(wiring.neighbours[row], wiring.links[row], strict=True))
            clusters.photos[row] = {wiring.crowd[row]} - {-1}
        return clusters

    def may_join(self, one: int, other: int) -> bool:
        """Tell whether no photo shows both."""
        return self.photos[one].isdisjoint(self.photos[other])

    def strength(self, one: int, other: int) -> float:
        """Return the log-odds that two neighbouring clusters are one individual."""
        possible = len(self.members[one]) * len(self.members[other])
        return self.wiring.strength(self.around[one][other], possible)

    def join(self, one: int, other: int) -> tuple[int, list[int]]:
        """Join two clusters; return the label that stays and the neighbours whose boundary to it has changed."""
        kept, gone = sorted((one, other), key=lambda label: (-len(self.around[label]), label))
        mine, theirs = self.around[kept], self.around.pop(gone)
        mine.pop(gone, None)
        theirs.pop(kept, None)
        for third, boundary in theirs.items():
            both = added(mine[third], boundary) if third in mine else boundary
            mine[third] = both
            across = self.around[third]
            del across[gone]
            across[kept] = both
        for row in self.members[gone]:
            self.label[row] = kept
        self.members[kept] = sorted(self.members[kept] + self.members.pop(gone))
        self.photos[kept] |= self.photos.pop(gone)
        return kept, list(theirs)

    def regroup(self, labels: Iterable[int], groups: Iterable[list[int]]) -> list[int]:
        """Replace clusters by other groups of the same animals, each labelled by its first; return the labels."""
        for label in labels:
            for third in self.around.pop(label):
                if third in self.around:
                    del self.around[third][label]
            del self.members[label], self.photos[label]
        fresh = [self._found(sorted(group)) for group in groups]
        for label in fresh:
            self.around[label] = self.seen_from(self.members[label])
            for third, boundary in self.around[label].items():
                self.around.setdefault(third, {})[label] = boundary
        return fresh

    def seen_from(self, rows: Iterable[int]) -> dict[int, Boundary]:
        """Return the boundaries between some animals of one cluster and every other cluster."""
        seen: dict[int, Boundary] = {}
        for row in rows:
            for there, boundary in self.seen_by(row).items():
                seen[there] = added(seen[there], boundary) if there in seen else boundary
            seen.pop(self.label[row], None)
        return seen

    def seen_by(self, row: int) -> dict[int, Boundary]:
        """Return the boundaries between an animal and every cluster, its own included."""
        seen: dict[int, Boundary] = {}
        for other, link in zip(self.wiring.neighbours[row], self.wiring.links[row], strict=True):
            there = self.label[other]
            seen[there] = added(seen[there], link) if there in seen else link
        return seen

    def _found(self, group: list[int]) -> int:
        label = group[0]
        self.members[label] = group
        self.photos[label] = {self.wiring.crowd[row] for row in group} - {-1}
        for row in group:
            self.label[row] = label
        return label


def _crowded(photo: Rows) -> list[int]:
    many = np.bincount(photo, minlength=1) > 1 if len(photo) else np.zeros(1, dtype=bool)
    crowded: list[int] = np.where(many[photo], photo, -1).tolist()
    return crowded
