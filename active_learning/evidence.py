"""What speaks for and against two animals being one individual, as log-likelihood ratios on pairs of rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from active_learning.expertise import USUAL, Answers, Pair, Reliability
from active_learning.tempering import Floats, Rows, Tempering
from labeling_configs.vocabulary import Animal, AnimalId, Person, Same

LEAST = 1e-6
"""No calibrated probability is believed to be nearer to nothing or to certainty than this."""
UNMEASURED = Reliability(USUAL.right, USUAL.right)


class BrokenEvidence(ValueError):
    """The pieces of evidence do not fit together."""


@dataclass(frozen=True)
class Scores:
    """The machine's calibrated probabilities (m,) that two animals are one, in a sample where a share `prior` are."""

    pairs: Sequence[Pair]
    probability: Floats
    prior: float

    def ratios(self) -> Floats:
        """Return the log-likelihood ratios (m,): what is left of the probability without the prior."""
        if len(self.pairs) != len(self.probability) or not 0 < self.prior < 1:
            raise BrokenEvidence(f"{len(self.pairs)} pairs with {len(self.probability)} scores, prior {self.prior}")
        return logit(np.clip(self.probability, LEAST, 1 - LEAST)) - logit(self.prior)


@dataclass(frozen=True)
class Evidence:
    """All there is to know about who is who: animals in order of their names and pairs of their rows, in order.

    Of each pair: what the machine says and whether it was asked, what experts and free evidence say, how many experts
    called it the same and different, and whether it is barred. Two of one photo are barred without being listed.
    """

    animals: tuple[AnimalId, ...]
    photo: Rows
    """A number for each animal's photo, shape (n,)."""
    first: Rows
    second: Rows
    machine: Floats
    scored: NDArray[np.bool_]
    experts: Floats
    same: Rows
    different: Rows
    barred: NDArray[np.bool_]
    prior: float = 0.01
    """The chance that two individuals known apart so far are one."""
    tempering: Tempering = field(default_factory=Tempering)

    @property
    def odds(self) -> float:
        """The prior's log-odds, which count once per boundary of two clusters, never once per pair of animals."""
        return float(logit(self.prior))

    @property
    def row(self) -> dict[AnimalId, int]:
        """Where each animal is."""
        return {name: row for row, name in enumerate(self.animals)}

    def alone(self) -> Floats:
        """Return the log-odds (m,) of each pair as if nothing else were known."""
        told = self.odds + self.tempering.shift + self.tempering.share * self.machine + self.experts
        return np.where(self.barred, -np.inf, told)

    def sides(self) -> tuple[Floats, Rows, Floats, Rows]:
        """Return of each pair what the machine says for it and on how many pairs, and the same against it."""
        pros = self.scored & (self.machine >= 0)
        cons = self.scored & (self.machine < 0)
        return np.maximum(self.machine, 0), pros.astype(np.int64), np.minimum(self.machine, 0), cons.astype(np.int64)


def gather(
    animals: Sequence[Animal],
    scores: Scores,
    answers: Answers | None = None,
    reliability: Mapping[Person, Reliability] | None = None,
    bonus: Mapping[Pair, float] | None = None,
    cannot_link: Iterable[Pair] = (),
    prior: float | None = None,
    tempering: Tempering | None = None,
) -> Evidence:
    """Put all evidence together; whatever concerns animals not given is passed over, and no order matters.

    `bonus` holds log-likelihood ratios that come for free: same burst and place, say. Of a pair scored twice the mean
    counts. `prior` is that of the scores when not given.
    """
    ordered = sorted(animals, key=lambda animal: animal.id)
    row = {animal.id: place for place, animal in enumerate(ordered)}
    if len(row) != len(ordered):
        raise BrokenEvidence("an animal was given twice")
    size, told, free = len(ordered), answers or {}, bonus or {}
    scored, kept = _keys(scores.pairs, row)
    keys = [scored, *(_keys(pairs, row)[0] for pairs in (list(told), list(free), list(cannot_link)))]
    all_keys = np.unique(np.concatenate(keys))
    place = [np.searchsorted(all_keys, some) for some in keys]
    count = len(all_keys)
    times = np.bincount(place[0], minlength=count)
    machine = _summed(place[0], scores.ratios()[kept], count) / np.maximum(times, 1)
    weights, same, different = _experts(told, row, reliability or {})
    given = [free[pair] for pair in free if _listed(pair, row)]
    barred = np.zeros(count, dtype=bool)
    barred[place[3]] = True
    return Evidence(
        animals=tuple(animal.id for animal in ordered),
        photo=np.unique(np.array([animal.photo for animal in ordered], dtype=str), return_inverse=True)[1].astype(int),
        first=all_keys // size,
        second=all_keys % size,
        machine=machine,
        scored=times > 0,
        experts=_summed(place[1], weights, count) + _summed(place[2], np.array(given, dtype=float), count),
        same=_summed(place[1], same, count).astype(np.int64),
        different=_summed(place[1], different, count).astype(np.int64),
        barred=barred,
        prior=scores.prior if prior is None else prior,
        tempering=tempering or Tempering(),
    )


def logit(chance: Floats | float) -> Floats:
    """Return log-odds."""
    return np.asarray(np.log(chance) - np.log1p(-np.asarray(chance)), dtype=np.float64)


def expit(odds: Floats | float) -> Floats:
    """Return the probability of log-odds, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(np.asarray(odds, dtype=np.float64) / 2)), dtype=np.float64)


def _listed(pair: Pair, row: Mapping[AnimalId, int]) -> bool:
    return pair[0] in row and pair[1] in row and pair[0] != pair[1]


def _keys(pairs: Sequence[Pair], row: Mapping[AnimalId, int]) -> tuple[Rows, Rows]:
    """Return a number for each pair of known animals, and which of the pairs those are."""
    rows = np.array([(row.get(a, -1), row.get(b, -1)) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    kept = np.flatnonzero((rows.min(axis=1) >= 0) & (rows[:, 0] != rows[:, 1]))
    ends = np.sort(rows[kept], axis=1)
    return ends[:, 0] * len(row) + ends[:, 1], kept


def _experts(
    answers: Answers, row: Mapping[AnimalId, int], reliability: Mapping[Person, Reliability]
) -> tuple[Floats, Floats, Floats]:
    """Return what experts say of each pair of known animals, and how many said same and different."""
    told = [given for pair, given in answers.items() if _listed(pair, row)]
    weights = [sum(reliability.get(who, UNMEASURED).weight(what) for who, what in given.items()) for given in told]
    counts = [[list(given.values()).count(answer) for answer in (Same.SAME, Same.DIFFERENT)] for given in told]
    numbers = np.array(counts, dtype=np.float64).reshape(-1, 2)
    return np.array(weights, dtype=np.float64), numbers[:, 0], numbers[:, 1]


def _summed(place: Rows, values: Floats, count: int) -> Floats:
    return np.bincount(place, values, minlength=count).astype(np.float64)
