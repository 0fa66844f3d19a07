"""Smooth random textures, from which sand, sea, clouds and skin are made."""

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell_x: float, cell_y: float) -> Grey:
    """Return noise of mean about 0 and deviation about 1, shape (height, width); cell_x, cell_y: size of features."""
    rows, columns = int(height / max(cell_y, 1)) + 4, int(width / max(cell_x, 1)) + 4
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    size = (max(width, int(columns * max(cell_x, 1))), max(height, int(rows * max(cell_y, 1))))
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)[:height, :width]
    return np.asarray(fine * 1.35, dtype=np.float32)


def seamless(noise: Grey, margin: int) -> Grey:
    """Cross-fade a texture's last rows and columns into its first, so that it tiles; it loses margin on both axes."""
    for axis in (0, 1):
        noise = np.moveaxis(noise, axis, 0)
        fade = np.linspace(0, 1, margin, dtype=np.float32)[:, None]
        body, spare = noise[:-margin].copy(), noise[-margin:]
        body[:margin] = (fade * body[:margin] + (1 - fade) * spare) / np.hypot(fade, 1 - fade)
        noise = np.moveaxis(body, 0, axis)
    return np.ascontiguousarray(noise, dtype=np.float32)


def fractal(rng: np.random.Generator, height: int, width: int, cell: float, octaves: int, stretch: float = 1.0) -> Grey:
    """Sum octaves of smooth noise, each half as wide and half as strong; stretch > 1 draws features out sideways."""
    total = np.zeros((height, width), dtype=np.float32)
    weight = 1.0
    for octave in range(octaves):
        size = cell / 2**octave
        total += np.float32(weight) * smooth_noise(rng, height, width, size * stretch, size)
        weight *= 0.55
    return total / np.float32(max(float(total.std()), 1e-6))
