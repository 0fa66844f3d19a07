"""Draw seasons of tiles with a known truth, and what three detectors expect of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Floats = NDArray[np.float64]
DAYS, PHOTOS, TILES = 50, 5, 8
OCCUPIED, LEAST = 0.35, 8
"""Share of days with animals ashore, and the fewest such days of a season: without any, there is nothing to count."""
CROWD, CROWD_SPREAD = 5.0, 1.0
"""Median and log-deviation of an occupied day's mean count per tile; a crowd of 25 to a tile is cut no further."""
SHAPE = 1.5
"""Of the gamma by which tiles of one photo differ: counts on a tile are overdispersed."""


@dataclass(frozen=True)
class Season:
    """Animals on each tile, its photo and day, and what the detector expects there, all of shape (tiles,)."""

    count: Floats
    photo: NDArray[np.int64]
    day: NDArray[np.int64]
    expected: Floats


def animals(rng: Rng) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return count, photo and day of each tile: haulouts last several days and fill part of the beach."""
    chain = _ashore(rng)
    level = np.where(chain, CROWD * np.exp(rng.normal(0, CROWD_SPREAD, DAYS)), 0.02)
    photos = np.repeat(level, PHOTOS) * rng.gamma(4, 1 / 4, DAYS * PHOTOS)
    beach = rng.random((DAYS * PHOTOS, TILES)) < 0.6
    mean = np.minimum(photos[:, None] * beach * rng.gamma(SHAPE, 1 / SHAPE, beach.shape), 40.0)
    photo = np.repeat(np.arange(DAYS * PHOTOS), TILES)
    return rng.poisson(mean).ravel().astype(np.float64), photo, photo // PHOTOS


def good(count: Floats, photo: NDArray[np.int64], day: NDArray[np.int64], rng: Rng) -> Floats:
    """Finds 93 in 100, fewer in crowds; one weak false box on five tiles; scores are nearly probabilities."""
    recall = np.clip(0.96 - 0.004 * count, 0.5, 1)
    found = rng.binomial(count.astype(np.int64), recall)
    return _scores(found, 0.92, rng) + _scores(rng.poisson(0.2, len(count)), 0.2, rng)


def mediocre(count: Floats, photo: NDArray[np.int64], day: NDArray[np.int64], rng: Rng) -> Floats:
    """Finds half, less in fog and in crowds, takes rocks for animals where there are rocks, and is off by +-30 %."""
    fog = rng.beta(6, 4, day.max() + 1)[day]
    tile = rng.beta(8, 4, len(count)) * 1.2
    found = rng.binomial(count.astype(np.int64), np.clip(fog * tile * (1.1 - 0.01 * count), 0.02, 0.98))
    rocks = rng.gamma(0.3, 2.0, PHOTOS * TILES)[np.arange(len(count)) % (PHOTOS * TILES)]
    bias = rng.uniform(0.7, 1.3) / 0.6
    return bias * (_scores(found, 0.75, rng) + _scores(rng.poisson(rocks), 0.4, rng))


def useless(count: Floats, photo: NDArray[np.int64], day: NDArray[np.int64], rng: Rng) -> Floats:
    """Returns the mediocre detector's scores of other tiles."""
    return rng.permutation(mediocre(count, photo, day, rng))


DETECTORS: Mapping[str, Callable[[Floats, NDArray[np.int64], NDArray[np.int64], Rng], Floats]] = {
    "good": good,
    "mediocre": mediocre,
    "useless": useless,
}


def season(detector: str, seed: int) -> Season:
    """Draw the season of a seed, the same animals for every detector."""
    count, photo, day = animals(np.random.default_rng([seed, 0]))
    rng = np.random.default_rng([seed, 1 + sorted(DETECTORS).index(detector)])
    return Season(count, photo, day, DETECTORS[detector](count, photo, day, rng))


def _ashore(rng: Rng) -> NDArray[np.bool_]:
    """Return on which days animals are there; they stay for four on the average."""
    while True:
        chain = np.zeros(DAYS, bool)
        for day in range(1, DAYS):
            chain[day] = rng.random() < (0.75 if chain[day - 1] else 0.25 * OCCUPIED / (1 - OCCUPIED))
        if chain.sum() >= LEAST:
            return chain


def _scores(boxes: NDArray[np.int64], mean: float, rng: Rng) -> Floats:
    sums = np.asarray(rng.beta(8 * mean * np.maximum(boxes, 1), 8 * (1 - mean) * np.maximum(boxes, 1)))
    return np.where(boxes > 0, sums * boxes, 0.0)
