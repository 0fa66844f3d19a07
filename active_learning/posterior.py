"""Other partitions that the evidence allows: samples of them, and what an animal may be besides what it is taken for.

The catalogue is broken at every cut that is not beyond doubt into pieces that stay whole. Piece by piece, and cluster
by cluster, each is taken out and put back by the log-odds of its boundaries, as Gibbs sampling does. Tempered evidence
does not add up to one joint distribution: this is a dependency network (Heckerman et al. 2000), calibrated at each
boundary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from active_learning.boundaries import across, between
from active_learning.clusters import NOTHING, Boundary, Wiring, added, wire
from active_learning.cuts import weakest_cut
from active_learning.evidence import Evidence
from active_learning.partition import Settled
from active_learning.tempering import Rows
from labeling_configs.vocabulary import AnimalId

FIRM = 6.0
"""Log-odds from which a cluster is not broken and a boundary not crossed in samples."""
SWEEPS = 2
"""Sweeps over all open pieces between two samples."""
WARM = 10
OVERWHELMING = 30.0


@dataclass(frozen=True)
class Pieces:
    """Parts of clusters that stay whole: each animal's piece (n,), and the boundaries to each piece's neighbours."""

    piece: Rows
    around: tuple[Mapping[int, Boundary], ...]
    size: tuple[int, ...]
    cluster: Rows
    """The settled cluster of each piece."""
    wiring: Wiring


@dataclass(frozen=True)
class Recognised:
    """What an animal may be: the probability of each cluster, by its label, and that it is an individual of its own."""

    clusters: Mapping[int, float]
    new: float


def break_up(settled: Settled, firm: float = FIRM) -> Pieces:
    """Break every cluster at its weakest cuts until what is left holds together with log-odds of at least `firm`."""
    evidence = settled.evidence
    inside = settled.label[evidence.first] == settled.label[evidence.second]
    wiring = wire(evidence, settled.anchor, inside)
    piece = np.empty(len(settled.label), dtype=np.int64)
    waiting = [(rows, settled.cuts[label].strength) for label, rows in settled.members.items()]
    while waiting:
        rows, strength = waiting.pop()
        if strength >= firm:
            piece[rows] = rows[0]
            continue
        side = set(weakest_cut(wiring, rows).side)
        for part in ([row for row in rows if row in side], [row for row in rows if row not in side]):
            waiting.append((part, weakest_cut(wiring, part).strength))
    one, other, parts = across(evidence, piece)
    names, number, size = np.unique(piece, return_inverse=True, return_counts=True)
    around: list[dict[int, Boundary]] = [{} for _ in names]
    ends = zip(np.searchsorted(names, one).tolist(), np.searchsorted(names, other).tolist(), strict=True)
    for (here, there), part in zip(ends, parts.T.tolist(), strict=True):
        around[here][there] = around[there][here] = (part[0], int(part[1]), part[2], int(part[3]), part[4], 0)
    return Pieces(number, tuple(around), tuple(size.tolist()), settled.label[names], wiring)


def sample(settled: Settled, count: int, rng: Generator, firm: float = FIRM) -> Rows:
    """Return partitions drawn from the posterior: labels, shape (count, n), each the first row of its cluster.

    Pieces, and clusters as they are settled, are taken out one by one and put where the evidence wants them, or alone.
    """
    pieces = break_up(settled, firm)
    walk = _Walk(pieces, settled.evidence)
    blocks = _open_blocks(pieces, firm)
    drawn = np.empty((count, len(settled.label)), dtype=np.int64)
    for turn in range(count):
        for _ in range(WARM if turn == 0 else SWEEPS):
            for block in rng.permutation(len(blocks)).tolist():
                walk.resettle(blocks[block], rng)
        drawn[turn] = _first_rows(np.array(walk.home)[pieces.piece])
    return drawn


def together(samples: Rows, one: Rows, other: Rows) -> NDArray[np.float64]:
    """Return the share of samples (count, n) in which the animals in rows one and other (m,) are one individual."""
    share: NDArray[np.float64] = (samples[:, one] == samples[:, other]).mean(axis=0)
    return share


def recognise(settled: Settled, animal: AnimalId) -> Recognised:
    """Return what an animal may be, were it taken out of the catalogue: at most one cluster, or none of them."""
    row = settled.evidence.row[animal]
    label = settled.label.copy()
    rest = np.flatnonzero((label == label[row]) & (np.arange(len(label)) != row))
    label[rest] = rest.min(initial=len(label))
    label[row] = row
    found = between(settled.evidence, label)
    mine = (found.one == row) | (found.other == row)
    others = np.where(found.one[mine] == row, found.other[mine], found.one[mine])
    odds = np.exp(np.minimum(found.strength[mine], OVERWHELMING))
    total = 1 + odds.sum()
    return Recognised(
        {int(name): float(chance) for name, chance in zip(others, odds / total, strict=True)}, float(1 / total)
    )


class _Walk:
    """A partition of pieces that changes: the home of each piece and who lives there."""

    def __init__(self, pieces: Pieces, evidence: Evidence) -> None:
        self._pieces = pieces
        self.home = np.unique(pieces.cluster, return_inverse=True)[1].tolist()
        self._living: dict[int, set[int]] = {}
        for piece, home in enumerate(self.home):
            self._living.setdefault(home, set()).add(piece)
        self._free = len(self.home)
        self._photos = _photos(pieces.piece, evidence)

    def resettle(self, block: tuple[int, ...], rng: Generator) -> None:
        """Put a block of pieces, if it lives together, where it belongs by chance."""
        here = self.home[block[0]]
        if any(self.home[piece] != here for piece in block):
            return
        self._leave(block, here)
        seen: dict[int, Boundary] = {here: NOTHING} if self._living[here] else {}
        for piece in block:
            for other, boundary in self._pieces.around[piece].items():
                there = self.home[other]
                if there >= 0:
                    seen[there] = added(seen[there], boundary) if there in seen else boundary
        homes = [home for home in sorted(seen) if not self._clash(block, home)]
        size = sum(self._pieces.size[piece] for piece in block)
        chances = [self._odds(seen[home], size * self._heads(home)) for home in homes]
        drawn = rng.random() * (1 + sum(chances))
        chosen = self._alone(here)
        for home, chance in zip(homes, chances, strict=True):
            if drawn < chance:
                chosen = home
                break
            drawn -= chance
        self._enter(block, chosen)

    def _odds(self, boundary: Boundary, possible: int) -> float:
        return exp(min(self._pieces.wiring.strength(boundary, possible), OVERWHELMING))

    def _heads(self, home: int) -> int:
        return sum(self._pieces.size[piece] for piece in self._living[home])

    def _alone(self, here: int) -> int:
        if not self._living[here]:
            return here
        self._free += 1
        return self._free

    def _leave(self, block: tuple[int, ...], here: int) -> None:
        self._living[here] -= set(block)
        for piece in block:
            self.home[piece] = -1

    def _enter(self, block: tuple[int, ...], home: int) -> None:
        self._living.setdefault(home, set()).update(block)
        for piece in block:
            self.home[piece] = home

    def _clash(self, block: tuple[int, ...], home: int) -> bool:
        mine = set().union(*(self._photos.get(piece, ()) for piece in block))
        return bool(mine) and any(not mine.isdisjoint(self._photos.get(piece, ())) for piece in self._living[home])


def _photos(piece: Rows, evidence: Evidence) -> dict[int, set[int]]:
    """Return the photos of each piece that show others too."""
    photos: dict[int, set[int]] = {}
    crowded = np.bincount(evidence.photo, minlength=1) > 1
    for row in np.flatnonzero(crowded[evidence.photo]).tolist():
        photos.setdefault(int(piece[row]), set()).add(int(evidence.photo[row]))
    return photos


def _open_blocks(pieces: Pieces, firm: float) -> list[tuple[int, ...]]:
    """Return the pieces with any choice, and the clusters of several pieces, which move as a whole."""
    clusters: dict[int, list[int]] = {}
    for piece, cluster in enumerate(pieces.cluster.tolist()):
        clusters.setdefault(cluster, []).append(piece)
    free = [_has_choice(pieces, piece, firm) for piece in range(len(pieces.size))]
    groups = [tuple(parts) for parts in clusters.values() if len(parts) > 1 and any(free[piece] for piece in parts)]
    return [(piece,) for piece, choice in enumerate(free) if choice] + groups


def _has_choice(pieces: Pieces, piece: int, firm: float) -> bool:
    """Tell whether any boundary of a piece may be crossed."""
    size = pieces.size
    return any(
        pieces.wiring.strength(boundary, size[piece] * size[other]) > -firm
        for other, boundary in pieces.around[piece].items()
    )


def _first_rows(homes: Rows) -> Rows:
    _, first, place = np.unique(homes, return_index=True, return_inverse=True)
    return np.asarray(first[place], dtype=np.int64)
