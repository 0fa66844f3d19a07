"""The place itself: sky, sea, shingle, rocks and drift logs, which stay put for the whole season."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .rocks import Thing, strewn
from .texture import Grey, fractal, seamless, smooth_noise
from .view import Frame

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Beach:
    """One view's constant ground (h, w, 3), its things from far to near, and textures for what moves."""

    frame: Frame
    ground: Picture
    things: tuple[Thing, ...]
    waves: Grey
    clouds: Grey
    hills: Grey

    @classmethod
    def of(cls, frame: Frame) -> "Beach":
        """Lay out the beach of a view; the view's seed decides everything."""
        rng = np.random.default_rng([frame.view.seed, 77])
        return cls(
            frame=frame,
            ground=_shingle(frame, rng),
            things=tuple(sorted(strewn(frame, rng), key=lambda thing: -thing.z)),
            waves=seamless(fractal(rng, 576, 1088, 40, 5, stretch=2.6), 64),
            clouds=seamless(fractal(rng, 320, 1088, 90, 5, stretch=2.6), 64),
            hills=_hills(frame, rng),
        )

    def backdrop(self, tide: float, swell: float, cloud: float, rng: np.random.Generator) -> tuple[Picture, Grey]:
        """Return a picture without animals by plain daylight, and each pixel's distance in metres.

        Swell runs from 0 (calm) to 1 (storm), cloud from 0 (blue sky) to 1 (grey).
        """
        picture = self.ground.copy()
        distance = np.repeat(self.frame.distances(), self.frame.width, axis=1)
        line = self.frame.waterline(tide)
        line += smooth_noise(rng, 1, self.frame.width, 60, 1)[0] * (line - self.frame.horizon) * 0.01
        rows = np.arange(self.frame.height, dtype=np.float32)[:, None]
        _wet_sand(picture, rows, line, self.frame)
        self._sea(picture, rows, line, swell, cloud, rng)
        self._sky(picture, distance, cloud, rng)
        return picture, distance

    def _sea(
        self, picture: Picture, rows: Grey, line: Grey, swell: float, cloud: float, rng: np.random.Generator
    ) -> None:
        top, bottom = int(self.frame.horizon), int(line.max()) + 2
        below = (rows[top:bottom] - self.frame.horizon + 1).astype(np.float32)
        waves = self._waves(below, rng)
        far = np.exp(-below / (0.05 * self.frame.height))
        deep = _bgr(104, 92, 70) * np.float32(1 - cloud) + _bgr(108, 104, 92) * np.float32(cloud)
        shallow = _bgr(128, 128, 112)
        nearness = np.clip(below / np.maximum(line[None, :] - self.frame.horizon, 1), 0, 1) ** 2
        colour = deep + nearness[..., None] * (shallow - deep) + far[..., None] * _bgr(40, 36, 34)
        colour += (waves * (7 + 12 * swell) * (1 - 0.6 * far))[..., None]
        caps = np.clip((waves - 2.3 + 1.1 * swell) * 2, 0, 1) * (0.25 + swell * 0.6) * (1 - far)
        colour += caps[..., None] * (_bgr(225, 228, 228) - colour)
        self._surf(colour, below, line, waves, swell, rng)
        cover = np.clip((line[None, :] - rows[top:bottom]) / 1.5, 0, 1)[..., None]
        part = picture[top:bottom]
        part[:] = np.clip(part + cover * (colour - part), 0, 255).astype(np.uint8)

    def _waves(self, below: Grey, rng: np.random.Generator) -> Grey:
        """Lay the texture on the water in perspective, coarse and fine, drifting from photo to photo."""
        away = self.frame.focal * self.frame.view.height / below
        columns = np.arange(self.frame.width, dtype=np.float32)[None, :] - self.frame.width / 2
        waves = np.zeros((len(below), self.frame.width), dtype=np.float32)
        for per_metre, weight in ((5.0, 0.75), (21.0, 0.5)):
            across = columns * away * np.float32(per_metre / self.frame.focal) + np.float32(rng.uniform(0, 1024))
            inwards = np.broadcast_to(away * np.float32(per_metre * 1.3) + np.float32(rng.uniform(0, 512)), waves.shape)
            sample = cv2.remap(self.waves, across % 1024, inwards % 512, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            waves += np.float32(weight) * sample
        return waves

    def _surf(self, colour: Grey, below: Grey, line: Grey, waves: Grey, swell: float, rng: np.random.Generator) -> None:
        """Lay lines of foam along the water's edge, in perspective closer together the farther out."""
        edge = line[None, :] - self.frame.horizon
        foam = np.zeros(waves.shape, dtype=np.float32)
        for out in range(2 + round(3 * swell)):
            wander = smooth_noise(rng, 1, self.frame.width, self.frame.width / 9, 1)
            centre = edge * (1 - 0.085 * out - 0.02 * rng.random() - 0.012 * wander)
            thick = edge * (0.018 if out == 0 else 0.010 + 0.012 * swell) * (1 + 0.35 * wander)
            strength = 0.95 if out == 0 else np.clip(0.35 + 0.5 * swell + 0.5 * wander, 0, 0.9)
            ridge = np.exp(-(((below - centre) / np.maximum(thick, 0.7)) ** 2)).astype(np.float32) * strength
            foam = np.maximum(foam, ridge * np.clip(0.75 + 0.35 * waves, 0, 1))
        colour += foam[..., None] * (_bgr(226, 230, 230) - colour)

    def _sky(self, picture: Picture, distance: Grey, cloud: float, rng: np.random.Generator) -> None:
        top = int(self.frame.horizon) + 1
        share = (np.arange(top, dtype=np.float32) / max(top - 1, 1))[:, None, None]
        high = _bgr(196, 158, 112) * np.float32(1 - cloud) + _bgr(176, 172, 166) * np.float32(cloud)
        low = _bgr(222, 212, 198) * np.float32(1 - cloud) + _bgr(206, 204, 200) * np.float32(cloud)
        sky = np.repeat(high + share * (low - high), self.frame.width, axis=1)
        start = int(rng.integers(0, self.clouds.shape[1]))
        clouds = np.roll(self.clouds, start, axis=1)[:, :640]
        veil = cv2.resize(clouds, (self.frame.width, top), interpolation=cv2.INTER_CUBIC)
        white = np.clip(veil * 0.5 + cloud * 0.4, 0, 1)[..., None] * 0.7
        sky += white * (_bgr(226, 226, 226) - sky) - (np.clip(-veil, 0, 2) * 12 * cloud)[..., None]
        rows = np.arange(top, dtype=np.float32)[:, None]
        land = np.clip(rows - (top - self.hills[None, :]), 0, 1)
        slope = _bgr(120, 112, 100) - 10 * np.clip(veil, -1, 1)[..., None]
        sky += land[..., None] * (slope - sky)
        picture[:top] = np.clip(sky, 0, 255).astype(np.uint8)
        distance[:top] = np.where(land > 0.5, 900, 4000)


def _bgr(blue: float, green: float, red: float) -> Grey:
    return np.array([blue, green, red], dtype=np.float32)


def _hills(frame: Frame, rng: np.random.Generator) -> Grey:
    """Height in pixels of a far headland above the horizon, shape (width,), sloping into the sea on one side."""
    ridge = smooth_noise(rng, 1, frame.width, frame.width / 6, 1)[0] + 0.3 * smooth_noise(rng, 1, frame.width, 25, 1)[0]
    ramp = np.linspace(1.3, -1.5, frame.width) * (1 if rng.random() < 0.5 else -1)
    return np.asarray(np.clip(ramp + 0.35 * ridge, 0, None) * frame.height * 0.045, dtype=np.float32)


def _wet_sand(picture: Picture, rows: Grey, line: Grey, frame: Frame) -> None:
    """Darken the strip that the waves have just left."""
    top, bottom = int(line.min()), min(int(line.max() + (line.max() - frame.horizon) * 0.5) + 2, frame.height)
    reach = np.maximum((line - frame.horizon) * 0.22, 2)[None, :]
    wet = np.clip(1 - (rows[top:bottom] - line[None, :]) / reach, 0, 1) ** 0.7
    part = picture[top:bottom]
    part[:] = (part * (1 - 0.4 * wet[..., None])).astype(np.uint8)


def _shingle(frame: Frame, rng: np.random.Generator) -> Picture:
    """Sand with pebbles that grow towards the camera."""
    height, width = frame.height, frame.width
    below = np.maximum(np.arange(height, dtype=np.float32)[:, None] - frame.horizon, 1)
    sand = np.array([112.0, 126.0, 136.0]) if frame.view.seed % 2 else np.array([130.0, 137.0, 140.0])
    patches = fractal(rng, height, width, height / 9, 5, stretch=3.0)
    grain = smooth_noise(rng, height, width, 1.3, 1.3) * np.clip(below / height * 1.6, 0.25, 1)
    ground = sand * (1 + 0.075 * patches + 0.05 * grain)[..., None]
    ground = np.ascontiguousarray(np.clip(ground, 0, 255), dtype=np.uint8)
    _pebbles(ground, frame, rng)
    return ground


def _pebbles(ground: Picture, frame: Frame, rng: np.random.Generator) -> None:
    count = 15000
    rows = frame.horizon + (frame.height - frame.horizon + 20) * rng.uniform(0.02, 1, count) ** 0.8
    columns = rng.uniform(0, frame.width, count)
    banks = smooth_noise(rng, 64, 64, 8, 5)
    tones = rng.normal(1.0, 0.17, count)
    sizes = rng.lognormal(-3.15, 0.5, count)
    for place in np.argsort(rows):
        row, column = float(rows[place]), float(columns[place])
        bank = banks[int(row / frame.height * 50) % 64, int(column / frame.width * 63)]
        radius = sizes[place] * (row - frame.horizon) / frame.view.height * (1.25 if bank > 0 else 0.75)
        if radius < 0.5:
            continue
        _pebble(ground, column, row, float(radius), float(tones[place]), rng)


def _pebble(ground: Picture, x: float, y: float, radius: float, tone: float, rng: np.random.Generator) -> None:
    blue = 112 * tone + rng.normal(0, 5)
    centre, axes = (round(x * 16), round(y * 16)), (round(radius * 16), round(radius * rng.uniform(7, 11)))
    angle = float(rng.normal(0, 20))
    under = (centre[0], centre[1] + round(radius * 5))
    cv2.ellipse(ground, under, axes, angle, 0, 360, (62, 68, 72), -1, cv2.LINE_AA, 4)
    cv2.ellipse(ground, centre, axes, angle, 0, 360, (blue, 117 * tone, 123 * tone), -1, cv2.LINE_AA, 4)
    if radius > 2.5:
        shine = (centre[0] - round(radius * 3), centre[1] - round(radius * 4))
        small = (axes[0] // 2, axes[1] // 2)
        cv2.ellipse(ground, shine, small, angle, 0, 360, (blue * 1.13, 132 * tone, 138 * tone), -1, cv2.LINE_AA, 4)
