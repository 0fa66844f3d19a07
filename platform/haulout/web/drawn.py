"""Boxes as the pages draw them: corner and size instead of two corners."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import Boxes


@dataclass(frozen=True)
class Drawn:
    """One box in pixels of the photo: upper left corner and size; `share` is a score or a probability, if any."""

    x: float
    y: float
    width: float
    height: float
    share: float | None = None


def drawn(boxes: Boxes, shares: NDArray[np.float64] | None = None) -> tuple[Drawn, ...]:
    """Return the boxes, shape (n, 4), with their shares, shape (n,), if any."""
    known: list[float | None] = [None] * len(boxes) if shares is None else [float(share) for share in shares]
    return tuple(
        Drawn(round(x1, 1), round(y1, 1), round(x2 - x1, 1), round(y2 - y1, 1), share)
        for (x1, y1, x2, y2), share in zip(boxes.tolist(), known, strict=True)
    )
