"""Trains the detector and its peers on the same tiles for the same minutes, and scores them on the same exam.

    python tests/benchmarks/detector.py --boxes boxes.csv --images DIR --train-split train --test-split test \
        --minutes 20 --json OUT

boxes.csv has the columns file, split, class, x1, y1, x2, y2 (pixels), and optionally species, by which the exam is
also scored apart. `--peers` trains torchvision's SSDlite and Faster R-CNN MobileNet for the same minutes each.
`--published FILE ...` adds detections that the data's authors published, {image: [{"box": [x1, y1, x2, y2], "score":
s}]}, images joined by the part of their name before "_png.rf". `--minutes 0 --weights FOLDER` scores what was kept
before. All classes are taken as one.
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(ROOT / "tests" / "benchmarks")]

import matching  # noqa: E402
from detector_data import Exam, pick, published_detections, read_exam, read_splits  # noqa: E402
from detector_peers import PEERS, train_peer  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from haulout_models.checkpoints import write_model  # noqa: E402
from haulout_models.data import Augmentation, LabelledTile  # noqa: E402
from haulout_models.detector import BoxDetector, Detector, DetectorSettings  # noqa: E402
from haulout_models.held_out import calibrated  # noqa: E402
from haulout_models.onnx_detector import OnnxDetector  # noqa: E402
from haulout_models.starter import load_starter  # noqa: E402
from haulout_models.training import DetectorTraining, Progress, Trained, train_detector  # noqa: E402
from haulout_models.weather import Weather  # noqa: E402
from labeling_configs.vocabulary import ModelCard, ModelVersion  # noqa: E402

FAIR = Weather(rain=0.0, blur=0.0, night=0.0)
"""Nobody flies at night or in rain."""


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    splits = read_splits(options.boxes, options.images)
    tiles = pick(splits[options.train_split], options.tiles, options.seed)
    held_out = pick(splits[options.held_out_split], options.held_out, options.seed)
    exam = read_exam(options.boxes, options.images, options.test_split, options.limit)
    settings = training(options)
    methods: dict[str, object] = {}
    if options.minutes:
        began = time.monotonic()
        checkpoint = options.keep and options.keep.with_suffix(".unfinished")
        trained = train_detector(
            tiles, settings, options.seed, report, checkpoint, time.monotonic, ModelVersion("ours"), held_out=held_out
        )
        minutes = (time.monotonic() - began) / 60
        if options.keep:
            store(options, settings, trained)
        methods["ours"] = exam.score(detections(trained.detector, exam), 0.5) | curve(trained, minutes)
        methods |= seen_often(options, trained, held_out, exam)
    if options.weights:
        stored = Trained(Detector.stored(options.weights), 0)
        methods["kept"] = exam.score(detections(calibrated(stored.detector, held_out), exam), 0.5)
        methods |= seen_often(options, stored, held_out, exam)
    if options.peers:
        for name in PEERS:
            peer = train_peer(name, tiles, options.minutes * 60, options.seed, options.peer_weights, tell)
            level = exam.counting_level([peer.detect(tile.read()) for tile in held_out], held_out)
            methods[name] = exam.score(detections(peer, exam), level) | {"steps": peer.steps}
            if options.keep:
                save_file(peer.tensors(), options.keep.with_name(f"{options.keep.name}-{name}.safetensors"))
    if options.published:
        methods["published"] = exam.score(published_detections(options.published, exam), 0.5)
    if options.starter:
        methods["built-in starter, not trained here"] = exam.score(detections(load_starter(), exam), 0.3)
    if options.onnx:
        foreign = OnnxDetector.open(options.onnx)
        methods[f"{options.onnx.stem}, not trained here"] = exam.score(detections(foreign, exam), 0.3)
    write(options, settings, {"train": len(tiles), "held_out": len(held_out), "exam": len(exam.tiles)}, methods)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--train-split", default="train")
    parser.add_argument("--test-split", default="test")
    parser.add_argument("--held-out-split", default="valid", help="for early stop and calibration, not trained on")
    parser.add_argument("--held-out", type=int, default=60, help="tiles of it that are looked at")
    parser.add_argument("--tiles", type=int, default=None, help="only so many training tiles")
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="wall clock given to each training; 0 trains nothing"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=DetectorTraining.rate)
    parser.add_argument("--free-stages", type=int, default=5, help="stages of the backbone that are trained too")
    parser.add_argument("--weight-decay", type=float, default=DetectorTraining.weight_decay)
    parser.add_argument("--whole", action="store_true", help="tiles' edges cut animals that are not labelled")
    parser.add_argument("--usual-size", type=float, default=50.0, help="median animal in pixels of the network's input")
    parser.add_argument("--views", type=int, nargs="*", default=[], help="also score the mean of so many views")
    parser.add_argument("--limit", type=int, default=None, help="only so many exam tiles, for a quick look")
    parser.add_argument("--peers", action="store_true", help="also train torchvision's SSDlite and Faster R-CNN")
    parser.add_argument(
        "--peer-weights", type=Path, default=None, help="folder with NAME.safetensors to start peers from"
    )
    parser.add_argument("--published", type=Path, nargs="*", default=[], help="JSON files of published detections")
    parser.add_argument("--starter", action="store_true", help="also score the built-in starter as it is")
    parser.add_argument("--onnx", type=Path, default=None, help="also score a YOLOX-style ONNX file as it is")
    parser.add_argument("--keep", type=Path, default=None, help="keep what was trained here, and go on after a kill")
    parser.add_argument("--weights", type=Path, default=None, help="also score a detector that was kept")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def training(options: argparse.Namespace) -> DetectorTraining:
    """Seen from above, animals lie in any direction; tiles of these data leave out animals that their edges cut."""
    return DetectorTraining(
        steps=1_000_000,
        batch=options.batch,
        rate=options.rate,
        weight_decay=options.weight_decay,
        free_stages=options.free_stages,
        usual_size=options.usual_size,
        augmentation=Augmentation(upright=False, whole=options.whole, weather=FAIR),
        detector=DetectorSettings(threshold=0.01),
        seconds=options.minutes * 60,
        checks=20,
        patience=20,
    )


def detections(detector: BoxDetector, exam: Exam) -> list[tuple[np.ndarray, np.ndarray]]:
    return [detector.detect(tile.read()) for tile in exam.tiles]


def seen_often(
    options: argparse.Namespace, trained: Trained, held_out: list[LabelledTile], exam: Exam
) -> dict[str, object]:
    """The same network, the mean of several views of each tile; its scores are calibrated anew."""
    scored: dict[str, object] = {}
    for views in options.views:
        trained.detector.settings = replace(trained.detector.settings, views=views)
        seen = calibrated(trained.detector, held_out)
        scored[f"ours, mean of {views} views"] = exam.score(detections(seen, exam), 0.5)
    return scored


def curve(trained: Trained, minutes: float) -> dict[str, object]:
    """How average precision on the held-out tiles rose, minute by minute."""
    held_out = [[round(at / 60, 2), step, round(score, 4)] for step, at, score in trained.checks]
    return {"train_minutes": minutes, "steps": trained.steps, "held_out_minute_step_ap50": held_out}


def store(options: argparse.Namespace, settings: DetectorTraining, trained: Trained) -> None:
    options.keep.mkdir(parents=True, exist_ok=True)
    card = ModelCard(ModelVersion("ours"), "detector", options.seed, trained.detector.stored_settings(), {})
    write_model(options.keep, card, trained.detector.trained_tensors())


def report(progress: Progress) -> None:
    left = progress.seconds_left / 60
    tell(f"step {progress.step}, {progress.seconds:.0f} s, {left:.0f} min left, loss {progress.loss:.3f}")


def tell(message: str) -> None:
    sys.stderr.write(message + "\n")


def write(
    options: argparse.Namespace, settings: DetectorTraining, tiles: dict[str, int], methods: dict[str, object]
) -> None:
    result = {
        "benchmark": "detector",
        "settings": {name: str(value) for name, value in vars(options).items()} | {"training": repr(settings)},
        "data": {"folder": options.images.parent.name, "tiles": tiles},
        "methods": methods,
    }
    matching.write(result, options.json)


if __name__ == "__main__":
    main()
