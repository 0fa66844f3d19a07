"""How much of what is doubtful a tile stands for: uncertainty herding (Bae, Sutherland et al., ICLR 2025).

Labelling a tile teaches about tiles that look like it, the more, the more alike they are. What a choice is worth is the
doubt of all tiles, each times its likeness to the nearest tile known: with few labels typical tiles win, with many the
doubtful ones, and a second frame of the same scene is worth next to nothing. The sum is submodular, so taking the
greatest gain per minute again and again is near the best there is (Nemhauser et al. 1978; Khuller et al. 1999).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]
Singles = NDArray[np.float32]
Features = NDArray[np.floating[Any]]

LANDMARKS = 1024
"""Tiles that stand for the whole pool, drawn at random, at least: the sum over them errs by about 3 %."""
NEIGHBOURS = 0.025
"""Share of the landmarks that count as near: sets how far likeness reaches."""
CHUNK = 1024
"""Tiles compared at once: what they need stays in the processor's cache."""


@dataclass(frozen=True)
class Coverage:
    """Landmarks, shape (m, d), of length one; the doubt each stands for and how well it is known, shape (m,)."""

    landmarks: Singles
    doubt: Singles
    known: Singles
    reach: float
    """Squared distance at which likeness falls to 1 / e."""

    @classmethod
    def of(
        cls,
        features: Features,
        doubt: Numbers,
        known: Features | None,
        rng: Generator,
        among: Rows | None = None,
        most: int = LANDMARKS,
    ) -> "Coverage":
        """Draw the landmarks from a pool, shape (n, d), or some of its rows; `known`, shape (k, d), was asked."""
        rows = np.arange(len(features)) if among is None else among
        rows = np.sort(rng.choice(rows, min(most, len(rows)), replace=False))
        landmarks = directions(features[rows])
        reach = _reach(landmarks)
        covered = cls(landmarks, doubt[rows].astype(np.float32), np.zeros(len(rows), dtype=np.float32), reach)
        for part in _parts(known) if known is not None else ():
            covered = replace(covered, known=np.maximum(covered.known, covered._likeness(directions(part)).max(axis=0)))
        return covered

    def gains(self, features: Features) -> Numbers:
        """Return what each tile, shape (n, d), would add: mean doubt taken off a tile of the pool, shape (n,)."""
        return np.concatenate([np.zeros(0), *(self._gain(directions(part)) for part in _parts(features))])

    def adding(self, feature: Features) -> "Coverage":
        """Return the coverage once a tile, shape (d,), is known too."""
        return replace(self, known=np.maximum(self.known, self._likeness(directions(feature[None]))[0]))

    def _gain(self, unit: Singles) -> Numbers:
        more = self._likeness(unit)
        more -= self.known
        np.maximum(more, np.float32(0.0), out=more)
        gain: Numbers = (more @ self.doubt).astype(np.float64) / max(len(self.doubt), 1)
        return gain

    def _likeness(self, unit: Singles) -> Singles:
        likeness: Singles = unit @ self.landmarks.T
        # exp(-squared distance / reach), in place: a pool of a million passes through here.
        likeness -= np.float32(1.0)
        likeness *= np.float32(2.0 / self.reach)
        np.minimum(likeness, np.float32(0.0), out=likeness)
        np.exp(likeness, out=likeness)
        return likeness


def directions(vectors: Features) -> Singles:
    """Return the rows, shape (n, d), scaled to length one in single precision; rows of zeros stay zeros."""
    single = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(single, axis=1, keepdims=True)
    unit: Singles = np.divide(single, lengths, out=np.zeros_like(single), where=lengths > 0)
    return unit


def _reach(landmarks: Singles) -> float:
    """Return the median squared distance to the neighbour that NEIGHBOURS names."""
    if len(landmarks) < 2:
        return 1.0
    some = landmarks[:256]
    apart = np.maximum(2.0 - 2.0 * (some @ landmarks.T), 0.0)
    place = min(len(landmarks) - 1, max(5, round(NEIGHBOURS * len(landmarks))))
    return max(float(np.median(np.partition(apart, place, axis=1)[:, place])), 1e-6)


def _parts(features: Features) -> Iterator[Features]:
    for start in range(0, len(features), CHUNK):
        yield features[start : start + CHUNK]
