"""Which animals are worth comparing at all: each one's nearest others by their embeddings."""

import numpy as np
from numpy.typing import NDArray

from active_learning.coverage import directions
from active_learning.tempering import Floats, Rows

CHUNK = 1024


def nearest_pairs(embeddings: NDArray[np.floating], photo: Rows, count: int, chunk: int = CHUNK) -> tuple[Rows, Floats]:
    """Return the pairs of rows (m, 2), first < second, in which one is among the other's `count` nearest; cosines (m,).

    Embeddings have shape (n, d), `photo` (n,) numbers the photos: two animals of one photo are never a pair. The same
    animals give the same pairs, whatever was compared before; equals are taken by row.
    """
    unit = directions(np.asarray(embeddings, dtype=np.float32))
    size = len(unit)
    if size < 2:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    parts = [slice(start, start + chunk) for start in range(0, size, chunk)]
    found = [_nearest(unit, photo, here, min(count, size - 1)) for here in parts]
    keys = np.unique(np.concatenate(found))
    pairs = np.column_stack([keys // size, keys % size]).astype(np.int64)
    return pairs, cosines(unit, pairs)


def cosines(unit: NDArray[np.floating], pairs: Rows) -> Floats:
    """Return the dot products (m,) of pairs of rows (m, 2), a chunk at a time."""
    parts = [
        np.einsum("nd,nd->n", unit[some[:, 0]], unit[some[:, 1]], dtype=np.float64)
        for some in np.array_split(pairs, max(1, len(pairs) // CHUNK))
    ]
    return np.concatenate(parts)


def _nearest(unit: NDArray[np.floating], photo: Rows, here: slice, count: int) -> Rows:
    """Return a number for each pair of rows, one of this chunk and one of its nearest: first times n, plus second."""
    likeness = unit[here] @ unit.T
    likeness[photo[here, None] == photo] = -np.inf
    # All that reach the last one's likeness, so that of equals the first rows are kept, not any.
    least = np.partition(likeness, -count, axis=1)[:, -count, None]
    rows, others = np.nonzero((likeness >= least) & np.isfinite(likeness))
    order = np.lexsort((others, -likeness[rows, others], rows))
    rows, others = rows[order], others[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    rows, others = rows[place < count] + here.start, others[place < count]
    first, second = np.minimum(rows, others), np.maximum(rows, others)
    return np.asarray(first * len(unit) + second, dtype=np.int64)
