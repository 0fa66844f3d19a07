"""How many animals were ashore in every hour of a season, from people's counts and a machine's expectations.

A hidden Markov model on hours: the number of animals moves on a ladder of levels, the machine errs by a factor that the
hours of a day share, and the camera may be blind without anybody noticing. Hours without a photo, at night and in fog
say nothing: they are bridged, never taken for empty. Forward filtering and backward sampling (Frühwirth-Schnatter 1994;
Carter and Kohn 1994) give paths through the whole season, from which every figure is read, so that all of them agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from active_learning.levels import SINGLE, STEP, Moves, ladder, learn_moves, scale, transitions, unscale
from active_learning.measurement import SURE_OF, Machine, learn_machine, machine_says, people_say

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

BIASES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
"""The machine's shared errors that are told apart, in standard deviations."""
BIAS_HOURS = 24.0
"""After so many hours little is left of a shared error."""
SEEING, FOGGED, AWAY = range(3)
SIGHT = np.array([[1 - 0.0025, 0.002, 0.0005], [0.08, 0.9195, 0.0005], [0.0005, 0.0005, 0.999]])
"""From hour to hour: fog that nobody noticed comes for half a day, a turned camera stays turned."""
START = np.array([0.97, 0.02, 0.01])
PATHS, LEARNING_PATHS, ROUNDS = 400, 60, 2
DRIFTS = (0.05, 0.08, 0.12, 0.18, 0.27, 0.4)
"""Among these the likeliest is how restless the herd is."""
NOISES = (1.0, 1.4, 2.0)
"""How many times as noisy as on checked hours the machine may be, in variance."""


