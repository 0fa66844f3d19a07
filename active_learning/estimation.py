"""Totals, shares and a detector's quality from the machine on all units and people on a few, without its bias."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from active_learning.calibration import Calibrated, Checked, Frame, calibrate, uncertainty
from active_learning.sampling import CERTAIN, Floats

LEVEL = 0.95


class NothingDrawn(ValueError):
    """No answered unit has an inclusion probability, so nothing but the machine's word is there."""


@dataclass(frozen=True)
class Estimate:
    """A figure, its two-sided limits, its variance, and how many drawn and answered units it rests on."""

    value: float
    low: float
    high: float
    variance: float
    drawn: int

    @property
    def half_width(self) -> float:
        """Return half the length of the interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Wave:
    """One draw: positions among the checked, probabilities corrected for unanswered units, rows known before it."""

    at: NDArray[np.int64]
    probability: Floats
    known: NDArray[np.int64]
    share: float


def waves(checked: Checked, deviation: Floats) -> tuple[Wave, ...]:
    """Split by wave; `share` is its part in the estimate, by the variance foreseen for its design.

    `deviation` (N,) must not know the units' own counts (Calibrated.plain does not): else waves that met crowds would
    count less, and the estimate would be too low.

    A drawn unit that was not answered is taken to be missing at random within its wave: the others stand for it, their
    probabilities multiplied by the share answered.
    """
    parts = []
    for number in np.unique(checked.wave):
        drawn = (checked.wave == number) & ~np.isnan(checked.probability)
        at = np.flatnonzero(drawn & checked.answered)
        if len(at):
            probability = checked.probability[at] * len(at) / drawn.sum()
            known = np.flatnonzero((checked.wave < number) & checked.answered)
            foreseen = float(((1 - probability) * (deviation[checked.unit[at]] / probability) ** 2).sum())
            parts.append((at, probability, known, max(foreseen, 1e-9)))
    if not parts:
        raise NothingDrawn("none of the answered units was drawn at random; draw some before estimating")
    whole = sum(1 / foreseen for *_, foreseen in parts)
    return tuple(Wave(at, probability, known, 1 / foreseen / whole) for at, probability, known, foreseen in parts)


def total(frame: Frame, checked: Checked, fit: Calibrated | None = None, level: float = LEVEL) -> Estimate:
    """Estimate the animals on all units: the calibrated machine everywhere plus the weighted errors it made.

    Difference estimator with left-out predictions (Särndal, Swensson and Wretman 1992, 6.3), the variance the
    mean of Hájek and Deville's and the one foreseen, as a sample that missed the crowds is too sure of itself. The
    lower limit is never below what was seen, the upper one is that of the rest's logarithm: estimates are skewed.
    """
    fit = fit or calibrate(frame, checked)
    every = np.ones(len(frame.expected))
    value, variance = _difference(fit, checked, every)
    foreseen = _foreseen(fit, checked, every)
    variance = (variance + foreseen) / 2 if np.isfinite(foreseen) else variance
    return _positive(value, variance, _seen(checked, every), _drawn(checked), level)


def domain_total(
    frame: Frame, checked: Checked, weight: Floats, fit: Calibrated | None = None, level: float = LEVEL
) -> Estimate:
    """Estimate sum(weight x count), weight (N,) >= 0: 1 in August and else 0, or 1 / photos for a mean per photo.

    A composite of the calibrated machine and the weighted errors inside the domain, each trusted by its foreseen
    variance (Rao and Molina 2015, 3.3). Without any unit drawn there, the interval is the model's: it holds how much
    days differ, so it is never of width zero while a unit is unchecked. A `fit` given should be that of a bent frame.
    """
    if fit is None:
        frame = frame.bent()
        fit = calibrate(frame, checked)
    unseen = _unseen(frame, checked, weight)
    model = _seen(checked, weight) + float(unseen @ fit.expected)
    doubt = uncertainty(frame, fit, unseen)
    direct, _ = _difference(fit, checked, weight)
    foreseen = _foreseen(fit, checked, weight)
    trust = doubt / (doubt + foreseen) if foreseen > 0 and np.isfinite(foreseen) else 0.0
    value = trust * direct + (1 - trust) * model
    spread = trust * np.sqrt(foreseen if trust else 0.0) + (1 - trust) * np.sqrt(doubt)
    return _positive(value, float(spread**2), _seen(checked, weight), _drawn(checked), level)


def empty_share(frame: Frame, checked: Checked, level: float = LEVEL) -> Estimate:
    """Estimate the share of units without animals; the frame's `expected` is the machine's chance of some.

    Difference estimator with left-out straight-line calibration; the interval is Wilson's (1927) on the effective
    number of units, with one more unit of average weight taken to be wrong, as errors never seen are no proof of none.
    """
    answered = checked.answered
    occupied = Checked(
        checked.unit, np.where(answered, (checked.count > 0) * 1.0, np.nan), checked.probability, checked.wave
    )
    fit = calibrate(frame, occupied)
    fit = replace(fit, expected=np.clip(fit.expected, 0, 1), left_out=np.clip(fit.left_out, 0, 1))
    size, drawn = len(frame.expected), _drawn(checked)
    value, variance = _difference(fit, occupied, np.full(size, 1 / size))
    left = 1 - answered.sum() / size
    return _share(1 - value, variance + left / drawn**2, drawn, level)


def ratio(checked: Checked, part: Floats, whole: Floats, level: float = LEVEL) -> Estimate:
    """Estimate sum(part) / sum(whole) over all units from both on the checked ones, shape (n,): recall, precision.

    For recall, part are the animals found and whole all animals of the unit; for precision, right boxes and all boxes.
    Linearised variance (Woodruff 1971), Wilson's interval on the effective number. nan and [0, 1] if whole is nowhere.
    """
    parts = waves(checked, np.ones(int(checked.unit.max()) + 1))
    weight = _weights(checked, parts)
    bottom, drawn = float(weight @ np.where(checked.answered, whole, 0)), _drawn(checked)
    if bottom <= 0:
        return Estimate(float("nan"), 0.0, 1.0, float("nan"), drawn)
    value = float(weight @ np.where(checked.answered, part, 0)) / bottom
    error = np.where(checked.answered, part - value * whole, 0) / bottom
    variance = sum(wave.share**2 * _deville(error[wave.at], wave.probability) for wave in parts)
    carrying = weight[weight > 0] @ np.where(whole > 0, 1, 0)[weight > 0]
    return _share(value, variance + (carrying / max(np.sum(whole > 0), 1) / bottom) ** 2, drawn, level)


def _difference(fit: Calibrated, checked: Checked, weight: Floats) -> tuple[float, float]:
    """Return the waves' mean of known + machine on the rest + weighted errors, and its variance."""
    blind = fit.expected.copy()  # no unit's own count may move its own prediction
    blind[checked.unit[checked.answered]] = fit.left_out
    value = variance = 0.0
    for wave in waves(checked, fit.plain):
        rows, known = checked.unit[wave.at], checked.unit[wave.known]
        error = weight[rows] * (checked.count[wave.at] - blind[rows])
        machine = weight @ blind - weight[known] @ blind[known]
        value += wave.share * (weight[known] @ checked.count[wave.known] + machine + (error / wave.probability).sum())
        variance += wave.share**2 * _deville(error, wave.probability)
    return float(value), float(variance)


