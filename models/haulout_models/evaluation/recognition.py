"""How well animals are recognised, from a table of scores between them: ranks, who is new, and honest probabilities."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
_BINS = 10


@dataclass(frozen=True)
class Ranks:
    """How often the right individual came first, and among the first five, and the mean average precision."""

    rank1: float
    rank5: float
    map: float
    queries: int
    """Crops whose individual is in the gallery at all."""


@dataclass(frozen=True)
class OpenSet:
    """Known animals named and new ones called new, each individual counting once (BAKS and BAUS of AnimalCLEF 2025)."""

    known: float
    new: float

    @property
    def balanced(self) -> float:
        """Geometric mean of both: naming everybody, or nobody, is worth nothing."""
        return float(np.sqrt(self.known * self.new))


def ranks(scores: Scores, queries: NDArray[Any], gallery: NDArray[Any], allowed: NDArray[np.bool_]) -> Ranks:
    """Rank the gallery for each query by scores (q, g); only allowed (q, g) pairs are compared.

    Rank 5 counts crops, not individuals: five pictures are what an expert is shown.
    """
    first, five, precise = [], [], []
    for row, name in enumerate(queries):
        others = np.flatnonzero(allowed[row])
        best = others[np.argsort(-scores[row, others], kind="stable")]
        places = np.flatnonzero(gallery[best] == name)
        if len(places):
            first.append(places[0] == 0)
            five.append(places[0] < 5)
            precise.append(np.mean(np.arange(1, len(places) + 1) / (places + 1)))
    if not first:
        return Ranks(0.0, 0.0, 0.0, 0)
    return Ranks(float(np.mean(first)), float(np.mean(five)), float(np.mean(precise)), len(first))


def open_set(scores: Scores, names: NDArray[Any], allowed: NDArray[np.bool_], threshold: float) -> OpenSet:
    """Show every crop twice: with its individual among the others, and with its individual taken out of them."""
    known: dict[Any, list[bool]] = defaultdict(list)
    new: dict[Any, list[bool]] = defaultdict(list)
    for row, name in enumerate(names):
        own = names == name
        strangers = np.flatnonzero(~own)
        here = np.flatnonzero(allowed[row])
        if len(strangers):
            new[name].append(bool(scores[row, strangers].max() < threshold))
        if own[here].any():
            best = here[scores[row, here].argmax()]
            known[name].append(bool(own[best] and scores[row, best] >= threshold))
    return OpenSet(_balanced(known), _balanced(new))


def best_threshold(scores: Scores, names: NDArray[Any], allowed: NDArray[np.bool_]) -> float:
    """Return the threshold of the best balanced accuracy, out of forty that lie between the scores seen."""
    tried = np.quantile(scores[allowed], 1.0 - np.geomspace(1e-4, 1.0, 40))
    return float(max(tried, key=lambda threshold: open_set(scores, names, allowed, threshold).balanced))


def probability_error(chance: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Expected calibration error of probabilities (Naeini et al. 2015), in ten bins of equal width."""
    if not len(chance):
        return float("nan")
    bins = np.minimum((chance * _BINS).astype(int), _BINS - 1)
    return float(np.abs(np.bincount(bins, weights=chance - same, minlength=_BINS)).sum() / len(chance))


def _balanced(answers: dict[Any, list[bool]]) -> float:
    return float(np.mean([np.mean(one) for one in answers.values()])) if answers else 0.0
