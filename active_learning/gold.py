"""Tiles whose animals an expert has settled: to teach people, and to measure them without their knowing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

import numpy as np
from scipy.optimize import linear_sum_assignment

from active_learning.overlap import matched_iou
from labeling_configs.vocabulary import Boxes, TileId, Vote

FEW = 5
"""Animals up to which a gold tile holds few; above, many."""


class NoAnswer(ValueError):
    """The vote was skipped, which is nobody's mistake and cannot be marked."""


class GoldKind(StrEnum):
    """What a gold tile is for: feedback is shown after a teaching one, a measuring one is never revealed."""

    TEACHING = "teaching"
    MEASURING = "measuring"


@dataclass(frozen=True)
class GoldTile:
    """A tile that an expert has settled; whether it belongs to the exam must be known before anybody sees it."""

    tile: TileId
    animals: int
    exam: bool = False

    @property
    def kind(self) -> GoldKind:
        """For ever the same, by the tile's photo; exam tiles only measure, since feedback would give the exam away.

        Tiles of one photo overlap: feedback on one must not show what another one measures.
        """
        photo = self.tile.partition("-")[0]
        teaches = sha256(f"gold\x1f{photo}".encode()).digest()[0] % 2 == 0
        return GoldKind.TEACHING if teaches and not self.exam else GoldKind.MEASURING


@dataclass(frozen=True)
class Marked:
    """How a vote compares with the truth; `iou` is the mean of the hits, 0 without any.

    `missed` are the true boxes nobody drew, `wrong` the drawn ones where nothing is, both of shape (n, 4).
    """

    hits: int
    iou: float
    missed: Boxes
    wrong: Boxes

    @property
    def misses(self) -> int:
        """Animals overlooked."""
        return len(self.missed)

    @property
    def false(self) -> int:
        """Boxes round nothing, or round an animal that has its box already."""
        return len(self.wrong)


def mark(vote: Vote, truth: Boxes, overlap: float = 0.5) -> Marked:
    """Pair as many boxes with animals as reach the overlap, the best pairs of those; raise NoAnswer for a skipped vote.

    Saying "unusable" of a tile that an expert could settle misses every animal on it.
    """
    if vote.skipped:
        raise NoAnswer(f"{vote.person} skipped tile {vote.tile}; mark only votes that answer")
    pairs = np.repeat(vote.boxes, len(truth), axis=0), np.tile(truth, (len(vote.boxes), 1))
    shares = matched_iou(*pairs).reshape(len(vote.boxes), len(truth))
    worth = np.where(shares >= overlap, len(truth) + shares, 0.0)  # one more pair outweighs any better overlap
    drawn, true = linear_sum_assignment(worth, maximize=True)
    hit = shares[drawn, true] >= overlap
    drawn, true = drawn[hit], true[hit]
    iou = float(shares[drawn, true].mean()) if len(drawn) else 0.0
    return Marked(len(drawn), iou, np.delete(truth, true, axis=0), np.delete(vote.boxes, drawn, axis=0))


def choose_gold(
    candidates: Sequence[GoldTile],
    wanted: int,
    kind: GoldKind,
    seen: Collection[TileId],
    rng: np.random.Generator,
) -> tuple[TileId, ...]:
    """Return at most `wanted` tiles of the kind outside `seen`, in turn with no, few and many animals while they last.

    `seen` are the tiles that the person has voted on or was shown as gold before.
    """
    seen = frozenset(seen)
    pool = sorted((c for c in candidates if c.kind is kind and c.tile not in seen), key=lambda one: one.tile)
    turns: list[tuple[int, float, TileId]] = []
    for crowd in rng.permutation(3):
        group = [one.tile for one in pool if _crowd(one.animals) == crowd]
        turns.extend((turn, rng.random(), group[row]) for turn, row in enumerate(rng.permutation(len(group))))
    return tuple(tile for _, _, tile in sorted(turns)[: max(wanted, 0)])


def _crowd(animals: int) -> int:
    return 0 if animals == 0 else 1 if animals <= FEW else 2
