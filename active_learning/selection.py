"""Choose the next batch: what teaches most per minute, diverse, never two of one burst, partly at random."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import rankdata

from active_learning.bursts import Bursts
from active_learning.coverage import Features
from active_learning.pool import Pool, Reason, UnusablePool
from active_learning.worth import Pick, Shortlist, Worth
from labeling_configs.vocabulary import TileId

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]

SHORTLIST = 20
"""Tiles considered again for every pick, per tile of the batch; up to LEAST_SHORTLIST all are."""
LEAST_SHORTLIST = 4096
CHUNK = 16_384
"""Tiles whose features are checked at once: bounds the memory whatever the pool."""


class UnusableShares(ValueError):
    """The parts of a batch are not parts of one whole."""


@dataclass(frozen=True)
class Chosen:
    """A tile of the batch; `blind` tiles are shown without predictions.

    `value` is what its label adds per minute, given all that is known or chosen before it; `novelty` is the share of
    its worth that was left by then, 1 for a tile unlike any other, None when worth did not choose. `probability` is the
    chance the random design had of drawing it; None when the tile chose itself and must stay out of unbiased estimates.
    """

    tile: TileId
    reason: Reason
    value: float
    minutes: float
    novelty: float | None
    probability: float | None
    blind: bool


@dataclass(frozen=True)
class Shares:
    """The parts of a batch that are drawn at random, for the exam, easy and likely to show an animal.

    `blind` is the part of the rest that is shown without predictions.
    """

    random: float = 0.2
    exam: float = 0.1
    easy: float = 0.05
    positive: float = 0.0
    blind: float = 0.1

    def __post_init__(self) -> None:
        parts = (self.random, self.exam, self.easy, self.positive)
        if not all(0 <= part <= 1 for part in (*parts, self.blind)) or sum(parts) > 1 + 1e-9:
            raise UnusableShares(f"{self}: each must lie between 0 and 1, and all but blind add up to 1 at most")

    def of(self, size: int) -> dict[Reason, int]:
        """Return how many tiles of a batch each part gets: rounded, and never more than the batch together."""
        parts = {Reason.EXAM: self.exam, Reason.RANDOM: self.random}
        parts |= {Reason.POSITIVE: self.positive, Reason.EASY: self.easy}
        counts: dict[Reason, int] = {}
        for reason, part in parts.items():
            counts[reason] = min(round(size * part), size - sum(counts.values()))
        return counts


ALL_BY_WORTH = Shares(random=0, exam=0, easy=0, positive=0, blind=0)
"""Nothing is left to chance: for comparing strategies, and for the order of what was chosen."""


def select(
    pool: Pool,
    size: int,
    rng: Generator,
    shares: Shares | None = None,
    known: Features | None = None,
    *,
    minutes: float = np.inf,
    one_per_burst: bool = True,
) -> tuple[Chosen, ...]:
    """Return at most `size` tiles in the order to ask them, at most one of each burst.

    The pool's order does not matter, unless its features are mapped from a file. The part that is chosen by worth stops
    earlier when its `minutes` are spent. Exam photos are drawn at random only. `known`, shape (m, d), are the features
    of tiles that were asked before. What chance placed is spread over the batch: were it last, an unfinished batch
    would hold none.
    """
    part = shares or Shares()
    _check_features(pool, known)
    if not isinstance(pool.features, np.memmap):
        pool = pool.only(sorted(range(len(pool)), key=pool.tiles.__getitem__))
    bursts = Bursts.of(pool.bursts if one_per_burst else np.arange(len(pool)), pool.exam, rng)
    size = min(size, len(bursts.free))  # or the random share of a large batch would take all of a small pool
    counts = part.of(size)
    worth = Worth.of(pool, np.flatnonzero(~pool.exam), known, size, rng)
    placed = [one for kind in (Reason.EXAM, Reason.RANDOM) for one in _draw(worth, bursts, counts[kind], kind, rng)]
    for kind in (Reason.POSITIVE, Reason.EASY):
        placed += _best(worth, bursts, counts[kind], kind, part.blind, rng)
    worthy = _greedy(worth, bursts, size - len(placed), part.blind, minutes, rng)
    return _spread(worthy, placed, rng)


def drawn(
    pool: Pool, probabilities: Numbers, rows: Sequence[int] | Rows, blind: float, rng: Generator
) -> tuple[Chosen, ...]:
    """Return the tiles of these rows, which a design for some figure drew with these probabilities, shape (n,)."""
    return tuple(
        _chosen(pool, int(row), Reason.FIGURE, float(probabilities[row]), rng.random() < blind) for row in rows
    )


def _check_features(pool: Pool, known: Features | None) -> None:
    """Refuse features that are no numbers, or of another length than those of what is known."""
    if pool.features is None:
        return
    if known is not None and len(known):
        if known.shape[1] != pool.features.shape[1]:
            lengths = f"{known.shape[1]} features of what is known, {pool.features.shape[1]} of the pool"
            raise UnusablePool(f"{lengths}; let one model look at both")
        if (bad := _not_finite(known)) is not None:
            raise UnusablePool(f"row {bad} of the known features is not finite; compute it anew or leave it out")
    if (bad := _not_finite(pool.features)) is not None:
        raise UnusablePool(f"features of tile {pool.tiles[bad]} are not finite; compute them anew or leave it out")


def _not_finite(features: Features) -> int | None:
    """Return the first row that holds NaN or infinity."""
    for start in range(0, len(features), CHUNK):
        fine = np.isfinite(features[start : start + CHUNK]).all(axis=1)
        if not fine.all():
            return start + int(fine.argmin())
    return None


def _draw(worth: Worth, bursts: Bursts, size: int, reason: Reason, rng: Generator) -> list[Chosen]:
    """Draw bursts uniformly without replacement, then one tile of each uniformly; such tiles are blind."""
    open_now = np.flatnonzero(bursts.free & (bursts.exam == (reason is Reason.EXAM)))
    picked = rng.choice(open_now, min(size, len(open_now)), replace=False) if len(open_now) else open_now
    chosen = []
    for burst in picked:
        row = int(bursts.rows(burst)[rng.integers(bursts.counts[burst])])
        probability = len(picked) / len(open_now) / int(bursts.counts[burst])
        chosen.append(_chosen(worth.pool, row, reason, probability, True, float(worth.first[row])))
    bursts.free[picked] = False
    return chosen


def _best(worth: Worth, bursts: Bursts, size: int, reason: Reason, blind: float, rng: Generator) -> list[Chosen]:
    """Take the tiles likeliest to show an animal, or, of those that do, the ones of least doubt and least work."""
    pool = worth.pool
    rows = pool.fresh(bursts.first_rows())
    rows = rows[pool.occupied[rows] > 0.5]
    easy = rankdata(pool.value[rows]) + rankdata(pool.minutes[rows])
    rank = easy if reason is Reason.EASY else -pool.occupied[rows]
    best = rows[np.argsort(rank, kind="stable")][: max(size, 0)]
    bursts.close(best)
    return [_chosen(pool, int(row), reason, None, rng.random() < blind, float(worth.first[row])) for row in best]


def _greedy(worth: Worth, bursts: Bursts, size: int, blind: float, minutes: float, rng: Generator) -> list[Chosen]:
    """Take what adds most per minute, given all that was taken, until the tiles or the minutes run out."""
    pool = worth.pool
    rows = pool.fresh(bursts.open_rows())
    if size <= 0 or not len(rows):
        return []
    open_now = np.full(len(pool), -1.0)
    open_now[rows] = worth.first[rows]
    best = bursts.best_rows(open_now)
    short = worth.shortlist(best[open_now[best] >= 0], max(SHORTLIST * size, LEAST_SHORTLIST))
    taken: list[Chosen] = []
    spent = 0.0
    while len(taken) < size and spent < minutes and (pick := short.next()) is not None:
        reason = _reason(pool, short, pick)
        taken.append(_chosen(pool, pick.row, reason, None, rng.random() < blind, pick.worth, pick.novelty))
        spent += float(pool.minutes[pick.row])
    return taken


def _reason(pool: Pool, short: Shortlist, pick: Pick) -> Reason:
    """Name what the tile stands out by most among those that were still free."""
    free = short.rows[short.free]
    stands = {kind: float(np.sum(values[free] < values[pick.row])) for kind, values in pool.doubts.items()}
    stands[Reason.NOVEL] = short.newer_than(pick)
    return max(stands, key=lambda kind: stands[kind])


def _chosen(
    pool: Pool,
    row: int,
    reason: Reason,
    probability: float | None,
    blind: bool,
    value: float | None = None,
    novelty: float | None = None,
) -> Chosen:
    minutes = float(pool.minutes[row])
    worth = float(pool.value[row]) / minutes if value is None else value
    return Chosen(pool.tiles[row], reason, worth, minutes, novelty, probability, bool(blind))


def _spread(ordered: Sequence[Chosen], placed: Sequence[Chosen], rng: Generator) -> tuple[Chosen, ...]:
    """Keep the given order and put each of the others at a random place."""
    places = [((i + 0.5) / len(ordered), chosen) for i, chosen in enumerate(ordered)]
    places += [(float(rng.random()), chosen) for chosen in placed]
    return tuple(chosen for _, chosen in sorted(places, key=lambda entry: (entry[0], entry[1].tile)))