def _deville(error: Floats, probability: Floats) -> float:
    """Return the variance of sum(error / probability) for a fixed size (Deville 1999); certain units add nothing."""
    free = probability < CERTAIN
    size = int(free.sum())
    if size < 2:
        return float(((1 - probability) * (error / probability) ** 2).sum())
    values, weight = error[free] / probability[free], 1 - probability[free]
    middle = weight @ values / weight.sum()
    return float(size / (size - 1) * weight @ (values - middle) ** 2)


def _foreseen(fit: Calibrated, checked: Checked, weight: Floats) -> float:
    """Return the variance the model foresees for the direct estimate; infinite if nothing was drawn in the domain."""
    found = sum(
        wave.share**2
        * ((1 - wave.probability) * (weight * fit.deviation)[checked.unit[wave.at]] ** 2 / wave.probability**2).sum()
        for wave in waves(checked, fit.plain)
    )
    return float(found) if found > 0 else float("inf")


def _weights(checked: Checked, parts: tuple[Wave, ...]) -> Floats:
    weight = np.zeros(len(checked.unit))
    for wave in parts:
        weight[wave.known] += wave.share
        weight[wave.at] += wave.share / wave.probability
    return weight


def _unseen(frame: Frame, checked: Checked, weight: Floats) -> Floats:
    unseen = np.array(weight, dtype=np.float64)
    unseen[checked.unit[checked.answered]] = 0
    return unseen


def _seen(checked: Checked, weight: Floats) -> float:
    known = checked.answered
    return float(weight[checked.unit[known]] @ checked.count[known])


def _drawn(checked: Checked) -> int:
    return int(np.sum(checked.answered & ~np.isnan(checked.probability)))


def _positive(value: float, variance: float, seen: float, drawn: int, level: float) -> Estimate:
    """Return limits, the lower not below the animals seen, the upper the logarithm's: low estimates look too sure."""
    value = max(value, seen)
    half = float(t.ppf((1 + level) / 2, max(drawn - 2, 1)) * np.sqrt(variance))
    rest = value - seen
    skewed = rest * float(np.expm1(half / rest)) if half < rest else 0.0
    return Estimate(value, max(value - half, seen), value + max(half, skewed), variance, drawn)


def _share(value: float, variance: float, drawn: int, level: float) -> Estimate:
    """Return Wilson's limits for as many units as would tell as much in a simple random sample."""
    value = min(max(value, 0.0), 1.0)
    inner = min(max(value, 0.5 / (drawn + 1)), 1 - 0.5 / (drawn + 1))
    if variance <= 0:
        return Estimate(value, value, value, 0.0, drawn)
    effective, z = inner * (1 - inner) / variance, float(norm.ppf((1 + level) / 2))
    middle = (value + z**2 / 2 / effective) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * np.sqrt(value * (1 - value) / effective + (z / 2 / effective) ** 2)
    return Estimate(value, max(float(middle - half), 0.0), min(float(middle + half), 1.0), variance, drawn)