@dataclass(frozen=True)
class Hours:
    """What one camera and people saw in each of t consecutive hours; NaN where nobody looked."""

    expected: Floats
    """Shape (t,): animals that the machine expects in the hour's photos, the mean over those that show something."""
    counted: Floats
    """Shape (t,): the most animals that people settled in one of the hour's photos."""
    strange: Floats
    """Shape (t,): how much likelier the look of the photos is if the camera was turned away: a natural logarithm."""

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together."""
        if not len(self.expected) == len(self.counted) == len(self.strange):
            raise ValueError(
                f"{len(self.expected)} expectations, {len(self.counted)} counts and {len(self.strange)} looks: "
                "give one of each for every hour"
            )


@dataclass(frozen=True)
class Paths:
    """How the season may have gone: s equally likely courses of t hours."""

    animals: NDArray[np.float32]
    """Shape (s, t)."""
    blind: Floats
    """Shape (t, 2): the probabilities that the camera showed nothing of the haulout for fog, and for looking away."""
    machine: Machine


def smooth(cameras: Sequence[Hours], rng: Generator, paths: int = PATHS) -> list[Paths]:
    """Return the courses of each camera's season; all cameras carry the same detector, and what is learned is shared.

    Cameras without a single observation have courses that only say what is usual.
    """
    machine = _machine(cameras)
    return [_smooth(one, machine, rng, paths) for one in cameras]


def together(paths: Sequence[Paths], views: Sequence[str]) -> NDArray[np.float32]:
    """Return the animals ashore, shape (s, t): the largest number of any camera with the same view, views added up."""
    by_view: dict[str, NDArray[np.float32]] = {}
    for one, view in zip(paths, views, strict=True):
        by_view[view] = np.maximum(by_view[view], one.animals) if view in by_view else one.animals
    ashore: NDArray[np.float32] = np.sum(list(by_view.values()), axis=0, dtype=np.float32)
    return ashore


def _machine(cameras: Sequence[Hours]) -> Machine:
    """Learn the machine's errors; days of different cameras are different days."""
    day = [np.arange(len(one.expected)) // 24 + number * 100_000 for number, one in enumerate(cameras)]
    expected, counted = (np.concatenate([getattr(one, name) for one in cameras]) for name in ("expected", "counted"))
    return learn_machine(expected, counted, np.concatenate(day))


def _smooth(hours: Hours, machine: Machine, rng: Generator, paths: int) -> Paths:
    levels = ladder(float(np.nanmax([*(hours.expected / machine.gain), *hours.counted, 0.0])))
    moves, learned = Moves(), machine
    for _ in range(ROUNDS):
        says = _likelihood(hours, machine, levels)
        drift = max(DRIFTS, key=lambda drift: _Model(levels, replace(moves, drift=drift), says).likelihood())
        moves = replace(moves, drift=drift)
        machine = _as_noisy(hours, learned, levels, moves)
        says = _likelihood(hours, machine, levels)
        moves = learn_moves(moves, levels, _Model(levels, moves, says).sample(rng, LEARNING_PATHS)[0])
    path, blind = _Model(levels, moves, says).sample(rng, paths)
    return Paths(_off_the_ladder(path, levels, hours.counted, rng), blind, machine)


def _likelihood(hours: Hours, machine: Machine, levels: Floats) -> NDArray[np.float32]:
    """Return how likely each hour's observations are, shape (t, n, b, v), up to a factor of the hour."""
    biases = BIASES * machine.bias
    likelihood = np.ones((len(hours.expected), len(levels), len(biases), len(SIGHT)), dtype=np.float32)
    looked, counted = ~np.isnan(hours.expected), ~np.isnan(hours.counted)
    seen = machine_says(machine, levels, biases, hours.expected[looked])
    likelihood[looked, :, :, SEEING] = seen
    likelihood[looked, :, :, FOGGED] = likelihood[looked, :, :, AWAY] = seen[:, :1, :1]
    said = people_say(levels, hours.counted[counted])[:, :, None]
    likelihood[counted, :, :, SEEING] *= said
    blind = np.where(hours.counted[counted] == 0, 1.0, 1e-4)[:, None, None]  # people who see animals see
    likelihood[counted, :, :, FOGGED] *= blind
    likelihood[counted, :, :, AWAY] *= blind
    known = ~np.isnan(hours.strange)
    likelihood[known, :, :, AWAY] *= np.exp(hours.strange[known])[:, None, None]
    return likelihood


def _as_noisy(hours: Hours, machine: Machine, levels: Floats, moves: Moves) -> Machine:
    """Return the machine as noisy as makes the whole season likeliest: hours that nobody checked tell it too."""
    noisy = [
        replace(
            machine,
            noise=machine.noise * factor,
            luck=machine.luck * factor,
            relative=machine.relative * factor,
            bias=machine.bias * float(np.sqrt(factor)),
        )
        for factor in NOISES
    ]
    return max(noisy, key=lambda one: _Model(levels, moves, _likelihood(hours, one, levels)).likelihood())


@dataclass(frozen=True)
class _Model:
    levels: Floats
    moves: Moves
    says: NDArray[np.float32]

    def likelihood(self) -> float:
        """Return the logarithm of how likely all observations are."""
        return self._forward()[1]

    def sample(self, rng: Generator, paths: int) -> tuple[Whole, Floats]:
        """Return courses of levels, shape (s, t), and how often fog and looking away blind the camera, shape (t, 2)."""
        move, lean, sight = self._changes()
        filtered, _ = self._forward()
        hours = len(filtered)
        path, blind = np.zeros((paths, hours), dtype=np.int64), np.zeros((hours, 2))
        state = _draw(np.repeat(filtered[-1].reshape(1, -1), paths, axis=0), rng)
        level, rest = np.divmod(state, len(BIASES) * len(SIGHT))
        for hour in range(hours - 1, -1, -1):
            bias, view = np.divmod(rest, len(SIGHT))
            path[:, hour], blind[hour] = level, [(view == why).mean() for why in (FOGGED, AWAY)]
            if hour == 0:
                break
            before = filtered[hour - 1]
            reach = np.tensordot(move, before, axes=(0, 0))  # (n next, b, v): summed over the level before
            weight = reach[level] * lean[:, bias].T[:, :, None] * sight[:, view].T[:, None, :]
            rest = _draw(weight.reshape(paths, -1), rng)
            came = before.reshape(len(before), -1)[:, rest].T * move[:, level].T
            level = _draw(came, rng)
        return path, blind

    def _changes(self) -> tuple[NDArray[np.float32], ...]:
        changes = (transitions(self.levels, self.moves), _leaning(), SIGHT)
        return tuple(one.astype(np.float32) for one in changes)

    def _forward(self) -> tuple[list[NDArray[np.float32]], float]:
        """Return the chances of each state, shape (n, b, v), given all hours up to each, and the log likelihood."""
        move, lean, sight = self._changes()
        rest = np.kron(lean, sight)
        start = np.full(len(self.levels), 0.5 / (len(self.levels) - 1))
        start[0] = 0.5
        now = np.kron(start[:, None], np.kron(_usual(), START)[None]).astype(np.float32)
        filtered, likelihood = [], 0.0
        for says in self.says.reshape(len(self.says), len(self.levels), -1):
            now = now * says
            total = float(now.sum())
            likelihood += float(np.log(max(total, 1e-30)))
            now /= np.float32(max(total, 1e-30))
            filtered.append(now.reshape(self.says.shape[1:]))
            now = move.T @ (now @ rest)
        return filtered, likelihood


def _usual() -> Floats:
    weights = np.exp(-(BIASES**2) / 2)
    usual: Floats = weights / weights.sum()
    return usual


def _leaning() -> Floats:
    """Return how the shared error changes within an hour, shape (b, b): it forgets, and stays as usual on the whole."""
    keep = np.exp(-1 / BIAS_HOURS)
    leaning: Floats = keep * np.eye(len(BIASES)) + (1 - keep) * _usual()[None]
    return leaning


def _draw(weights: NDArray[np.float32], rng: Generator) -> Whole:
    """Draw a column for each row, shape (s, n), by its weights; rows need not add up to 1."""
    grown = np.cumsum(weights, axis=1, dtype=np.float64)
    at = rng.random(len(grown)) * grown[:, -1]
    drawn: Whole = np.minimum((grown <= at[:, None]).sum(axis=1), weights.shape[1] - 1)
    return drawn


def _off_the_ladder(path: Whole, levels: Floats, counted: Floats, rng: Generator) -> NDArray[np.float32]:
    """Return numbers for levels: anywhere within a level's cell, and nearly what people counted where they did."""
    half = np.where(np.arange(len(levels)) > SINGLE, STEP / 2, 0.0)
    shift = (rng.random(path.shape) * 2 - 1) * half[path]
    animals = unscale(scale(levels)[path] + shift).astype(np.float32)
    known = np.flatnonzero(~np.isnan(counted) & (counted > 0))
    nearly = counted[known] * np.exp(rng.normal(0, SURE_OF, (len(path), len(known))))
    animals[:, known] = np.where(path[:, known] > 0, np.round(nearly), animals[:, known]).astype(np.float32)
    return animals
