"""Where exactly an animal's box lies, given everybody's outline of it, and how likely it lies badly."""

from dataclasses import dataclass

import numpy as np

from active_learning.ballots import MACHINE, Ballots, Numbers
from active_learning.overlap import Indices, matched_iou
from labeling_configs.vocabulary import Boxes

SMALLEST_SIDE = 4.0
"""Pixels; below this an edge's error does not shrink with the side any more."""
MISPLACED = (9.4, 1.76, -6.38)
"""Log-odds of meeting the animal below IoU .5: constant, per log of the squared relative error, per mean IoU.

Fitted to what 1 to 4 drawers say where 5 to 7 drew, on the 510 images of Branson's pedestrians that no expert marked.
"""
SECOND_HAND = 0.05
"""How much an outline counts that was the machine's and only kept."""
OUTWARD = np.array([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Placement:
    """The consensus box of each place, shape (places, 4), and its probability of lying badly, shape (places,)."""

    boxes: Boxes
    misplaced: Numbers


def place(ballots: Ballots, spreads: Numbers, inward: float) -> Placement:
    """Return the precision-weighted quantile of each edge; `spreads`, shape (people,), as in Skill.spread.

    People draw too wide more often than too tight: for such skewed errors (asymmetric Laplace, Yu and Moyeed 2001) the
    likeliest edge is not the median but the quantile `inward`, counted from inside out.
    """
    precision = precisions(ballots, spreads)
    boxes = weighted_boxes(ballots, precision, inward)
    return Placement(boxes, _misplaced(ballots, precision, boxes))


def precisions(ballots: Ballots, spreads: Numbers) -> Numbers:
    """Return what each box's edges weigh, shape (boxes,)."""
    person = ballots.voter_person[ballots.box_voter]
    first_hand = ballots.box_own | np.array([name == MACHINE for name in ballots.people], dtype=np.bool_)[person]
    say = np.maximum(ballots.voter_weight[ballots.box_voter], 0.01)
    precision: Numbers = say * np.where(first_hand, 1.0, SECOND_HAND) / spreads[person] ** 2
    return precision


def weighted_boxes(ballots: Ballots, precision: Numbers, inward: float) -> Boxes:
    """Return each place's box, shape (places, 4): per edge the weighted quantile `inward` from inside out."""
    quantiles = np.where(OUTWARD < 0, 1 - inward, inward)
    edges = [
        _weighted_quantile(ballots.box[:, edge], precision, ballots.box_place, len(ballots.place_tile), quantile)
        for edge, quantile in enumerate(quantiles)
    ]
    return np.stack(edges, axis=1) if len(ballots.place_tile) else np.zeros((0, 4))


def root_sides(boxes: Boxes) -> Numbers:
    """Return the unit of each edge's error, shape (n, 4): the square root of the side it moves along."""
    units: Numbers = np.sqrt(np.maximum(boxes[:, [2, 3, 2, 3]] - boxes[:, [0, 1, 0, 1]], SMALLEST_SIDE))
    return units


def sizes(boxes: Boxes) -> Numbers:
    """Return each box's shorter side in pixels, shape (n,): what makes an animal hard to see."""
    shorter: Numbers = np.min(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shorter


def _misplaced(ballots: Ballots, precision: Numbers, boxes: Boxes) -> Numbers:
    places = len(ballots.place_tile)
    total = np.bincount(ballots.box_place, precision, places)
    shared = matched_iou(ballots.box, boxes[ballots.box_place])
    agreement = np.bincount(ballots.box_place, precision * shared, places) / total
    relative = np.mean(1 / np.maximum(boxes[:, 2:] - boxes[:, :2], SMALLEST_SIDE), axis=1) / total
    constant, per_error, per_iou = MISPLACED
    odds = constant + per_error * np.log(relative) + per_iou * agreement
    misplaced: Numbers = 1 / (1 + np.exp(-odds))
    return misplaced


def _weighted_quantile(values: Numbers, weights: Numbers, groups: Indices, many: int, quantile: float) -> Numbers:
    """Interpolate between the midpoints of the weights, shape (many,); every group has a value."""
    order = np.lexsort((values, groups))
    value, weight, group = values[order], weights[order], groups[order]
    count = np.bincount(group, minlength=many)
    start = np.cumsum(count) - count
    upto = np.cumsum(weight)
    before = np.append(0.0, upto)[start]
    middle = (upto - before[group] - weight / 2) / np.bincount(group, weight, many)[group]
    below = np.bincount(group, middle <= quantile, many).astype(np.intp)
    low, high = start + np.clip(below - 1, 0, count - 1), start + np.minimum(below, count - 1)
    gap = np.maximum(middle[high] - middle[low], 1e-12)
    share = np.clip((quantile - middle[low]) / gap, 0, 1) * (high > low)
    quantiles: Numbers = value[low] + (value[high] - value[low]) * share
    return quantiles
