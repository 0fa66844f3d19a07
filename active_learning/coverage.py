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
    """Landmarks, shape (m, d), of length one; the doubt each stands for and how much of it is settled, shape (m,)."""

    landmarks: Singles
    doubt: Singles
    settled: Singles
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
        for part in (known[at] for at in _chunks(len(known))) if known is not None else ():
            covered = replace(covered, settled=np.maximum(covered.settled, covered._told(directions(part)).max(axis=0)))
        return covered

    def unsettled(self) -> "Coverage":
        """Return the coverage as if nothing were known."""
        return replace(self, settled=np.zeros_like(self.settled))

    def gains(self, features: Features, own: Numbers | None = None) -> Numbers:
        """Return what each tile, shape (n, d), would add: mean doubt taken off a tile of the pool, shape (n,).

        A tile teaches others no more than there is to learn from it: `own`, shape (n,), is its own doubt. Without that
        an empty beach that looks like a crowded one would be the cheapest way to learn about crowds.
        """
        limits = np.full(len(features), np.inf) if own is None else own
        parts = ((features[at], limits[at]) for at in _chunks(len(features)))
        return np.concatenate([np.zeros(0), *(self._gain(directions(part), limit) for part, limit in parts)])

    def adding(self, feature: Features, own: float = np.inf) -> "Coverage":
        """Return the coverage once a tile, shape (d,), is known too."""
        told = self._told(directions(feature[None]), np.array([own]))[0]
        return replace(self, settled=np.maximum(self.settled, told))

    def _gain(self, unit: Singles, own: Numbers) -> Numbers:
        more = self._told(unit, own)
        more -= self.settled
        np.maximum(more, np.float32(0.0), out=more)
        gain: Numbers = more.sum(axis=1, dtype=np.float64) / max(len(self.doubt), 1)
        return gain

    def _told(self, unit: Singles, own: Numbers | None = None) -> Singles:
        """Return how much of each landmark's doubt each tile settles, shape (n, m)."""
        told = self._likeness(unit)
        told *= self.doubt if own is None else np.minimum(self.doubt, own.astype(np.float32)[:, None])
        return told

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


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, rows, CHUNK))
