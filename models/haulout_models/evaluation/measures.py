"""What an exam says of a detector in numbers, as a whole and on any part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from haulout_models.evaluation.comparison import Measure, resample
from haulout_models.evaluation.precision import ResampledPrecision, graded_precision
from haulout_models.evaluation.sheets import DOUBTED, Sheet

OVERLAPS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_BINS = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """A detector's figures on some tiles; one that cannot be measured there, as recall without animals, is NaN."""

    tiles: int
    animals: int
    ap50: float
    ap: float
    """Mean of the average precisions at the overlaps .5, .55 … .95."""
    recall: float
    precision: float
    count_mae: float
    """Mean absolute error of a tile's count, in animals."""
    count_relative_error: float
    """Boxes above the threshold less the animals, as a share of the animals; infinite where there are none."""
    expected_relative_error: float
    """The same of what scores add up to, which is what the reports expect of photos nobody looked at."""
    ece: float
    """Expected calibration error: how far a box's probability is off the share of such boxes that are animals."""


@dataclass(frozen=True)
class Tally:
    """Counts of each tile, shape (n,), from which figures follow for tiles that count several times or not at all."""

    animals: Floats
    told: Floats
    hits: Floats
    expected: Floats

    @classmethod
    def of(cls, sheets: Sequence[Sheet], threshold: float) -> "Tally":
        """Count boxes that score at least the threshold; those on what people doubt are left out."""
        told = [sheet.told(threshold) for sheet in sheets]
        return cls(
            np.array([len(sheet.truth) for sheet in sheets], dtype=np.float64),
            np.array([(sheet.hit != DOUBTED).sum() for sheet in told], dtype=np.float64),
            np.array([(sheet.hit >= 0).sum() for sheet in told], dtype=np.float64),
            np.array([sheet.scores[sheet.hit != DOUBTED].sum() for sheet in sheets], dtype=np.float64),
        )

    def recall(self, times: Floats) -> float:
        """Return the share of the animals that a box hit."""
        return _share(times @ self.hits, times @ self.animals)

    def precision(self, times: Floats) -> float:
        """Return the share of the boxes that hit an animal."""
        return _share(times @ self.hits, times @ self.told)

    def bias(self, times: Floats) -> float:
        """Return how far the count of boxes is off, as a share of the animals."""
        return _surplus(times @ self.told, times @ self.animals)

    def expected_bias(self, times: Floats) -> float:
        """Return how far the sum of the scores is off, as a share of the animals."""
        return _surplus(times @ self.expected, times @ self.animals)


def measure(sheets: Sequence[Sheet], threshold: float) -> Measures:
    """Measure on all the sheets given, counting boxes that score at least the threshold."""
    tally, once = Tally.of(sheets, threshold), np.ones(len(sheets))
    precisions = [graded_precision([sheet.graded(iou) for sheet in sheets]) for iou in OVERLAPS]
    none = not tally.animals.sum()
    return Measures(
        tiles=len(sheets),
        animals=int(tally.animals.sum()),
        ap50=np.nan if none else precisions[0],
        ap=np.nan if none else float(np.mean(precisions)),
        recall=tally.recall(once),
        precision=tally.precision(once),
        count_mae=float(np.abs(tally.told - tally.animals).mean()) if sheets else 0.0,
        count_relative_error=tally.bias(once),
        expected_relative_error=tally.expected_bias(once),
        ece=calibration_error(sheets),
    )


def calibration_error(sheets: Sequence[Sheet]) -> float:
    """Return the expected calibration error of all boxes (Naeini et al. 2015), in ten bins of equal width."""
    scores = np.concatenate([sheet.scores for sheet in sheets]) if sheets else np.zeros(0)
    hits = np.concatenate([sheet.hit for sheet in sheets]) if sheets else np.zeros(0, dtype=np.int64)
    counts = hits != DOUBTED
    scores, right = scores[counts], (hits[counts] >= 0).astype(np.float64)
    if not len(scores):
        return float("nan")
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, weights=scores - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(scores))


def intervals(
    sheets: Sequence[Sheet], clusters: Sequence[str], threshold: float, seed: int
) -> Mapping[str, tuple[float, float]]:
    """Return 95 % intervals of ap50, recall and the count's relative error; none for fewer than two clusters."""
    if len(set(clusters)) < 2 or not any(len(sheet.truth) for sheet in sheets):
        return {}
    tally = Tally.of(sheets, threshold)
    measures: Mapping[str, Measure] = {
        "ap50": ResampledPrecision([sheet.graded() for sheet in sheets]),
        "recall": tally.recall,
        "count_relative_error": tally.bias,
    }
    limits = {name: np.quantile(resample(one, clusters, seed), [0.025, 0.975]) for name, one in measures.items()}
    return {name: (float(low), float(high)) for name, (low, high) in limits.items()}


def _share(part: Floats, whole: Floats) -> float:
    return float(part / whole) if whole else float("nan")


def _surplus(counted: Floats, true: Floats) -> float:
    return float((counted - true) / true) if true else (float("inf") if counted else 0.0)
