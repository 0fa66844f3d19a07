"""Two detectors learn each week, one from nothing and one from what the champion knows; the better one is examined."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from shutil import rmtree
from typing import Any

from haulout.db import reading
from haulout.retrain.decisions import keep
from haulout.retrain.leaks import LEARNED, LOOKED_AT, refuse_exam_photos
from haulout.retrain.material import ExamTile, Material
from haulout.services import Services, Tell
from haulout.tables import ModelRow
from haulout_models.detector import BoxDetector, Detector, DetectorSettings
from haulout_models.origin import photos_of
from haulout_models.team import alone
from haulout_models.together import train_together
from haulout_models.training import DetectorTraining, Progress, Trained, train_detector
from labeling_configs.vocabulary import ModelCard, ModelVersion

KIND = "detector"
SCRATCH = "scratch"
LEAST_HELD_OUT = 4
"""Held-out tiles below which they say nothing: training then takes all its time, and starts from nothing."""
PURPOSE = 8


@dataclass(frozen=True)
class Start:
    """Where a training begins, and how long it may take; no detector is a new head."""

    name: str
    detector: Detector | None
    settings: DetectorTraining


def train_challenger(
    services: Services, material: Material, champion: BoxDetector, source: Mapping[str, Any], tell: Tell
) -> ModelVersion:
    """Train from nothing and, where that is fair, from the champion; store what does better on the held-out days.

    The exam looks at one of the two only: whoever picks the better of two exams mistakes luck for progress.
    """
    refuse_exam_photos([*material.training, *material.held_out], material.exam)
    # By the number of models, not of the run: a run that was killed must find the seed of its unfinished training.
    seed = int(services.rng(PURPOSE, len(services.registry.versions(KIND))).integers(2**31))
    starts = _starts(services, material, champion)
    trained = [_train(services, material, start, seed, tell) for start in starts]
    best = max(range(len(starts)), key=lambda number: trained[number].held_out_ap50 or 0.0)
    detector = trained[best].detector
    card = ModelCard(
        detector.version,
        KIND,
        seed,
        asdict(starts[best].settings) | detector.stored_settings(),
        _learned(material) | {"start": starts[best].name, "steps": trained[best].steps, **source},
        _scores(starts, trained),
    )
    version = keep(services, card, detector.trained_tensors(), source["run"])
    for file in services.registry.folder.glob(f"{KIND}-*.unfinished"):
        file.unlink(missing_ok=True)
    for folder in services.registry.folder.glob(f"{KIND}-*.together"):
        rmtree(folder, ignore_errors=True)
    return version


def training_settings(services: Services) -> DetectorTraining:
    """Say how the weekly detector is trained, as configured."""
    configured = services.settings
    network = DetectorSettings(backbone=configured.backbone, weights=configured.backbone_weights)
    return DetectorTraining(seconds=configured.detector_minutes * 60, detector=network)


def _starts(services: Services, material: Material, champion: BoxDetector) -> list[Start]:
    """Share the time between the two beginnings; all of it is for the one from nothing where no other is fair."""
    settings = training_settings(services)
    share = services.settings.warm_share
    known = _able_to_go_on(services, champion.version, settings, material) if share else None
    if known is None:
        return [Start(SCRATCH, None, settings)]
    parts = [(SCRATCH, None, 1 - share), (str(known.version), known, share)]
    seconds = settings.seconds or 0.0
    return [Start(name, start, replace(settings, seconds=seconds * part)) for name, start, part in parts if part]


def _able_to_go_on(
    services: Services, champion: ModelVersion, settings: DetectorTraining, material: Material
) -> Detector | None:
    """Return the champion if it can learn on, and if the held-out days can tell which beginning is the better.

    They cannot when they are few, nor when the champion has learned from them, as before they were held out.
    """
    with reading(services.database) as session:
        row = session.get(ModelRow, champion)
    if row is None or len(material.held_out) < LEAST_HELD_OUT:
        return None
    learned = row.card["data"].get(LEARNED)
    if learned is None or set(learned) & set(_digests(material.held_out)):
        return None
    detector = services.registry.load_detector(champion, row.sha256)
    mine, wanted = detector.settings, settings.detector
    return detector if (mine.backbone, mine.width) == (wanted.backbone, wanted.width) else None


def _train(services: Services, material: Material, start: Start, seed: int, tell: Tell) -> Trained:
    tiles = [tile.truth for tile in material.training]
    what = "Training a new detector" if start.detector is None else f"Training {start.name} further"

    def progress(now: Progress) -> None:
        tell(f"{what} on {len(tiles)} tiles, loss {now.loss:.2f}", round(100 * now.share), 100)

    enough = len(material.held_out) >= LEAST_HELD_OUT
    unfinished = services.registry.folder / f"{KIND}-{start.name}.unfinished"
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    held_out = [tile.truth for tile in material.held_out] if enough else []
    processes, settings, begin = services.settings.training_processes, start.settings, start.detector
    if processes > 1:
        folder = unfinished.with_suffix(".together")
        return train_together(processes, folder, tiles, settings, seed, progress, held_out=held_out, start=begin)
    clock = time.monotonic
    return train_detector(
        tiles, settings, seed, progress, unfinished, clock, held_out=held_out, start=begin, team=alone()
    )


def _scores(starts: Sequence[Start], trained: Sequence[Trained]) -> dict[str, float]:
    scores = {start.name: one.held_out_ap50 for start, one in zip(starts, trained, strict=True)}
    return {f"held_out_ap50_from_{name}": score for name, score in scores.items() if score is not None}


def _learned(material: Material) -> dict[str, object]:
    """Say in a card what a detector has seen, photo by photo, so that no exam of it can be doubted."""
    return {
        "tiles": len(material.training),
        "boxes": sum(len(tile.truth.boxes) for tile in material.training),
        "held_out_tiles": len(material.held_out),
        LEARNED: _digests(material.training),
        LOOKED_AT: _digests(material.held_out),
    }


def _digests(tiles: Sequence[ExamTile]) -> list[str]:
    return photos_of([tile.truth for tile in tiles])
