"""Learn everybody's skill from all votes together with what the votes say: expectation maximisation with priors."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import reduce

import numpy as np

from active_learning.ballots import EXPERT, MACHINE, Ballots, Flags, Numbers, Sight
from active_learning.belief import Belief, believe
from active_learning.crowd import KINDS, MACHINE_FINDS, PLAIN, REAL, USUAL_FINDS, Crowd, Sizes, Skill
from active_learning.overlap import Indices
from active_learning.placement import OUTWARD, precisions, root_sides, sizes, weighted_boxes
from labeling_configs.vocabulary import Person, Vote

TOLERANCE = 1e-5
"""Learning ends when no rate in the crowd's averages moves by more; boxes' probabilities then err by about 2e-3."""
MOST_ROUNDS = 300
SIZES = 5
ANCHOR = np.array([3000.0, 300.0, 300.0])
"""How many imagined animals hold each row of the crowd's averages in place: the blind row defines the kinds."""
NEWCOMER = 8.0
"""Imagined animals, tiles and boxes with which everybody starts as an average person."""
MACHINE_HOLD = 50.0
MIXED = 1000.0
RARER = 0.1
"""Imagined tiles on which hidden animals and decoys are each this share of the plain ones.

Two votes a tile cannot tell a hidden animal from a decoy: without this one of the two takes all of both.
"""
SMOOTH = 3.0
"""Imagined places spread over the sizes."""
EDGES = 100.0
"""Imagined edges that hold the inward quantile in place, with the mean error below, as a share of the side."""
EDGE_ERROR = 0.05
PORTION = 20_000
"""Votes that are believed and added up at once."""
FAR_OFF = 3.0
"""Standard deviations beyond which an outline says nothing more about its drawer's precision."""


def learn_crowd(
    votes: Iterable[Vote],
    start: Crowd | None = None,
    smallest: float = 0.0,
    tolerance: float = TOLERANCE,
    most: int = MOST_ROUNDS,
) -> Crowd:
    """Return everybody's skill, learned from all votes at once; the order of the votes does not matter.

    `start` only saves rounds; where tiles have two votes each, another start may end at another answer that explains
    them as well, so what must be rebuilt is learned from scratch. `smallest`, in pixels of the shorter side, is the
    size from which animals count; smaller ones are learned of apart.
    """
    ballots = Ballots.of(votes)
    if not ballots.tiles:
        return Crowd()
    crowd = _precision(ballots, start or Crowd())
    size = sizes(weighted_boxes(ballots, precisions(ballots, crowd.columns(ballots)[2]), crowd.inward))
    crowd = replace(crowd, sizes=_rebinned(crowd.sizes, _cuts(size, smallest)))
    portions = [(portion, size[places]) for portion, places in ballots.portions(PORTION)]
    people = _Rows.of(ballots)
    for rounds in range(1, most + 1):
        tallies = (_tally(portion, believe(portion, crowd, own), crowd.sizes.cuts, own) for portion, own in portions)
        learned = _maximised(people, reduce(_Tally.plus, tallies), crowd)
        moved = np.abs(learned.finds - crowd.finds).max() + np.abs(learned.sizes.density - crowd.sizes.density).max()
        crowd = replace(learned, rounds=rounds)
        if moved < tolerance:
            break
    return crowd


def _cuts(size: Numbers, smallest: float) -> Numbers:
    """Cut into sizes with as many places each; too few places are not cut."""
    equal = np.quantile(size, np.linspace(0, 1, SIZES + 1)[1:-1]) if len(size) >= 10 * SIZES else np.zeros(0)
    return np.unique(np.append(equal, smallest) if smallest > 0 else equal)


def _rebinned(old: Sizes, cuts: Numbers) -> Sizes:
    bins = len(cuts) + 1
    if len(old.cuts) == len(cuts):
        return Sizes(cuts, old.density, old.strays)
    return Sizes(cuts, np.tile(old.density.sum(axis=1, keepdims=True) / bins, (1, bins)), np.full(bins, 1 / bins))


