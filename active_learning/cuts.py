"""Where a cluster holds together least: the cut that evidence supports least, found by growing from every animal."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from active_learning.clusters import NOTHING, Wiring
from active_learning.tempering import Floats

MOST_SEEDS = 48
"""Of a large cluster no more animals than this, the least attached first, are grown from."""


@dataclass(frozen=True)
class Cut:
    """One side of a cluster and the log-odds that both sides are one individual."""

    strength: float
    side: tuple[int, ...]


WHOLE = Cut(inf, ())
"""What a single animal has instead of a cut."""


def weakest_cut(wiring: Wiring, members: Sequence[int]) -> Cut:
    """Return the weakest cut found; members are sorted rows of one cluster, and so is the smaller side returned."""
    if len(members) < 2:
        return WHOLE
    if len(members) == 2:
        link = dict(zip(wiring.neighbours[members[0]], wiring.links[members[0]], strict=True))
        return Cut(wiring.strength(link.get(members[1], NOTHING), 1), (members[0],))
    inside = _inside(wiring, members)
    grown, strength = _grow(wiring, inside)
    place = int(np.argmin(strength))
    seed, step = divmod(place, strength.shape[1])
    side = sorted(grown[seed, : step + 1].tolist())
    if len(side) * 2 > len(members):
        side = sorted(set(range(len(members))) - set(side))
    return Cut(float(strength[seed, step]), tuple(members[row] for row in side))


def _inside(wiring: Wiring, members: Sequence[int]) -> Floats:
    """Return the parts of the boundary between any two members, anchors left out, shape (5, k, k)."""
    place = {row: at for at, row in enumerate(members)}
    inside = np.zeros((5, len(members), len(members)))
    for row, at in place.items():
        for other, link in zip(wiring.neighbours[row], wiring.links[row], strict=True):
            there = place.get(other)
            if there is not None:
                inside[:, at, there] = link[:5]
    return inside


def _strength(wiring: Wiring, parts: Floats, possible: int) -> Floats:
    pro, pros, contra, cons, certain = parts
    strength: Floats = wiring.odds + wiring.tempering.told(pro, pros, contra, cons, possible) + certain
    return strength


def _grow(wiring: Wiring, inside: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Grow a side from each seed by the animal it holds most; return who joined when and how strong each cut was."""
    size = inside.shape[1]
    degree = inside.sum(axis=2)
    seeds = np.argsort(_strength(wiring, degree, size - 1), kind="stable")[:MOST_SEEDS]
    held = inside[:, seeds].copy()
    cut = degree[:, seeds].copy()
    rows = np.arange(len(seeds))
    out = np.zeros((len(seeds), size), dtype=bool)
    out[rows, seeds] = True
    grown = np.zeros((len(seeds), size - 1), dtype=np.int64)
    grown[:, 0] = seeds
    strength = np.empty((len(seeds), size - 1))
    strength[:, 0] = _strength(wiring, cut, size - 1)
    for step in range(1, size - 1):
        pull = _strength(wiring, held, step)
        pull[out] = -inf
        chosen = pull.argmax(axis=1)
        cut += degree[:, chosen] - 2 * held[:, rows, chosen]
        held += inside[:, chosen]
        out[rows, chosen] = True
        grown[:, step] = chosen
        strength[:, step] = _strength(wiring, cut, (step + 1) * (size - step - 1))
    return grown, strength
