"""Learn everybody's skill from all votes together with what the votes say: expectation maximisation with priors."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from active_learning.ballots import EXPERT, MACHINE, Ballots, Flags, Numbers, Sight
from active_learning.belief import Belief, believe
from active_learning.crowd import KINDS, MACHINE_FINDS, PLAIN, REAL, USUAL_FINDS, Crowd, Sizes, Skill
from active_learning.overlap import Indices
from active_learning.placement import OUTWARD, precisions, root_sides, sizes, weighted_boxes
from labeling_configs.vocabulary import Vote

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

    `start` only saves rounds: from any start the answer is the same within about ten times the tolerance. `smallest`,
    in pixels of the shorter side, is the size from which animals count; smaller ones are learned of apart.
    """
    ballots = Ballots.of(votes)
    if not ballots.tiles:
        return Crowd()
    crowd = _precision(ballots, start or Crowd())
    size = sizes(weighted_boxes(ballots, precisions(ballots, crowd.columns(ballots)[2]), crowd.inward))
    crowd = replace(crowd, sizes=_rebinned(crowd.sizes, _cuts(size, smallest)))
    for rounds in range(1, most + 1):
        belief = believe(ballots, crowd, size)
        learned = _maximised(ballots, belief, crowd, size)
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


def _maximised(ballots: Ballots, belief: Belief, crowd: Crowd, size: Numbers) -> Crowd:
    drew, could = _counts(ballots, belief)
    human = np.array([person not in (MACHINE, EXPERT) for person in ballots.people])
    pooled_drew, pooled_could = drew[human].sum(axis=0), could[human].sum(axis=0)
    finds = (pooled_drew + ANCHOR[:, None] * USUAL_FINDS) / (pooled_could + ANCHOR[:, None])
    strays, pooled_strays = _strays(ballots, belief, human)
    looked_at = np.bincount(ballots.voter_person, minlength=len(ballots.people))
    skills = {}
    for row, person in enumerate(ballots.people):
        if person == EXPERT:
            continue
        hold, middle = (NEWCOMER, finds) if human[row] else (MACHINE_HOLD, np.tile(MACHINE_FINDS, (3, 1)))
        own = np.clip((drew[row] + hold * middle) / (could[row] + hold), 1e-3, 1 - 1e-3)
        tiles = int(looked_at[row])
        animals = float(could[row, Sight.BLIND] @ REAL + could[row, Sight.SHOWN] @ REAL)
        skills[person] = Skill(own, float(strays[row]), crowd.of(person).spread, tiles, animals)
    return replace(
        crowd,
        skills=skills,
        finds=finds,
        strays=pooled_strays,
        sizes=_sizes(ballots, belief, crowd.sizes.cuts, size),
        clumping=_clumping(ballots, belief),
    )


def _counts(ballots: Ballots, belief: Belief) -> tuple[Numbers, Numbers]:
    """Return how many animals of each kind each person drew, and could have drawn, with each sight: (p, 3, 3) both."""
    shape = (2, len(ballots.people), len(Sight), KINDS)
    overlooked, drew = (ballots.said.T @ belief.kinds[:, :KINDS]).reshape(shape)
    unseen = (ballots.looked.T @ belief.unseen).reshape(shape[1:])
    return drew, drew + overlooked + unseen


def _strays(ballots: Ballots, belief: Belief, human: Flags) -> tuple[Numbers, float]:
    people = len(ballots.people)
    _, boxes = (ballots.said.T @ belief.kinds[:, KINDS]).reshape(2, people, len(Sight)).sum(axis=2)
    tiles = np.bincount(ballots.voter_person, minlength=people)
    pooled = float((boxes[human].sum() + 0.05) / (tiles[human].sum() + 1))
    return (boxes + NEWCOMER * pooled) / (tiles + NEWCOMER), pooled


def _sizes(ballots: Ballots, belief: Belief, cuts: Numbers, size: Numbers) -> Sizes:
    bins, many = np.searchsorted(cuts, size), len(cuts) + 1
    everything = np.bincount(bins, minlength=many) / max(len(size), 1)
    density = np.zeros((KINDS, many))
    totals = belief.kinds[:, :KINDS].sum(axis=0) + belief.unseen.sum(axis=0)
    plain = (totals[PLAIN] + 0.5) / (len(ballots.tiles) + 0.5)
    for kind in range(KINDS):
        seen = np.bincount(bins, belief.kinds[:, kind], many)
        rare = RARER * plain
        total = plain if kind == PLAIN else (totals[kind] + MIXED * rare) / (len(ballots.tiles) + MIXED)
        density[kind] = total * (seen + SMOOTH * everything) / (seen.sum() + SMOOTH)
    stray = np.bincount(bins, belief.kinds[:, KINDS], many)
    return Sizes(cuts, np.maximum(density, 1e-9), (stray + SMOOTH / many) / (stray.sum() + SMOOTH))


def _clumping(ballots: Ballots, belief: Belief) -> float:
    """Return the gamma shape by moments: the variance of animals per tile is mean + mean² / shape."""
    animals = np.bincount(ballots.place_tile, belief.probability, len(ballots.tiles))
    mean, variance = float(animals.mean()), float(animals.var())
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
