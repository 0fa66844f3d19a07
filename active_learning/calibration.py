"""What the machine's expectations are worth on this season's days, learned from the units that were checked."""

from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from active_learning.sampling import ANTICIPATED, PRIOR_UNITS, Floats, Rows, Spread, learn_spread

DAY_VARIANCES = (0.0, 0.1, 0.3, 1.0, 3.0)
PHOTO_VARIANCES = (0.0, 0.3, 1.0)
"""Candidates for how much days and photos differ, in units of one tile's own variance."""
CONTEXT_RIDGE = 1.0
ROUNDS = 2


class BrokenFrame(ValueError):
    """The columns do not fit together."""


@dataclass(frozen=True)
class Frame:
    """All units of a season, checked or not: the machine's expectation (N,) >= 0, and day and photo as numbers from 0.

    `context`, shape (N, q), holds what else may tell of a unit's count, in animals: the mean of its neighbours, say.
    """

    expected: Floats
    day: Rows
    photo: Rows
    context: Floats | None = None

    def columns(self) -> Floats:
        """Return the regressors, shape (N, 2 + q)."""
        more = () if self.context is None else (self.context,)
        return np.column_stack([np.ones(len(self.expected)), self.expected, *more])

    def bent(self) -> "Frame":
        """Return the frame with weak expectations as context too: often false boxes, they earn a slope of their own.

        Domains need it, as the model's word counts there: it claims animals on empty days otherwise.
        """
        weak = np.minimum(self.expected, 1.0)[:, None]
        return replace(self, context=weak if self.context is None else np.column_stack([self.context, weak]))


@dataclass(frozen=True)
class Checked:
    """Units people were asked about: row in the frame, count (nan while unanswered), probability, wave, all (n,).

    `probability` is the chance the wave's design had of drawing the unit out of what was unchecked before the wave; nan
    for a unit that was chosen by value, which is known to later waves only. Each unit appears once.
    """

    unit: Rows
    count: Floats
    probability: Floats
    wave: Rows

    def __post_init__(self) -> None:
        """Refuse a unit that was drawn twice, or with an impossible probability."""
        if len(np.unique(self.unit)) != len(self.unit):
            raise BrokenFrame("a unit was checked twice; merge its answers first")
        if np.any((self.probability <= 0) | (self.probability > 1)):
            raise BrokenFrame("an inclusion probability lies outside (0, 1]; was the design's stored?")

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Tell which units have a count."""
        return ~np.isnan(self.count)


@dataclass(frozen=True)
class Calibrated:
    """The machine after learning: expectation (N,) and the deviation of a unit's own error (N,), both in animals.

    `plain` (N,) is the deviation as far as the machine's own expectation foresees it, whatever the unit's count was.
    `left_out`, one per answered unit, is the expectation without the unit's own count; `spread` is the variance of
    errors at a calibrated expectation.
    """

    expected: Floats
    left_out: Floats
    deviation: Floats
    plain: Floats
    spread: Spread
    learned: "Learned" = field(repr=False)


@dataclass(frozen=True)
class Learned:
    """The mixed model behind it: standardised covariance's inverse, design, scale, and variances of days and photos."""

    inverse: Floats
    columns: Floats
    bread: Floats
    scale: float
    day: float
    photo: float
    rows: Rows


def calibrate(frame: Frame, checked: Checked) -> Calibrated:
    """Predict every unit's count from the machine, its day and its photo by the best linear unbiased predictor.

    Count = a + b x expectation + context + deviation x (day + photo + own error), Henderson 1975; the variances of
    days and photos are averaged over their restricted likelihood, so that few checked days never make days alike.
    Predictions without the unit's own count are exact (Dubrule 1983); they keep the estimates unbiased whatever the fit
    (Zrnic and Candès, Cross-prediction-powered inference, 2024).
    """
    rows, count = checked.unit[checked.answered], checked.count[checked.answered]
    deviation = ANTICIPATED.deviation(frame.expected)
    if len(rows) <= frame.columns().shape[1]:
        nothing = Learned(
            np.zeros((0, 0)), np.zeros((0, frame.columns().shape[1])), np.zeros((0, 0)), 1.0, 1.0, 1.0, rows[:0]
        )
        return Calibrated(frame.expected, frame.expected[rows], deviation, deviation, ANTICIPATED, nothing)
    for _ in range(ROUNDS):
        expected, left_out, learned = _predict(frame, rows, count, deviation)
        deviation = learn_spread(frame.expected[rows], count - left_out).deviation(frame.expected)
    spread = learn_spread(left_out, count - left_out)
    own = spread.deviation(expected)
    return Calibrated(np.maximum(expected, 0), np.maximum(left_out, 0), own, deviation, spread, learned)


