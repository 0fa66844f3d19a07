"""Measure what votes are worth once they are merged, against experts' boxes and the ways others merge them.

    python tests/benchmarks/consensus.py --data ../shared/data/crowd_boxes_pedestrians --votes 7 --json -

DATA is a folder with crowd_assignments.csv (image, worker, also those who drew nothing), crowd_boxes.csv (image,
worker, x1, y1, x2, y2) and the same two files of experts. Only images that an expert marked are measured.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.cluster import DBSCAN

from active_learning.consensus import agree
from labeling_configs.vocabulary import Boxes, Person, TileId, Vote, no_boxes

Found = tuple[Boxes, NDArray[np.float64]]
"""Boxes, shape (n, 4), and the probability of each, shape (n,)."""
Method = Callable[[Sequence[Vote]], Found]
BEGAN = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Tally:
    """What one image adds: right, false and missed boxes, and whether each probability came true."""

    right: int
    false: int
    missed: int
    probabilities: NDArray[np.float64]
    true: NDArray[np.bool_]


def ours(votes: Sequence[Vote]) -> Found:
    """Merge as the platform does."""
    boxes = agree(votes).boxes
    return _stack([b.box for b in boxes]), np.array([b.probability for b in boxes])


def greedy_majority(votes: Sequence[Vote]) -> Found:
    """Join each box to the cluster whose first box it meets best at IoU > .35, one box a person; median box."""
    clusters: list[list[NDArray[np.float64]]] = []
    for vote in votes:
        open_clusters = list(clusters)
        for box in vote.boxes:
            near = [float(ious(box[None], cluster[0][None])[0, 0]) for cluster in open_clusters]
            if near and max(near) > 0.35:
                open_clusters.pop(int(np.argmax(near))).append(box)
            else:
                clusters.append([box])
    shares = np.array([len(cluster) / len(votes) for cluster in clusters])
    return _stack([np.median(cluster, axis=0) for cluster in clusters]), shares


def dbscan_iou(votes: Sequence[Vote]) -> Found:
    """Cluster by density on 1 - IoU and average, Zooniverse's recipe; the share of voters is the probability."""
    boxes = np.concatenate([vote.boxes for vote in votes])
    if not len(boxes):
        return no_boxes(), np.zeros(0)
    labels = DBSCAN(eps=0.5, min_samples=len(votes) // 2 + 1, metric="precomputed").fit_predict(1 - ious(boxes, boxes))
    groups = [boxes[labels == label] for label in range(labels.max() + 1)]
    shares = np.array([min(1.0, len(group) / len(votes)) for group in groups])
    return _stack([group.mean(axis=0) for group in groups]), shares


def single_worker(votes: Sequence[Vote]) -> Found:
    """Believe the first person asked."""
    return votes[0].boxes, np.ones(len(votes[0].boxes))


METHODS: Mapping[str, Method] = {
    "ours": ours,
    "greedy_majority": greedy_majority,
    "dbscan_iou": dbscan_iou,
    "single_worker": single_worker,
}


def ious(left: Boxes, right: Boxes) -> NDArray[np.float64]:
    """Return all intersections over union, shape (n, m)."""
    size = np.minimum(left[:, None, 2:], right[None, :, 2:]) - np.maximum(left[:, None, :2], right[None, :, :2])
    shared = np.prod(np.clip(size, 0, None), axis=2)
    area_left, area_right = (np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1) for b in (left, right))
    union = area_left[:, None] + area_right[None] - shared
    iou: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def compare(found: Found, truth: Boxes, smallest: float) -> Tally:
    """Match accepted boxes to the expert's, best IoU first, from IoU .5 on; boxes no wider than smallest count not.

    A small expert box still matches, so that what is drawn around it is neither right nor false.
    """
    boxes, probabilities = found
    matched = match(boxes, truth)
    wide = np.array([matched[i] >= 0 and _width(truth)[matched[i]] > smallest for i in range(len(boxes))], dtype=bool)
    false = (matched < 0) & (_width(boxes) > smallest)
    accepted = probabilities > 0.5
    right = int(np.sum(accepted & wide))
    counted = wide | false
    return Tally(
        right=right,
        false=int(np.sum(accepted & false)),
        missed=int(np.sum(_width(truth) > smallest)) - right,
        probabilities=probabilities[counted],
        true=wide[counted],
    )


