"""Measure what votes are worth once they are merged, against experts' boxes and the ways others merge them.

    D=../shared/data/crowd_boxes_pedestrians
    python tests/benchmarks/consensus.py --boxes $D/crowd_boxes.csv --assignments $D/crowd_assignments.csv \\
        --experts $D/expert_boxes.csv --expert-assignments $D/expert_assignments.csv --images $D/images.csv --json OUT

Boxes have the columns image, worker, x1, y1, x2, y2; assignments image, worker, also of those who drew nothing; images
lists the pictures. Votes come in a random order of each image's, drawn anew for each of --orders seeds. Skills are
learned from all images; measured are those that an expert marked. Nothing is tuned on the experts: the target risks
are chosen by the votes that they cost. Two plots go beside OUT.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matching
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matching import Figures, Found, Outcomes

from active_learning.consensus import agree_all
from active_learning.learning import learn_crowd
from active_learning.retirement import Stopping, risk
from labeling_configs.vocabulary import Boxes, Consensus, Person, TileId, Vote, no_boxes

Votes = Mapping[str, Sequence[Vote]]
BEGAN = datetime(2015, 1, 1, tzinfo=UTC)
LEAST, MOST = 2, 7
CURVE_ORDERS = 5
MAJORITY_VOTES = (1, 2, 3, 5, 7)


@dataclass(frozen=True)
class Aim:
    """What sequential asking is for: boxes below `smallest` cost nothing, asking ends at an image's `risk`."""

    smallest: float
    risk: float
    traced: tuple[float, ...]


AIMS = {
    "ours_sequential_all": Aim(0.0, 0.1, (0.4, 0.2, 0.1, 0.05, 0.02)),
    "ours_sequential_wide": Aim(matching.SMALL, 0.014, (0.1, 0.05, 0.025, 0.0125, 0.006)),
}
PUBLISHED = {
    "source": "Branson, Van Horn and Perona, Lean Crowdsourcing (CVPR 2017): their code (sbranson/online_crowdsourcing "
    "without computer vision) ported to Python 3 and run on these votes, two or three orders each; loss as here",
    "branson_online": {
        "votes_per_image": [2.22, 2.40, 2.86, 3.24, 3.52],
        "loss": [0.0378, 0.0293, 0.0197, 0.0165, 0.0128],
    },
    "branson_online_median_box": {
        "votes_per_image": [2.22, 2.40, 2.86, 3.24, 3.52],
        "loss": [0.0314, 0.0229, 0.0165, 0.0149, 0.0112],
    },
}


BASELINES: Mapping[str, Callable[[Sequence[Vote]], Found]] = {
    "single_worker": matching.single_worker,
    "majority_median": matching.majority_median,
    "dbscan": matching.dbscan,
    "weighted_boxes_fusion": matching.weighted_boxes_fusion,
}


def collect(queues: Votes, aim: Aim) -> tuple[dict[str, int], Mapping[TileId, Consensus]]:
    """Ask two people about each image, then one more about each that is above the target risk, until none is left."""
    asked = {image: min(LEAST, len(queue)) for image, queue in queues.items()}
    stopping, crowd = Stopping(smallest=aim.smallest), None
    while True:
        votes = [vote for image, queue in queues.items() for vote in queue[: asked[image]]]
        crowd = learn_crowd(votes, start=crowd, smallest=aim.smallest)
        found = agree_all(votes, crowd, smallest=aim.smallest)
        doubtful = {str(tile) for tile, consensus in found.items() if cost(consensus, stopping) > aim.risk}
        more = [image for image in doubtful if asked[image] < len(queues[image])]
        if not more:
            return asked, found
        for image in more:
            asked[image] += 1


def cost(consensus: Consensus, stopping: Stopping) -> float:
    """Return the expected false and missed boxes of the image."""
    expected = risk(consensus, stopping)
    return expected.existence + expected.placement + expected.missed


