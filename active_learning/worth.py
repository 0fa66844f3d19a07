"""What each tile's label would add per minute of people's time, kept up to date pick by pick."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from active_learning.coverage import LANDMARKS, Coverage, Features
from active_learning.pool import Pool

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAST = 1e-9
"""Doubt of a tile that nothing is doubted of: of two such tiles the quicker one comes first."""
AT_ONCE = 64
"""Tiles whose worth is computed anew at once."""


@dataclass(frozen=True)
class Pick:
    """The tile that adds most: its row, its worth, and the share of its worth that was left."""

    row: int
    worth: float
    novelty: float


@dataclass(frozen=True)
class Worth:
    """What each label of the pool would add per minute given what is known, shape (n,)."""

    pool: Pool
    coverage: Coverage | None
    """None without features: no tile says anything about another one, and each is worth its own doubt."""
    first: Numbers

    @classmethod
    def of(cls, pool: Pool, learning: Rows, known: Features | None, size: int, rng: Generator) -> "Worth":
        """Judge all rows by what they say about the tiles of `learning`; `known`, shape (m, d), was asked before.

        There are two landmarks at least for each of the `size` tiles that will be taken.
        """
        doubt = np.maximum(pool.value, LEAST)
        if pool.features is None:
            return cls(pool, None, doubt / pool.minutes)
        coverage = Coverage.of(pool.features, doubt, known, rng, learning, max(LANDMARKS, 2 * size))
        return cls(pool, coverage, coverage.gains(pool.features, doubt) / pool.minutes)

    def shortlist(self, rows: Rows, size: int) -> "Shortlist":
        """Return the best rows, one of each burst, as they stand now."""
        best = rows[np.argsort(-self.first[rows], kind="stable")[:size]]
        features = None if self.pool.features is None else np.asarray(self.pool.features[best], dtype=np.float32)
        minutes = self.pool.minutes[best]
        alone, own = self.first[best], np.maximum(self.pool.value[best], LEAST)
        if self.coverage is not None and features is not None:
            alone = self.coverage.unsettled().gains(features, own) / minutes
        bound = self.first[best].copy()
        return Shortlist(best, features, own, minutes, self.coverage, bound, np.maximum(alone, 1e-30))


class Shortlist:
    """The tiles among which the next is sought; worth only falls, so most need no new look (Minoux 1978)."""

    def __init__(
        self,
        rows: Rows,
        features: NDArray[np.float32] | None,
        own: Numbers,
        minutes: Numbers,
        coverage: Coverage | None,
        bound: Numbers,
        alone: Numbers,
    ) -> None:
        self.rows, self.free = rows, np.ones(len(rows), dtype=np.bool_)
        self._features, self._own, self._minutes, self._coverage = features, own, minutes, coverage
        self._bound, self._alone = bound, alone

    def next(self) -> Pick | None:
        """Take the tile that adds most now; None when none is left."""
        if not self.free.any():
            return None
        place = self._best()
        self.free[place] = False
        worth = float(self._bound[place])
        if self._coverage is not None and self._features is not None:
            self._coverage = self._coverage.adding(self._features[place], float(self._own[place]))
        return Pick(int(self.rows[place]), worth, float(min(worth / self._alone[place], 1.0)))

    def newer_than(self, pick: Pick) -> float:
        """Return of how many free tiles less was left than of this one, by the last look at each."""
        return float(np.sum((self._bound / self._alone)[self.free] < pick.novelty - 1e-9))

    def _best(self) -> int:
        """Look at the likeliest anew until one beats what all others may be worth at most."""
        stale = self.free.copy()
        while True:
            likely = np.flatnonzero(stale)
            if self._coverage is None or self._features is None or not len(likely):
                break
            if len(likely) > AT_ONCE:
                likely = likely[np.argpartition(-self._bound[likely], AT_ONCE)[:AT_ONCE]]
            gains = self._coverage.gains(self._features[likely], self._own[likely])
            self._bound[likely] = gains / self._minutes[likely]
            stale[likely] = False
            fresh = np.max(np.where(self.free & ~stale, self._bound, -1.0))
            if fresh >= np.max(np.where(stale, self._bound, -1.0)):
                break
        return int(np.argmax(np.where(self.free, self._bound, -1.0)))