def match(boxes: Boxes, truth: Boxes) -> NDArray[np.intp]:
    """Return for each box the row of its expert box, -1 when it has none."""
    iou = ious(boxes, truth)
    matched = np.full(len(boxes), -1)
    for flat in np.argsort(-iou, axis=None, kind="stable"):
        i, j = np.unravel_index(flat, iou.shape)
        if iou[i, j] < 0.5:
            break
        if matched[i] < 0 and j not in matched:
            matched[i] = j
    return matched


def score(tallies: Sequence[Tally]) -> dict[str, float]:
    """Return precision, recall, f1, loss (false and missed boxes per image) and expected calibration error."""
    right, false, missed = (sum(getattr(t, what) for t in tallies) for what in ("right", "false", "missed"))
    precision, recall = right / max(1, right + false), right / max(1, right + missed)
    p, true = (np.concatenate([getattr(t, what) for t in tallies]) for what in ("probabilities", "true"))
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [abs(p[bins == b].mean() - true[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins)]
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(1e-12, precision + recall),
        "loss": (false + missed) / len(tallies),
        "ece": float(sum(gaps)),
    }


def read_votes(folder: Path, who: str) -> dict[str, list[Vote]]:
    """Return each image's votes, workers in the file's order; a worker who drew nothing has a vote without boxes."""
    asked = pd.read_csv(folder / f"{who}_assignments.csv", dtype={"image": str})
    drawn = dict(list(pd.read_csv(folder / f"{who}_boxes.csv", dtype={"image": str}).groupby(["image", "worker"])))
    votes: dict[str, list[Vote]] = {}
    for image, worker in zip(asked["image"], asked["worker"], strict=True):
        rows = drawn.get((image, worker))
        boxes = no_boxes() if rows is None else rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
        votes.setdefault(image, []).append(Vote(Person(worker), TileId(image), boxes, (), BEGAN, 0.0, True))
    return votes


def run(
    crowd: Mapping[str, list[Vote]], truth: Mapping[str, list[Vote]], asked: int, smallest: float, seed: int
) -> dict[str, dict[str, float]]:
    """Measure all methods on the same `asked` votes of each image, drawn by seed."""
    rng = np.random.default_rng(seed)
    drawn = {image: [crowd[image][i] for i in rng.permutation(len(crowd[image]))[:asked]] for image in sorted(truth)}
    expert = {image: np.concatenate([vote.boxes for vote in truth[image]]) for image in truth}
    results = {}
    for name, method in METHODS.items():
        began = time.process_time()
        found = {image: method(votes) for image, votes in drawn.items()}
        seconds = time.process_time() - began
        used = 1 if method is single_worker else float(np.mean([len(votes) for votes in drawn.values()]))
        tallies = [compare(found[image], expert[image], smallest) for image in drawn]
        results[name] = {**score(tallies), "votes_per_image": used, "seconds": seconds}
    return results


def summary(values: Sequence[float]) -> float | dict[str, float]:
    """Return the mean and its 95 % interval (Student's t over seeds), or the only value."""
    if len(values) == 1:
        return values[0]
    mean, error = float(np.mean(values)), float(stats.sem(values))
    half = error * float(stats.t.ppf(0.975, len(values) - 1))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def main() -> None:
    """Read the arguments, measure, write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--votes", type=int, default=7, help="votes used of each image")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ignore-below", type=float, default=30, help="pixels; 30 is Branson's, 0 counts all")
    parser.add_argument("--json", default="-")
    given = parser.parse_args()
    crowd, experts = read_votes(given.data, "crowd"), read_votes(given.data, "expert")
    truth = {image: votes for image, votes in experts.items() if image in crowd}
    runs = [run(crowd, truth, given.votes, given.ignore_below, seed) for seed in range(given.seeds)]
    report = {
        "benchmark": "consensus",
        "settings": {"votes": given.votes, "seeds": given.seeds, "ignore_below": given.ignore_below, "iou": 0.5},
        "machine": {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()},
        "data": {"folder": given.data.resolve().name, "images": len(truth)},
        "methods": {
            name: {metric: summary([one[name][metric] for one in runs]) for metric in runs[0][name]} for name in METHODS
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    if given.json == "-":
        sys.stdout.write(text)
    else:
        Path(given.json).write_text(text)


def _stack(boxes: Sequence[Sequence[float] | NDArray[np.float64]]) -> Boxes:
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _width(boxes: Boxes) -> NDArray[np.float64]:
    width: NDArray[np.float64] = boxes[:, 2] - boxes[:, 0]
    return width


if __name__ == "__main__":
    main()
