"""What a camera on the shore lives through: other light, fog, rain on the lens, infrared nights; on RGB (h, w, 3)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Weather:
    """How much the light varies, and which share of pictures meets each kind of weather."""

    light: float = 0.25
    """Brightness, contrast and gamma vary by about this share, colour by a third of it."""
    fog: float = 0.15
    """Veiled in grey."""
    rain: float = 0.05
    """Streaked, as by drops that fall before the lens."""
    blur: float = 0.1
    """Out of focus, as by a wet lens."""
    night: float = 0.05
    """Grey, darker towards the corners, grainy: an infrared flash."""


CALM = Weather(0.0, 0.0, 0.0, 0.0, 0.0)


def expose(picture: Picture, weather: Weather, rng: np.random.Generator) -> Picture:
    """Show a picture in other light and, now and then, in other weather."""
    shown = _relight(picture, weather, rng)
    for share, change in ((weather.night, _night), (weather.rain, _rain), (weather.blur, _blur)):
        if rng.random() < share:
            shown = change(shown, rng)
    return shown


def _relight(picture: Picture, weather: Weather, rng: np.random.Generator) -> Picture:
    """One look-up table per channel for gamma, contrast, brightness and colour, then fog."""
    grey = np.linspace(0.0, 1.0, 256)[:, None]
    gamma, contrast, veil = np.exp(rng.normal(0.0, weather.light, 3))
    colour = np.exp(rng.normal(0.0, weather.light / 3, 3))
    light = (grey**gamma - 0.5) * contrast + 0.5 + rng.normal(0.0, weather.light / 3)
    table = light * colour
    if rng.random() < weather.fog:
        share = min(0.7, 0.4 * veil)
        table = table * (1 - share) + rng.uniform(0.55, 0.85) * share
    levels = (np.clip(table, 0.0, 1.0) * 255).astype(np.uint8)
    return np.stack([levels[:, channel][picture[:, :, channel]] for channel in range(3)], axis=2)


def _rain(picture: Picture, rng: np.random.Generator) -> Picture:
    """Bright streaks that all fall the same way."""
    height, width = picture.shape[:2]
    streaks = np.zeros((height, width), dtype=np.uint8)
    slant, length = rng.uniform(-0.3, 0.3), rng.uniform(0.03, 0.1) * height
    for x, y in rng.uniform(0, 1, (int(rng.integers(40, 160)), 2)) * (width, height):
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, 255, 1, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(streaks, (0, 0), 0.8), dtype=np.float64)[:, :, None]
    share = soft / 255.0 * rng.uniform(0.3, 0.7)
    return _bytes(picture * (1 - share) + 225.0 * share)


def _blur(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.8)), dtype=np.uint8)


def _night(picture: Picture, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    flash = rng.uniform(0.4, 0.9) * (1 - rng.uniform(0.1, 0.3) * (x**2 + y**2))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) * flash + rng.normal(0, rng.uniform(2, 8), (height, width))
    return np.repeat(_bytes(grey)[:, :, None], 3, axis=2)


def _bytes(levels: NDArray[np.float64]) -> Picture:
    return np.clip(levels, 0, 255).astype(np.uint8)
