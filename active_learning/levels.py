"""How many animals may be ashore, as a ladder of levels, and how the number moves from hour to hour."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SINGLE = 16
"""Up to this number every count has a level of its own."""
STEP = 0.125
"""Above it, levels are this far apart on the scale on which small changes are alike, see `scale`."""
ROUND = 8.0
"""The root of the number from which changes grow in proportion rather than with the root."""
RESTLESS, WILD = 0.04, 5.0
"""In this share of the hours the herd is so many times as restless as usual."""
HEADROOM = 1.5
"""The highest level, as a multiple of the largest number that was seen or expected."""
LEAST_TOP = 700.0


@dataclass(frozen=True)
class Moves:
    """How the number of animals changes within an hour."""

    drift: float = 0.3
    """Standard deviation of the change on `scale`: of the root of a small number, of the logarithm of a large one."""
    arriving: float = 1 / (15 * 24)
    """The chance that an empty beach is used an hour later."""
    leaving: float = 1 / (12 * 24)
    """The chance that all leave at once."""
    jumping: float = 1 / (10 * 24)
    """The chance that a number has nothing to do with the one before: a herd comes or goes."""


def scale(numbers: Floats) -> Floats:
    """Return numbers on the scale on which small changes are alike: roots of small ones, logarithms of large ones."""
    return ROUND * np.arcsinh(np.sqrt(numbers) / ROUND)


def unscale(places: Floats) -> Floats:
    """Return the numbers at these places of the scale."""
    return (ROUND * np.sinh(places / ROUND)) ** 2


def ladder(largest: float) -> Floats:
    """Return the levels, shape (n,), from 0 to well above the largest number, each the middle of its cell."""
    top = scale(np.array(HEADROOM * max(largest, LEAST_TOP)))
    places: Floats = np.arange(scale(np.array(SINGLE + 0.5)) + STEP / 2, top + STEP, STEP)
    return np.concatenate([np.arange(SINGLE + 1, dtype=np.float64), unscale(places)])


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
    chances = _widths(levels) / np.tanh(np.maximum(scale(levels), 0.5) / ROUND)
    chances[0] = 0.0
    total: Floats = chances / chances.sum()
    return total


def learn_moves(usual: Moves, levels: Floats, paths: NDArray[np.int64]) -> Moves:
    """Return how often herds come, go and jump along paths of levels, shape (s, t); a short season stays usual."""
    now, then = paths[:, :-1], paths[:, 1:]
    samples = len(now)
    there, change = now > 0, np.abs(scale(levels[then]) - scale(levels[now]))
    far = change > 3 * WILD * usual.drift
    return replace(
        usual,
        arriving=_rate((~there & (then > 0)).sum() / samples, (~there).sum() / samples, Moves.arriving),
        leaving=_rate((there & (then == 0) & far).sum() / samples, there.sum() / samples, Moves.leaving),
        jumping=_rate((there & (then > 0) & far).sum() / samples, there.sum() / samples, Moves.jumping),
    )


def _rate(times: float, hours: float, usual: float, weight: float = 240.0) -> float:
    return float((times + usual * weight) / (hours + weight))


def _kernel(levels: Floats, drift: float) -> Floats:
    """Return the chances of small changes."""
    away = (scale(levels)[None] - scale(levels)[:, None]) / drift
    density = (1 - RESTLESS) * np.exp(-(away**2) / 2) + RESTLESS / WILD * np.exp(-((away / WILD) ** 2) / 2)
    chances = density * _widths(levels)
    kernel: Floats = chances / chances.sum(axis=1, keepdims=True)
    return kernel


def _widths(levels: Floats) -> Floats:
    """Return how wide each level's cell is on the scale."""
    ends = scale(np.arange(SINGLE + 1, dtype=np.float64) + 0.5)
    widths: Floats = np.full(len(levels), STEP)
    widths[: SINGLE + 1] = np.diff(np.concatenate([[0.0], ends]))
    return widths
