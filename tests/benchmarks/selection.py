"""Plays labelling back from ground truth: what each way of choosing needs to reach 95 % of what all labels give.

Needs boxes.csv (file, x1, y1, x2, y2; where known split and frame), pictures, and, where known, images.csv (file,
taken_at) beside it. Each round trains the real detector's head anew on its frozen backbone, lets it look at the pool,
and buys the next tiles. A killed run goes on where it was. Run
`python tests/benchmarks/selection.py --boxes boxes.csv --images DIR --rounds 6 --seeds 3 --json OUT`.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from scipy.stats import t as student

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(ROOT / "tests" / "benchmarks")]

import matching  # noqa: E402
from choosing import STRATEGIES, View  # noqa: E402
from replay import Labelled, Seen, detect, precision, read_set, train  # noqa: E402

from active_learning.effort import USUAL  # noqa: E402

mpl.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

GOAL = 0.95

pool: Seen
exam: Seen
bursts: list[str]
"""Set before the processes part, so that all share one copy."""


def main() -> None:
    global pool, exam, bursts
    options = arguments()
    torch.set_num_threads(1)
    tiles = read_set(options.boxes, options.images)
    learning, examined = (
        pick(tiles, split, limit) for split, limit in (("train", options.pool), ("test", options.exam))
    )
    began = time.monotonic()
    pool, exam, bursts = Seen.of(learning, options.side), Seen.of(examined, options.side), [t.burst for t in learning]
    say(f"looked at {len(pool)} tiles to choose from and {len(exam)} of the exam in {time.monotonic() - began:.0f} s")
    curves = play(options)
    everything = [curve["all"][0] for name, curve in curves.items() if name.startswith("all:")]
    full = float(np.mean([one[3] for one in everything]))
    methods = {name: summary(name, curves, full, options) for name in options.strategies}
    write(options, methods, full)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=Path, required=True, help="boxes.csv")
    parser.add_argument("--images", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=list(STRATEGIES))
    parser.add_argument("--start", type=int, default=20, help="tiles drawn at random to begin with, the same for all")
    parser.add_argument("--batch", type=int, default=20, help="tiles bought in each round")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pool", type=int, default=400, help="tiles to choose from, drawn from the training split")
    parser.add_argument("--exam", type=int, default=150, help="tiles of the exam, drawn from the test split")
    parser.add_argument("--side", type=int, default=256, help="pixels of the longer side that the network sees")
    parser.add_argument("--steps", type=int, default=200, help="training steps of four tiles in each round")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--json", default="-", help="file for the result, - for standard output; the plot goes beside it"
    )
    return parser.parse_args()


def pick(tiles: Sequence[Labelled], split: str, limit: int) -> list[Labelled]:
    """Draw, always the same for the same files."""
    own = [tile for tile in tiles if tile.split == split]
    return [own[i] for i in sorted(np.random.default_rng(0).permutation(len(own))[:limit])]


def play(options: argparse.Namespace) -> dict[str, dict[str, list[list[float]]]]:
    """Return by job its curve: rows of tiles, boxes, minutes and AP50."""
    kept = Path(f"{options.json}.partial") if options.json != "-" else None
    key = json.dumps(
        {name: str(value) for name, value in sorted(vars(options).items()) if name not in ("json", "jobs")}
    )
    done = json.loads(kept.read_text()) if kept and kept.is_file() else {}
    curves = done.get("curves", {}) if done.get("key") == key else {}
    jobs = [f"{name}:{seed}" for seed in range(options.seeds) for name in ("all", *options.strategies)]
    waiting = [job for job in jobs if job not in curves]
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("fork")) as workers:
        running = {workers.submit(curve, job, options): job for job in waiting}
        for finished in as_completed(running):
            job = running[finished]
            curves[job] = {job.split(":")[0]: finished.result()}
            say(f"{len(curves)} of {len(jobs)}: {job} {finished.result()[-1]}")
            if kept:
                kept.write_text(json.dumps({"key": key, "curves": curves}))
    return curves


def curve(job: str, options: argparse.Namespace) -> list[list[float]]:
    """Label round by round; all strategies of one seed begin with the same random tiles and the same weights."""
    torch.set_num_threads(1)
    name, seed = job.split(":")[0], int(job.split(":")[1])
    if name == "all":
        everything = list(range(len(pool)))
        return [[*bought(everything), precision(train(pool, everything, options.steps, seed), exam)]]
    labelled = [int(i) for i in np.random.default_rng([seed, 0]).choice(len(pool), options.start, replace=False)]
    rng, rows = np.random.default_rng([seed, 1]), []
    for step in range(options.rounds):
        detector = train(pool, labelled, options.steps, seed)
        rows.append([*bought(labelled), precision(detector, exam)])
        if step + 1 < options.rounds:
            labelled += STRATEGIES[name](look(detector, labelled), options.batch, rng)
    return rows


def look(detector: torch.nn.Module, labelled: Sequence[int]) -> View:
    """Show a strategy the tiles that are not labelled, lazily: some never ask the detector."""
    free = np.setdiff1d(np.arange(len(pool)), labelled)
    return View(
        free=free,
        labelled=np.array(labelled),
        features=pool.features,
        bursts=bursts,
        found=lambda: detect(detector, pool, free.tolist()),
        mirrored=lambda: detect(detector, pool, free.tolist(), mirror=True),
    )


def bought(labelled: Sequence[int]) -> tuple[float, float, float]:
    """Return tiles, boxes and people's minutes for drawing all boxes of these tiles once."""
    boxes = np.array([len(pool.boxes[i]) for i in labelled], dtype=np.float64)
    return float(len(labelled)), float(boxes.sum()), float(USUAL.seconds(boxes).sum() / 60)


