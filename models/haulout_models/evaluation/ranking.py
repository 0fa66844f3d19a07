"""How well individuals are found again, in plain numpy: each crop is looked for among the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ranked:
    """One crop's result: its row, whether the most similar other is right, and the average precision of the ranking."""

    crop: int
    first: bool
    precision: float


def rank(
    embeddings: NDArray[np.floating], identities: Sequence[str], groups: Sequence[str] | None = None
) -> list[Ranked]:
    """Rank for each crop all others by dot product; crops whose individual is nowhere else are left out.

    Crops of one group (a burst) are never compared: their likeness is that of the moment. Components that are not
    numbers count as 0.
    """
    who = np.asarray(identities)
    burst = np.asarray(groups) if groups is not None else np.arange(len(who))
    vectors = np.nan_to_num(np.asarray(embeddings, dtype=np.float64))
    likeness = vectors @ vectors.T
    ranked = []
    for i in range(len(who)):
        others = np.flatnonzero(burst != burst[i])
        best = others[np.argsort(-likeness[i, others], kind="stable")]
        places = np.flatnonzero(who[best] == who[i])
        if len(places):
            precision = float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))
            ranked.append(Ranked(i, bool(places[0] == 0), precision))
    return ranked


def rank1(embeddings: NDArray[np.floating], identities: Sequence[str], groups: Sequence[str] | None = None) -> float:
    """Share of crops whose most similar other crop shows the same individual."""
    ranked = rank(embeddings, identities, groups)
    return float(np.mean([one.first for one in ranked])) if ranked else 0.0


def mean_average_precision(
    embeddings: NDArray[np.floating], identities: Sequence[str], groups: Sequence[str] | None = None
) -> float:
    """Mean over crops of the average precision with which the others of the same individual are ranked first."""
    ranked = rank(embeddings, identities, groups)
    return float(np.mean([one.precision for one in ranked])) if ranked else 0.0
