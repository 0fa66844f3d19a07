"""Which challenger may replace the champion: not worse as a whole, and not shown to do harm where it matters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from haulout_models.evaluation.comparison import Comparison, Measure, compare, differences
from haulout_models.evaluation.exams import DetectorExam, same_exam
from haulout_models.evaluation.measures import Tally

LEAST_CLUSTERS = 4
"""Days below which no harm can be shown: that all of two days are worse is chance one time in four."""


@dataclass(frozen=True)
class Margins:
    """How much less than the champion is allowed."""

    ap50: float = 0.01
    recall: float = 0.03
    """At each site."""
    count: float = 0.05
    """By how much the relative error of all animals together may grow."""


def admit(
    challenger: DetectorExam,
    champion: DetectorExam,
    sites: Sequence[str],
    rng: np.random.Generator,
    margins: Margins | None = None,
) -> Comparison:
    """Compare two detectors that sat the same exam; the reason names everything that speaks against the challenger.

    That average precision is not worse must be shown. That recall at a site falls or that counts go astray refuses only
    when it is shown: asked to prove the contrary site by site, no challenger would ever pass a small exam.
    """
    allowed = margins or Margins()
    same_exam(challenger, champion)
    whole = compare(challenger.score, champion.score, challenger.clusters, rng, challenger.name, margin=allowed.ap50)
    harms = [
        *_sites(challenger, champion, sites, rng, allowed.recall),
        *_counts(challenger, champion, rng, allowed.count),
    ]
    return replace(whole, passed=whole.passed and not harms, reason="; ".join([whole.reason, *harms]))


def _sites(
    challenger: DetectorExam, champion: DetectorExam, sites: Sequence[str], rng: np.random.Generator, margin: float
) -> list[str]:
    harms = []
    for site in sorted(set(sites)):
        rows = np.flatnonzero(np.asarray(sites) == site)
        new, old = (Tally.of([exam.sheets[row] for row in rows], exam.threshold) for exam in (challenger, champion))
        clusters = [challenger.clusters[row] for row in rows]
        if new.animals.sum() and (shown := _shown(new.recall, old.recall, clusters, rng, margin)):
            harms.append(f"recall at {site} {shown}, {margin} less is allowed")
    return harms


def _counts(challenger: DetectorExam, champion: DetectorExam, rng: np.random.Generator, margin: float) -> list[str]:
    new, old = (Tally.of(exam.sheets, exam.threshold) for exam in (challenger, champion))
    if not new.animals.sum():
        return []
    accuracy = (lambda times: -abs(new.bias(times))), (lambda times: -abs(old.bias(times)))
    if not _shown(*accuracy, challenger.clusters, rng, margin):
        return []
    once = np.ones(len(challenger.sheets))
    return [f"counts are off by {new.bias(once):+.1%}, the champion's by {old.bias(once):+.1%}; {margin:.0%} is allowed"]


def _shown(new: Measure, old: Measure, clusters: Sequence[str], rng: np.random.Generator, margin: float) -> str | None:
    """Say how much a figure falls when even its upper limit falls by more than the margin, else nothing."""
    if len(set(clusters)) < LEAST_CLUSTERS:
        return None
    drawn = differences(new, old, clusters, rng)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or np.quantile(drawn, 0.95) >= -margin:
        return None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{np.median(drawn):+.3f}, 95% interval {low:+.3f} to {high:+.3f}"
