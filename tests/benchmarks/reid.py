"""Trains the re-identification map on half of the individuals and looks for the others, beside the frozen features.

Needs a folder with labels.csv (file, individual, frame, ...) and the files it names. Frames of consecutive numbers
of one individual are one burst and never count as a match. Every seed draws another half. Run
`python tests/benchmarks/reid.py --data DIR --seeds 5 --json -`.
"""

import argparse
import csv
import json
import platform
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models")]

from haulout_models.evaluation import examine_reidentifier  # noqa: E402
from haulout_models.reidentifier import Reidentifier, ReidentifierTraining, train_reidentifier  # noqa: E402
from labeling_configs.vocabulary import ModelVersion  # noqa: E402

Scores = dict[str, float]


def main() -> None:
    options = arguments()
    crops, individuals, bursts = read(options.data)
    rounds = [one_round(crops, individuals, bursts, seed) for seed in range(options.seeds)]
    methods = {
        name: {metric: interval([one[name][metric] for one in rounds]) for metric in ("rank1", "map")}
        for name in ("ours", "frozen ImageNet features")
    }
    result = {
        "benchmark": "reid",
        "settings": {"seeds": options.seeds, "training": repr(ReidentifierTraining())},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "data": {
            "name": options.data.name,
            "crops": len(crops),
            "individuals": len(set(individuals)),
            "bursts": len(set(bursts)),
        },
        "methods": methods,
    }
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n") if options.json == "-" else Path(options.json).write_text(text + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def read(folder: Path) -> tuple[list[np.ndarray], list[str], list[str]]:
    with (folder / "labels.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (row["individual"], int(row["frame"])))
    crops = [np.asarray(Image.open(folder / row["file"]).convert("RGB")) for row in rows]
    bursts = [0]
    for before, after in pairwise(rows):
        goes_on = before["individual"] == after["individual"] and int(after["frame"]) - int(before["frame"]) <= 1
        bursts.append(bursts[-1] + (not goes_on))
    return crops, [row["individual"] for row in rows], [str(burst) for burst in bursts]


def one_round(crops: list[np.ndarray], individuals: list[str], bursts: list[str], seed: int) -> dict[str, Scores]:
    """Split by individual: who is in the exam was never learned."""
    names = np.random.default_rng(seed).permutation(sorted(set(individuals)))
    learned = set(names[: len(names) // 2])
    train = [row for row, name in enumerate(individuals) if name in learned]
    exam = [row for row, name in enumerate(individuals) if name not in learned]
    trained = train_reidentifier(
        [crops[row] for row in train], [individuals[row] for row in train], ReidentifierTraining(), seed
    )
    networks = {"ours": trained, "frozen ImageNet features": Reidentifier.frozen(ModelVersion("frozen"))}
    return {name: score(network, exam, crops, individuals, bursts) for name, network in networks.items()}


def score(
    network: Reidentifier, rows: list[int], crops: list[np.ndarray], individuals: list[str], bursts: list[str]
) -> Scores:
    exam = examine_reidentifier(
        network, [crops[row] for row in rows], [individuals[row] for row in rows], [bursts[row] for row in rows]
    )
    return {"rank1": exam.rank1, "map": exam.map}


def interval(values: list[float]) -> dict[str, float] | float:
    """Mean and 95 % interval of the mean over seeds (normal approximation)."""
    if len(values) < 2:
        return values[0]
    mean, half = float(np.mean(values)), float(1.96 * np.std(values, ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "low": mean - half, "high": mean + half}


if __name__ == "__main__":
    main()