def uncertainty(frame: Frame, fit: Calibrated, weight: Floats) -> float:
    """Return the variance of sum(weight x (count - expectation)) under the model; weight (N,) is 0 where checked.

    Errors of one day and one photo go together, and a day nobody looked at may differ from all others.
    """
    learned, scaled = fit.learned, weight * fit.deviation
    days, photos = np.bincount(frame.day, scaled), np.bincount(frame.photo, scaled)
    own = float(scaled @ scaled)
    prior = own + learned.day * float(days @ days) + learned.photo * float(photos @ photos)
    if not len(learned.rows):
        return prior
    shared = learned.day * days[frame.day[learned.rows]] + learned.photo * photos[frame.photo[learned.rows]]
    solved = learned.inverse @ shared
    gap = weight @ frame.columns() - solved @ learned.columns
    return max(learned.scale * (prior - float(shared @ solved) + float(gap @ learned.bread @ gap)), 0.0)


def _predict(frame: Frame, rows: Rows, count: Floats, deviation: Floats) -> tuple[Floats, Floats, Learned]:
    columns, scale = frame.columns(), deviation[rows]
    design, values = columns[rows] / scale[:, None], count / scale
    same_day = frame.day[rows][:, None] == frame.day[rows]
    same_photo = frame.photo[rows][:, None] == frame.photo[rows]
    ridge = np.diag([1e-9, 1e-9] + [CONTEXT_RIDGE] * (columns.shape[1] - 2))
    day, photo = _variances(design, values, same_day, same_photo, ridge)
    inverse = np.linalg.inv(day * same_day + photo * same_photo + np.eye(len(rows)))
    bread = np.linalg.inv(design.T @ inverse @ design + ridge)
    weighed = inverse @ design
    projected = inverse - weighed @ bread @ weighed.T
    fixed = bread @ weighed.T @ values
    pull = inverse @ (values - design @ fixed)
    days = np.bincount(frame.day[rows], pull, minlength=frame.day.max() + 1)[frame.day]
    photos = np.bincount(frame.photo[rows], pull, minlength=frame.photo.max() + 1)[frame.photo]
    expected = columns @ fixed + deviation * (day * days + photo * photos)
    left_out = count - scale * (projected @ values) / np.diag(projected)
    quality = (float(values @ projected @ values) + PRIOR_UNITS) / (len(rows) - 2 + PRIOR_UNITS)
    return expected, left_out, Learned(inverse, design, bread, quality, day, photo, rows)


def _variances(
    design: Floats, values: Floats, same_day: NDArray[np.bool_], same_photo: NDArray[np.bool_], ridge: Floats
) -> tuple[float, float]:
    """Return the candidates' mean under the restricted likelihood (Patterson and Thompson 1971)."""
    pairs = np.array(list(product(DAY_VARIANCES, PHOTO_VARIANCES)))
    one = np.eye(len(values))
    told = np.array(
        [_likelihood(day * same_day + photo * same_photo + one, design, values, ridge) for day, photo in pairs]
    )
    weight = np.exp(told - told.max())
    day, photo = weight @ pairs / weight.sum()
    return float(day), float(photo)


def _likelihood(covariance: Floats, design: Floats, values: Floats, ridge: Floats) -> float:
    root = np.linalg.cholesky(covariance)
    both = np.linalg.solve(root, np.column_stack([design, values]))
    design, values = both[:, :-1], both[:, -1]
    crossed = design.T @ design + ridge
    rest = float(values @ values - values @ design @ np.linalg.solve(crossed, design.T @ values))
    free = len(values) - 2
    return float(
        -np.log(np.diag(root)).sum() - np.linalg.slogdet(crossed)[1] / 2 - free / 2 * np.log(rest / free + 1e-9)
    )
