"""How much the machine's evidence is worth where many pairs of pictures speak about one boundary of two clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

LARGEST = (1, 3, 10)
"""Known individuals are broken into groups of at most so many animals, to learn boundaries of every size."""


@dataclass(frozen=True)
class Tempering:
    """Turns sums over the scored pairs of a boundary into one log-likelihood ratio.

    m pairs are worth m / (1 + (m - 1) x `dependence`) (Kish's design effect), as pictures of one walrus share side and
    light and their scores err together; else no number of experts could tell two look-alikes apart. What speaks
    for and what against is counted apart: a clear match is not outweighed by pictures from other sides. First only the
    best pairs are scored, and among more there is a better one by chance: `comparisons` is what the logarithm of
    possible pairs per scored one costs, nothing once all are scored. `shift` is added to every boundary.
    """

    share: float = 1.0
    dependence: float = 0.3
    comparisons: float = 1.45
    shift: float = 0.0

    def told(self, pro: Floats, pros: Floats, contra: Floats, cons: Floats, possible: Floats | float) -> Floats:
        """Return the log-likelihood ratio of sums for and against over so many pairs each, of so many possible ones."""
        for_it = pro / (1 + self.dependence * (np.maximum(pros, 1) - 1))
        against = contra / (1 + self.dependence * (np.maximum(cons, 1) - 1))
        searched = np.log(possible / np.maximum(pros + cons, 1))
        told: Floats = self.share * (for_it + against) - self.comparisons * searched + self.shift
        return told


@dataclass(frozen=True)
class KnownBoundaries:
    """Boundaries of groups of known animals, shape (n,) each: evidence, pairs possible, and whether both are one."""

    pro: Floats
    pros: Floats
    contra: Floats
    cons: Floats
    possible: Floats
    same: NDArray[np.bool_]


def fit_tempering(known: Sequence[KnownBoundaries], prior: float) -> Tempering:
    """Learn the tempering under which known boundaries are likeliest; `prior` is the share of pairs that are one."""
    columns = [np.concatenate([getattr(one, name) for one in known]) for name in KnownBoundaries.__dataclass_fields__]
    *parts, same = columns
    odds = np.log(prior / (1 - prior))
    if not 0 < np.count_nonzero(same) < len(same):
        return Tempering()

    def loss(settings: Floats) -> float:
        strength = odds + _from(settings).told(*parts)
        return float(np.mean(np.logaddexp(0, np.where(same, -strength, strength))))

    usual = Tempering()
    start = np.append(np.log([usual.share, usual.dependence, usual.comparisons]), 0.01)
    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 1200, "xatol": 1e-3, "fatol": 1e-6})
    return _from(found.x)


def _from(settings: Floats) -> Tempering:
    share, dependence, comparisons = map(float, np.exp(settings[:3]))
    return Tempering(share, dependence, comparisons, float(settings[3]))


def known_boundaries(pairs: Rows, ratios: Floats, individual: Rows, photo: Rows, group: Rows) -> KnownBoundaries:
    """Gather what pairs (m, 2) with log-likelihood ratios (m,) say across boundaries of groups (n,) of known animals.

    A group counts as the individual that most of its animals are. Pairs must be listed and scored as they will be
    later: then what it costs that only the best of many pairs were scored is learned rightly.
    """
    ends = np.sort(group[pairs], axis=1)
    across = (ends[:, 0] != ends[:, 1]) & (photo[pairs[:, 0]] != photo[pairs[:, 1]])
    ends, ratio = ends[across], ratios[across]
    boundary, place = np.unique(ends[:, 0] * len(group) + ends[:, 1], return_inverse=True)
    sizes, owner = np.bincount(group), owners(group, individual)
    one, other = boundary // len(group), boundary % len(group)
    count = len(boundary)
    return KnownBoundaries(
        pro=np.bincount(place, np.maximum(ratio, 0), count).astype(np.float64),
        pros=np.bincount(place, ratio >= 0, count).astype(np.float64),
        contra=np.bincount(place, np.minimum(ratio, 0), count).astype(np.float64),
        cons=np.bincount(place, ratio < 0, count).astype(np.float64),
        possible=(sizes[one] * sizes[other]).astype(np.float64),
        same=owner[one] == owner[other],
    )


def owners(group: Rows, individual: Rows) -> Rows:
    """Return, by the number of each group (n,), the individual that most of its animals are."""
    pairs, count = np.unique(np.column_stack([group, individual]), axis=0, return_counts=True)
    order = np.argsort(count, kind="stable")
    owner = np.zeros(len(group), dtype=np.int64)
    owner[pairs[order, 0]] = pairs[order, 1]
    return owner


def broken_up(individual: Rows, rng: Generator, largest: int) -> Rows:
    """Deal each individual's animals, in random order, to groups of random sizes; return each animal's group."""
    order = np.lexsort((rng.random(len(individual)), individual))
    starts = np.flatnonzero(np.diff(individual[order], prepend=-1))
    begins = np.zeros(len(order), dtype=bool)
    sizes = rng.integers(1, largest + 1, len(order))
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        begins[(start + np.concatenate([[0], np.cumsum(sizes[start:end])]))[: end - start].clip(max=end - 1)] = True
        begins[start] = True
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(begins) - 1
    return group
