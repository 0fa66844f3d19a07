"""A training as a folder, so that several processes or another computer can do it: the lesson, and what came of it.

torchrun --standalone --nproc-per-node 2 -m haulout_models.job FOLDER
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from haulout_models.checkpoints import read_card, write_model, write_whole
from haulout_models.data import LabelledTile
from haulout_models.detector import Detector
from haulout_models.team import joined
from haulout_models.training import DetectorTraining, Progress, Trained, train_detector
from labeling_configs.vocabulary import ModelCard, Rectangle

_LESSON, _START, _UNFINISHED, _RESULT, _PROGRESS = "lesson.json", "start", "unfinished", "result", "progress.json"
ERROR = "error.txt"
"""Why the last try failed, if it did."""


def write_job(
    folder: Path,
    tiles: Sequence[LabelledTile],
    settings: DetectorTraining,
    seed: int,
    *,
    held_out: Sequence[LabelledTile] = (),
    start: Detector | None = None,
) -> None:
    """Write down a training; what an earlier, killed try has done in this folder is kept and gone on with."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ERROR).unlink(missing_ok=True)
    if start is not None:
        (folder / _START).mkdir(exist_ok=True)
        write_model(folder / _START, _card(start, seed), start.trained_tensors())
    lesson = {
        "tiles": [_written(tile) for tile in tiles],
        "held_out": [_written(tile) for tile in held_out],
        "settings": asdict(settings),
        "seed": seed,
        "start": start is not None,
    }
    write_whole(folder / _LESSON, json.dumps(lesson).encode())


def do_job(folder: Path, environment: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
    """Train as the folder says, as one process or as one of several that torchrun started."""
    lesson = json.loads((folder / _LESSON).read_text())
    with joined(environment) as team:
        trained = train_detector(
            [_read(tile) for tile in lesson["tiles"]],
            DetectorTraining.of(lesson["settings"]),
            lesson["seed"],
            lambda now: write_whole(folder / _PROGRESS, json.dumps(asdict(now)).encode()),
            folder / _UNFINISHED,
            clock,
            held_out=[_read(tile) for tile in lesson["held_out"]],
            start=Detector.stored(folder / _START) if lesson["start"] else None,
            team=team,
        )
        if team.leads:
            (folder / _RESULT).mkdir(exist_ok=True)
            told = {"steps": trained.steps, "checks": trained.checks}
            write_model(
                folder / _RESULT, _card(trained.detector, lesson["seed"], told), trained.detector.trained_tensors()
            )


def job_progress(folder: Path) -> Progress | None:
    """Say how far a running training is; None before it has begun."""
    file = folder / _PROGRESS
    return Progress(**json.loads(file.read_text())) if file.is_file() else None


def job_result(folder: Path) -> Trained:
    """Read what a finished training has brought."""
    told: Mapping[str, Any] = read_card(folder / _RESULT)[0].data
    checks = tuple((int(step), float(at), float(score)) for step, at, score in told["checks"])
    return Trained(Detector.stored(folder / _RESULT), int(told["steps"]), checks)


def _card(detector: Detector, seed: int, data: Mapping[str, Any] | None = None) -> ModelCard:
    return ModelCard(detector.version, "detector", seed, detector.stored_settings(), dict(data or {}))


def _written(tile: LabelledTile) -> dict[str, object]:
    return {
        "image": str(tile.image.absolute()),
        "rectangle": asdict(tile.rectangle) if tile.rectangle else None,
        "boxes": tile.boxes.tolist(),
        "weights": tile.weights.tolist(),
    }


def _read(stored: Mapping[str, Any]) -> LabelledTile:
    rectangle = Rectangle(**stored["rectangle"]) if stored["rectangle"] else None
    boxes = np.array(stored["boxes"], dtype=np.float64).reshape(-1, 4)
    return LabelledTile(Path(stored["image"]), rectangle, boxes, np.array(stored["weights"], dtype=np.float64))


def _main(folder: Path) -> None:
    """What torchrun starts; it would say itself only that some process has failed."""
    try:
        do_job(folder, os.environ)
    except Exception as error:
        write_whole(folder / ERROR, f"{type(error).__name__}: {error}".encode())
        raise


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
