"""What the votes on one tile say together; replaceable as a whole by a weighted version."""

from collections.abc import Iterable, Sequence

import numpy as np

from active_learning.overlap import overlapping_pairs
from labeling_configs.vocabulary import Boxes, Consensus, ConsensusBox, Person, Vote, no_boxes

SAME_ANIMAL = 0.35
"""IoU from which two people's boxes may show one animal."""
DOUBT = 0.1
"""Imagined votes on either side; calibrated on Branson's pedestrians, where one person's box is right 9 times in 10."""


class NoVotes(ValueError):
    """Nobody has answered: no votes at all, or every one skipped or called unusable."""


def agree(votes: Sequence[Vote], overlap: float = SAME_ANIMAL) -> Consensus:
    """Return the animals the votes show, whatever their order; raise NoVotes when no vote has an answer.

    Every cluster of boxes holds at most one box of each person. Its box is the coordinate-wise median; its probability
    is the smoothed share (drawn + DOUBT) / (voters + 2 DOUBT), above one half exactly when most voters drew it.
    """
    answered = answers(votes)
    if not answered:
        raise NoVotes(f"agree() got {len(votes)} votes and none has an answer; ask one more person first")
    boxes, drawers = _in_fixed_order(answered)
    found = tuple(
        _consensus_box(boxes[group], [drawers[i] for i in group], len(answered))
        for group in cluster(boxes, drawers, overlap)
    )
    return Consensus(answered[0].tile, found, len(answered), _agreement(found, len(answered)))


def answers(votes: Iterable[Vote]) -> list[Vote]:
    """Return each person's latest vote, by person, without those skipped or called unusable."""
    return [vote for vote in latest(votes) if not vote.skipped and not vote.unusable]


def latest(votes: Iterable[Vote]) -> list[Vote]:
    """Return each person's latest vote, by person: a corrected answer replaces the first one."""
    kept: dict[Person, Vote] = {}
    for vote in votes:
        if vote.person not in kept or vote.given_at >= kept[vote.person].given_at:
            kept[vote.person] = vote
    return [kept[person] for person in sorted(kept)]


def cluster(boxes: Boxes, drawers: Sequence[Person], overlap: float) -> list[list[int]]:
    """Join boxes, best overlapping pairs first, never two of one person; return the groups of rows, in row order."""
    group = [[row] for row in range(len(boxes))]
    first, second, shares = overlapping_pairs(boxes, overlap)
    for pair in np.lexsort((second, first, -shares)):
        left, right = group[first[pair]], group[second[pair]]
        if left is not right and not {drawers[i] for i in left} & {drawers[i] for i in right}:
            left.extend(right)
            for row in right:
                group[row] = left
    return [sorted(rows) for row, rows in enumerate(group) if row == min(rows)]


def _in_fixed_order(votes: Sequence[Vote]) -> tuple[Boxes, list[Person]]:
    """Sort all boxes by place, then person, so that ties between overlaps never depend on who answered first."""
    boxes = np.concatenate([no_boxes(), *(vote.boxes for vote in votes)])
    voter = np.repeat(np.arange(len(votes)), [len(vote.boxes) for vote in votes])
    order = np.lexsort((voter, *boxes.T[::-1]))
    return boxes[order], [votes[i].person for i in voter[order]]


def _consensus_box(boxes: Boxes, drawers: Sequence[Person], voters: int) -> ConsensusBox:
    x1, y1, x2, y2 = (float(side) for side in np.median(boxes, axis=0))
    return ConsensusBox((x1, y1, x2, y2), (len(drawers) + DOUBT) / (voters + 2 * DOUBT), tuple(sorted(drawers)))


def _agreement(found: Sequence[ConsensusBox], voters: int) -> float:
    shares = [max(len(box.drawn_by), voters - len(box.drawn_by)) / voters for box in found]
    return float(np.mean(shares)) if shares else 1.0