@dataclass(frozen=True)
class _Rows:
    """The people of the ballots, in order: who is a volunteer, and on how many tiles each voted."""

    people: tuple[Person, ...]
    human: Flags
    tiles: Numbers

    @classmethod
    def of(cls, ballots: Ballots) -> "_Rows":
        human = np.array([person not in (MACHINE, EXPERT) for person in ballots.people])
        return cls(ballots.people, human, np.bincount(ballots.voter_person, minlength=len(human)).astype(np.float64))


@dataclass(frozen=True)
class _Tally:
    """What the belief about some tiles adds up to; tallies of different tiles are added."""

    drew: Numbers
    """Shape (people, 3, 3), sights and kinds: the animals each person drew, and below, could have drawn."""
    could: Numbers
    strays: Numbers
    """Shape (people,)."""
    seen: Numbers
    """Shape (4, sizes): places of each kind, strays last."""
    unseen: Numbers
    """Shape (3,)."""
    animals: Numbers
    """Tiles, animals on them, and the sum of their squares per tile."""

    def plus(self, other: "_Tally") -> "_Tally":
        return _Tally(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def _tally(ballots: Ballots, belief: Belief, cuts: Numbers, size: Numbers) -> _Tally:
    shape = (2, len(ballots.people), len(Sight))
    overlooked, drew = (ballots.said.T @ belief.kinds[:, :KINDS]).reshape(*shape, KINDS)
    unseen = (ballots.looked.T @ belief.unseen).reshape(*shape[1:], KINDS)
    _, strays = (ballots.said.T @ belief.kinds[:, KINDS]).reshape(shape).sum(axis=2)
    bins, many = np.searchsorted(cuts, size), len(cuts) + 1
    seen = np.stack([np.bincount(bins, belief.kinds[:, kind], many) for kind in range(KINDS + 1)]).astype(np.float64)
    animals = np.bincount(ballots.place_tile, belief.probability, len(ballots.tiles))
    moments = np.array([len(animals), animals.sum(), (animals**2).sum()])
    return _Tally(drew, drew + overlooked + unseen, strays, seen, belief.unseen.sum(axis=0), moments)


def _maximised(rows: _Rows, tally: _Tally, crowd: Crowd) -> Crowd:
    pooled_drew, pooled_could = tally.drew[rows.human].sum(axis=0), tally.could[rows.human].sum(axis=0)
    finds = (pooled_drew + ANCHOR[:, None] * USUAL_FINDS) / (pooled_could + ANCHOR[:, None])
    pooled = float((tally.strays[rows.human].sum() + 0.05) / (rows.tiles[rows.human].sum() + 1))
    strays = (tally.strays + NEWCOMER * pooled) / (rows.tiles + NEWCOMER)
    skills = {}
    for row, person in enumerate(rows.people):
        if person == EXPERT:
            continue
        hold, middle = (NEWCOMER, finds) if rows.human[row] else (MACHINE_HOLD, np.tile(MACHINE_FINDS, (3, 1)))
        own = np.clip((tally.drew[row] + hold * middle) / (tally.could[row] + hold), 1e-3, 1 - 1e-3)
        animals = float(tally.could[row, Sight.BLIND] @ REAL + tally.could[row, Sight.SHOWN] @ REAL)
        skills[person] = Skill(own, float(strays[row]), crowd.of(person).spread, int(rows.tiles[row]), animals)
    learned = replace(crowd, skills=skills, finds=finds, strays=pooled)
    return replace(learned, sizes=_sizes(tally, crowd.sizes.cuts), clumping=_clumping(tally))


def _sizes(tally: _Tally, cuts: Numbers) -> Sizes:
    """Return how common each kind is in each size, smoothed towards how common that size is among all places."""
    tiles, many = tally.animals[0], len(cuts) + 1
    everything = tally.seen.sum(axis=0) / max(tally.seen.sum(), 1.0)
    totals = tally.seen[:KINDS].sum(axis=1) + tally.unseen
    plain = (totals[PLAIN] + 0.5) / (tiles + 0.5)
    rates = (totals + MIXED * RARER * plain) / (tiles + MIXED)
    rates[PLAIN] = plain
    shares = (tally.seen[:KINDS] + SMOOTH * everything) / (tally.seen[:KINDS].sum(axis=1, keepdims=True) + SMOOTH)
    stray = tally.seen[KINDS]
    strays = (stray + SMOOTH / many) / (stray.sum() + SMOOTH)
    return Sizes(cuts, np.maximum(rates[:, None] * shares, 1e-9), strays)


def _clumping(tally: _Tally) -> float:
    """Return the gamma shape by moments: the variance of animals per tile is mean + mean² / shape."""
    tiles, animals, squares = tally.animals.tolist()
    mean = animals / tiles
    variance = squares / tiles - mean**2
    return float(np.clip(mean**2 / max(variance - mean, 1e-3), 0.3, 50))


def _precision(ballots: Ballots, crowd: Crowd) -> Crowd:
    """Learn each drawer's spread from the others' outlines of the same places, and how far people draw too wide.

    It begins anew each time: a start that moved an edge by a hair would move a box to the next size, and its belief.
    """
    usual = Crowd()
    spreads: Numbers = np.full(len(ballots.people), usual.spread)
    inward = usual.inward
    for _ in range(12):
        spreads = _spreads(ballots, spreads, inward)
        inward = _inward(ballots, spreads, inward)
    skills = {
        person: replace(crowd.of(person), spread=float(spreads[row])) for row, person in enumerate(ballots.people)
    }
    return replace(crowd, skills=skills, spread=float(np.sqrt(np.mean(spreads**2))), inward=inward)


def _spreads(ballots: Ballots, spreads: Numbers, inward: float) -> Numbers:
    """Compare every first-hand outline with what the others drew: one that was judged by itself would look precise."""
    precision = precisions(ballots, spreads)
    middle = weighted_boxes(ballots, precision, inward)[ballots.box_place]
    error = (ballots.box - middle) / root_sides(middle)
    places = len(ballots.place_tile)
    total = np.bincount(ballots.box_place, precision, places)[ballots.box_place]
    rest = total - precision
    judged = (rest > 1e-9 * total) & ballots.box_own
    person = ballots.voter_person[ballots.box_voter]
    own = spreads[person] ** 2
    expected = own + 1 / np.where(judged, rest, 1.0)
    sums = np.stack([np.bincount(ballots.box_place, precision * error[:, edge], places) for edge in range(4)], axis=1)
    others = (sums[ballots.box_place] - precision[:, None] * error) / np.where(judged, rest, 1.0)[:, None]
    squared = np.minimum((error - others) ** 2, ((2 * FAR_OFF) ** 2 * expected)[:, None]).mean(axis=1)
    blame = own / expected
    return _held(person, judged, blame**2 * squared + own * (1 - blame), len(spreads))


def _held(person: Indices, judged: Flags, variance: Numbers, people: int) -> Numbers:
    """Return spreads, shape (people,), each held at the average by imagined boxes."""
    boxes = np.bincount(person, judged, people)
    sums = np.bincount(person, np.where(judged, variance, 0.0), people)
    pooled = (sums.sum() + NEWCOMER * Crowd().spread ** 2) / (boxes.sum() + NEWCOMER)
    held: Numbers = np.sqrt((sums + 2.5 * NEWCOMER * pooled) / (boxes + 2.5 * NEWCOMER))
    return held


def _inward(ballots: Ballots, spreads: Numbers, before: float) -> float:
    """Return the likeliest quantile of an asymmetric Laplace distribution of the edges where three or more drew."""
    middle = weighted_boxes(ballots, precisions(ballots, spreads), before)[ballots.box_place]
    many = np.bincount(ballots.box_place, ballots.box_own, len(ballots.place_tile))[ballots.box_place] >= 3
    error = np.clip((ballots.box - middle) / root_sides(middle) ** 2 * OUTWARD, -0.5, 0.5)[many & ballots.box_own]
    outside = np.maximum(error, 0).sum() + EDGES * EDGE_ERROR * 1.4
    inside = np.maximum(-error, 0).sum() + EDGES * EDGE_ERROR
    return float(np.clip(1 / (1 + np.sqrt(outside / inside)), 0.3, 0.5))