def measure(found: Mapping[str, Found], truth: Mapping[str, Boxes], votes: float, seconds: float) -> dict[str, float]:
    """Return the metrics of what one method found."""
    accepted = {image: found[image][0][found[image][1] > 0.5] for image in truth}
    return {
        **matching.f1([matching.tally(accepted[image], truth[image]) for image in truth]),
        "loss": float(np.mean([matching.published_loss(accepted[image], truth[image]) for image in truth])),
        "votes_per_image": votes,
        "ece": Outcomes.of(matching.outcomes(*found[image], truth[image]) for image in truth).error(),
        "seconds": seconds,
    }


def at_fixed_votes(queues: Votes, truth: Mapping[str, Boxes], most: int = MOST) -> dict[str, dict[str, float]]:
    """Measure all methods on equally many votes of every image, and majority on fewer."""
    votes = {image: queue[:most] for image, queue in queues.items()}
    began = time.process_time()
    every = [vote for queue in votes.values() for vote in queue]
    agreed = agree_all(every, learn_crowd(every))
    seconds = time.process_time() - began
    results = {
        "ours": measure(
            {i: matching.boxes_of(agreed.get(TileId(i))) for i in votes}, truth, _mean(votes, truth), seconds
        )
    }
    for name, method in BASELINES.items():
        results[name] = _merge(
            method, {i: v[:1] for i, v in votes.items()} if name == "single_worker" else votes, truth
        )
    fewer = {f"majority_median_{n}": {i: v[:n] for i, v in votes.items()} for n in MAJORITY_VOTES if n <= most}
    return results | {name: _merge(matching.majority_median, some, truth) for name, some in fewer.items()}


def _merge(method: Callable[[Sequence[Vote]], Found], votes: Votes, truth: Mapping[str, Boxes]) -> dict[str, float]:
    began = time.process_time()
    found = {image: method(queue) for image, queue in votes.items()}
    seconds = time.process_time() - began
    return measure(found, truth, _mean(votes, truth), seconds)


def sequentially(queues: Votes, truth: Mapping[str, Boxes], aim: Aim) -> tuple[dict[str, float], Votes]:
    """Measure what was found by asking on where that was worth it; return the votes it took too."""
    began = time.process_time()
    asked, agreed = collect(queues, aim)
    seconds = time.process_time() - began
    votes = {image: queue[: asked[image]] for image, queue in queues.items()}
    found = {image: matching.boxes_of(agreed.get(TileId(image))) for image in votes}
    return measure(found, truth, _mean(votes, truth), seconds), votes


def held_out(votes: Votes, truth: Mapping[str, Boxes], rng: np.random.Generator) -> dict[str, Outcomes]:
    """Judge each half of the images by a crowd that was learned from the other half, all boxes and only wide ones."""
    images = [str(image) for image in rng.permutation(sorted(votes))]
    halves = images[::2], images[1::2]
    results: dict[str, list[Outcomes]] = {"all": [], "wide": []}
    for judged, learned in (halves, halves[::-1]):
        crowd = learn_crowd([vote for image in learned for vote in votes[image]])
        agreed = agree_all([vote for image in judged for vote in votes[image]], crowd)
        for image in (image for image in judged if image in truth):
            found = matching.boxes_of(agreed.get(TileId(image)))
            results["all"].append(matching.outcomes(*found, truth[image]))
            results["wide"].append(matching.outcomes(*found, truth[image], matching.SMALL))
    return {name: Outcomes.of(several) for name, several in results.items()}


def run(crowd: Votes, truth: Mapping[str, Boxes], aims: Mapping[str, Aim], seed: int) -> tuple[Figures, Figures]:
    """Measure everything on one order of the votes; return the methods' metrics and the calibrations' outcomes."""
    rng = np.random.default_rng(seed)
    queues = shuffled(crowd, rng)
    methods = at_fixed_votes(queues, truth)
    taken = {f"{n}_votes": {image: queue[:n] for image, queue in queues.items()} for n in (7, 3)}
    for name, aim in aims.items():
        methods[name], votes = sequentially(queues, truth, aim)
        if aim.smallest == 0:
            taken["sequential"] = votes
    return methods, {name: held_out(votes, truth, rng) for name, votes in taken.items()}


