"""Which boxes of different people show one animal; two boxes of one person never do."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from active_learning.overlap import Indices, overlapping_pairs
from labeling_configs.vocabulary import Boxes, Person

SAME_ANIMAL = 0.35
"""IoU from which two people's boxes may show one animal."""


def group_boxes(boxes: Boxes, drawers: Indices, tiles: Indices, overlap: float = SAME_ANIMAL) -> Indices:
    """Return, shape (n,), the number of the animal each box may show; animals are numbered by their first box.

    Two boxes of one drawer never show one animal, and none of different tiles do. `drawers` counts the people of a tile
    from 0 and stays small.
    """
    return join(*overlapping_pairs(boxes, overlap, tiles), drawers)


def join(first: Indices, second: Indices, shares: NDArray[np.float64], drawers: Indices) -> Indices:
    """Join pairs of boxes, best shares first, unless that would join two boxes of one drawer; number the groups.

    Agglomeration with cannot-links, as Davidson and Ravi (2005).
    """
    best = np.lexsort((second, first, -shares))
    members = [[row] for row in range(len(drawers))]
    drawn_by = [1 << drawer for drawer in drawers.tolist()]
    group = list(range(len(drawers)))
    for i, j in zip(first[best].tolist(), second[best].tolist(), strict=True):
        left, right = group[i], group[j]
        if left == right or drawn_by[left] & drawn_by[right]:
            continue
        if len(members[left]) < len(members[right]):
            left, right = right, left
        for row in members[right]:
            group[row] = left
        members[left] += members[right]
        drawn_by[left] |= drawn_by[right]
    return _by_first_box(np.array(group, dtype=np.intp))


def cluster(boxes: Boxes, drawers: Sequence[Person], overlap: float = SAME_ANIMAL) -> list[list[int]]:
    """Return the groups of rows of one tile's boxes, in row order."""
    number = {drawer: index for index, drawer in enumerate(dict.fromkeys(drawers))}
    whose = np.array([number[drawer] for drawer in drawers], dtype=np.intp)
    groups = group_boxes(boxes, whose, np.zeros(len(boxes), dtype=np.intp), overlap)
    return [np.flatnonzero(groups == group).tolist() for group in range(groups.max(initial=-1) + 1)]


def _by_first_box(group: Indices) -> Indices:
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[number].astype(np.intp)
