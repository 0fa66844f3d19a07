# ruff: noqa: INP001  (a script, no part of a package)
"""Trains the built-in starter detector on drawn seasons and stores its head where the package ships it.

`python models/starter/train.py --work /tmp/starter --minutes 15` makes what is in models/haulout_models/starter; with
`--exam DIR` it also measures the starter on photographs it was not made for (boxes.csv, images/) and writes that down.
"""

import argparse
import csv
import hashlib
import math
import sys
import time
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(ROOT / "platform")]

from haulout.simulation.season import DEMO_SEASON, SeasonPlan, write_season  # noqa: E402
from haulout.simulation.truth import Truth, read_truth  # noqa: E402
from haulout_models.checkpoints import write_model  # noqa: E402
from haulout_models.data import Augmentation, LabelledTile  # noqa: E402
from haulout_models.evaluation import examine_detector  # noqa: E402
from haulout_models.starter import FOLDER  # noqa: E402
from haulout_models.training import DetectorTraining, Progress, train_detector  # noqa: E402
from haulout_models.weather import Weather  # noqa: E402
from labeling_configs.vocabulary import ModelCard, ModelVersion  # noqa: E402

BARELY = 0.1
"""Of an animal so little visible nobody expects a box; between this and what is counted, nobody minds one."""


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    plans = [plan(options.seed + number, options.days) for number in range(options.seasons + 1)]
    tiles = [tiles_of(options.work, one) for one in plans]
    training, held_back = [tile for season in tiles[:-1] for tile in season], tiles[-1]
    # Turned every way: the first photos may be taken from a cliff, a mast or an aircraft.
    turned = Augmentation(upright=False, scale=0.8, weather=Weather(light=0.35, fog=0.25))
    settings = DetectorTraining(steps=1_000_000, seconds=options.minutes * 60, augmentation=turned)
    checkpoint = options.work / "unfinished"
    version = ModelVersion("starter-1")
    steps = 0

    def report(progress: Progress) -> None:
        nonlocal steps
        steps = progress.step
        sys.stderr.write(f"step {progress.step} after {progress.seconds:.0f} s, loss {progress.loss:.3f}\n")

    detector = train_detector(training, settings, options.seed, report, checkpoint, time.monotonic, version).detector
    fit = round(detector.settings.scale * DEMO_SEASON.width)
    # Just large enough for a whole photo: a few pixels too small, and each photo would be looked at in four tiles.
    detector.settings = replace(detector.settings, fit=fit, tile=math.ceil(fit / 32) * 32)
    scores = {"ap50_drawn_season_never_seen": examine_detector(detector, held_back).ap50}
    if options.exam:
        scores |= {f"ap50_{options.exam.name}_test": examine_detector(detector, photographs(options.exam)).ap50}
    data = {
        "what": "drawn seasons only, no photograph",
        "seasons": [hashlib.sha256(repr(one).encode()).hexdigest()[:12] for one in plans[:-1]],
        "tiles": len(training),
        "steps": steps,
        "animals": sum(len(tile.boxes) for tile in training),
        "command": " ".join(["python", "models/starter/train.py", *without_paths(options)]),
    }
    card = ModelCard(version, "detector", options.seed, asdict(settings) | detector.stored_settings(), data, scores)
    options.out.mkdir(parents=True, exist_ok=True)
    write_model(options.out, card, detector.trained_tensors())
    sys.stderr.write(f"{scores}\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for the drawn seasons; what is there is reused"
    )
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--seasons", type=int, default=6, help="seasons to learn from; one more is the exam")
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--exam", type=Path, default=None, help="folder of labelled photographs with a test split")
    return parser.parse_args()


def without_paths(options: argparse.Namespace) -> list[str]:
    names = ("seasons", "days", "minutes", "seed")
    return [f"--{name}={getattr(options, name)}" for name in names]


def plan(seed: int, days: int) -> SeasonPlan:
    """Other beaches from other heights, other weather, other animals for each seed."""
    rng = np.random.default_rng(seed)
    cameras = tuple(
        replace(view, seed=int(rng.integers(10_000)), height=view.height * float(rng.uniform(0.85, 1.2)))
        for view in DEMO_SEASON.cameras
    )
    first_day = date(2029, 7, 20) if seed % 2 else date(2030, 8, 3)
    crowd = int(rng.integers(20, 110))
    return replace(
        DEMO_SEASON, seed=seed, days=days, first_day=first_day, burst=1, max_animals=crowd, quiet=0.4, cameras=cameras
    )


def tiles_of(work: Path, one: SeasonPlan) -> list[LabelledTile]:
    """Draw the season unless it is there, and label its photos."""
    folder = work / hashlib.sha256(repr(one).encode()).hexdigest()[:12]
    if not (folder / "truth.json").is_file():
        write_season(folder, one, lambda done, total: sys.stderr.write(f"drawing season {one.seed}: {done}/{total}\n"))
    return labelled(folder, read_truth(folder / "truth.json"))


def labelled(folder: Path, truth: Truth) -> list[LabelledTile]:
    """Animals that barely show are doubtful: the detector may find them or not."""
    whole = []
    for photo in truth.photos.values():
        animals = [animal for animal in photo.animals if animal.visible >= BARELY]
        boxes = np.array([animal.box for animal in animals], dtype=np.float64).reshape(-1, 4)
        weights = np.array([1.0 if animal.counted else 0.5 for animal in animals])
        whole.append(LabelledTile(folder / photo.file, None, boxes, weights))
    return whole


def photographs(folder: Path) -> list[LabelledTile]:
    boxes: dict[str, list[list[float]]] = defaultdict(list)
    with (folder / "boxes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test":
                boxes[row["file"]].append([float(row[side]) for side in ("x1", "y1", "x2", "y2")])
    return [
        LabelledTile(folder / "images" / name, None, np.array(found), np.ones(len(found)))
        for name, found in boxes.items()
    ]


if __name__ == "__main__":
    main()
