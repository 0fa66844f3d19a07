"""How many individuals there are, with an interval that knows that identities may be wrong; and who was seen when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.stats import norm

from active_learning.intervals import Interval
from active_learning.tempering import Floats, Rows
from labeling_configs.vocabulary import AnimalId, Individual, IndividualId

DRAWS = 20
"""Numbers drawn of each sampled partition for those nobody has seen."""


@dataclass(frozen=True)
class Census:
    """Individuals in the catalogue, those of them seen at least twice, and all there are with those nobody has seen."""

    individuals: Interval
    seen_again: Interval
    population: Interval


@dataclass(frozen=True)
class Resightings:
    """Who was seen on which occasion: how often, shape (individuals, occasions), for capture-recapture software."""

    individuals: tuple[IndividualId, ...]
    occasions: tuple[str, ...]
    times: NDArray[np.int64]

    @property
    def histories(self) -> tuple[str, ...]:
        """Each individual's capture history, 1 for seen and 0 for not, one character per occasion (MARK, RMark)."""
        return tuple("".join("1" if seen else "0" for seen in row) for row in self.times.tolist())


def count_individuals(
    samples: Rows, rng: Generator, best: Rows | None = None, ghosts: Floats | None = None, level: float = 0.95
) -> Census:
    """Count each sampled partition, labels of shape (count, n), and put all counts into one interval.

    The population is Chao's (1987) lower bound, drawn from its log-normal interval for each sample, so that its width
    holds both errors. `best` (n,) gives the values reported, else the medians do. `ghosts` (count,) are individuals
    too many in each sample: animals whose match no machine listed.
    """
    lost = np.zeros(len(samples)) if ghosts is None else ghosts
    counts = [np.unique(labels, return_counts=True)[1] for labels in samples]
    known = np.array([len(sizes) for sizes in counts]) - lost
    again = np.array([float(np.sum(sizes > 1)) for sizes in counts])
    drawn = np.concatenate([_chao(sizes, less, rng) for sizes, less in zip(counts, lost, strict=True)])
    sizes = None if best is None else np.unique(best, return_counts=True)[1]
    return Census(
        individuals=_interval(known, level, None if sizes is None else len(sizes) - float(lost.mean())),
        seen_again=_interval(again, level, None if sizes is None else float(np.sum(sizes > 1))),
        population=_interval(drawn, level, None),
    )


def chao(sizes: Rows) -> tuple[float, float]:
    """Return how many individuals nobody has seen by Chao's bias-corrected bound, and its variance (Chao 1987)."""
    once, twice = float(np.sum(sizes == 1)), float(np.sum(sizes == 2))
    unseen = once * (once - 1) / (2 * (twice + 1))
    variance = unseen + once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
    variance += once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    return unseen, variance


def resightings(
    individuals: Sequence[Individual], occasion: Mapping[AnimalId, str], occasions: Sequence[str] | None = None
) -> Resightings:
    """Return the matrix of sightings; those without an occasion are left out, and who has none left has a row of 0."""
    columns = tuple(sorted(set(occasion.values()))) if occasions is None else tuple(occasions)
    place = {name: at for at, name in enumerate(columns)}
    times = np.zeros((len(individuals), len(columns)), dtype=np.int64)
    for row, individual in enumerate(individuals):
        for animal in individual.sightings:
            if occasion.get(animal) in place:
                times[row, place[occasion[animal]]] += 1
    return Resightings(tuple(individual.id for individual in individuals), columns, times)


def _chao(sizes: Rows, less: float, rng: Generator) -> Floats:
    """Draw from the log-normal interval of the unseen, added to the seen."""
    unseen, variance = chao(sizes)
    seen = len(sizes) - less
    if unseen <= 0:
        return np.full(DRAWS, seen)
    spread = np.sqrt(np.log1p(variance / unseen**2))
    ranks = (np.arange(DRAWS) + rng.random(DRAWS)) / DRAWS
    drawn: Floats = seen + unseen * np.exp(spread * norm.ppf(np.clip(ranks, 1e-3, 1 - 1e-3)) - spread**2 / 2)
    return drawn


def _interval(values: Floats, level: float, value: float | None) -> Interval:
    low, middle, high = np.quantile(values, [(1 - level) / 2, 0.5, (1 + level) / 2])
    return Interval(float(middle) if value is None else value, float(low), float(high))
