"""Which photos may be set aside as empty so that, with confidence, hardly any photo with animals is among them.

The cut is a distribution-free tolerance limit (Wilks 1941): of n photos with animals that nothing was learned from, the
share below the k-th smallest chance is Beta(k, n + 1 - k), whatever the chances are worth. It is what conformal risk
control (Angelopoulos et al. 2024) promises on average over many seasons, here with confidence for the one at hand; the
upper limit is that of Clopper and Pearson (1934).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

CONFIDENCE = 0.95
"""How sure it must be that no more is missed than wanted."""

Floats = NDArray[np.float64]


class UnusableWish(ValueError):
    """A share or a confidence that lies outside (0, 1)."""


@dataclass(frozen=True)
class Cut:
    """Below which chance photos are set aside, and what that rests on; a chance of 0 sets nothing aside."""

    chance: float
    positives: int
    """Independent labelled photos with animals (photos of one burst count once)."""
    needed: int
    """So many are needed before any photo may be set aside."""
    missed: int
    """How many of them lie below the chance."""
    bound: float
    """At most this share of the photos with animals lies below, with confidence; 1 when nothing is known."""

    @property
    def enough(self) -> bool:
        """Whether anything may be set aside at all."""
        return self.positives >= self.needed


def choose_cut(
    chances: Floats,
    occupied: NDArray[np.bool_],
    bursts: Sequence[str],
    wanted: float,
    confidence: float = CONFIDENCE,
) -> Cut:
    """Return the greatest cut that misses more than the wanted share of photos with animals with 1 - confidence only.

    All of shape (n,): held-out chances, which photos hold an animal, what hangs together. A burst counts once, by its
    photo with animals that is easiest to miss.
    """
    least = _least_of_each(chances[occupied], np.asarray(bursts, dtype=np.str_)[occupied])
    count, needed = len(least), needed_positives(wanted, confidence)
    if count < needed:
        return Cut(0.0, count, needed, 0, upper_limit(0, count, confidence))
    chance = float(least[allowed_misses(count, wanted, confidence)])
    missed = int((least < chance).sum())
    return Cut(chance, count, needed, missed, upper_limit(missed, count, confidence))


def needed_positives(wanted: float, confidence: float = CONFIDENCE) -> int:
    """Return how many photos with animals it takes when none of them is missed: 299 for 1 % at 95 %."""
    if not (0 < wanted < 1 and 0 < confidence < 1):
        raise UnusableWish(f"wanted share {wanted} and confidence {confidence} must lie between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(1 - wanted))


def allowed_misses(positives: int, wanted: float, confidence: float = CONFIDENCE) -> int:
    """Return the most of these photos that may lie below the cut; at least `needed_positives` must be given."""
    most = int(binom.ppf(1 - confidence, positives, wanted))
    while most >= 0 and binom.cdf(most, positives, wanted) > 1 - confidence:
        most -= 1
    if most < 0:
        raise UnusableWish(f"{positives} photos with animals cannot show that at most {wanted:.1%} are missed")
    return most


def upper_limit(missed: int, positives: int, confidence: float = CONFIDENCE) -> float:
    """Return the share of missed photos that is exceeded with 1 - confidence only, by Clopper and Pearson."""
    if missed >= positives:
        return 1.0
    return float(beta.ppf(confidence, missed + 1, positives - missed))


def _least_of_each(chances: Floats, bursts: NDArray[np.str_]) -> Floats:
    """Return the least chance of each burst, in rising order."""
    _, member = np.unique(bursts, return_inverse=True)
    least = np.full(member.max(initial=-1) + 1, np.inf)
    np.minimum.at(least, member, chances)
    return np.sort(least)
