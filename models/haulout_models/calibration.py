"""Turns a detector's scores into probabilities, so that the scores of a photo add up to the animals expected in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

LEAST_BOXES = 50
"""Held-out boxes below which a curve would be chance: scores are left as they are."""
_TILT = 1e-4


@dataclass(frozen=True)
class Calibration:
    """A rising curve through a few points; without points, scores are taken as they are."""

    score: tuple[float, ...] = ()
    chance: tuple[float, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Sequence[float]]) -> "Calibration":
        """Read a curve from a model card."""
        return cls(tuple(stored.get("score", ())), tuple(stored.get("chance", ())))

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map scores (n,) to probabilities (n,), keeping their order."""
        return np.interp(scores, self.score, self.chance) if self.score else scores

    def inverse(self, chance: float) -> float:
        """Return the score that has this probability; the least or greatest known one beyond the curve's ends."""
        return float(np.interp(chance, self.chance, self.score)) if self.score else chance


def calibrate(scores: NDArray[np.float64], hits: NDArray[np.bool_]) -> Calibration:
    """Fit how often boxes of a score hit an animal, both (n,), on photos that were not trained on.

    Isotonic regression (Zadrozny and Elkan 2002): its probabilities add up to the animals hit. Its steps are tilted by
    a hair, so that no two scores become equal and the ranking, on which average precision rests, stays what it was.
    """
    if len(scores) < LEAST_BOXES or not 0 < hits.sum() < len(hits):
        return Calibration()
    steps = IsotonicRegression(y_min=_TILT, y_max=1.0 - _TILT).fit_transform(scores, hits.astype(np.float64))
    levels, member = np.unique(steps, return_inverse=True)
    first, last = np.full(len(levels), np.inf), np.full(len(levels), -np.inf)
    np.minimum.at(first, member, scores)
    np.maximum.at(last, member, scores)
    score = np.concatenate([[0.0], np.stack([first, last], 1).ravel(), [1.0]])
    chance = np.concatenate([[0.0], np.stack([levels, levels], 1).ravel(), [1.0]]) + _TILT * (score - 0.5)
    rising = np.concatenate([[True], np.diff(score) > 1e-9])
    return Calibration(tuple(score[rising].tolist()), tuple(np.clip(chance[rising], 0.0, 1.0).tolist()))
