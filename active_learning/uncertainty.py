"""How unsure a detector is about a tile, from the scores of the boxes it proposed there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from modAL.uncertainty import classifier_entropy
from numpy.typing import NDArray

from labeling_configs.vocabulary import Proposal, Tile

UNSEEN = 1.0
"""The uncertainty of a tile no detector has looked at: all are alike, so that diversity alone decides."""
SILENCE = 0.05
"""The uncertainty of a tile without any box: above nothing, since a detector does not know what it misses."""
LOOKED_AT = 10
"""Boxes that count; a sum over all boxes would only ever choose the largest crowds (Lyu et al., CVPR 2023)."""
SURE, POSSIBLE = 0.5, 0.2


def tile_uncertainties(tiles: Sequence[Tile], proposal: Proposal | None) -> NDArray[np.float64]:
    """Return one uncertainty ≥ 0 for each tile of the proposal's photo, from the boxes centred in its core."""
    if proposal is None:
        return np.full(len(tiles), UNSEEN)
    inside = (tile.core.holds_centres_of(proposal.boxes) for tile in tiles)
    return np.array([tile_uncertainty(proposal.scores[own]) for own in inside], dtype=np.float64)


def tile_uncertainty(scores: NDArray[np.float64]) -> float:
    """Return box doubt plus count doubt, SILENCE when the detector saw nothing at all.

    Box doubt is the mean of the highest entropies, in bits; count doubt compares the boxes it is sure of with those it
    holds possible, relative to the former.
    """
    if not len(scores):
        return SILENCE
    doubts = np.sort(box_doubts(scores))[-LOOKED_AT:]
    sure, possible = int(np.sum(scores > SURE)), int(np.sum(scores > POSSIBLE))
    return float(doubts.mean() + (possible - sure) / (1 + sure))


def box_doubts(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return modAL's entropy of (animal, no animal) for each score, in bits, shape (n,)."""
    nats: NDArray[np.float64] = classifier_entropy(_Detector(), scores)
    bits: NDArray[np.float64] = nats / np.log(2)
    return bits


@dataclass(frozen=True)
class _Detector:
    """What modAL measures: a classifier whose samples are scores that were computed long before."""

    def predict_proba(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([scores, 1 - scores])
