"""Rocks and drift logs that lie among the animals and may be taken for them."""

from dataclasses import dataclass

import numpy as np

from .relief import Clay, swept
from .sprite import GROUND, HIGH, WIDE, Sprite
from .texture import Grey, fractal, smooth_noise
from .view import Frame


@dataclass(frozen=True)
class Thing:
    """A rock or a log: its sprite, where it lies and how long it is, in metres."""

    sprite: Sprite
    x: float
    z: float
    length: float


def strewn(frame: Frame, rng: np.random.Generator) -> list[Thing]:
    """Rocks and logs where walruses might lie; some are as brown as they are."""
    things = []
    low = frame.view.nearest * 1.05
    for place in range(13):
        away = float(np.exp(rng.uniform(np.log(low), np.log(frame.view.water_at * 1.05))))
        aside = float(rng.uniform(-0.5, 0.5) * frame.width_at(away))
        length = float(rng.uniform(0.7, 2.6) if place % 3 else rng.uniform(2.0, 4.5))
        pixels = int(np.clip(frame.pixels_per_metre(away) * length, 40, 500))
        clay = _log(pixels, rng) if place % 3 == 0 else _rock(pixels, rng)
        things.append(Thing(Sprite.of(clay, pixels), aside, away, length))
    return things


def _rock(length: int, rng: np.random.Generator) -> Clay:
    """A boulder, grey or walrus-brown, with flat faces."""
    clay = Clay.empty(round(length * HIGH), round(length * WIDE))
    balls = (
        np.column_stack([rng.uniform(0.38, 0.95, 6), GROUND - rng.uniform(0.0, 0.1, 6), rng.uniform(0.12, 0.26, 6)])
        * length
    )
    shape = (clay.alpha.shape[0], clay.alpha.shape[1])
    relief = np.max([swept(shape, np.array([ball, ball + np.array([2, 0, 0])])) for ball in balls], axis=0)
    rough = fractal(rng, shape[0], shape[1], length * 0.16, 5)
    relief = _hewn(relief + rough * np.float32(length * 0.006) * (relief > 0), length, rng)
    brown = rng.random() < 0.5
    base = np.array([82.0, 100.0, 128.0] if brown else [96.0, 100.0, 104.0]) * rng.uniform(0.75, 1.1)
    colour = (base * (1 + 0.1 * rough)[..., None]).astype(np.float32)
    clay.add(relief, colour, bumps=rough * np.float32(length * 0.004))
    return clay


def _hewn(relief: Grey, length: int, rng: np.random.Generator) -> Grey:
    """Cut flat faces into a boulder and bury its foot unevenly."""
    rows, columns = np.mgrid[: relief.shape[0], : relief.shape[1]].astype(np.float32) / np.float32(length)
    cut = relief
    for _ in range(9):
        lean, drop = rng.normal(0, 0.55), rng.uniform(0.1, 1.1)
        plane = (
            rng.uniform(0.06, 0.2) + lean * (columns - rng.uniform(0.4, 0.9)) + drop * (rows - rng.uniform(0.42, 0.6))
        )
        cut = np.minimum(cut, np.maximum(plane, 0.012) * np.float32(length))
    buried = smooth_noise(rng, 1, relief.shape[1], length * 0.05, 1) * 0.008
    return np.asarray(np.where((relief > 0) & (rows < GROUND + buried), cut, 0), dtype=np.float32)


def _log(length: int, rng: np.random.Generator) -> Clay:
    """A drift log, bleached or brown, lying along the shore."""
    clay = Clay.empty(round(length * HIGH), round(length * WIDE))
    thick, tilt = rng.uniform(0.035, 0.075), rng.uniform(-0.08, 0.08)
    spine = np.array([(0.12, 0.66 - thick + tilt, thick), (0.6, 0.67 - thick, thick), (1.2, 0.66 - thick, thick * 0.7)])
    shape = (clay.alpha.shape[0], clay.alpha.shape[1])
    relief = swept(shape, spine * length)
    grain = fractal(rng, shape[0], shape[1], length * 0.02, 3, stretch=14)
    base = np.array([90.0, 108.0, 132.0] if rng.random() < 0.5 else [140.0, 150.0, 158.0])
    clay.add(
        relief, (base * (1 + 0.12 * grain)[..., None]).astype(np.float32), bumps=grain * np.float32(length * 0.003)
    )
    if rng.random() < 0.6:
        stump = np.array([(0.8, 0.62 - thick, thick * 0.4), (0.9, 0.52 - thick, thick * 0.25)]) * length
        clay.add(swept(shape, stump), (80.0, 94.0, 110.0))
    return clay
