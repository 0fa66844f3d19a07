"""Two kinds of labels at the same price: minutes that can be compared, and the cut at which both have cost as much."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LONGEST = 600.0
"""Seconds an answer can take: a browser left open over lunch is no work."""
FEWEST = 20
"""Answers of each kind below which nobody can tell how much the machine's boxes help."""


def without_help(seconds: Floats, boxes: Floats, shown: NDArray[np.bool_]) -> Floats:
    """Return what each answer would have cost without the machine's boxes, all of shape (answers,).

    Random tiles are asked blind; chosen ones come with boxes to correct, which is faster. Without this the gain of
    showing boxes would pass for a gain of choosing. Tiles of like size, by their number of boxes, are compared.
    """
    spent = np.clip(seconds, 0.0, LONGEST)
    if min(np.count_nonzero(shown), np.count_nonzero(~shown)) < FEWEST:
        return spent
    design = np.stack([np.ones(len(spent)), boxes], axis=1)
    usual = np.maximum(design @ np.linalg.lstsq(design, spent, rcond=None)[0], 1.0)
    with_help = spent[shown].sum() / usual[shown].sum()
    alone = spent[~shown].sum() / usual[~shown].sum()
    factor = max(float(alone / with_help), 1.0) if with_help > 0 else 1.0
    return np.where(shown, spent * factor, spent)


def cut_equal(batches: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[tuple[int, int]]:
    """Return how many items of each batch's two kinds, in the order given, cost as much together, to half an item.

    Cutting batch by batch, not over all, keeps season and weather the same, and lets what was chosen early, by a worse
    detector, count no more than it should.
    """
    allowed = 0.0
    spent, taken = [0.0, 0.0], []
    for pair in batches:
        allowed += min(sum(pair[0]), sum(pair[1]))
        counts = [_within(costs, allowed - spent[kind]) for kind, costs in enumerate(pair)]
        for kind, costs in enumerate(pair):
            spent[kind] += sum(costs[: counts[kind]])
        taken.append((counts[0], counts[1]))
    return taken


def _within(costs: Sequence[float], allowed: float) -> int:
    """Count the first items that cost no more, the last one by half."""
    total = 0.0
    for number, cost in enumerate(costs):
        if total + cost / 2 > allowed + 1e-9:
            return number
        total += cost
    return len(costs)
