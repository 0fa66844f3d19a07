"""What many people's choices between a few labels say about a whole picture: empty? unusable? which species?

After Dawid & Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", Applied Statistics
28 (1979) 20-28, doi:10.2307/2346806. Theirs believes a newcomer's first answers too much; here everybody starts as the
crowd is (a Dirichlet prior on each row of a person's confusion) and the crowd starts as mostly right.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

UNKNOWN = -1
"""The person of an anonymous answer; everybody unknown is taken for the crowd."""
LIKE_THE_CROWD = 10.0
"""Imagined answers, per true label, in which everybody answers as the crowd does; 6 to 20 do as well in simulations."""
CROWD_ANSWERS, CROWD_RIGHT = 10.0, 0.8
"""Imagined answers of the crowd per true label, and how many of them are right; real ones soon outweigh them."""
TOLERANCE, MOST_ROUNDS = 1e-4, 500

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


class BrokenChoices(ValueError):
    """An answer names an item, a person or a label that does not exist."""


class OtherLabels(ValueError):
    """What was learned about people belongs to a question with another number of labels."""


@dataclass(frozen=True, eq=False)
class Choices:
    """Answers to one question, a row each: items, people and labels are (n,) indices from 0; a person may be UNKNOWN.

    A row counts as often as it is there: give each person's latest answer only, and leave out skipped ones.
    """

    items: Indices
    people: Indices
    labels: Indices
    n_items: int
    n_people: int
    n_labels: int

    def __post_init__(self) -> None:
        if self.n_labels < 2:
            raise BrokenChoices(f"{self.n_labels} labels leave nothing to choose; a question needs at least two")
        if not len(self.items) == len(self.people) == len(self.labels):
            rows = f"{len(self.items)} items, {len(self.people)} people and {len(self.labels)} labels"
            raise BrokenChoices(f"{rows} are not one row an answer; give each answer all three")
        _check("item", self.items, 0, self.n_items)
        _check("person", self.people, UNKNOWN, self.n_people)
        _check("label", self.labels, 0, self.n_labels)

    @cached_property
    def counts(self) -> Any:
        """The answers counted, sparse (n_items, (n_people + 1) K), UNKNOWN last; once, as sorting takes a round's time.

        Columns are in order, so that no sum depends on who came first.
        """
        shape = (self.n_items, (self.n_people + 1) * self.n_labels)
        small = sparse.get_index_dtype(maxval=max(shape))
        person = np.where(self.people == UNKNOWN, self.n_people, self.people)
        where = self.items.astype(small), (person * self.n_labels + self.labels).astype(small)
        return sparse.coo_array((np.ones(len(person)), where), shape).tocsr()


@dataclass(frozen=True, eq=False)
class People:
    """What is known of those who answer; `rounds` equal to `most` means that learning was cut short.

    confusion[person, true, said], shape (n_people + 1, K, K), sums to 1 over `said`; the last one is the crowd's, used
    for UNKNOWN and for everybody who came later. prior, shape (K,), is how common each label is.
    """

    confusion: Array
    prior: Array
    rounds: int = 0

    @property
    def crowd(self) -> Array:
        """How a newcomer is expected to answer, shape (K, K)."""
        crowd: Array = self.confusion[-1]
        return crowd


def learn_people(
    choices: Choices, start: People | None = None, tolerance: float = TOLERANCE, most: int = MOST_ROUNDS
) -> People:
    """Return what the choices tell about people, by EM until a round hardly changes any item's probabilities.

    It ends when a round moves at most `tolerance` of an item's probability, on average over answered items. Time is
    linear in the answers; their order changes not one bit. `start`, the result on fewer answers, saves rounds.
    """
    counts = choices.counts[np.diff(choices.counts.indptr) > 0]
    posterior = _posterior(counts, _grown(start or _strangers(choices.n_labels), choices.n_people))
    people = _maximise(counts, posterior, 0)
    for rounds in range(1, most + 1):
        before, posterior = posterior, _posterior(counts, people)
        people = _maximise(counts, posterior, rounds)
        before -= posterior
        if np.abs(before, out=before).sum() <= 2 * tolerance * len(posterior):
            break
    return people


def settle_choices(choices: Choices, people: People) -> Array:
    """Return each item's probability of each label, shape (n_items, K); an item without answers has the prior.

    Items do not touch one another: one item alone, as n_items=1, gives the same row as the whole batch.
    """
    return _posterior(choices.counts, _grown(people, choices.n_people))


def expected_cost(posterior: Array, costs: Array | None = None) -> Array:
    """Return what the best answer is expected to cost, shape (...), given the posterior, shape (..., K).

    costs[answered, true], shape (K, K), prices each mistake; by default each costs 1: the chance of being wrong.
    """
    if costs is None:
        risk: Array = 1 - posterior.max(axis=-1)
        return risk
    if costs.shape != (posterior.shape[-1],) * 2:
        raise OtherLabels(
            f"costs of shape {costs.shape} for {posterior.shape[-1]} labels; give each label a row, a column"
        )
    cheapest: Array = (posterior @ costs.T).min(axis=-1)
    return cheapest


def enough(
    posterior: Array, wanted_risk: float, least: int, asked: Indices | int, costs: Array | None = None
) -> NDArray[np.bool_]:
    """Say, shape (...), which items need no further answer: `asked` reached `least`, the expected cost is low enough.

    An item of which nothing is known (a posterior of nan) is never done.
    """
    done: NDArray[np.bool_] = (expected_cost(posterior, costs) <= wanted_risk) & (np.asarray(asked) >= least)
    return done


def _check(what: str, values: Indices, lowest: int, end: int) -> None:
    if not np.issubdtype(values.dtype, np.integer):
        raise BrokenChoices(f"{what} indices are {values.dtype}, not integers; number the {what}s from 0")
    wrong = np.flatnonzero((values < lowest) | (values >= end))
    if len(wrong):
        row = int(wrong[0])
        raise BrokenChoices(f"answer {row} has {what} {values[row]}, outside {lowest}..{end - 1}; is it in the lists?")


def _posterior(counts: Any, people: People) -> Array:
    n_labels = len(people.prior)
    if counts.shape[1] != len(people.confusion) * n_labels:
        raise OtherLabels(f"answers have another number of labels than the {n_labels} of these people; learn them anew")
    said_by_true = np.log(people.confusion).transpose(0, 2, 1).reshape(-1, n_labels)
    posterior = np.ascontiguousarray((counts @ said_by_true).T)  # a label a row: numpy is slow along short rows
    posterior += np.log(people.prior)[:, None]
    posterior -= posterior.max(axis=0)
    np.exp(posterior, out=posterior)
    posterior /= posterior.sum(axis=0)
    return posterior.T


def _maximise(counts: Any, posterior: Array, rounds: int) -> People:
    """Return the people who explain these posteriors best.

    In the crowd a person weighs as a random-effects mean would have it, n / (n + LIKE_THE_CROWD), so that one busy
    person is not the crowd; everybody unknown may be somebody else each time and weighs in full.
    """
    n_labels = posterior.shape[1]
    told = (counts.T @ posterior).reshape(-1, n_labels, n_labels).transpose(0, 2, 1)
    said = told.sum(axis=2, keepdims=True)
    weight = LIKE_THE_CROWD / (LIKE_THE_CROWD + said)
    weight[-1] = 1
    crowd = CROWD_ANSWERS * _mostly_right(n_labels) + (weight * told).sum(axis=0)
    crowd /= crowd.sum(axis=1, keepdims=True)
    confusion = (told + LIKE_THE_CROWD * crowd) / (said + LIKE_THE_CROWD)
    confusion[-1] = crowd
    common = posterior.sum(axis=0) + 1
    return People(confusion, common / common.sum(), rounds)


def _mostly_right(n_labels: int) -> Array:
    wrong = (1 - CROWD_RIGHT) / (n_labels - 1)
    return np.full((n_labels, n_labels), wrong) + (CROWD_RIGHT - wrong) * np.eye(n_labels)


def _strangers(n_labels: int) -> People:
    """Nobody but the imagined crowd, every label as common as any: what is believed before the first answer."""
    return People(_mostly_right(n_labels)[None], np.full(n_labels, 1 / n_labels))


def _grown(people: People, n_people: int) -> People:
    """Take whoever came later for the crowd."""
    crowd = len(people.confusion) - 1
    known = np.minimum(np.arange(n_people + 1), crowd)
    known[-1] = crowd
    return People(people.confusion[known], people.prior)
