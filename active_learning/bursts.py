"""Photos seconds apart show the same animals: of each burst at most one tile is asked at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass
class Bursts:
    """The rows of a pool, burst by burst, in an order only rng decides, so that the first of equals is a fair choice.

    Burst b holds `counts[b]` rows of `grouped` from `starts[b]` on; `free[b]` until one of them is taken.
    """

    grouped: Rows
    starts: Rows
    counts: Rows
    exam: Flags
    free: Flags

    @classmethod
    def of(cls, names: Sequence[str] | Rows, exam: Flags, rng: Generator) -> "Bursts":
        """Group rows by the name of their burst, shape (n,); one with exam photos is for the exam alone.

        The other rows of such a burst, as when the split changes at midnight, show the exam's animals: none is asked.
        """
        order = rng.permutation(len(names))
        _, number = np.unique(np.asarray(names)[order], return_inverse=True)
        examined = np.bincount(number, weights=exam[order]) > 0
        asked = examined[number] == exam[order]
        order, number = order[asked], number[asked]
        counts = np.bincount(number)
        number = rng.permutation(len(counts))[number]
        grouped = order[np.argsort(number, kind="stable")].astype(np.intp)
        counts = np.bincount(number).astype(np.intp)
        starts = (np.cumsum(counts) - counts).astype(np.intp)
        return cls(grouped, starts, counts, exam[grouped[starts]], np.ones(len(counts), dtype=np.bool_))

    def rows(self, burst: int) -> Rows:
        """Return the rows of one burst."""
        return self.grouped[self.starts[burst] : self.starts[burst] + self.counts[burst]]

    def open_rows(self) -> Rows:
        """Return the rows of all free bursts that are not for the exam."""
        return self.grouped[np.repeat(self.free & ~self.exam, self.counts)]

    def first_rows(self) -> Rows:
        """Return one row of each free burst that is not for the exam."""
        return self.grouped[self.starts[self.free & ~self.exam]]

    def best_rows(self, worth: Numbers) -> Rows:
        """Return the row of greatest worth, shape (n,) over the pool, of each free burst that is not for the exam."""
        if not len(self.counts):
            return self.grouped
        ordered = worth[self.grouped]
        most = np.repeat(np.maximum.reduceat(ordered, self.starts), self.counts)
        burst = np.repeat(np.arange(len(self.counts)), self.counts)
        tops = np.flatnonzero(ordered == most)
        _, first = np.unique(burst[tops], return_index=True)
        best = self.grouped[tops[first]]
        return best[self.free & ~self.exam]

    def close(self, rows: Rows) -> None:
        """Take these rows: nothing else of their bursts is asked."""
        burst = np.repeat(np.arange(len(self.counts)), self.counts)
        self.free[burst[np.isin(self.grouped, rows)]] = False
