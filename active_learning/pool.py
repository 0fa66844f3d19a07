"""The tiles that could be asked, as columns, and the reasons for asking one."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from active_learning.coverage import Features
from labeling_configs.vocabulary import TileId

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]


class Reason(StrEnum):
    """Why a tile was chosen."""

    UNCERTAIN = "uncertain"
    MISPLACED = "misplaced"
    MISSED = "missed"
    COUNT = "count"
    RARE = "rare"
    NOVEL = "novel"
    POSITIVE = "positive"
    EASY = "easy"
    RANDOM = "random"
    EXAM = "exam"
    FIGURE = "figure"


class UnusablePool(ValueError):
    """A column of the pool has another length, or holds what cannot be compared."""


@dataclass(frozen=True)
class Pool:
    """Tiles that could be asked, column by column, n rows."""

    tiles: Sequence[TileId]
    bursts: Sequence[str]
    doubts: Mapping[Reason, Numbers]
    """What a label of the tile would teach, by kind, each of shape (n,), at least 0, in one currency."""
    minutes: Numbers
    """People's time that one answer is expected to take, shape (n,), above 0."""
    occupied: Numbers
    """The chance that the tile holds an animal, shape (n,)."""
    exam: NDArray[np.bool_]
    repeats: NDArray[np.bool_] | None = None
    """Tiles of bursts that were asked about, shape (n,): only chance draws them, or their chance would be none."""
    features: Features | None = None
    """What the tiles look like, shape (n, d), in memory or mapped from a file; None when nothing looked."""
    value: Numbers = field(init=False, repr=False)
    """The sum of the doubts, shape (n,)."""

    def __post_init__(self) -> None:
        _check(self)
        value = np.sum(list(self.doubts.values()), axis=0) if self.doubts else np.zeros(len(self.tiles))
        object.__setattr__(self, "value", value)

    def __len__(self) -> int:
        return len(self.tiles)

    def fresh(self, rows: Rows) -> Rows:
        """Return those of the rows that may be chosen otherwise than by chance."""
        return rows if self.repeats is None else rows[~self.repeats[rows]]

    def only(self, rows: Sequence[int] | Rows) -> "Pool":
        """Return the pool of these rows alone, in their order."""
        kept = np.asarray(rows, dtype=np.intp)
        return Pool(
            tiles=[self.tiles[row] for row in kept],
            bursts=[self.bursts[row] for row in kept],
            doubts={kind: values[kept] for kind, values in self.doubts.items()},
            minutes=self.minutes[kept],
            occupied=self.occupied[kept],
            exam=self.exam[kept],
            repeats=None if self.repeats is None else self.repeats[kept],
            features=None if self.features is None else self.features[kept],
        )


def _check(pool: Pool) -> None:
    numbers = {str(kind): values for kind, values in pool.doubts.items()}
    numbers |= {"minutes": pool.minutes, "occupied": pool.occupied}
    columns: dict[str, Sized] = {**numbers, "bursts": pool.bursts, "exam": pool.exam}
    if pool.repeats is not None:
        columns["repeats"] = pool.repeats
    if pool.features is not None:
        columns["features"] = pool.features
    for name, column in columns.items():
        if len(column) != len(pool.tiles):
            raise UnusablePool(f"{name} has {len(column)} rows for {len(pool.tiles)} tiles; give one for each tile")
    for name, values in numbers.items():
        bad = ~np.isfinite(values) | (values < 0) | ((name == "minutes") & (values == 0))
        if bad.any():
            row = int(bad.argmax())
            least = "above 0" if name == "minutes" else "at least 0"
            raise UnusablePool(f"{name} of tile {pool.tiles[row]} is {values[row]}; it must be a number, {least}")
