"""Which tiles to draw so that few of them tell a total well: probabilities by foreseen error, and the draw itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

EVEN = 0.1
"""Share of the worth that all units get alike, so that what the machine is blind to is drawn too."""
PRIOR_UNITS = 2.0
"""How many checked units' worth of belief the anticipated spread starts with."""
PRIOR_AT = np.array([0.0, 0.5, 2.0, 8.0, 25.0])
SMALLEST_VARIANCE = 1e-4
CERTAIN = 1 - 1e-9


class NothingToDraw(ValueError):
    """No unit is left, or none was asked for."""


@dataclass(frozen=True)
class Spread:
    """The variance of true count minus expectation: constant + linear x + quadratic x^2 at expectation x >= 0."""

    constant: float = 0.5
    linear: float = 1.0
    quadratic: float = 0.0

    def deviation(self, expected: Floats) -> Floats:
        """Return the standard deviation, in animals, at each expectation."""
        at = np.maximum(expected, 0)
        variance = self.constant + self.linear * at + self.quadratic * at**2
        return np.asarray(np.sqrt(np.maximum(variance, SMALLEST_VARIANCE)), dtype=np.float64)


ANTICIPATED = Spread()
"""Before anything was checked: the machine errs as counts do, and by half an animal squared where it sees none."""


def learn_spread(expected: Floats, error: Floats) -> Spread:
    """Fit the variance to errors (n,) made at expectations (n,), all coefficients >= 0, shrunk to a scaled ANTICIPATED.

    Weighted non-negative least squares on squared errors (Davidian and Carroll 1987), the weights iterated.
    """
    at, squares = np.maximum(expected, 0), error**2
    scale = (float((squares / (at + 0.5)).sum()) + 0.1 * PRIOR_UNITS) / (len(at) + PRIOR_UNITS)
    believed = np.sqrt(PRIOR_UNITS / len(PRIOR_AT))
    prior = believed * _powers(PRIOR_AT) / (scale * (PRIOR_AT + 0.5))[:, None]
    variance = scale * (at + 0.5)
    coefficients = np.zeros(3)
    for _ in range(3):
        left = np.concatenate([_powers(at) / variance[:, None], prior])
        coefficients, _ = nnls(left, np.concatenate([squares / variance, np.full(len(PRIOR_AT), believed)]))
        variance = np.maximum(_powers(at) @ coefficients, 1e-3 * scale)
    return Spread(*map(float, coefficients))


def design(expected: Floats, size: int, spread: Spread = ANTICIPATED, even: float = EVEN) -> Floats:
    """Return inclusion probabilities (n,) that sum to `size`, in proportion to the foreseen error, none above 1.

    Proportional to the residual's standard deviation is best for a total (Särndal, Swensson and Wretman 1992, 12.2).
    """
    deviation = spread.deviation(expected)
    return inclusion((1 - even) * deviation / deviation.mean() + even, size) if len(deviation) else deviation


def inclusion(worth: Floats, size: int) -> Floats:
    """Return probabilities (n,) proportional to worth > 0 that sum to min(size, n); those above 1 are certain."""
    if len(worth) == 0 or size <= 0:
        raise NothingToDraw(f"{size} of {len(worth)} units cannot be drawn; is everything checked?")
    if size >= len(worth):
        return np.ones(len(worth))
    free = np.ones(len(worth), dtype=bool)
    while True:
        probability = worth * (size - np.sum(~free)) / worth[free].sum()
        above = free & (probability >= CERTAIN)
        if not above.any():
            return np.where(free, probability, 1.0)
        free &= ~above


def draw(probability: Floats, rng: Generator, along: Sequence[NDArray[np.generic]] = ()) -> Rows:
    """Return the rows drawn, each with its probability (n,): systematically (Madow 1949) over a random order.

    Rows are first put in the order of the arrays in `along`, the first one first, so that the draw spreads over them as
    if it were stratified. By day was better than by expectation where the machine is weak (relative error of totals
    .094 and .34 against .116 and .39 in 250 drawn seasons, prototype), and no better where it is good.
    """
    keys = (rng.random(len(probability)), *reversed(along))
    order = np.lexsort(keys)
    reached = np.cumsum(probability[order])
    ticks = np.arange(rng.random(), round(float(reached[-1]), 9), 1.0)
    return np.sort(order[np.minimum(np.searchsorted(reached, ticks, side="right"), len(order) - 1)])


def _powers(at: Floats) -> Floats:
    return np.stack([np.ones_like(at), at, at**2], axis=1)
