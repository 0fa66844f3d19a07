"""How far off counts are, in plain numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from haulout_models.tiling import Found
from labeling_configs.vocabulary import Boxes


@dataclass(frozen=True)
class CountError:
    """How far counts are off, over photos: mean absolute error in animals, and the error of the total as a share."""

    mean_absolute: float
    relative_total: float


def count_error(truths: Sequence[Boxes], found: Sequence[Found], threshold: float) -> CountError:
    """Count the boxes that score at least the threshold; a total of no animals has relative error 0 or infinity."""
    true = np.array([len(t) for t in truths], dtype=np.float64)
    seen = np.array([(scores >= threshold).sum() for _, scores in found], dtype=np.float64)
    surplus = float(seen.sum() - true.sum())
    relative = surplus / true.sum() if true.sum() else (np.inf if surplus else 0.0)
    return CountError(float(np.abs(seen - true).mean()) if len(true) else 0.0, float(relative))


def counting_threshold(truths: Sequence[Boxes], found: Sequence[Found]) -> float:
    """Return the score above which boxes are as many as animals: choose it on photos that the exam does not hold."""
    scores = np.sort(np.concatenate([s for _, s in found]) if found else np.zeros(0))[::-1]
    animals = sum(len(t) for t in truths)
    if not len(scores) or not animals:
        return 0.5
    return float(scores[min(animals, len(scores)) - 1])
