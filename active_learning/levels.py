"""How many animals may be ashore, as a ladder of levels, and how the number moves from hour to hour."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SINGLE = 16
"""Up to this number every count has a level of its own."""
STEP = 0.125
"""Above it, levels are this far apart in square roots of counts."""
HEADROOM = 1.5
"""The highest level, as a multiple of the largest number that was seen or expected."""
LEAST_TOP = 12.0


@dataclass(frozen=True)
class Moves:
    """How the number of animals changes within an hour."""

    drift: float = 0.3
    """Standard deviation of the change of a small number's square root; larger numbers change more, see `_kernel`."""
    arriving: float = 1 / (15 * 24)
    """The chance that an empty beach is used an hour later."""
    leaving: float = 1 / (12 * 24)
    """The chance that all leave at once."""
    jumping: float = 1 / (10 * 24)
    """The chance that a number has nothing to do with the one before: a herd comes or goes."""


def ladder(largest: float) -> Floats:
    """Return the levels, shape (n,), from 0 to well above the largest number, each the middle of its cell."""
    top = np.sqrt(HEADROOM * max(largest, LEAST_TOP))
    roots = np.arange(np.sqrt(SINGLE) + STEP, top + STEP, STEP)
    return np.concatenate([np.arange(SINGLE + 1, dtype=np.float64), roots**2])


def nearest(levels: Floats, numbers: Floats) -> NDArray[np.int64]:
    """Return the level of each number; a number above the ladder has the highest."""
    edges = (np.sqrt(levels[1:]) + np.sqrt(levels[:-1])) / 2
    edges[:SINGLE] = np.sqrt(np.arange(SINGLE) + 0.5)
    return np.searchsorted(edges, np.sqrt(numbers)).astype(np.int64)


def transitions(levels: Floats, moves: Moves) -> Floats:
    """Return the chances of each level, shape (n, n), one hour after each level: rows add up to 1."""
    anything = newcomers(levels)
    chances = (1 - moves.leaving - moves.jumping) * _kernel(levels, moves.drift) + moves.jumping * anything
    chances[:, 0] += moves.leaving
    chances[0] = moves.arriving * anything
    chances[0, 0] = 1 - moves.arriving
    return chances


def newcomers(levels: Floats) -> Floats:
    """Return the chances of the levels when all that is known is that somebody is there: ten as likely as a hundred."""
    chances = _widths(levels) / np.maximum(np.sqrt(levels), 0.5)
    chances[0] = 0.0
    total: Floats = chances / chances.sum()
    return total


def learn_moves(usual: Moves, levels: Floats, paths: NDArray[np.int64]) -> Moves:
    """Return how the number moves along paths, shape (samples, hours) of levels; what is rare stays near the usual."""
    now, then = paths[:, :-1], paths[:, 1:]
    hours, samples = now.shape[1], now.shape[0]
    there = now > 0
    change = (np.sqrt(levels[then]) - np.sqrt(levels[now])) / _spread(levels)[now]
    small = there & (then > 0) & (np.abs(change) < 4 * usual.drift)
    drift = np.sqrt((np.square(change[small]).sum() / samples + 24 * 0.09) / (small.sum() / samples + 24))
    gone = there & (then == 0) & (np.sqrt(levels[now]) > 4 * usual.drift * _spread(levels)[now])
    jumped = there & (then > 0) & ~small
    return replace(
        usual,
        drift=float(max(drift, 0.6 * STEP)),
        arriving=_rate((~there & (then > 0)).sum() / samples, (~there).sum() / samples, Moves.arriving),
        leaving=_rate(gone.sum() / samples, there.sum() / samples, Moves.leaving),
        jumping=_rate(jumped.sum() / samples, min(there.sum() / samples, hours), Moves.jumping),
    )


def _rate(times: float, hours: float, usual: float, weight: float = 240.0) -> float:
    return float((times + usual * weight) / (hours + weight))


def _kernel(levels: Floats, drift: float) -> Floats:
    """Return small changes: on the square root they are alike for small numbers, and in proportion for large ones."""
    roots, spread = np.sqrt(levels), drift * _spread(levels)
    density = np.exp(-(((roots[None] - roots[:, None]) / spread[:, None]) ** 2) / 2) * _widths(levels)
    kernel: Floats = density / density.sum(axis=1, keepdims=True)
    return kernel


def _spread(levels: Floats) -> Floats:
    return np.sqrt(1 + levels / 64)


def _widths(levels: Floats) -> Floats:
    """Return how wide each level's cell is, in square roots of counts."""
    roots = np.sqrt(levels)
    edges = (roots[1:] + roots[:-1]) / 2
    edges[:SINGLE] = np.sqrt(np.arange(SINGLE) + 0.5)
    widths: Floats = np.diff(np.concatenate([[0.0], edges, [2 * roots[-1] - edges[-1]]]))
    return widths
