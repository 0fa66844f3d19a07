"""What is still open in a catalogue: boundaries that may be no boundaries, and clusters that may be two individuals."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from active_learning.evidence import Evidence, expit
from active_learning.partition import Settled
from active_learning.tempering import Floats, Rows

IMPOSSIBLE = -np.inf
SURE = 8.0
"""Log-odds beyond which nothing is believed of a pair."""


@dataclass(frozen=True)
class Boundaries:
    """Every two clusters with any evidence between them, one < other by label, in order; all columns of shape (n,)."""

    one: Rows
    other: Rows
    strength: Floats
    """Log-odds that both are one individual; minus infinity if a photo shows both."""
    sizes: Rows
    """Shape (n, 2): how many animals either has."""

    @property
    def probability(self) -> Floats:
        """The probability that both are one individual, as if no other cluster competed."""
        return expit(self.strength)

    @property
    def exclusive(self) -> Floats:
        """The probability that both are one individual where at most one neighbour of either can be the right one."""
        odds = np.exp(np.minimum(self.strength, 30))
        count = int(max(self.other.max(initial=-1), self.one.max(initial=-1))) + 1
        rivals = np.bincount(self.one, odds, count) + np.bincount(self.other, odds, count)
        most = np.maximum(rivals[self.one], rivals[self.other])
        shares: Floats = odds / (1 + most)
        return shares


def boundaries(settled: Settled) -> Boundaries:
    """Return all boundaries of a settled catalogue, summed anew, so that they do not depend on how it was settled."""
    return between(settled.evidence, settled.label)


def between(evidence: Evidence, label: Rows) -> Boundaries:
    """Return all boundaries of the partition that `label` (n,), each cluster's first row, describes."""
    one, other, parts = across(evidence, label)
    many = np.bincount(label, minlength=len(label))
    sizes = np.column_stack([many[one], many[other]])
    pro, pros, contra, cons, certain = parts
    told = evidence.tempering.told(pro, pros, contra, cons, sizes.prod(axis=1).astype(np.float64))
    strength = evidence.odds + told + certain
    return Boundaries(one, other, np.where(clashes(evidence, label, one, other), IMPOSSIBLE, strength), sizes)


def across(evidence: Evidence, label: Rows) -> tuple[Rows, Rows, Floats]:
    """Return the two labels of every boundary and what lies across it: for, pairs, against, pairs, certain, (5, b)."""
    ends = np.sort(np.column_stack([label[evidence.first], label[evidence.second]]), axis=1)
    kept = ends[:, 0] != ends[:, 1]
    size = max(len(label), 1)
    key, place = np.unique(ends[kept, 0] * size + ends[kept, 1], return_inverse=True)
    columns = (*evidence.sides(), np.where(evidence.barred, IMPOSSIBLE, evidence.experts))
    parts = np.array([np.bincount(place, column[kept], len(key)) for column in columns])
    return key // size, key % size, parts


def unscored(settled: Settled, found: Boundaries, rng: Generator, doubtful: float = -8.0, most: int = 12) -> Rows:
    """Return pairs of rows (m, 2) that the machine should be asked about before any expert is, across open boundaries.

    Up to `most` across each boundary whose log-odds are at least `doubtful`, drawn among those nobody listed.
    """
    kept = found.strength >= doubtful
    evidence = settled.evidence
    pairs = np.column_stack([evidence.first, evidence.second])
    return more_across(settled.label, np.column_stack([found.one, found.other])[kept], pairs, rng, most)


def more_across(label: Rows, between: Rows, pairs: Rows, rng: Generator, most: int) -> Rows:
    """Draw up to `most` pairs of rows across each of the boundaries (b, 2) of labels (n,), without those in `pairs`."""
    size = len(label)
    order = np.argsort(label, kind="stable")
    start = np.searchsorted(label[order], between)
    many = np.searchsorted(label[order], between, side="right") - start
    drawn = start[:, None, :] + (rng.random((len(between), most, 2)) * many[:, None, :]).astype(np.int64)
    rows = np.sort(order[drawn.reshape(-1, 2)], axis=1)
    keys = np.setdiff1d(rows[:, 0] * size + rows[:, 1], pairs[:, 0] * size + pairs[:, 1])
    return np.column_stack([keys // size, keys % size])


def odds_without_experts(settled: Settled, found: Boundaries) -> Floats:
    """Return for every pair of the evidence (m,) the log-odds of being one, had no expert answered on that very pair.

    Taken from the boundary it crosses, or the weakest cut of the cluster it lies in: what experts are measured against.
    """
    evidence, size = settled.evidence, len(settled.label)
    ends = np.sort(np.column_stack([settled.label[evidence.first], settled.label[evidence.second]]), axis=1)
    place = np.searchsorted(found.one * size + found.other, ends[:, 0] * size + ends[:, 1])
    inside = np.array([settled.cuts[label].strength for label in ends[:, 0].tolist()])
    across = found.strength[np.minimum(place, max(len(found.strength) - 1, 0))] if len(found.strength) else inside
    together = ends[:, 0] == ends[:, 1]
    odds = np.where(together, inside - np.maximum(evidence.experts, 0), across - evidence.experts)
    return np.clip(np.where(evidence.barred, IMPOSSIBLE, odds), -SURE, SURE)


def clashes(evidence: Evidence, label: Rows, one: Rows, other: Rows) -> NDArray[np.bool_]:
    """Tell between which clusters a photo stands that shows both."""
    crowd = np.flatnonzero(np.bincount(evidence.photo, minlength=1)[evidence.photo] > 1)
    order = crowd[np.argsort(evidence.photo[crowd], kind="stable")]
    photo, shown = evidence.photo[order], label[order]
    apart = set()
    for start, end in _runs(photo):
        names = sorted(set(shown[start:end].tolist()))
        apart |= {(a, b) for at, a in enumerate(names) for b in names[at + 1 :]}
    return np.array([pair in apart for pair in zip(one.tolist(), other.tolist(), strict=True)], dtype=bool)


def _runs(sorted_numbers: Rows) -> list[tuple[int, int]]:
    starts = np.flatnonzero(np.diff(sorted_numbers, prepend=-1))
    ends = np.append(starts, len(sorted_numbers))[1:]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