def shuffled(crowd: Votes, rng: np.random.Generator) -> Votes:
    """Put each image's votes in a random order."""
    return {image: [crowd[image][i] for i in rng.permutation(len(crowd[image]))] for image in sorted(crowd)}


def trace(crowd: Votes, truth: Mapping[str, Boxes], aim: Aim, seeds: Sequence[int]) -> list[Figures]:
    """Measure sequential asking at several target risks."""
    queues = [shuffled(crowd, np.random.default_rng(seed)) for seed in seeds]
    risks = {f"{wanted}": Aim(aim.smallest, wanted, ()) for wanted in aim.traced}
    runs = [{name: sequentially(order, truth, one)[0] for name, one in risks.items()} for order in queues]
    return [{"target_risk": float(name), **metrics} for name, metrics in matching.gather(runs).items()]


def calibration(runs: Sequence[Mapping[str, Mapping[str, Outcomes]]]) -> tuple[Figures, dict[str, Outcomes]]:
    """Return the calibration errors over all orders, and all boxes' outcomes put together."""
    errors = matching.gather(
        [
            {name: {"ece": both["all"].error(), "ece_wide": both["wide"].error()} for name, both in one.items()}
            for one in runs
        ]
    )
    pooled = {name: Outcomes.of(one[name]["all"] for one in runs) for name in runs[0]}
    return errors, pooled


def goals(methods: Figures, errors: Figures) -> Figures:
    """Compare the means over all orders with what was asked for."""
    best = max(BASELINES, key=lambda name: matching.middle(methods[name]["f1"]))
    ours, theirs, majority = (matching.middle(methods[name]["f1"]) for name in ("ours", best, "majority_median"))
    every, wide = ({m: matching.middle(v) for m, v in methods[name].items()} for name in AIMS)
    held = {name: matching.middle(error["ece"]) for name, error in errors.items()}
    return {
        "f1_at_7_votes": matching.goal(
            f"above every baseline, of which {best} is best", ours > theirs, ours=ours, best=theirs
        ),
        "f1_at_few_votes": matching.goal(
            "at most 2.5 votes per image reach the f1 of 7 votes by majority",
            every["votes_per_image"] <= 2.5 and every["f1"] >= majority,
            votes_per_image=every["votes_per_image"],
            ours=every["f1"],
            majority=majority,
        ),
        "loss": matching.goal(
            "at most .0112 at 3.0 votes per image or fewer",
            wide["votes_per_image"] <= 3.0 and wide["loss"] <= 0.0112,
            votes_per_image=wide["votes_per_image"],
            loss=wide["loss"],
        ),
        "calibration": matching.goal(
            "held-out error at most .03 with 7, 3 and sequential votes", max(held.values()) <= 0.03, **held
        ),
    }


