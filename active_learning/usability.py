"""Whether a picture can be judged at all: fog, night, a dirty lens; people disagree on that too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from active_learning.ballots import latest
from active_learning.presence import UNKNOWN, Choices, People, learn_people, settle_choices
from labeling_configs.vocabulary import Person, TileId, Vote

USABLE, UNUSABLE = 0, 1
USUAL = People(np.array([[[0.98, 0.02], [0.2, 0.8]]]), np.array([0.95, 0.05]))
"""How people call pictures before anything was learned: unusable ones are rare, and seldom called so by mistake."""
LEAST_CALLED = 5
"""Votes that call a picture unusable, from which on there is something to learn."""


@dataclass(frozen=True)
class Usability:
    """What is known of how people call pictures unusable; `people` are numbered as in `known`."""

    people: tuple[Person, ...] = ()
    known: People = USUAL


def learn_usability(votes: Iterable[Vote]) -> Usability:
    """Return how people call pictures, from all votes; what is usual until some were called unusable."""
    answered = [vote for vote in votes if not vote.skipped]
    if sum(vote.unusable for vote in answered) < LEAST_CALLED:
        return Usability()
    people, tiles = sorted({vote.person for vote in answered}), sorted({vote.tile for vote in answered})
    return Usability(tuple(people), learn_people(_choices(answered, people, tiles)))


def unusable(votes: Sequence[Vote], usability: Usability | None = None) -> float:
    """Return the probability that nobody can judge the tile, given everybody's latest vote on it."""
    answered = [vote for vote in latest(votes) if not vote.skipped]
    if not answered:
        return 0.0
    known = usability or Usability()
    return float(settle_choices(_choices(answered, known.people, [answered[0].tile]), known.known)[0, UNUSABLE])


def _choices(votes: Sequence[Vote], people: Sequence[Person], tiles: Sequence[TileId]) -> Choices:
    person = {one: row for row, one in enumerate(people)}
    tile = {one: row for row, one in enumerate(tiles)}
    return Choices(
        items=np.array([tile[vote.tile] for vote in votes], dtype=np.intp),
        people=np.array([person.get(vote.person, UNKNOWN) for vote in votes], dtype=np.intp),
        labels=np.array([UNUSABLE if vote.unusable else USABLE for vote in votes], dtype=np.intp),
        n_items=len(tiles),
        n_people=len(people),
        n_labels=2,
    )


def to_json(usability: Usability) -> dict[str, Any]:
    """Return what `from_json` reads, in plain numbers."""
    known = usability.known
    return {
        "people": list(usability.people),
        "confusion": known.confusion.tolist(),
        "prior": known.prior.tolist(),
        "rounds": known.rounds,
    }


def from_json(stored: Mapping[str, Any]) -> Usability:
    """Read what `to_json` wrote."""
    known = People(np.array(stored["confusion"]), np.array(stored["prior"]), stored["rounds"])
    return Usability(tuple(Person(person) for person in stored["people"]), known)
