"""Trains the detector on few labelled tiles and scores it beside the data's published detections.

Needs a folder with boxes.csv (file, split, species, frame, class, x1, y1, x2, y2), images/ and, for a peer,
authors_detections/*.json as published with doi 10.1002/aqc.70111. Run
`python tests/benchmarks/detector.py --data DIR --tiles 400 --minutes 12 --seed 0 --json -`.
"""

import argparse
import csv
import json
import os
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models")]

from haulout_models.data import Augmentation, LabelledTile  # noqa: E402
from haulout_models.detector import Detector, DetectorSettings  # noqa: E402
from haulout_models.evaluation import average_precision, count_error, counting_threshold  # noqa: E402
from haulout_models.onnx_detector import OnnxDetector  # noqa: E402
from haulout_models.starter import load_starter  # noqa: E402
from haulout_models.tiling import Found  # noqa: E402
from haulout_models.training import DetectorTraining, Progress, train_detector  # noqa: E402


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    splits = read_tiles(options.data)
    chosen = pick(splits["train"], options.tiles, options.seed)
    settings = training(options)
    began = time.monotonic()
    detector = train_detector(chosen, settings, options.seed, report, None, time.monotonic).detector
    minutes = (time.monotonic() - began) / 60
    exam = splits["test"][: options.limit]
    threshold = counting_level(detector, pick(splits["valid"], 60, options.seed))
    methods = {"ours": score(detector, exam, threshold) | {"train_minutes": minutes}}
    methods |= {name: figures(exam, found, 0.5) for name, found in published(options.data, exam).items()}
    if options.starter:
        methods["built-in starter, not trained here"] = score(load_starter(), exam, 0.3)
    if options.onnx:
        methods[f"{options.onnx.stem}, not trained here"] = score(OnnxDetector.open(options.onnx), exam, 0.3)
    write(options, settings, len(chosen), len(exam), methods)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with boxes.csv and images/")
    parser.add_argument("--tiles", type=int, default=400, help="labelled tiles to train on")
    parser.add_argument("--minutes", type=float, default=12.0, help="wall clock given to training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--free-stages", type=int, default=0, help="stages of the backbone that are trained too")
    parser.add_argument("--usual-size", type=float, default=50.0, help="median animal in pixels of the network's input")
    parser.add_argument("--limit", type=int, default=None, help="only so many exam tiles, for a quick look")
    parser.add_argument("--starter", action="store_true", help="also score the built-in starter as it is")
    parser.add_argument("--onnx", type=Path, default=None, help="also score a YOLOX-style ONNX file as it is")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def training(options: argparse.Namespace) -> DetectorTraining:
    """Seen from above, animals lie in any direction."""
    return DetectorTraining(
        steps=1_000_000,
        batch=options.batch,
        rate=options.rate,
        free_stages=options.free_stages,
        usual_size=options.usual_size,
        augmentation=Augmentation(upright=False),
        detector=DetectorSettings(threshold=0.01),
        seconds=options.minutes * 60,
    )


def read_tiles(folder: Path) -> dict[str, list[LabelledTile]]:
    """Group the boxes by image, and the images by split, in the file's order."""
    boxes: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    with (folder / "boxes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            boxes[row["split"], row["file"]].append([float(row[side]) for side in ("x1", "y1", "x2", "y2")])
    splits: dict[str, list[LabelledTile]] = defaultdict(list)
    for (split, name), rows in boxes.items():
        tile = LabelledTile(folder / "images" / name, None, np.array(rows), np.ones(len(rows)))
        splits[split].append(tile)
    return splits


def pick(tiles: list[LabelledTile], count: int, seed: int) -> list[LabelledTile]:
    order = np.random.default_rng(seed).permutation(len(tiles))
    return [tiles[i] for i in order[:count]]


def counting_level(detector: Detector, tiles: list[LabelledTile]) -> float:
    return counting_threshold([tile.boxes for tile in tiles], [detector.detect(tile.read()) for tile in tiles])


def score(detector: Detector | OnnxDetector, exam: list[LabelledTile], threshold: float) -> dict[str, float]:
    images = [tile.read() for tile in exam]
    began = time.monotonic()
    found = [detector.detect(image) for image in images]
    return figures(exam, found, threshold) | {"images_per_second": len(exam) / (time.monotonic() - began)}


def figures(exam: list[LabelledTile], found: list[Found], threshold: float) -> dict[str, float]:
    truths = [tile.boxes for tile in exam]
    counts = count_error(truths, found, threshold)
    levels = [average_precision(truths, found, iou) for iou in np.arange(0.5, 0.96, 0.05)]
    return {
        "ap50": levels[0],
        "ap": float(np.mean(levels)),
        "count_mae": counts.mean_absolute,
        "count_relative_error": counts.relative_total,
    }


def published(folder: Path, exam: list[LabelledTile]) -> dict[str, list[Found]]:
    """The authors' RetinaNet, trained on all their tiles and GPUs; they published only scores above a half."""
    by_name: dict[str, list[dict[str, object]]] = {}
    for prefix, file in (("es", "elephant-seals-with-other"), ("hs", "harbor-seals-with-other")):
        path = folder / "authors_detections" / f"{file}.json"
        stored = json.loads(path.read_text()) if path.is_file() else {}
        by_name |= {f"{prefix}_test_{Path(name).name.split('_png.rf')[0]}": rows for name, rows in stored.items()}
    if not by_name:
        return {}
    return {"published RetinaNet (all tiles)": [_found(by_name.get(tile.image.stem, [])) for tile in exam]}


def _found(rows: list[dict[str, object]]) -> Found:
    boxes = np.array([row["box"] for row in rows], dtype=np.float64).reshape(-1, 4)
    return boxes, np.array([row["score"] for row in rows], dtype=np.float64)


def report(progress: Progress) -> None:
    sys.stderr.write(f"step {progress.step} after {progress.seconds:.0f} s, loss {progress.loss:.3f}\n")


def write(
    options: argparse.Namespace, settings: DetectorTraining, tiles: int, exam: int, methods: dict[str, dict[str, float]]
) -> None:
    result = {
        "benchmark": "detector",
        "settings": {name: str(value) for name, value in vars(options).items()} | {"training": repr(settings)},
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()},
        "data": {"folder": options.data.name, "train_tiles": tiles, "exam_tiles": exam},
        "methods": methods,
    }
    text = json.dumps(result, indent=2)
    if options.json == "-":
        sys.stdout.write(text + "\n")
    else:
        Path(options.json).write_text(text)


if __name__ == "__main__":
    main()
