"""Draws seasons whose course is known: who was ashore in each hour, and what a camera and people made of it."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAYS = 110
CLEAR, HIDDEN, NO_PHOTO = 0, 1, 2


@dataclass(frozen=True)
class Drawn:
    """One season, an hour a place: shape (t,)."""

    animals: Floats
    """Who was there."""
    photo: NDArray[np.int64]
    """CLEAR, HIDDEN (night, or fog that the picture's contrast gives away) or NO_PHOTO."""
    expected: Floats
    """What the machine expects; NaN unless the photo is clear."""
    counted: Floats
    """What people settled; NaN where they were not asked."""
    strange: Floats
    """What the look of the picture says for a turned camera, a natural logarithm; NaN unless the photo is clear."""
    turned: Bools
    """Whether the camera looked elsewhere."""


def draw(rng: Generator, checked: int = 120) -> Drawn:
    """Draw a season: one to three haulouts of 5 to 700 animals, nights, fog, gaps, at times a turned camera."""
    hours = np.arange(DAYS * 24)
    animals = _ashore(hours, rng)
    fog, noticed = _fog(len(hours), rng)
    turned = _turned(len(hours), rng)
    night = _night(hours)
    photo = np.full(len(hours), CLEAR)
    photo[night | (fog & noticed)] = HIDDEN
    photo[_gaps(len(hours), rng)] = NO_PHOTO
    expected = _machine(animals, fog, turned, rng)
    strange = np.clip(rng.normal(np.where(turned, 1.0, -1.2), 1.0), -1.5, 1.5)
    clear = photo == CLEAR
    expected[~clear] = strange[~clear] = np.nan
    return Drawn(animals, photo, expected, _people(animals, clear & ~fog & ~turned, checked, rng), strange, turned)


def _ashore(hours: NDArray[np.int64], rng: Generator) -> Floats:
    animals = np.zeros(len(hours))
    at = int(rng.integers(12, 35)) * 24
    for _ in range(int(rng.integers(1, 4))):
        length = int(rng.integers(6, 30)) * 24 + int(rng.integers(24))
        at += int(rng.integers(24))
        if at + length > (DAYS - 8) * 24:
            break
        animals[at : at + length] = _herd(hours[at : at + length], rng)
        at += length + int(rng.integers(7, 20)) * 24
    return animals


def _herd(hours: NDArray[np.int64], rng: Generator) -> Floats:
    """A few come first, the herd grows, breathes with the tide and the weather, and leaves, at once or in days."""
    length, size = len(hours), np.exp(rng.uniform(np.log(5), np.log(700)))
    rise, fall = rng.uniform(12, 120), rng.choice([2.0, rng.uniform(12, 72)])
    into, left = np.arange(length), length - np.arange(length)
    shape = (1 - np.exp(-(into + 2) / rise)) * (1 - np.exp(-left / fall))
    tide = 1 + rng.uniform(0, 0.3) * np.sin(2 * np.pi * hours / 12.42)
    weather, level = np.zeros(length), 0.0
    for hour in range(length):
        level = 0.985 * level + rng.normal(0, 0.05)
        weather[hour] = level
    return np.maximum(np.round(size * shape * tide * np.exp(weather)), 1.0)


def _fog(hours: int, rng: Generator) -> tuple[Bools, Bools]:
    fog, noticed = np.zeros(hours, dtype=bool), np.zeros(hours, dtype=bool)
    for _ in range(int(rng.poisson(DAYS / 7))):
        at, length = int(rng.integers(hours)), int(rng.exponential(14)) + 1
        fog[at : at + length] = True
        noticed[at : at + length] = rng.random() < 0.8
    return fog, noticed


def _turned(hours: int, rng: Generator) -> Bools:
    turned = np.zeros(hours, dtype=bool)
    if rng.random() < 0.4:
        at = int(rng.integers(hours))
        turned[at : at + int(rng.choice([rng.integers(24, 240), hours]))] = True
    return turned


def _night(hours: NDArray[np.int64]) -> Bools:
    """Dark hours around midnight: none in midsummer, ten at the end of the season."""
    dark = np.clip((hours / 24 - 30) / 8, 0, 10)
    return np.minimum(hours % 24, 24 - hours % 24) < dark / 2


def _gaps(hours: int, rng: Generator) -> Bools:
    gap = rng.random(hours) < 0.03
    if rng.random() < 0.5:
        at = int(rng.integers(hours))
        gap[at : at + int(rng.integers(24, 24 * 4))] = True
    return gap


def _machine(animals: Floats, fog: Bools, turned: Bools, rng: Generator) -> Floats:
    """Errs by a factor of the day and one of the photo, misses, sees rocks; fog hides most, a turned camera all."""
    day = np.repeat(np.exp(rng.normal(0, 0.1, len(animals) // 24)), 24)
    photo = np.exp(rng.normal(0, 0.1, len(animals)))
    visible = np.where(turned, 0.0, np.where(fog, rng.uniform(0, 0.3, len(animals)), 1.0))
    found = rng.binomial(animals.astype(int), np.clip(0.85 * visible, 0, 1)) * day * photo
    rocks = rng.gamma(0.1, 0.5, len(animals)) + (rng.random(len(animals)) < 0.003) * rng.uniform(1, 4, len(animals))
    return np.asarray(found + rocks, dtype=np.float64)


def _people(animals: Floats, clear: Bools, checked: int, rng: Generator) -> Floats:
    counted = np.full(len(animals), np.nan)
    asked = rng.choice(np.flatnonzero(clear), min(checked, int(clear.sum())), replace=False)
    counted[asked] = np.round(animals[asked] * np.exp(rng.normal(0, 0.015, len(asked))))
    return counted
