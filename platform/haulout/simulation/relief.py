"""Clay for pictures: parts with a rounded relief, lit from above and laid over one another."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from .individual import Colour
from .texture import Grey

Layer = NDArray[np.float32]
_LIGHT = np.array([0.0, -0.72, 0.69], dtype=np.float32)


def swept(shape: tuple[int, int], spine: NDArray[np.float64]) -> Grey:
    """Return the height of a skin stretched over balls along a spine of rows (x, y, radius) in pixels; 0 outside."""
    height = np.zeros(shape, dtype=np.float32)
    for x, y, radius in _dense(spine):
        x1, x2 = max(int(x - radius), 0), min(int(x + radius) + 2, shape[1])
        y1, y2 = max(int(y - radius), 0), min(int(y + radius) + 2, shape[0])
        if x1 >= x2 or y1 >= y2:
            continue
        across = (np.arange(x1, x2, dtype=np.float32) - x) ** 2
        down = (np.arange(y1, y2, dtype=np.float32) - y)[:, None] ** 2
        ball = np.sqrt(np.maximum(np.float32(radius**2) - across - down, 0)).astype(np.float32)
        np.maximum(height[y1:y2, x1:x2], ball, out=height[y1:y2, x1:x2])
    return height


def _dense(spine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put balls so close together that no bump shows between them."""
    way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(spine[:, :2], axis=0).T))])
    step = max(float(spine[:, 2].mean()) * 0.17, 0.8)
    places = np.linspace(0, way[-1], int(way[-1] / step) + 2)
    return np.asarray(PchipInterpolator(way, spine)(places), dtype=np.float64)


@dataclass
class Clay:
    """A picture in the making: colour and opacity, and what later light needs (lean to the right, gloss, skin)."""

    colour: Layer
    alpha: Grey
    lean: Grey
    gloss: Grey
    skin: Grey

    @classmethod
    def empty(cls, height: int, width: int) -> "Clay":
        """Return a transparent picture."""
        blank = np.zeros((height, width), dtype=np.float32)
        return cls(np.zeros((height, width, 3), np.float32), blank, blank.copy(), blank.copy(), blank.copy())

    def add(
        self, relief: Grey, colour: Colour | Layer, skin: float = 1.0, bumps: Grey | None = None, shade: float = 0.5
    ) -> None:
        """Lay a part on top, with a soft shadow on what lies beneath; `bumps` are pixels added to its relief."""
        soft = max(relief.shape[1] / 500, 0.6)
        part = _around(relief, margin=round(soft * 16) + 2)
        canvas, relief = self._window(part), relief[part]
        tone = np.asarray(colour, dtype=np.float32)
        tone = tone[part] if tone.ndim == 3 else tone
        cover = cv2.GaussianBlur((relief > soft * 0.8).astype(np.float32), (0, 0), soft * 0.6)
        canvas.colour *= (1 - np.float32(shade) * cv2.GaussianBlur(cover, (0, 0), soft * 5))[..., None]
        smooth = cv2.GaussianBlur(relief, (0, 0), soft * 1.6)
        lit, lean, gloss = _lit(np.asarray(smooth if bumps is None else smooth + bumps[part], dtype=np.float32))
        canvas.colour += cover[..., None] * (tone * lit[..., None] - canvas.colour)
        canvas.alpha += cover * (1 - canvas.alpha)
        for layer, value in ((canvas.lean, lean), (canvas.gloss, gloss), (canvas.skin, np.float32(skin))):
            layer += cover * (value - layer)

    def _window(self, part: tuple[slice, slice]) -> "Clay":
        return Clay(self.colour[part], self.alpha[part], self.lean[part], self.gloss[part], self.skin[part])


def _around(relief: Grey, margin: int) -> tuple[slice, slice]:
    """Return the window of a relief that holds all of it and a margin, so that small parts cost little."""
    x, y, width, height = cv2.boundingRect((relief > 0).astype(np.uint8))
    return slice(max(y - margin, 0), y + height + margin), slice(max(x - margin, 0), x + width + margin)


def _lit(total: Grey) -> tuple[Grey, Grey, Grey]:
    """Return brightness about 1, the lean of the surface to the right, and the gloss it would have when wet."""
    right = cv2.Sobel(total, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(total, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    right, down = np.clip(right, -3, 3), np.clip(down, -3, 3)
    norm = np.sqrt(right**2 + down**2 + 1)
    facing = (-right * _LIGHT[0] - down * _LIGHT[1] + _LIGHT[2]) / norm
    lit = 0.42 + 0.72 * np.clip(facing, 0, 1)
    gloss = np.clip((facing - 0.86) / 0.14, 0, 1) ** 3
    return lit.astype(np.float32), (-right / norm).astype(np.float32), gloss.astype(np.float32)
