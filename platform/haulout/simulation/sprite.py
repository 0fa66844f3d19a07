"""A finished picture of one thing, ready to be set into a scene again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import Mark

from .relief import Clay

WIDE, HIGH, GROUND = 1.34, 0.74, 0.69
"""The canvas for modelling a thing and the line on which it lies, in its own lengths; its middle is at WIDE / 2."""


@dataclass(frozen=True)
class Sprite:
    """Premultiplied `bgra` and `light` (lean to the right, gloss, skin), cut to what is opaque, and the marks' places.

    Both are uint8, shape (h, w, 4) and (h, w, 3); lean is 128 where the surface faces the camera. `foot` is the column
    and row that stands on the ground, `length` the thing's length in pixels, `area` its opaque pixels.
    """

    bgra: NDArray[np.uint8]
    light: NDArray[np.uint8]
    foot: tuple[float, float]
    length: float
    area: int
    marks: tuple[Mark, ...] = ()

    @classmethod
    def of(cls, clay: Clay, length: float, marks: Sequence[Mark] = (), mirrored: bool = False) -> "Sprite":
        """Cut a sprite out of its clay, mirrored where the other flank is to be seen."""
        facing = -1 if mirrored else 1
        layers = np.dstack([np.clip(clay.colour, 0, 255) * clay.alpha[..., None], clay.alpha * 255])
        lights = np.dstack([128 + 127 * facing * clay.lean, clay.gloss * 255, clay.skin * 255])
        bgra, light = (_bytes(layer[:, ::facing]) for layer in (layers, lights))
        x, y, width, height = cv2.boundingRect((bgra[..., 3] > 0).astype(np.uint8))
        part = slice(y, y + height), slice(x, x + width)
        full = clay.alpha.shape[1] - 1
        moved = tuple(Mark(mark.kind, (full - mark.x if mirrored else mark.x) - x, mark.y - y) for mark in marks)
        area = int(np.count_nonzero(bgra[..., 3] > 127))
        foot = WIDE / 2 * length - x, GROUND * length - y
        return cls(bgra[part].copy(), light[part].copy(), foot, float(length), area, moved)


def _bytes(layer: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(layer), 0, 255).astype(np.uint8)
