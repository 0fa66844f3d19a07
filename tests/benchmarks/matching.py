"""How benchmarks match boxes with true ones, how others match people's boxes, and how figures are written down."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import DBSCAN

from labeling_configs.vocabulary import Boxes, Consensus, Vote, no_boxes

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Figures = dict[str, Any]
Found = tuple[Boxes, Numbers]
"""Boxes, shape (n, 4), and the probability of each, shape (n,)."""
HIT = 0.5
"""IoU from which a box shows the animal."""
SMALL = 30.0
"""Pixels of width up to which Branson's code counts neither false nor missed boxes."""


@dataclass(frozen=True)
class Tally:
    """How many accepted boxes are right and false, and how many animals are missed."""

    right: int
    false: int
    missed: int


@dataclass(frozen=True)
class Outcomes:
    """The probability of each box that counts, and whether it came true."""

    probabilities: Numbers
    true: Flags

    @classmethod
    def of(cls, several: Iterable["Outcomes"]) -> "Outcomes":
        """Put several pictures' outcomes together."""
        parts = list(several)
        return cls(np.concatenate([p.probabilities for p in parts]), np.concatenate([p.true for p in parts]))

    def bins(self, many: int = 10) -> list[tuple[float, float, int]]:
        """Return mean probability, share that came true and number of boxes in each bin that has any."""
        which = np.minimum((self.probabilities * many).astype(int), many - 1)
        inside = [which == number for number in np.unique(which)]
        return [(float(self.probabilities[b].mean()), float(self.true[b].mean()), int(b.sum())) for b in inside]

    def error(self) -> float:
        """Return the expected calibration error over ten bins of equal width."""
        return sum(abs(said - came) * many for said, came, many in self.bins()) / max(1, len(self.true))


def ious(left: Boxes, right: Boxes) -> Numbers:
    """Return all intersections over union, shape (n, m)."""
    size = np.minimum(left[:, None, 2:], right[None, :, 2:]) - np.maximum(left[:, None, :2], right[None, :, :2])
    shared = np.prod(np.clip(size, 0, None), axis=2)
    area_left, area_right = (np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1) for b in (left, right))
    union = area_left[:, None] + area_right[None] - shared
    iou: Numbers = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def match(boxes: Boxes, truth: Boxes) -> Rows:
    """Return each box's row in truth, -1 for none: one to one, the most pairs of IoU .5 and then the best IoU."""
    iou = ious(boxes, truth)
    worth = np.where(iou >= HIT, 1 + iou / (1 + min(iou.shape)), 0.0)
    return _assigned(worth, iou >= HIT)


def _assigned(worth: Numbers, allowed: Flags) -> Rows:
    rows, columns = linear_sum_assignment(worth, maximize=True)
    matched = np.full(len(worth), -1, dtype=np.intp)
    kept = allowed[rows, columns]
    matched[rows[kept]] = columns[kept]
    return matched


def tally(boxes: Boxes, truth: Boxes) -> Tally:
    """Count the accepted boxes of one picture, of whatever size."""
    right = int(np.sum(match(boxes, truth) >= 0))
    return Tally(right, len(boxes) - right, len(truth) - right)


def f1(tallies: Sequence[Tally]) -> dict[str, float]:
    """Return precision, recall and f1 of all pictures together."""
    right, false, missed = (sum(getattr(t, what) for t in tallies) for what in ("right", "false", "missed"))
    found = {"precision": right / max(1, right + false), "recall": right / max(1, right + missed)}
    return found | {"f1": 2 * right / max(1, 2 * right + false + missed)}


def published_loss(boxes: Boxes, truth: Boxes) -> int:
    """Count false and missed boxes as sbranson/online_crowdsourcing does (bbox.py, loss), by d = 1 - IoU.

    Boxes are matched to the least sum of d². Beyond d = .5 a match is no hit, but a wide box that is matched to a small
    expert's box is not false either.
    """
    d = 1 - ious(boxes, truth)
    matched = _assigned(1 - d**2, d < 1)
    partner = np.maximum(matched, 0)
    has = matched >= 0
    hit = has.copy()
    hit[has] = d[np.flatnonzero(has), matched[has]] <= 1 - HIT
    beside_small = has.copy()
    beside_small[has] = widths(truth)[partner[has]] <= SMALL
    false = ~hit & (widths(boxes) > SMALL) & ~beside_small
    missed = widths(truth) > SMALL
    missed[matched[hit]] = False
    return int(false.sum() + missed.sum())


def outcomes(boxes: Boxes, probabilities: Numbers, truth: Boxes, smallest: float = 0.0) -> Outcomes:
    """Say of each box, accepted or not, whether it came true; one on something no wider than smallest counts not."""
    matched = match(boxes, truth)
    true = matched >= 0
    width = widths(boxes)
    width[true] = widths(truth)[matched[true]]
    return Outcomes(probabilities[width > smallest], true[width > smallest])


