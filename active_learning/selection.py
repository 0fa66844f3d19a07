"""Choose the next batch: informative for the minutes it costs, diverse, never two of one burst, partly at random."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from active_learning.diversity import Distances
from labeling_configs.vocabulary import PhotoId, TileId

OPENING_COST = 25.0
"""What opening a task costs people, in boxes drawn: a full tile costs twice an empty one."""


class Reason(StrEnum):
    """Why a tile was chosen."""

    UNCERTAIN = "uncertain"
    NOVEL = "novel"
    RANDOM = "random"
    EXAM = "exam"


@dataclass(frozen=True)
class Candidate:
    """A tile that could be asked; `features`, shape (d,), describe its looks; all tiles have them or none."""

    tile: TileId
    photo: PhotoId
    burst: str
    day: date | None
    uncertainty: float
    features: NDArray[np.float64] | None
    expected_boxes: float
    exam: bool = False


@dataclass(frozen=True)
class Chosen:
    """A tile of the batch; `blind` tiles are shown without predictions.

    `value` is its uncertainty per unit of cost times its distance from what is known. `probability` is the chance the
    random design had of drawing this tile; None when the tile chose itself and must stay out of unbiased estimates.
    """

    tile: TileId
    reason: Reason
    value: float
    probability: float | None
    blind: bool


@dataclass(frozen=True)
class Shares:
    """The parts of a batch drawn at random and for the exam, and the part of the rest that is shown blind."""

    random: float = 0.2
    exam: float = 0.1
    blind: float = 0.1


def select(
    candidates: Sequence[Candidate],
    size: int,
    rng: Generator,
    shares: Shares | None = None,
    known: NDArray[np.float64] | None = None,
) -> tuple[Chosen, ...]:
    """Return at most `size` tiles in the order to ask them, at most one of each burst, whatever the candidates' order.

    Exam photos are drawn at random only. `known`, shape (m, d), are the features of tiles that were answered already.
    The random tiles are spread over the batch: were they last, an unfinished batch would hold none.
    """
    part = shares or Shares()
    bursts = _by_burst(candidates, rng)
    size = min(size, len(bursts))  # or the random share of a large batch would take all of a small pool
    learning = [burst for burst in bursts if not burst[0].exam]
    exam = _draw([burst for burst in bursts if burst[0].exam], round(size * part.exam), Reason.EXAM, rng)
    random = _draw(learning, round(size * part.random), Reason.RANDOM, rng)
    drawn = {chosen.tile for chosen in random}
    left = [burst for burst in learning if drawn.isdisjoint(c.tile for c in burst)]
    informative = _greedy(left, size - len(exam) - len(random), part.blind, known, rng)
    return _spread(informative, [*exam, *random], rng)


def worth(candidate: Candidate) -> float:
    """Return the uncertainty per unit of people's time."""
    return candidate.uncertainty / (OPENING_COST + candidate.expected_boxes)


def _by_burst(candidates: Iterable[Candidate], rng: Generator) -> list[list[Candidate]]:
    """Group by burst in an order only rng decides, so that the first of equals is a fair choice later."""
    bursts: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda c: c.tile):
        bursts[candidate.burst].append(candidate)
    named = [bursts[name] for name in sorted(bursts)]
    shuffled = [[burst[i] for i in rng.permutation(len(burst))] for burst in named]
    return [shuffled[i] for i in rng.permutation(len(shuffled))]


def _draw(bursts: Sequence[Sequence[Candidate]], size: int, reason: Reason, rng: Generator) -> list[Chosen]:
    """Draw bursts uniformly without replacement, then one tile of each uniformly."""
    size = min(size, len(bursts))
    drawn = [bursts[i] for i in rng.choice(len(bursts), size, replace=False)] if size else []
    picked = [(burst, burst[int(rng.integers(len(burst)))]) for burst in drawn]
    return [Chosen(one.tile, reason, worth(one), size / len(bursts) / len(burst), True) for burst, one in picked]


def _greedy(
    bursts: Sequence[Sequence[Candidate]], size: int, blind: float, known: NDArray[np.float64] | None, rng: Generator
) -> list[Chosen]:
    """Take the largest worth times squared distance to all that is known or taken (k-center, running minimum)."""
    best = [max(burst, key=worth) for burst in bursts]
    worths = np.array([worth(candidate) for candidate in best])
    distances = Distances.of([candidate.features for candidate in best], known)
    taken: list[Chosen] = []
    free = np.ones(len(best), dtype=bool)
    for _ in range(min(size, len(best))):
        values = worths * distances.squared
        pick = int(np.argmax(np.where(free, values, -1.0)))
        reason = _reason(worths[free], worths[pick], distances.squared[free], distances.squared[pick])
        taken.append(Chosen(best[pick].tile, reason, float(values[pick]), None, bool(rng.random() < blind)))
        free[pick] = False
        distances.add(pick)
    return taken


def _reason(
    worths: NDArray[np.float64], its_worth: float, distances: NDArray[np.float64], its_distance: float
) -> Reason:
    """Name what it stands out by most among the tiles that were still free."""
    return Reason.NOVEL if np.mean(distances < its_distance) > np.mean(worths < its_worth) else Reason.UNCERTAIN


def _spread(ordered: Sequence[Chosen], random: Sequence[Chosen], rng: Generator) -> tuple[Chosen, ...]:
    """Keep the given order and put each random tile at a random place."""
    placed = [((i + 0.5) / len(ordered), chosen) for i, chosen in enumerate(ordered)]
    placed += [(float(rng.random()), chosen) for chosen in random]
    return tuple(chosen for _, chosen in sorted(placed, key=lambda entry: (entry[0], entry[1].tile)))
