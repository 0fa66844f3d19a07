"""Which boxes others confirm: the votes on all tiles side by side, and who has a box where somebody else has one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from active_learning.ballots import Flags, Numbers, latest_by_tile
from active_learning.grouping import SAME_ANIMAL
from active_learning.overlap import Indices, overlapping_pairs
from labeling_configs.vocabulary import Origin, Vote, no_boxes

MOST_BOXES = 500
"""Boxes of one vote that are compared; more than a tile holds, and it bounds what one hostile answer can cost."""


@dataclass(frozen=True)
class Columns:
    """The votes by person and time as columns; `changed` counts boxes moved and deleted.

    `owner` (the vote) and `left` (as the machine drew it) have a row per box. Confirmation k says that the vote
    `voter[k]`, of somebody else on the same tile, has a box that overlaps box `box[k]`.
    """

    votes: Sequence[Vote]
    person: Indices
    tile: Indices
    drawn: Numbers
    kept: Numbers
    changed: Numbers
    seconds: Numbers
    owner: Indices
    left: Flags
    box: Indices
    voter: Indices

    def count(self, boxes: Flags | Numbers) -> Numbers:
        """Sum a number of each box up over the boxes of each vote."""
        return np.bincount(self.owner, boxes, len(self.votes)).astype(np.float64)

    def by_person(self) -> list[Indices]:
        """Return the rows of each person's votes."""
        starts = np.flatnonzero(np.diff(self.person)) + 1
        return np.split(np.arange(len(self.votes)), starts) if self.votes else []


def in_columns(votes: Iterable[Vote]) -> Columns:
    """Keep each person's latest vote on each tile, without the skipped ones; the order of votes does not matter."""
    answered = [vote for of_tile in latest_by_tile(votes).values() for vote in of_tile if not vote.skipped]
    rows = sorted(answered, key=lambda vote: (vote.person, vote.given_at, vote.tile))
    kept, moved = (_having(rows, origin) for origin in (Origin.KEPT, Origin.MOVED))
    tile = _numbered([vote.tile for vote in rows])
    owner = np.repeat(np.arange(len(rows)), [len(vote.boxes[:MOST_BOXES]) for vote in rows])
    return Columns(
        rows,
        _numbered([vote.person for vote in rows]),
        tile,
        np.array([len(vote.boxes) for vote in rows], dtype=np.float64) - kept - moved,
        kept,
        moved + [len(vote.deleted) for vote in rows],
        np.array([vote.seconds for vote in rows], dtype=np.float64),
        owner,
        np.array([left for vote in rows for left in _left(vote)], dtype=np.bool_),
        *_confirmations(rows, owner, tile),
    )


def _having(rows: Sequence[Vote], origin: Origin) -> Numbers:
    return np.array([vote.origins.count(origin) for vote in rows], dtype=np.float64)


def _left(vote: Vote) -> list[bool]:
    """Say of each compared box whether it was left as the machine drew it; a box without an origin was drawn."""
    compared = min(len(vote.boxes), MOST_BOXES)
    return [row < len(vote.origins) and vote.origins[row] is Origin.KEPT for row in range(compared)]


def _confirmations(rows: Sequence[Vote], owner: Indices, tile: Indices) -> tuple[Indices, Indices]:
    """Return boxes and who confirms each, once however many boxes of that vote do."""
    boxes = np.concatenate([no_boxes(), *(vote.boxes[:MOST_BOXES] for vote in rows)])
    i, j, _ = overlapping_pairs(boxes, SAME_ANIMAL, apart=tile[owner])
    pairs = np.unique(np.concatenate([i, j]) * len(rows) + owner[np.concatenate([j, i])])
    box, voter = np.divmod(pairs, max(len(rows), 1))
    others = owner[box] != voter
    return box[others], voter[others]


def _numbered(names: Sequence[str]) -> Indices:
    """Number equal names alike."""
    return np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1].astype(np.intp)
