"""What more labels would bring: a curve through what detectors scored on fewer, and how sure that is.

Error falls towards a floor by a power law of the number of labels (Hestness et al. 2017; Viering and Loog 2022). While
too few points are known to see the floor, a line in the logarithm of the labels stands in: it promises too much rather
than too little, so that nobody stops too early on its word.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EXPONENTS = np.geomspace(0.05, 2.0, 24)
"""Of the power law; the smallest is nearly a line in the logarithm."""
ENOUGH_POINTS, ENOUGH_SPAN = 6, 4.0
"""So many points, over so many times the fewest labels, show a power law."""
FARTHEST = 4.0
"""No curve is believed beyond so many times its last point."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, drawn: Floats) -> "Estimate":
        """Return the value with the interval that its resampled values span."""
        order = np.sort(drawn)  # not np.quantile: between two infinite values it finds no number
        low, high = (float(order[round(share * (len(order) - 1))]) for share in (0.025, 0.975))
        return cls(value, low, high)

    @property
    def bounded(self) -> bool:
        """Whether the upper limit is known."""
        return bool(np.isfinite(self.high))


@dataclass(frozen=True)
class Point:
    """The score of a detector that learned from so many labels, at best 1.

    `drawn`, shape (r,), is the same on r resampled exams; draw i of all points is of the same exam.
    """

    labels: float
    score: float
    drawn: Floats


def forecast(points: Sequence[Point], now: float, more: float, rng: Generator) -> Estimate:
    """Return how much the score would rise between `now` labels and `more` above that.

    The interval holds the exam's luck and, when there are points to spare, the training's: their scatter about the
    curve. Labels never hurt in the long run: a measured fall is luck.
    """
    labels = np.array([point.labels for point in points])
    scores = np.stack([np.concatenate([[point.score], point.drawn]) for point in points], axis=1)
    bases = _bases(labels)
    curve = _fit(bases, labels, scores[:1])
    scores[1:] += _luck(curve.at(labels)[0] - scores[0], 3 if len(bases) > 1 else 2, scores[1:].shape, rng)
    gains = _fit(bases, labels, scores).gain(now, now + more)
    measured = float(curve.gain(now, now + more)[0])
    return Estimate.of(measured, gains[1:])


def efficiency(chosen: Sequence[Point], random: Sequence[Point]) -> Estimate | None:
    """Return how much random effort gives the score of the last chosen point; infinite where it cannot be said.

    `labels` is whatever effort is counted in. None while the random points do not show how their curve rises. The curve
    is a line in the logarithm, which flatters the random labels.
    """
    effort = np.array([point.labels for point in random])
    if len(np.unique(effort)) < 2 or not chosen:
        return None
    last = max(chosen, key=lambda point: point.labels)
    wanted = np.concatenate([[last.score], last.drawn])
    scores = np.stack([np.concatenate([[point.score], point.drawn]) for point in random], axis=1)
    curve = _fit((_Basis(0.0),), effort, scores)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = np.exp2((wanted - curve.floor) / curve.slope)
    needed = np.where((curve.slope > 0) & (needed <= FARTHEST * effort.max()), needed, np.inf)
    return Estimate.of(float(needed[0]), needed[1:]) if np.isfinite(needed[0]) else None


@dataclass(frozen=True)
class _Basis:
    """A shape that rises with the labels; an exponent of 0 is the logarithm."""

    exponent: float

    def at(self, labels: Floats | float) -> Floats:
        counts = np.asarray(labels, dtype=np.float64)
        return np.log2(counts) if self.exponent == 0 else -(counts**-self.exponent)


@dataclass(frozen=True)
class _Curves:
    """One curve per row, floor + slope x shape; all of shape (rows,)."""

    floor: Floats
    slope: Floats
    exponent: Floats

    def at(self, labels: Floats) -> Floats:
        shapes = np.stack([_Basis(float(exponent)).at(labels) for exponent in self.exponent])
        return np.minimum(self.floor[:, None] + self.slope[:, None] * shapes, 1.0)

    def gain(self, first: float, last: float) -> Floats:
        ends = self.at(np.array([first, last]))
        return ends[:, 1] - ends[:, 0]


def _bases(labels: Floats) -> tuple[_Basis, ...]:
    enough = len(labels) >= ENOUGH_POINTS and labels.max() >= ENOUGH_SPAN * labels.min()
    return tuple(_Basis(float(one)) for one in EXPONENTS) if enough else (_Basis(0.0),)


def _fit(bases: Sequence[_Basis], labels: Floats, scores: Floats) -> _Curves:
    """Fit each row of scores, shape (rows, points), by least squares: the shape that fits it best, and never a fall."""
    fitted = [_straight(basis, labels, scores) for basis in bases]
    errors = np.stack([((curves.at(labels) - scores) ** 2).sum(axis=1) for curves in fitted])
    best, rows = errors.argmin(axis=0), np.arange(len(scores))

    def chosen(values: Sequence[Floats]) -> Floats:
        kept: Floats = np.stack(values)[best, rows]
        return kept

    return _Curves(
        chosen([curves.floor for curves in fitted]),
        chosen([curves.slope for curves in fitted]),
        chosen([curves.exponent for curves in fitted]),
    )


def _straight(basis: _Basis, labels: Floats, scores: Floats) -> _Curves:
    """Fit one shape; a power law ends at a perfect score at most."""
    shape = basis.at(labels)
    centred, means = shape - shape.mean(), scores.mean(axis=1)
    spread = float(centred @ centred)
    slope = np.maximum(scores @ centred / spread, 0.0) if spread else np.zeros(len(scores))
    floor = means - slope * shape.mean()
    if basis.exponent > 0:
        high = floor > 1
        slope = np.where(high, np.maximum((scores - 1) @ shape / float(shape @ shape), 0.0), slope)
        floor = np.where(high, 1.0, floor)
    return _Curves(floor, slope, np.full(len(scores), basis.exponent))


def _luck(residuals: Floats, parameters: int, shape: tuple[int, ...], rng: Generator) -> Floats:
    """Draw the scatter of training anew: none when the curve has no point to spare."""
    spare = len(residuals) - parameters
    if spare <= 0:
        return np.zeros(shape)
    return rng.choice(residuals * np.sqrt(len(residuals) / spare), size=shape)