def summary(name: str, curves: dict, full: float, options: argparse.Namespace) -> dict[str, object]:
    runs = [np.array(curves[f"{name}:{seed}"][name]) for seed in range(options.seeds)]
    to_goal = np.array([[reached(run[:, kind], run[:, 3], GOAL * full) for kind in range(3)] for run in runs])
    result: dict[str, object] = {
        f"{what}_to_95": interval(to_goal[:, kind]) for kind, what in enumerate(("tiles", "boxes", "minutes"))
    }
    random = (
        [np.array(curves[f"random:{seed}"]["random"]) for seed in range(options.seeds)] if name != "random" else None
    )
    if random is not None and "random" in options.strategies:
        ratio = [m / reached(r[:, 2], r[:, 3], GOAL * full) for m, r in zip(to_goal[:, 2], random, strict=True)]
        result["minutes_beside_random"] = interval(np.array(ratio))
        result["ap50_above_random_at_equal_minutes"] = interval(
            np.array([lead(run, r) for run, r in zip(runs, random, strict=True)])
        )
    result["reached"] = int(np.isfinite(to_goal[:, 2]).sum())
    result["curve"] = [
        dict(
            zip(("tiles", "boxes", "minutes", "ap50"), np.mean([run[i] for run in runs], axis=0).tolist(), strict=True)
        )
        for i in range(options.rounds)
    ]
    return result


def reached(cost: np.ndarray, score: np.ndarray, goal: float) -> float:
    """Return the cost at which the score first passes the goal, between the rounds by a straight line; inf if never."""
    above = np.flatnonzero(score >= goal)
    if not len(above):
        return float("inf")
    i = int(above[0])
    if i == 0:
        return float(cost[0])
    share = (goal - score[i - 1]) / (score[i] - score[i - 1])
    return float(cost[i - 1] + share * (cost[i] - cost[i - 1]))


def lead(run: np.ndarray, random: np.ndarray) -> float:
    """Return how much higher the curve lies than random's, over the minutes that both cover after the start."""
    at = np.linspace(run[0, 2], min(run[-1, 2], random[-1, 2]), 50)[1:]
    return float(np.mean(np.interp(at, run[:, 2], run[:, 3]) - np.interp(at, random[:, 2], random[:, 3])))


def interval(values: np.ndarray) -> dict[str, float | None]:
    """Mean and 95 % interval over the seeds; None where a seed never got there."""
    if not np.isfinite(values).all():
        return {"mean": None, "low": float(np.min(values)) if np.isfinite(values).any() else None, "high": None}
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "low": float(values.mean() - half), "high": float(values.mean() + half)}


def write(options: argparse.Namespace, methods: dict, full: float) -> None:
    result = {
        "benchmark": "selection",
        "settings": {name: str(value) for name, value in vars(options).items()} | {"effort": repr(USUAL)},
        "data": {"folder": options.images.parent.name, "pool": len(pool), "exam": len(exam), "ap50_of_all": full},
        "methods": methods,
    }
    matching.write(result, options.json)
    if options.json != "-":
        draw(methods, full, Path(options.json).with_suffix(".png"))


def draw(methods: dict, full: float, file: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 5))
    for name, result in methods.items():
        points = [(one["minutes"], one["ap50"]) for one in result["curve"]]
        axes.plot(*zip(*points, strict=True), marker="o", linewidth=3 if name == "ours" else 1.2, label=name)
    axes.axhline(GOAL * full, color="grey", linestyle=":", label="95 % of all labels")
    axes.set_xlabel("minutes of people's time")
    axes.set_ylabel("AP50")
    axes.legend()
    figure.savefig(file, dpi=120, bbox_inches="tight")


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
