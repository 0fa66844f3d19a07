"""Which boxes overlap, found without comparing every box with every other one."""

import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import Boxes

Indices = NDArray[np.intp]
_Pairs = tuple[Indices, Indices, NDArray[np.float64]]

AT_ONCE = 1_000_000
"""Pairs compared at once, which bounds the memory: one hostile answer may hold a hundred thousand boxes."""


def overlapping_pairs(boxes: Boxes, least: float, apart: Indices | None = None) -> _Pairs:
    """Return i, j and IoU of all pairs i < j whose IoU is at least `least` > 0; boxes without area overlap nothing.

    Boxes with different numbers in `apart`, shape (n,), lie in different pictures and never meet. A sweep from left to
    right visits only boxes that meet along x, so 1,500 boxes take milliseconds.
    """
    picture = np.zeros(len(boxes)) if apart is None else apart.astype(np.float64)
    order = np.lexsort((boxes[:, 0], picture))
    swept = boxes[order]
    shift = picture[order] * _width(boxes)
    ends = np.searchsorted(swept[:, 0] + shift, swept[:, 2] + shift, side="left")
    follow = np.maximum(ends - np.arange(len(boxes)) - 1, 0)
    met = [_meeting(swept, rows, follow[rows], least) for rows in _portions(follow)]
    first, second, share = (np.concatenate(column) for column in zip(*met, strict=True))
    i, j = order[first], order[second]
    return np.minimum(i, j), np.maximum(i, j), share


def _portions(follow: Indices) -> list[Indices]:
    """Cut the rows so that each portion visits about AT_ONCE pairs."""
    visited = np.cumsum(follow)
    cuts = np.searchsorted(visited, np.arange(AT_ONCE, visited.max(initial=0), AT_ONCE))
    return np.split(np.arange(len(follow)), np.unique(cuts))


def _meeting(swept: Boxes, rows: Indices, follow: Indices, least: float) -> _Pairs:
    """Compare each of the rows with as many boxes after it as `follow` says."""
    first = np.repeat(rows, follow)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(follow) - follow, follow)
    share = matched_iou(swept[first], swept[second])
    kept = share >= least
    return first[kept], second[kept], share[kept]


def _width(boxes: Boxes) -> float:
    """Return how far pictures must lie apart so that no box reaches into the next one."""
    return float(boxes.max() - boxes.min()) + 1.0 if len(boxes) else 1.0


def matched_iou(left: Boxes, right: Boxes) -> NDArray[np.float64]:
    """Return the intersection over union of row k of both arrays, shape (n,); 0 where the union has no area."""
    corner = np.minimum(left[:, 2:], right[:, 2:]) - np.maximum(left[:, :2], right[:, :2])
    shared = np.prod(np.clip(corner, 0, None), axis=1)
    union = areas(left) + areas(right) - shared
    iou: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def areas(boxes: Boxes) -> NDArray[np.float64]:
    """Return the area of each box in square pixels, shape (n,)."""
    area: NDArray[np.float64] = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    return area
