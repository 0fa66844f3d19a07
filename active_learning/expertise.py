"""How often each expert is right about who is who, learned from the others, from the machine and from known pairs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from active_learning.tempering import Floats
from labeling_configs.vocabulary import AnimalId, Person, Same, Verdict

Pair = tuple[AnimalId, AnimalId]
Answers = dict[Pair, dict[Person, Same]]

ROUNDS = 30
CERTAIN = 30.0
SETTLED = 1e-6


@dataclass(frozen=True)
class Reliability:
    """The chance that an expert who decides is right, of two animals that are one and of two that are not."""

    same: float = 0.95
    different: float = 0.95

    def weight(self, answer: Same) -> float:
        """Return the log-likelihood ratio, same against different, of an answer; one that cannot tell tells nothing."""
        if answer is Same.CANNOT_TELL:
            return 0.0
        if answer is Same.SAME:
            return float(np.log(self.same / (1 - self.different)))
        return float(np.log((1 - self.same) / self.different))


@dataclass(frozen=True)
class Belief:
    """What is believed of an expert nobody has measured: a Beta prior worth so many decisions, for either rate."""

    right: float = 0.95
    decisions: float = 20.0

    def rate(self, right: float, decided: float) -> float:
        """Return the mean of the posterior after `right` of `decided` decisions."""
        return (self.right * self.decisions + right) / (self.decisions + decided)


USUAL = Belief()


def latest_answers(verdicts: Iterable[Verdict]) -> Answers:
    """Return each expert's last answer on each pair of two animals, (first, second) sorted, pairs and people sorted."""
    latest: dict[tuple[Pair, Person], Same] = {}
    for verdict in sorted(verdicts, key=lambda one: (one.given_at, one.answer)):
        first, second = sorted((verdict.first, verdict.second))
        if first != second:
            latest[(first, second), verdict.expert] = verdict.answer
    answers: Answers = defaultdict(dict)
    for (pair, expert), answer in sorted(latest.items()):
        answers[pair][expert] = answer
    return dict(answers)


def learn_reliability(
    answers: Answers,
    before: Mapping[Pair, float] | None = None,
    known: Mapping[Pair, bool] | None = None,
    belief: Belief = USUAL,
) -> dict[Person, Reliability]:
    """Learn every expert's rates by expectation and maximisation (Dawid and Skene 1979), deterministic.

    `before` is the log-odds that a pair is one without any expert, 0 where not given; `known` pairs are certain. Whom
    nobody else answered with, and no machine and no known pair checks, keeps the rates believed of anybody. Leaving an
    expert's own answer out was tried: the rates of three experts drifted to .84 where .98 was true.
    """
    odds, truth = before or {}, known or {}
    people = sorted({person for given in answers.values() for person in given})
    rates = dict.fromkeys(people, Reliability(belief.right, belief.right))
    for _ in range(ROUNDS):
        learned = _judge(answers, odds, truth, rates, belief)
        moved = max((_distance(rates[one], learned[one]) for one in people), default=0.0)
        rates = learned
        if moved < SETTLED:
            break
    return rates


def _judge(
    answers: Answers,
    odds: Mapping[Pair, float],
    truth: Mapping[Pair, bool],
    rates: Mapping[Person, Reliability],
    belief: Belief,
) -> dict[Person, Reliability]:
    """Count each expert's right decisions, each pair weighed by what all make of it."""
    right: dict[Person, Floats] = defaultdict(lambda: np.zeros(2))
    decided: dict[Person, Floats] = defaultdict(lambda: np.zeros(2))
    for pair, given in answers.items():
        whole = odds.get(pair, 0.0) + sum(rates[person].weight(answer) for person, answer in given.items())
        chance = _chance(whole, truth.get(pair))
        shares = np.array([chance, 1 - chance])
        for person, answer in given.items():
            if answer is not Same.CANNOT_TELL:
                decided[person] += shares
                right[person] += shares * (np.array([1, 0]) if answer is Same.SAME else np.array([0, 1]))
    return {
        person: Reliability(*(belief.rate(hit, seen) for hit, seen in zip(right[person], decided[person], strict=True)))
        for person in rates
    }


def _chance(odds: float, truth: bool | None) -> float:
    if truth is not None:
        return float(truth)
    return float(1 / (1 + np.exp(-np.clip(odds, -CERTAIN, CERTAIN))))


def _distance(one: Reliability, other: Reliability) -> float:
    return max(abs(one.same - other.same), abs(one.different - other.different))
