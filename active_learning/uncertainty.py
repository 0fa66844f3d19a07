"""What a label of a tile would teach, from the boxes a detector proposed there and from what a second look says.

A second look is the same network on the mirrored photo, or the network that served before: where the two disagree, at
least one of them is wrong (query by committee, Seung, Opper and Sompolinsky 1992; consistency, Yu et al. CVPR 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.overlap import overlapping_pairs
from active_learning.pool import Reason
from labeling_configs.vocabulary import Boxes, Proposal, Tile

Numbers = NDArray[np.float64]

UNSEEN = 1.0
"""The doubt about a tile no detector has looked at: all are alike, so that diversity alone decides."""
SILENCE = 0.05
"""The doubt about a tile without any box: above nothing, since a detector does not know what it misses."""
SAME = 0.3
"""Intersection over union from which a box of the second look shows the same animal."""


@dataclass(frozen=True)
class Look:
    """Boxes, shape (n, 4), and their scores, shape (n,), of one look at a tile."""

    boxes: Boxes
    scores: Numbers


def tile_doubts(
    tiles: Sequence[Tile], proposal: Proposal | None, second: Proposal | None = None
) -> dict[Reason, Numbers]:
    """Return the doubts about each tile of the proposal's photo by kind, from the boxes centred in its core.

    `proposal` is None when no detector has looked.
    """
    if proposal is None:
        return {Reason.UNCERTAIN: np.full(len(tiles), UNSEEN)}
    each = [doubts(_inside(tile, proposal), _inside(tile, second) if second else None) for tile in tiles]
    return {kind: np.array([one[kind] for one in each], dtype=np.float64) for kind in DOUBTS}


DOUBTS = (Reason.UNCERTAIN, Reason.MISPLACED, Reason.MISSED, Reason.COUNT)


def doubts(look: Look, second: Look | None = None) -> dict[Reason, float]:
    """Return what is doubtful on one tile, in animals; all four are sums over its boxes.

    UNCERTAIN: the boxes' entropies, in bits. MISPLACED: how far the second look's boxes lie from those of the first,
    1 - IoU weighed by the score. MISSED: the scores of what only the second look saw, SILENCE at least. COUNT: the
    standard deviation of the count, or the difference of the two looks' counts where that is larger.
    """
    spread = float(np.sqrt(np.sum(look.scores * (1 - look.scores))))
    found = {Reason.UNCERTAIN: float(box_doubts(look.scores).sum()), Reason.MISPLACED: 0.0}
    if second is None:
        return found | {Reason.MISSED: SILENCE, Reason.COUNT: spread}
    best, unseen = _compared(look, second)
    off = np.where(best > 0, 1 - best, 0.0)
    return {
        Reason.UNCERTAIN: found[Reason.UNCERTAIN],
        Reason.MISPLACED: float(np.sum(look.scores * off)),
        Reason.MISSED: max(SILENCE, float(second.scores[unseen].sum())),
        Reason.COUNT: max(spread, abs(float(look.scores.sum() - second.scores.sum()))),
    }


def box_doubts(scores: Numbers) -> Numbers:
    """Return modAL's entropy of (animal, no animal) for each score, in bits, shape (n,)."""
    if not len(scores):
        return np.zeros(0)
    from modAL.uncertainty import classifier_entropy  # it loads torch: whoever only reads does not wait for that

    nats: Numbers = classifier_entropy(_Detector(), scores)
    bits: Numbers = nats / np.log(2)
    return bits


def _inside(tile: Tile, proposal: Proposal) -> Look:
    own = tile.core.holds_centres_of(proposal.boxes)
    return Look(proposal.boxes[own], proposal.scores[own])


def _compared(look: Look, second: Look) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return how well each box is met by the second look, 0 where not at all, and which of the second met none."""
    count = len(look.scores)
    best, unseen = np.zeros(count), np.ones(len(second.scores), dtype=np.bool_)
    first, other, iou = overlapping_pairs(np.concatenate([look.boxes, second.boxes]), SAME)
    across = (first < count) & (other >= count)
    np.maximum.at(best, first[across], iou[across])
    unseen[other[across] - count] = False
    return best, unseen


@dataclass(frozen=True)
class _Detector:
    """What modAL measures: a classifier whose samples are scores that were computed long before."""

    def predict_proba(self, scores: Numbers) -> Numbers:
        return np.column_stack([scores, 1 - scores])
