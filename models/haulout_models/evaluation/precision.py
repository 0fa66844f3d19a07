"""Average precision of boxes, in plain numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from haulout_models.tiling import Found
from labeling_configs.vocabulary import Boxes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Graded:
    """One photo's detections after the exam: scores (n,), which of them hit an animal (n,), and how many there were.

    Kept per photo, this is all that average precision needs, so an exam can be resampled without looking again.
    """

    scores: Floats
    hits: NDArray[np.bool_]
    animals: int


def grade(truth: Boxes, found: Found, iou: float = 0.5, ignored: Boxes | None = None) -> Graded:
    """Give each detection, best first, the best-fitting animal still free, as COCO and PASCAL do; NaN boxes miss.

    A detection that hits no animal but lies on an ignored box is left out.
    """
    boxes, scores = found
    scores = np.where(np.isfinite(scores), scores, 0.0)
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    hits = match(truth, boxes, iou) >= 0
    counts = hits | ~lying_on(boxes, ignored, iou) if ignored is not None else np.ones(len(order), dtype=bool)
    return Graded(scores[counts], hits[counts], len(truth))


def match(truth: Boxes, boxes: Boxes, iou: float = 0.5) -> NDArray[np.int64]:
    """Return for each box, best first, the row of the animal it hits, shape (n,); -1 for those that hit none."""
    free = np.ones(len(truth), dtype=bool)
    hit = np.full(len(boxes), -1, dtype=np.int64)
    overlaps = overlap(boxes, truth)
    for i in np.flatnonzero(overlaps.max(axis=1, initial=0.0) >= iou):
        fitting = np.where(free, overlaps[i], 0.0)
        if fitting.max() >= iou:
            hit[i] = fitting.argmax()
            free[hit[i]] = False
    return hit


def lying_on(boxes: Boxes, others: Boxes, iou: float = 0.5) -> NDArray[np.bool_]:
    """Say for each box, shape (n,), whether it overlaps one of the others so much."""
    lying: NDArray[np.bool_] = overlap(boxes, others).max(axis=1, initial=0.0) >= iou
    return lying


def overlap(first: Boxes, second: Boxes) -> Floats:
    """Intersection over union, shape (n, m); 0 for boxes that are empty or not numbers."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.clip(high - low, 0.0, None), axis=2)
    areas = [np.prod(np.clip(b[:, 2:] - b[:, :2], 0.0, None), axis=1) for b in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - common
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(np.where(union > 0, common / union, 0.0), nan=0.0, posinf=0.0)


def average_precision(truths: Sequence[Boxes], found: Sequence[Found], iou: float = 0.5) -> float:
    """Area under the precision envelope over all photos, one class, all points; 0 when there is no animal at all."""
    return graded_precision([grade(t, f, iou) for t, f in zip(truths, found, strict=True)])


def graded_precision(photos: Sequence[Graded]) -> float:
    """Average precision of photos that are graded already."""
    scores = np.concatenate([p.scores for p in photos]) if photos else np.zeros(0)
    hits = np.concatenate([p.hits for p in photos]) if photos else np.zeros(0, dtype=bool)
    return _area(scores, hits, sum(p.animals for p in photos))


def _area(scores: Floats, hits: NDArray[np.bool_], animals: int) -> float:
    if not animals or not len(scores):
        return 0.0
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    precision = right / np.arange(1, len(order) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hits[order]].sum() / animals)


class ResampledPrecision:
    """Average precision when photo i counts times[i] times; sorting once makes 2,000 resamples cheap."""

    def __init__(self, photos: Sequence[Graded]) -> None:
        scores = np.concatenate([p.scores for p in photos]) if photos else np.zeros(0)
        order = np.argsort(-scores, kind="stable")
        self._hits = np.concatenate([p.hits for p in photos])[order].astype(np.float64)
        self._photo = np.repeat(np.arange(len(photos)), [len(p.scores) for p in photos])[order]
        self._animals = np.array([p.animals for p in photos], dtype=np.float64)

    def __call__(self, times: Floats) -> float:
        """Return the average precision for times, shape (photos,)."""
        weight = times[self._photo]
        right = np.cumsum(weight * self._hits)
        seen = np.cumsum(weight)
        precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        animals = float(times @ self._animals)
        return float((envelope * self._hits * weight).sum() / animals) if animals else 0.0
