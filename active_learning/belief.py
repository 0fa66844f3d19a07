"""What is at each place, given who drew there and who did not: the posterior that consensus and learning share.

A place holds a plain animal, a hidden one, a decoy, or nothing at all but one person's stray box. Voters draw
independently given what is there (Dawid and Skene 1979). Places that nobody drew are missing from the ballots, so
animals are a Poisson process whose unseen part is counted too; else every lone box would look plausible.
"""

from dataclasses import dataclass

import numpy as np

from active_learning.ballots import Ballots, Numbers
from active_learning.crowd import KINDS, REAL, Crowd

CHANCE_MEETING = 0.02
"""The chance that two stray boxes meet at one place."""


@dataclass(frozen=True)
class Belief:
    """The posterior over ballots' places and tiles."""

    kinds: Numbers
    """Shape (places, 4): the probability of each kind, and of a stray box."""
    unseen: Numbers
    """Shape (tiles, 3): animals and decoys that are expected though no voter drew them."""
    overlooked: Numbers
    """Shape (tiles, 3): the chance that all voters of a tile overlook one that is there."""

    @property
    def probability(self) -> Numbers:
        """The probability that each place holds an animal, shape (places,)."""
        real: Numbers = self.kinds[:, :KINDS] @ REAL
        return real

    def missed(self, crowd: Crowd, smallest: float = 0.0) -> Numbers:
        """Animals expected on each tile that nobody drew, shape (tiles,), those not counted that are too small."""
        missed: Numbers = self.unseen @ (REAL * crowd.sizes.counted(smallest))
        return missed


def believe(ballots: Ballots, crowd: Crowd, sizes: Numbers) -> Belief:
    """Return the posterior; `sizes`, shape (places,), is the shorter side of each place's box in pixels.

    How crowded a tile is, is learned from its own places, two rounds, each place judged by the others.
    """
    lone = _kinds_alone(ballots, crowd, sizes)
    overlooked = _overlooked(ballots, crowd)
    density = crowd.sizes.density.sum(axis=1)
    visible = ((1 - overlooked) * density) @ REAL
    crowdedness = np.ones(len(ballots.tiles))
    around = np.ones(len(ballots.place_tile))
    kinds = lone
    for _ in range(2):
        kinds = _normalised(lone + np.log(around)[:, None] * np.append(REAL, 0.0))
        real = kinds[:, :KINDS] @ REAL
        inside = np.bincount(ballots.place_tile, real, len(ballots.tiles))
        crowdedness = (crowd.clumping + inside) / (crowd.clumping + visible)
        others = crowd.clumping + inside[ballots.place_tile] - real
        around = others / (crowd.clumping + visible[ballots.place_tile])
    lift = np.where(REAL > 0, crowdedness[:, None], 1.0)
    return Belief(kinds, density * overlooked * lift, overlooked)


def _kinds_alone(ballots: Ballots, crowd: Crowd, sizes: Numbers) -> Numbers:
    """Return the logarithm of each kind's weight at each place, shape (places, 4), whatever else is on the tile."""
    finds, strays, _ = crowd.columns(ballots)
    voice = np.zeros((2, *finds.shape[:2], KINDS + 1))
    voice[0, ..., :KINDS], voice[1, ..., :KINDS] = np.log1p(-finds), np.log(finds)
    voice[1, ..., KINDS] = (np.log(strays) + np.log(CHANCE_MEETING))[:, None]
    said: Numbers = ballots.said @ voice.reshape(-1, KINDS + 1)
    # One of the strays meets nobody. A drawer without a say proves nothing: a box that only such people drew is like
    # one of many anywhere.
    said[:, KINDS] -= np.log(CHANCE_MEETING)
    common = np.log(np.vstack([crowd.sizes.density, crowd.sizes.strays]))
    alone: Numbers = said + common.T[np.searchsorted(crowd.sizes.cuts, sizes)]
    return alone


def _overlooked(ballots: Ballots, crowd: Crowd) -> Numbers:
    finds, _, _ = crowd.columns(ballots)
    chance: Numbers = np.exp(ballots.looked @ np.log1p(-finds).reshape(-1, KINDS))
    return chance


def _normalised(logs: Numbers) -> Numbers:
    weights = np.exp(logs - logs.max(axis=1, initial=-np.inf, keepdims=True))
    shares: Numbers = weights / weights.sum(axis=1, keepdims=True)
    return shares
