"""The second goal of asking: draw the tiles that shrink the interval of a named figure, and say how many it takes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import norm

from active_learning.calibration import Calibrated, Checked, Frame, uncertainty
from active_learning.estimation import LEVEL, Estimate
from active_learning.sampling import EVEN, Floats, NothingToDraw, Rows, inclusion

SIMULATIONS = 4000
FAR = 8.0
"""Standard deviations that no photo's count lies from what is expected."""
LEAST_CHANCE = 0.002
"""A photo that is the largest less often than this is out of the race."""


@dataclass(frozen=True)
class Peak:
    """The largest count of any photo of a domain, and of each photo (P,) its number and its chance to be the one."""

    estimate: Estimate
    photos: Rows
    chance: Floats


def narrowing(frame: Frame, fit: Calibrated, checked: Checked, weight: Floats, size: int, even: float = EVEN) -> Floats:
    """Return inclusion probabilities (N,) of the next `size` tiles for sum(weight x count), weight (N,) >= 0.

    Proportional to weight x foreseen error; nought where the weight is nought and where people answered already, so the
    wave tells nothing of units outside the domain.
    """
    return _within(_free(checked, weight), weight * fit.deviation, size, even)


def needed(
    frame: Frame, fit: Calibrated, checked: Checked, weight: Floats, half_width: float, level: float = LEVEL
) -> int:
    """Foresee how many more tiles bring the interval of sum(weight x count) to +- half_width, in the figure's units.

    The variance of one more wave of that size, drawn by `narrowing`, joined with the model's doubt today; the whole
    domain if only that will do. It is a forecast by the errors seen so far: ask in waves and forecast anew.
    """
    free = _free(checked, weight)
    goal = (half_width / float(norm.ppf((1 + level) / 2))) ** 2
    doubt = uncertainty(frame, fit, np.where(free, weight, 0.0))
    if doubt <= goal:
        return 0
    worth = weight * fit.deviation
    return _least(int(free.sum()), lambda size: _joined(free, worth, size, doubt) <= goal)


def peak(
    frame: Frame,
    fit: Calibrated,
    checked: Checked,
    domain: NDArray[np.bool_],
    rng: Generator,
    level: float = LEVEL,
    sure: NDArray[np.bool_] | None = None,
) -> Peak:
    """Estimate the largest count per photo among the photos with units in `domain` (N,), checked units exact.

    The largest of noisy counts lies too high, so it is not taken: each photo's unchecked part is drawn from a gamma
    distribution of the model's mean and variance, the photos' largest is kept, and value and limits are the median and
    quantiles of those. Photos are drawn apart from each other. `sure` (N,) marks units to be taken as exact.
    """
    numbers, seen, mean, variance = _photos(frame, fit, checked, domain, sure)
    shape = np.where(mean > 0, mean**2 / np.maximum(variance, 1e-12), 1.0)
    scale = np.where((mean > 0) & (variance > 0), variance / np.maximum(mean, 1e-12), 0.0)
    drawn = seen + np.where(scale > 0, rng.gamma(shape, scale, (SIMULATIONS, len(numbers))), mean)
    largest = drawn.max(axis=1)
    low, value, high = map(float, np.quantile(largest, [(1 - level) / 2, 0.5, (1 + level) / 2]))
    chance = np.bincount(drawn.argmax(axis=1), minlength=len(numbers)) / SIMULATIONS
    known = int(np.sum(domain[checked.unit] & checked.answered))
    return Peak(Estimate(value, low, high, float(largest.var()), known), numbers, chance)


def narrowing_peak(frame: Frame, fit: Calibrated, checked: Checked, found: Peak, size: int) -> Floats:
    """Return inclusion probabilities (N,) of the next `size` tiles for the largest count of any photo.

    Only photos that may be the largest are asked about (best-arm identification, Russo 2016): in proportion to the root
    of the photo's chance and the unit's foreseen error.
    """
    worth = _contending(frame, found) * fit.deviation
    return _within(_free(checked, worth), worth, size, 0.0)