def plot_votes(methods: Figures, curves: Figures, where: Path) -> None:
    """Draw f1 and loss against votes per image."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    lines = curves | {"majority_median": [methods[f"majority_median_{n}"] for n in MAJORITY_VOTES]}
    for panel, metric in zip(panels, ("f1", "loss"), strict=True):
        for name, points in lines.items():
            panel.plot(
                *([matching.middle(p[m]) for p in points] for m in ("votes_per_image", metric)), "o-", label=name
            )
        for name in ("ours", "single_worker", "dbscan", "weighted_boxes_fusion"):
            panel.plot(*(matching.middle(methods[name][m]) for m in ("votes_per_image", metric)), "s", label=name)
        panel.set(xlabel="votes per image", ylabel=metric)
    for name in ("branson_online", "branson_online_median_box"):
        panels[1].plot(PUBLISHED[name]["votes_per_image"], PUBLISHED[name]["loss"], "x--", label=f"{name} (published)")
    panels[1].set(yscale="log")
    panels[1].legend(fontsize=8)
    figure.savefig(where, dpi=120)
    plt.close(figure)


def plot_reliability(pooled: Mapping[str, Outcomes], where: Path) -> None:
    """Draw how often boxes came true against the probability they were given."""
    figure, panel = plt.subplots(figsize=(5, 4.5), layout="constrained")
    panel.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, boxes in pooled.items():
        panel.plot(*zip(*((said, came) for said, came, _ in boxes.bins()), strict=True), "o-", label=name)
    panel.set(xlabel="probability given", ylabel="share that an expert drew too")
    panel.legend()
    figure.savefig(where, dpi=120)
    plt.close(figure)


def read_votes(boxes: Path, assignments: Path, images: Path) -> dict[str, list[Vote]]:
    """Return each listed image's votes, workers in the file's order; one who drew nothing has a vote without boxes."""
    listed = set(pd.read_csv(images, dtype={"image": str})["image"])
    drawn = dict(list(pd.read_csv(boxes, dtype={"image": str}).groupby(["image", "worker"])))
    asked = pd.read_csv(assignments, dtype={"image": str})
    votes: dict[str, list[Vote]] = {}
    for image, worker in zip(asked["image"], asked["worker"], strict=True):
        if image in listed:
            rows = drawn.get((image, worker))
            own = no_boxes() if rows is None else rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
            votes.setdefault(image, []).append(Vote(Person(worker), TileId(image), own, (), BEGAN, 0.0, blind=True))
    return votes


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("boxes", "assignments", "experts", "expert-assignments", "images"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--order-seed", type=int, default=0, help="the first order's; the others follow")
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--target-risk", type=float, help="expected false and missed boxes at which asking ends")
    parser.add_argument("--json", default="-")
    return parser.parse_args()


def main() -> None:
    """Measure all orders, then the curves on the first few, and write."""
    given = arguments()
    crowd = read_votes(given.boxes, given.assignments, given.images)
    experts = read_votes(given.experts, given.expert_assignments, given.images)
    truth = {i: np.concatenate([vote.boxes for vote in votes]) for i, votes in experts.items() if i in crowd}
    aims = {
        n: Aim(a.smallest, a.risk if given.target_risk is None else given.target_risk, a.traced)
        for n, a in AIMS.items()
    }
    seeds = range(given.order_seed, given.order_seed + given.orders)
    runs = [run(crowd, truth, aims, seed) for seed in seeds]
    methods, (errors, pooled) = matching.gather([one for one, _ in runs]), calibration([one for _, one in runs])
    curves = {name: trace(crowd, truth, aim, seeds[:CURVE_ORDERS]) for name, aim in aims.items()}
    risks = {name: {"target_risk": aim.risk, "smallest": aim.smallest} for name, aim in aims.items()}
    settings = {
        "votes": MOST,
        "orders": list(seeds),
        "curve_orders": list(seeds[:CURVE_ORDERS]),
        "sequential": risks,
        "iou": 0.5,
    }
    report = {
        "benchmark": "consensus",
        "settings": settings,
        "data": {"folder": given.boxes.resolve().parent.name, "images": len(truth), "images_learned_from": len(crowd)},
        "methods": methods,
        "calibration": errors,
        "reliability": {name: boxes.bins() for name, boxes in pooled.items()},
        "curves": curves,
        "published": PUBLISHED,
        "goals": goals(methods, errors),
    }
    matching.write(report, given.json)
    if given.json != "-":
        beside = Path(given.json)
        plot_votes(methods, curves, beside.with_name(f"{beside.stem}_votes.png"))
        plot_reliability(pooled, beside.with_name(f"{beside.stem}_reliability.png"))


def _mean(votes: Votes, truth: Mapping[str, Boxes]) -> float:
    return float(np.mean([len(votes[image]) for image in truth]))


if __name__ == "__main__":
    main()
