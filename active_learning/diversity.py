"""How far each tile looks from everything known or chosen, kept up to date pick by pick."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class MixedFeatures(ValueError):
    """Some tiles have features and others have none, so that no fair comparison exists."""


@dataclass
class Distances:
    """Squared distance of each tile's direction to the nearest known one, in [0, 4], shape (n,); 1 without features."""

    features: NDArray[np.float64] | None
    squared: NDArray[np.float64]

    @classmethod
    def of(cls, features: Sequence[NDArray[np.float64] | None], known: NDArray[np.float64] | None) -> "Distances":
        """Start from what is known, shape (m, d); with nothing known all tiles are equally far."""
        given = [row for row in features if row is not None]
        if given and len(given) < len(features):
            raise MixedFeatures(f"{len(given)} of {len(features)} tiles have features; compute them for all or none")
        if not given:
            return cls(None, np.ones(len(features)))
        distances = cls(directions(np.stack(given)), np.full(len(given), np.inf))
        for row in directions(known) if known is not None else ():
            distances._approach(row)
        distances.squared[np.isinf(distances.squared)] = 4.0
        return distances

    def add(self, pick: int) -> None:
        """Take tile `pick` as known: one matrix-vector product."""
        if self.features is not None:
            self._approach(self.features[pick])

    def _approach(self, row: NDArray[np.float64]) -> None:
        if self.features is not None:
            np.minimum(self.squared, np.clip(2 - 2 * (self.features @ row), 0, 4), out=self.squared)


def directions(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows, shape (n, d), scaled to length one; rows of zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(
        vectors, lengths, out=np.zeros_like(vectors, dtype=np.float64), where=lengths > 0
    )
    return unit
