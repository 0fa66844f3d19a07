"""Is the candidate not worse than the champion? Photos drawn again and again, both networks on the same ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from haulout_models.evaluation.precision import Graded, ResampledPrecision

Measure = Callable[[NDArray[np.float64]], float]
"""A score of a whole exam when its part i counts times[i] times."""


@dataclass(frozen=True)
class Comparison:
    """A candidate against the champion on the same exam."""

    passed: bool
    difference: float
    """The candidate's score minus the champion's."""
    low: float
    high: float
    """The interval of the difference."""
    reason: str


def paired_bootstrap_not_worse(
    candidate: Sequence[Graded],
    champion: Sequence[Graded],
    rng: np.random.Generator,
    *,
    clusters: Sequence[str] | None = None,
    margin: float = 0.01,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> Comparison:
    """Compare average precision photo by photo; photos of one cluster (a burst, a day) are not independent."""
    names = clusters if clusters is not None else [str(i) for i in range(len(candidate))]
    measures = ResampledPrecision(candidate), ResampledPrecision(champion)
    return compare(*measures, names, rng, "AP50", margin=margin, confidence=confidence, resamples=resamples)


def compare(
    candidate: Measure,
    champion: Measure,
    clusters: Sequence[str],
    rng: np.random.Generator,
    name: str,
    *,
    margin: float = 0.01,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> Comparison:
    """Pass if, with the confidence given, the candidate's score is at most the margin below the champion's.

    Paired bootstrap over clusters (Efron and Tibshirani 1993), one-sided; the interval reported is two-sided.
    """
    once, groups = np.ones(len(clusters)), len(set(clusters))
    difference = candidate(once) - champion(once) if len(once) else 0.0
    if groups < 2:
        return Comparison(False, difference, -1.0, 1.0, f"{groups} independent photos say nothing: label more")
    drawn = differences(candidate, champion, clusters, rng, resamples)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    passed = bool(np.quantile(drawn, 1 - confidence) >= -margin)
    verdict = "not worse" if passed else "not shown to be as good"
    interval = f"{confidence:.0%} interval {low:+.3f} to {high:+.3f}"
    reason = f"{verdict}: {name} {difference:+.3f}, {interval}, {margin} less is allowed"
    return Comparison(passed, difference, float(low), float(high), reason)


def differences(
    candidate: Measure, champion: Measure, clusters: Sequence[str], rng: np.random.Generator, resamples: int = 2000
) -> NDArray[np.float64]:
    """Return the candidate's score less the champion's on exams drawn anew from the clusters, with replacement."""
    groups, member = np.unique(np.asarray(clusters), return_inverse=True)
    drawn = np.empty(resamples)
    for i in range(resamples):
        chosen = np.bincount(rng.integers(len(groups), size=len(groups)), minlength=len(groups))
        times = chosen[member].astype(np.float64)
        drawn[i] = candidate(times) - champion(times)
    return drawn


def resample(measure: Measure, clusters: Sequence[str], seed: int, resamples: int = 400) -> NDArray[np.float64]:
    """Score the exam again and again with its clusters weighted at random: the Bayesian bootstrap (Rubin 1981).

    A cluster's weights hang on its name and the seed alone. So draw i is the same exam for every network, also when the
    exam has grown since, and differences may be taken draw by draw.
    """
    weights = {
        name: np.random.default_rng([seed, crc32(name.encode())]).exponential(size=resamples) for name in set(clusters)
    }
    times = np.stack([weights[name] for name in clusters], axis=1)
    return np.array([measure(row) for row in times])