def widths(boxes: Boxes) -> Numbers:
    """Return each box's width in pixels, shape (n,)."""
    width: Numbers = boxes[:, 2] - boxes[:, 0]
    return width


def stack(boxes: Sequence[Sequence[float] | Numbers]) -> Boxes:
    """Return the boxes as one array, shape (n, 4), also when there are none."""
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def boxes_of(consensus: Consensus | None) -> Found:
    """Return all boxes of a consensus, accepted or not."""
    boxes = () if consensus is None else consensus.boxes
    return stack([b.box for b in boxes]), np.array([b.probability for b in boxes], dtype=np.float64)


def majority_median(votes: Sequence[Vote]) -> Found:
    """Join each box to the cluster whose first box it meets best at IoU > .35, one box a person; median box."""
    clusters: list[list[Numbers]] = []
    for vote in votes:
        open_clusters = list(clusters)
        for box in vote.boxes:
            near = ious(box[None], stack([cluster[0] for cluster in open_clusters]))[0]
            if near.max(initial=0) > 0.35:
                open_clusters.pop(int(np.argmax(near))).append(box)
            else:
                clusters.append([box])
    shares = np.array([len(cluster) / len(votes) for cluster in clusters])
    return stack([np.median(cluster, axis=0) for cluster in clusters]), shares


def dbscan(votes: Sequence[Vote]) -> Found:
    """Cluster by density on 1 - IoU and average, Zooniverse's recipe; the share of voters is the probability."""
    boxes = np.concatenate([vote.boxes for vote in votes])
    labels = dense_in_overlap(boxes, len(votes) // 2 + 1)
    return means(boxes, labels), np.minimum(np.bincount(labels[labels >= 0]) / len(votes), 1.0)


def dense_in_overlap(boxes: Boxes, least: int) -> Rows:
    """Cluster by density with 1 - IoU for a distance; -1 for a box in no cluster."""
    if not len(boxes):
        return np.zeros(0, dtype=np.intp)
    clusters = DBSCAN(eps=0.5, min_samples=least, metric="precomputed")
    return clusters.fit_predict(1 - ious(boxes, boxes)).astype(np.intp)


def dense_in_pixels(boxes: Boxes, least: int) -> Rows:
    """Cluster by density of x, y, width and height; -1 for a box in no cluster."""
    return (
        DBSCAN(eps=20, min_samples=least)
        .fit_predict(np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]))
        .astype(np.intp)
    )


def means(boxes: Boxes, labels: Rows) -> Boxes:
    """Return each cluster's mean box."""
    inside = labels >= 0
    sums = [np.bincount(labels[inside], boxes[inside, edge]) for edge in range(4)]
    return np.stack(sums, axis=1) / np.bincount(labels[inside])[:, None]


def weighted_boxes_fusion(votes: Sequence[Vote]) -> Found:
    """Join each box to the fused box that it meets best at IoU > .55 (Solovyev, Wang and Gabruseva 2021), all scores 1.

    The confidence of a fused box is the share of voters that stand behind it, at most 1.
    """
    fused, many = no_boxes(), np.zeros(0)
    for box in np.concatenate([vote.boxes for vote in votes]):
        near = ious(box[None], fused)[0]
        if near.max(initial=0) > 0.55:
            best = int(np.argmax(near))
            fused[best] += (box - fused[best]) / (many[best] + 1)
            many[best] += 1
        else:
            fused, many = np.concatenate([fused, box[None]]), np.append(many, 1.0)
    return fused, np.minimum(many / len(votes), 1.0)


def single_worker(votes: Sequence[Vote]) -> Found:
    """Believe the first person asked."""
    return votes[0].boxes, np.ones(len(votes[0].boxes))


def summary(values: Sequence[float]) -> float | dict[str, float]:
    """Return the mean and its 95 % interval (Student's t over runs), or the only value."""
    if len(values) == 1:
        return values[0]
    mean, half = float(np.mean(values)), float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def gather(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> Figures:
    """Return of each method each metric over all runs."""
    return {
        name: {metric: summary([run[name][metric] for run in runs]) for metric in runs[0][name]} for name in runs[0]
    }


def middle(figure: float | Mapping[str, float]) -> float:
    """Return the mean of what `summary` wrote."""
    return figure["mean"] if isinstance(figure, Mapping) else figure


def goal(wanted: str, met: bool, **measured: float) -> Figures:
    """Say what was wanted, what was measured and whether it suffices."""
    return {"wanted": wanted, "measured": measured, "met": bool(met)}


def write(report: Figures, where: str) -> None:
    """Write one JSON object, with the machine it was measured on, to a file or, named -, to standard output."""
    machine = {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()}
    machine |= {"load": os.getloadavg()}
    order = ("benchmark", "settings", "machine", "data", "methods")
    whole = report | {"machine": machine}
    text = json.dumps(
        {name: whole[name] for name in (*order, *(set_ for set_ in whole if set_ not in order))}, indent=2
    )
    if where == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(where).write_text(text + "\n")
