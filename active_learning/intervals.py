"""A value with its confidence limits, and those of a share."""

from dataclasses import dataclass

from scipy.stats import beta


@dataclass(frozen=True)
class Interval:
    """A share or a count and its two-sided confidence limits."""

    value: float
    low: float
    high: float


def share_interval(hits: int, trials: int, level: float = 0.95) -> Interval:
    """Return hits / trials with the exact limits of Clopper and Pearson (1934); with no trials anything is possible."""
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0)
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return Interval(hits / trials, low, high)
