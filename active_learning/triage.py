"""Is anything hauled out? The chance that a photo holds an animal, learned from photos that the detector never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

LEAST_OF_EACH = 8
"""Labelled photos with animals, and as many without, below which the boxes' own word is taken as it is."""
FOLDS = 5
STRENGTH = 1.0
"""Inverse ridge of the regression on the boxes; that on the looks is fitted with STRENGTH_OF_LOOKS."""
STRENGTH_OF_LOOKS = 3.0
_CLOSEST = 1e-4
"""Chances are kept so far from 0 and 1, or one certain box would outweigh all."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Looked:
    """Photos as the machine sees them: what its boxes say, shape (n, 3), and what they look like, shape (n, d)."""

    boxes: Floats
    looks: NDArray[np.floating[Any]]

    @classmethod
    def of(cls, scores: Sequence[Floats], looks: Sequence[Floats]) -> "Looked":
        """Read photos by the probabilities of their boxes and by their descriptions, which may be empty."""
        said = np.array([_said(one) for one in scores], dtype=np.float64).reshape(-1, 3)
        return cls(said, np.array(looks, dtype=np.float32).reshape(len(said), -1))

    def __len__(self) -> int:
        return len(self.boxes)

    def only(self, rows: Bools) -> "Looked":
        """Return these photos alone."""
        return Looked(self.boxes[rows], self.looks[rows])


@dataclass(frozen=True)
class Triage:
    """Two small regressions: one on the looks, and one on the boxes and what the looks say."""

    looks: tuple[float, ...] = ()
    """Weights of the looks, the constant last; empty when the looks say nothing."""
    boxes: tuple[float, ...] = ()
    """Weights of what the boxes say, of what the looks say, and the constant; empty before anything was learned."""

    def chances(self, photos: Looked) -> Floats:
        """Return the chance that each photo holds an animal, shape (n,)."""
        if not self.boxes:
            return _chance(photos.boxes[:, 1])
        return _chance(_columns(photos, self.looks) @ np.array(self.boxes))

    def to_json(self) -> dict[str, Any]:
        """Return what `of` reads."""
        return {"looks": list(self.looks), "boxes": list(self.boxes)}

    @classmethod
    def of(cls, stored: Mapping[str, Sequence[float]]) -> "Triage":
        """Read what was learned before."""
        return cls(tuple(stored.get("looks", ())), tuple(stored.get("boxes", ())))


UNTAUGHT = Triage()
"""Takes the boxes' word: the chance that at least one of them is an animal."""


def learn(photos: Looked, occupied: Bools, days: Sequence[str]) -> tuple[Triage, Floats]:
    """Return what was learned, and for each photo, shape (n,), the chance from the photos of other days alone.

    The second is what a cut may be chosen by; photos of one day are alike, so a day stays together.
    """
    fold = _folds(days)
    held_out = np.empty(len(photos))
    for number in range(FOLDS):
        here = fold == number
        if here.any():
            held_out[here] = _fit(photos.only(~here), occupied[~here], fold[~here]).chances(photos.only(here))
    return _fit(photos, occupied, fold), held_out


def _fit(photos: Looked, occupied: Bools, fold: NDArray[np.intp]) -> Triage:
    if min(occupied.sum(), (~occupied).sum()) < LEAST_OF_EACH:
        return UNTAUGHT
    looks, said = _fit_looks(photos.looks, occupied, fold)
    columns = np.column_stack([photos.boxes, said, np.ones(len(photos))])
    return Triage(looks, _regress(columns, occupied, STRENGTH))


def _fit_looks(
    looks: NDArray[np.floating[Any]], occupied: Bools, fold: NDArray[np.intp]
) -> tuple[tuple[float, ...], Floats]:
    """Return weights of the looks, and what they say of photos whose own days they were not fitted on."""
    said = np.zeros(len(looks))
    if not looks.shape[1]:
        return (), said
    columns = _with_constant(looks)
    for number in np.unique(fold):
        here = fold == number
        if len(set(occupied[~here].tolist())) == 2:
            said[here] = columns[here] @ np.array(_regress(columns[~here], occupied[~here], STRENGTH_OF_LOOKS))
    return _regress(columns, occupied, STRENGTH_OF_LOOKS), said


def _regress(columns: Floats, occupied: Bools, strength: float) -> tuple[float, ...]:
    """Fit a logistic regression whose last column is the constant, which is not held back."""
    fitted = LogisticRegression(C=strength, max_iter=2000).fit(columns[:, :-1], occupied)
    return (*fitted.coef_[0].tolist(), float(fitted.intercept_[0]))


def _columns(photos: Looked, looks: tuple[float, ...]) -> Floats:
    said = _with_constant(photos.looks) @ np.array(looks) if looks else np.zeros(len(photos))
    return np.column_stack([photos.boxes, said, np.ones(len(photos))])


def _with_constant(looks: NDArray[np.floating[Any]]) -> Floats:
    """Descriptions have unit length: scaled up, their weights are of the size of the others."""
    return np.column_stack([looks * np.sqrt(looks.shape[1]), np.ones(len(looks))])


def _said(scores: Floats) -> tuple[float, float, float]:
    """Return, in log odds, the best box and the chance of any, and how many animals are expected."""
    sure = np.clip(scores, 0.0, 1 - _CLOSEST)
    best = float(sure.max(initial=0.0))
    missing = float(np.log1p(-sure).sum())
    return _odds(best), _odds(-np.expm1(missing)), float(np.log1p(scores.sum()))


def _odds(chance: float) -> float:
    kept = min(max(chance, _CLOSEST), 1 - _CLOSEST)
    return float(np.log(kept / (1 - kept)))


def _chance(odds: Floats) -> Floats:
    chances: Floats = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
    return chances


def _folds(days: Sequence[str]) -> NDArray[np.intp]:
    _, number = np.unique(np.asarray(days, dtype=np.str_), return_inverse=True)
    return (number % FOLDS).astype(np.intp)
