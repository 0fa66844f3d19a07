"""Does a fixed camera still show the same scene? What a photo's description says of a turned or covered camera."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST = 20
"""Photos below which nobody knows how a camera's scene usually looks."""
MOST = 1.5
"""One photo says no more than this, a natural logarithm: weather changes a scene too."""
USUAL, WIDTH = 1.8, 0.5
"""A look is as strange as usual so many robust standard deviations below the median; and how sharply it turns."""
LEAST_SPREAD = 0.03


def strangeness(looks: Floats) -> Floats:
    """Return how much likelier each look, rows of shape (n, d), is if the camera was turned away, natural logarithms.

    Compared by cosine with the median look of all n, which must be clear photos of one camera between two moves; NaN
    for all when there are fewer than 20.
    """
    if len(looks) < LEAST:
        return np.full(len(looks), np.nan)
    directions = looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-9)
    middle = np.median(directions, axis=0)
    likeness = directions @ (middle / max(float(np.linalg.norm(middle)), 1e-9))
    low, median, high = np.quantile(likeness, (0.25, 0.5, 0.75))
    spread = max((high - low) / 1.349, LEAST_SPREAD)
    strange: Floats = np.clip((median - USUAL * spread - likeness) / (WIDTH * spread), -MOST, MOST)
    return strange
