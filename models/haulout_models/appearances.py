"""The same marks as another camera, another day and another pose would show them: augmentation for who is who."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haulout_models.crops import Crop, checked


@dataclass(frozen=True)
class Appearance:
    """How far an animal may be changed and stay the same one; a mirror image is none of these: it is another animal."""

    zoom: float = 0.3
    """A crop may lose, or gain, up to this share of its sides."""
    turn: float = 12.0
    """Degrees."""
    shear: float = 0.15
    light: float = 0.3
    """Brightness, contrast and each colour change by up to this share."""
    coarse: float = 0.5
    """Chance that detail is lost, as by distance or blur."""
    erased: float = 0.5
    """Chance that a part is hidden, as by a neighbour."""


def appear(crop: Crop, side: int, how: Appearance, rng: np.random.Generator) -> Crop:
    """Return one appearance of the animal, RGB (side, side, 3)."""
    height, width = checked(crop).shape[:2]
    shrunk = _shrunk(crop, 2 * side)
    to_square = _map(shrunk.shape[1], shrunk.shape[0], side, how, rng)
    seen = cv2.warpAffine(shrunk, to_square, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < how.coarse:
        kept = int(side * rng.uniform(min(1.0, 48 / max(height, width), 0.3), 1.0)) or 1
        seen = cv2.resize(cv2.resize(seen, (kept, kept), interpolation=cv2.INTER_AREA), (side, side))
    lit = _lit(np.asarray(seen, dtype=np.uint8), how.light, rng)
    if rng.random() < how.erased:
        _erase(lit, rng)
    return np.asarray(lit, dtype=np.uint8)


def _shrunk(crop: Crop, longest: int) -> Crop:
    """Bring a big crop near its final size first, or the warp would skip pixels."""
    scale = longest / max(crop.shape[:2])
    return crop if scale >= 1 else np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _map(width: int, height: int, side: int, how: Appearance, rng: np.random.Generator) -> NDArray[np.float64]:
    """Squeeze to a square about the middle, zoomed, turned, sheared and shifted."""
    angle = math.radians(rng.uniform(-how.turn, how.turn))
    across, down = rng.uniform(1 - how.zoom / 2, 1 + how.zoom, size=2)
    squeeze = np.diag([side / width * across, side / height * down])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    whole = turn @ np.array([[1.0, rng.uniform(-how.shear, how.shear)], [0.0, 1.0]]) @ squeeze
    middle = side / 2 + rng.uniform(-how.zoom / 4, how.zoom / 4, size=2) * side
    return np.column_stack([whole, middle - whole @ np.array([width / 2, height / 2])])


def _lit(seen: Crop, light: float, rng: np.random.Generator) -> Crop:
    """Change contrast, brightness and the colour of the light."""
    gain = rng.uniform(1 - light, 1 + light) * rng.uniform(1 - light / 2, 1 + light / 2, size=3)
    shift = 128 * rng.uniform(-light, light)
    return np.asarray(np.clip((seen - 128.0) * gain + 128.0 + shift, 0, 255), dtype=np.uint8)


def _erase(seen: Crop, rng: np.random.Generator) -> None:
    """Paint a rectangle of up to half of each side in one colour."""
    side = seen.shape[0]
    height, width = rng.integers(side // 8, side // 2, size=2)
    top, left = rng.integers(0, side - height), rng.integers(0, side - width)
    seen[top : top + height, left : left + width] = rng.integers(0, 256, size=3)
