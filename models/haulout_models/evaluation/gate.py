"""Which challenger may replace the champion: not worse as a whole, and not shown to do harm where it matters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from haulout_models.evaluation.comparison import Comparison, Measure, compare, differences
from haulout_models.evaluation.exams import DetectorExam, same_exam
from haulout_models.evaluation.measures import Tally
from haulout_models.evaluation.precision import ResampledPrecision
from haulout_models.evaluation.sheets import Sheet

LEAST_CLUSTERS = 4
"""Days below which no harm can be shown: that all of two days are worse is chance one time in four."""


@dataclass(frozen=True)
class Margins:
    """How much less than the champion is allowed."""

    ap50: float = 0.01
    site: float = 0.03
    """In average precision and in recall, at each site."""
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

    That average precision is not worse must be shown. Harm refuses only when it is shown: asked to prove the contrary
    site by site, no challenger would ever pass a small exam. What hangs on the threshold, recall and counts, does not
    refuse a challenger that is shown to be better as a whole: it knows more animals, and only its scores lie elsewhere.
    """
    allowed = margins or Margins()
    same_exam(challenger, champion)
    whole = compare(challenger.score, champion.score, challenger.clusters, rng, challenger.name, margin=allowed.ap50)
    harms = _sites(challenger, champion, sites, rng, allowed.site, "AP50")
    shifts = _sites(challenger, champion, sites, rng, allowed.site, "recall")
    shifts += _counts(challenger, champion, rng, allowed.count)
    passed = whole.passed and not harms and (whole.low > 0 or not shifts)
    return replace(whole, passed=passed, reason="; ".join([whole.reason, *harms, *shifts]))


def _sites(
    challenger: DetectorExam,
    champion: DetectorExam,
    sites: Sequence[str],
    rng: np.random.Generator,
    margin: float,
    name: str,
) -> list[str]:
    harms = []
    for site in sorted(set(sites)):
        rows = np.flatnonzero(np.asarray(sites) == site)
        new, old = (
            _measure([exam.sheets[row] for row in rows], exam.threshold, name) for exam in (challenger, champion)
        )
        if shown := _shown(new, old, [challenger.clusters[row] for row in rows], rng, margin):
            harms.append(f"{name} at {site} {shown}, {margin} less is allowed")
    return harms


def _measure(sheets: Sequence[Sheet], threshold: float, name: str) -> Measure:
    if name == "recall":
        return Tally.of(sheets, threshold).recall
    return ResampledPrecision([sheet.graded() for sheet in sheets])


def _counts(challenger: DetectorExam, champion: DetectorExam, rng: np.random.Generator, margin: float) -> list[str]:
    new, old = (Tally.of(exam.sheets, exam.threshold) for exam in (challenger, champion))
    if not new.animals.sum() or not old.told.sum():  # who draws nothing sets no standard for counting
        return []
    accuracy = (lambda times: -abs(new.bias(times))), (lambda times: -abs(old.bias(times)))
    if not _shown(*accuracy, challenger.clusters, rng, margin):
        return []
    mine, theirs = (tally.bias(np.ones(len(tally.animals))) for tally in (new, old))
    return [f"counts are off by {mine:+.1%}, the champion's by {theirs:+.1%}; {margin:.0%} more is allowed"]


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
