"""What a machine's expectation and people's counts say of how many animals are there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

ROOT = 0.375
"""Anscombe (1948): the square root of a Poisson count plus this varies nearly alike at all means."""
STRAY = 0.02
"""The share of expectations that have nothing to do with what is there: false boxes, rain on the lens; mostly small."""
USUAL_NOISE, USUAL_LUCK, USUAL_RELATIVE = 0.03, 0.04, 0.15
"""Of a detector that nobody checked: the variance of the root at no animals, what the luck of finding each animal adds
to it, and the relative error at many."""
SURE_OF = 0.02
"""The relative error of a count that people have settled."""
STRANGEST = 4.0
"""An expectation so many times the count teaches no more than that."""
FALSE_EMPTY, FALSE_FULL = 0.02, 1e-3
"""The chance that people overlook a lone animal, and that they see one on an empty beach."""


@dataclass(frozen=True)
class Machine:
    """How a detector's expectation relates to the animals that are there."""

    gain: float = 1.0
    """Expected animals per animal."""
    false: float = 0.05
    """Expected animals on an empty beach."""
    noise: float = USUAL_NOISE
    """Variance of the expectation's root at no animals."""
    luck: float = USUAL_LUCK
    """What is added to it where there are animals: each is found or not."""
    relative: float = USUAL_RELATIVE**2 / 8
    """Growth of that variance per animal, of its own in each hour."""
    bias: float = USUAL_RELATIVE / 2**0.5
    """Standard deviation of the relative error that the hours of a day share."""
    checked: int = 0
    """Hours that it was learned from."""


def learn_machine(expected: Floats, counted: Floats, day: NDArray[np.int64]) -> Machine:
    """Learn from hours, shape (n,), in which people counted what the machine saw too; NaN where either did not.

    Few hours leave the machine near what detectors usually are.
    """
    both = ~np.isnan(expected) & ~np.isnan(counted)
    seen, there, day = expected[both], counted[both], day[both]
    empty = there == 0
    false = float((seen[empty].sum() + 0.05 * 5) / (empty.sum() + 5))
    weight = 1 / (1 + there / 20)  # a count of hundreds errs by tens, and would decide alone
    found = np.clip(seen - false, 0, STRANGEST * there)
    gain = float((found @ weight + 10) / (there @ weight + 10))
    mean = np.clip(gain, 0.2, 3.0) * there
    residual = np.sqrt(seen + ROOT) - np.sqrt(mean + false + ROOT)
    noise, luck, growth = _variance(residual, mean)
    large = mean >= 4
    shared = _shared(residual[large] / np.sqrt(noise + luck + growth * mean[large]), day[large])
    days = len(np.unique(day[large]))
    bias = float(np.sqrt(4 * shared * growth * (1 + 1 / (1 + days))))  # the gain itself is known from so many days
    return Machine(float(np.clip(gain, 0.2, 3.0)), false, noise, luck, (1 - shared) * growth, bias, len(seen))


def machine_says(machine: Machine, levels: Floats, biases: Floats, expected: Floats) -> Floats:
    """Return the likelihood of each expectation, shape (t,), at levels (n,) and relative errors (b,): (t, n, b)."""
    root = np.sqrt(expected + ROOT)
    mean = machine.gain * levels[:, None] * np.exp(biases)[None]
    variance = machine.noise + machine.luck * (levels[:, None] > 0) + machine.relative * mean
    off = root[:, None, None] - np.sqrt(mean + machine.false + ROOT)
    bell = np.exp(-(off**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    stray = np.exp(-root)[:, None, None]
    likelihood: Floats = (1 - STRAY) * bell + STRAY * stray
    return likelihood


def people_say(levels: Floats, counted: Floats) -> Floats:
    """Return the likelihood of each settled count, shape (t,), at each level: (t, n)."""
    roots, said = np.sqrt(levels), np.sqrt(counted)
    spread = 0.1 + SURE_OF * said[:, None] / 2
    bell = np.exp(-(((roots - said[:, None]) / spread) ** 2) / 2) + 1e-6
    empty = np.where(levels == 0, 1.0, FALSE_EMPTY ** np.minimum(levels, 3))
    likelihood = np.where((counted == 0)[:, None], empty, np.where(levels == 0, FALSE_FULL, bell))
    return np.asarray(likelihood, dtype=np.float64)


def _variance(residual: Floats, mean: Floats) -> tuple[float, float, float]:
    """Fit the residuals' variance as noise + luck (with animals) + growth * mean, usual ones added."""
    usual = np.array([0.0] * 5 + [5.0] * 5 + [50.0] * 3 + [200.0] * 2)
    means = np.concatenate([mean, usual])
    of_usual = USUAL_NOISE + USUAL_LUCK * (means > 0) + USUAL_RELATIVE**2 / 4 * means
    squares = np.concatenate([residual**2, of_usual[len(mean) :]])
    bounded = np.minimum(squares, 16 * of_usual)  # a stray expectation is no noise
    terms = np.stack([np.ones(len(means)), means > 0, means], axis=1)
    found, _ = nnls(terms / of_usual[:, None], bounded / of_usual)
    return float(max(found[0], 0.01)), float(found[1]), float(max(found[2], 0.04**2 / 4))


def _shared(residual: Floats, day: NDArray[np.int64]) -> float:
    """Return which share of the relative error the hours of a day have in common, by pairs of the same day."""
    products, pairs = 0.0, 0
    for one in np.unique(day):
        own = residual[day == one]
        products += (own.sum() ** 2 - (own**2).sum()) / 2
        pairs += len(own) * (len(own) - 1) // 2
    return float(np.clip((products + 0.5 * 20) / (pairs + 20), 0.35, 0.8))
