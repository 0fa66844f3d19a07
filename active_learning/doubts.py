"""Where the catalogue may be wrong, how many identities depend on it, and what an expert's answer would be worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.boundaries import Boundaries, boundaries
from active_learning.evidence import expit
from active_learning.expertise import Reliability
from active_learning.partition import Settled
from active_learning.tempering import Floats, Rows

USUAL_EXPERT = Reliability()


@dataclass(frozen=True)
class Cost:
    """Seconds of an expert's time, and what to expect of the answer."""

    pair: float = 20.0
    gallery: float = 15.0
    candidate: float = 8.0
    """For each candidate in a gallery."""
    reliability: Reliability = USUAL_EXPERT
    cannot_tell: float = 0.05
    most: int = 6
    """Candidates in a gallery."""
    rival: float = 0.05
    """How probable an individual must be to compete in a gallery."""

    def seconds(self, candidates: int) -> float:
        """Return how long a question with so many candidates takes."""
        return self.pair if candidates == 1 else self.gallery + candidates * self.candidate


@dataclass(frozen=True)
class Doubts:
    """Every place where the catalogue may be wrong: both sides, the log-odds of being one, animals at stake, each (n,).

    A boundary's sides are the labels of two clusters, a bridge's the label of its cluster and -1.
    """

    one: Rows
    other: Rows
    strength: Floats
    stake: Rows

    @property
    def bridge(self) -> NDArray[np.bool_]:
        """Tell which doubts lie inside a cluster."""
        return self.other < 0

    @property
    def risk(self) -> Floats:
        """The probability that the catalogue is wrong here."""
        return expit(np.where(self.bridge, -self.strength, self.strength))


def doubts(settled: Settled, found: Boundaries | None = None) -> Doubts:
    """Return all boundaries that can be crossed and all weakest cuts."""
    open_ones = boundaries(settled) if found is None else found
    kept = np.isfinite(open_ones.strength)
    members = np.bincount(settled.label, minlength=len(settled.label))
    cut = [(label, cut) for label, cut in settled.cuts.items() if cut.side]
    inside = np.array([label for label, _ in cut], dtype=np.int64)
    sides = np.array([len(part.side) for _, part in cut], dtype=np.int64)
    return Doubts(
        one=np.concatenate([open_ones.one[kept], inside]),
        other=np.concatenate([open_ones.other[kept], np.full(len(cut), -1, dtype=np.int64)]),
        strength=np.concatenate([open_ones.strength[kept], [part.strength for _, part in cut]]),
        stake=np.concatenate([open_ones.sizes[kept].min(axis=1), np.minimum(sides, members[inside] - sides)]),
    )


def expected_wrong(settled: Settled) -> float:
    """Return a bound on how many animals have the wrong identity: every doubt's risk times the animals at stake.

    A union bound: an animal with several doubts counts several times. It sees nothing that has no evidence at all.
    """
    found = doubts(settled)
    return float(found.risk @ found.stake)


def is_enough(settled: Settled, allowed: float) -> bool:
    """Tell whether at most so many animals are expected to have the wrong identity."""
    return expected_wrong(settled) <= allowed


def gain(found: Doubts, cost: Cost) -> Floats:
    """Return how much an answer is expected to lower each doubt's p (1 - p), times the animals at stake."""
    p = expit(found.strength)
    rates = cost.reliability
    said = p * rates.same + (1 - p) * (1 - rates.different)
    after = p * rates.same * (1 - p) * (1 - rates.different) / said
    after += p * (1 - rates.same) * (1 - p) * rates.different / (1 - said)
    gained: Floats = (1 - cost.cannot_tell) * found.stake * (p * (1 - p) - after)
    return gained


def deciding_gain(found: Doubts, cost: Cost, agreeing: int) -> Floats:
    """Return how many animals more would bear the right name if so many experts were asked and nobody else decided.

    For a catalogue in which individuals are merged only when `agreeing` experts call them the same, however sure the
    machine is: across a boundary the question is worth what it rightly merges, less what it wrongly would, times the
    animals at stake; inside an individual what it rightly parts. A question that is likelier to harm is worth nothing.
    """
    right = np.where(found.bridge, expit(-found.strength), expit(found.strength))
    rates = cost.reliability
    hit = np.where(found.bridge, rates.different, rates.same) ** agreeing
    harm = np.where(found.bridge, 1 - rates.same, 1 - rates.different) ** agreeing
    gained: Floats = (1 - cost.cannot_tell) * found.stake * np.maximum(right * hit - (1 - right) * harm, 0)
    return gained