def needed_peak(
    frame: Frame,
    fit: Calibrated,
    checked: Checked,
    domain: NDArray[np.bool_],
    relative: float,
    rng: Generator,
    level: float = LEVEL,
) -> int:
    """Foresee how many more tiles bring the largest count of any photo to +- relative (.1 is 10 %) of its value.

    As if the tiles worth most were asked and found as expected; the whole domain if only that will do.
    """
    found = peak(frame, fit, checked, domain, rng, level)
    worth = _contending(frame, found) * fit.deviation
    order = np.argsort(-np.where(_free(checked, worth), worth, -1.0), kind="stable")
    seed = int(rng.integers(2**32))

    def suffices(size: int) -> bool:
        sure = np.zeros(len(worth), dtype=bool)
        sure[order[:size]] = True
        after = peak(frame, fit, checked, domain, np.random.default_rng(seed), level, sure).estimate
        return after.half_width <= relative * after.value

    return 0 if suffices(0) else _least(int(_free(checked, worth).sum()), suffices)


def _free(checked: Checked, worth: Floats) -> NDArray[np.bool_]:
    free = worth > 0
    free[checked.unit[checked.answered]] = False
    return free


def _within(free: NDArray[np.bool_], worth: Floats, size: int, even: float) -> Floats:
    if not free.any():
        raise NothingToDraw("every tile of this figure is checked already: its value is exact")
    probability = np.zeros(len(worth))
    probability[free] = inclusion((1 - even) * worth[free] / worth[free].mean() + even, min(size, int(free.sum())))
    return probability


def _joined(free: NDArray[np.bool_], worth: Floats, size: int, doubt: float) -> float:
    """Return the variance of the next wave's estimate and today's doubt together."""
    probability = _within(free, worth, size, EVEN)[free]
    coming = float((worth[free] ** 2 * (1 / probability - 1)).sum())
    return doubt * coming / (doubt + coming)


def _least(most: int, suffices: Callable[[int], bool]) -> int:
    """Return the smallest size that suffices, by bisection, or `most`."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def _photos(
    frame: Frame, fit: Calibrated, checked: Checked, domain: NDArray[np.bool_], sure: NDArray[np.bool_] | None
) -> tuple[Rows, Floats, Floats, Floats]:
    """Return number, animals seen, and the unchecked part's mean and variance of each photo that may be the largest."""
    numbers = np.unique(frame.photo[domain])
    known = np.zeros(len(domain), dtype=bool)
    known[checked.unit[checked.answered]] = True
    count = np.zeros(len(domain))
    count[checked.unit[checked.answered]] = checked.count[checked.answered]
    exact = known if sure is None else known | sure
    animals = np.where(known, count, np.where(exact, fit.expected, 0.0))
    seen = np.bincount(frame.photo, animals)[numbers].astype(np.float64)
    mean = np.bincount(frame.photo, np.where(exact, 0.0, fit.expected))[numbers].astype(np.float64)
    kept = _in_reach(seen, mean, _most_doubt(frame, fit, exact)[numbers])
    weights = ((frame.photo == number) & ~exact for number in numbers[kept])
    variance = np.array([uncertainty(frame, fit, weight.astype(np.float64)) for weight in weights])
    return numbers[kept], seen[kept], mean[kept], variance


def _most_doubt(frame: Frame, fit: Calibrated, exact: NDArray[np.bool_]) -> Floats:
    """Return a bound of each photo's standard deviation: its tiles err all alike, and day and photo come on top."""
    learned = fit.learned
    together = np.bincount(frame.photo, np.where(exact, 0.0, fit.deviation))
    bound: Floats = together * np.sqrt(learned.scale * (1 + learned.day + learned.photo))
    return bound


def _in_reach(seen: Floats, mean: Floats, doubt: Floats) -> NDArray[np.bool_]:
    """Leave out photos far below the fullest: a season has tens of thousands, and few can be the largest."""
    least = np.maximum(seen, seen + mean - FAR * doubt).max(initial=0.0)
    reach: NDArray[np.bool_] = seen + mean + FAR * doubt >= least
    return reach


def _contending(frame: Frame, found: Peak) -> Floats:
    """Return the root of each unit's photo's chance to be the largest, (N,); nought where it is out of the race."""
    chance = np.zeros(int(frame.photo.max()) + 1)
    chance[found.photos] = np.where(found.chance >= LEAST_CHANCE, found.chance, 0.0)
    return np.sqrt(chance)[frame.photo]
