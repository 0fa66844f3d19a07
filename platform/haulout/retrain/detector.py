"""Train a detector on what people agreed about, and examine it on days it has never seen."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlmodel import Session, col, select

from haulout.db import reading
from haulout.retrain.decisions import Exam, decide, keep, trained_on
from haulout.services import Services, Tell, silently
from haulout.serving import serving_detector
from haulout.storage import Storage
from haulout.tables import ConsensusRow, PhotoRow, TileRow
from haulout_models.data import LabelledTile
from haulout_models.detector import BoxDetector
from haulout_models.evaluation import examine_detector, not_worse
from haulout_models.training import DetectorTraining, Progress, train_detector
from labeling_configs.vocabulary import ModelCard, ModelVersion

KIND = "detector"
LEAST_TILES = 12
"""Tiles with consensus below which training would only learn by heart."""
LEAST_EXAM = 4
DOUBTFUL = 0.2
"""Boxes of lower probability are background."""
PURPOSE = 8


@dataclass(frozen=True)
class ExamTile:
    """A tile people agree about, and the day it is of: tiles of one day are not independent."""

    truth: LabelledTile
    day: str
    tile: str


def retrain_detector(services: Services, run: int | None = None, tell: Tell = silently) -> ModelVersion | None:
    """Train, examine and promote or refuse; return the new version, or None while too little is labelled.

    The seed, the tiles and the settings are in the card; the exam's figures and the decision are in the database.
    """
    with reading(services.database) as session:
        training = labelled_tiles(session, services.storage, "train")
        exam = labelled_tiles(session, services.storage, "exam")
    # An exam that shows no animal lets everybody pass.
    animals = min(sum(len(tile.truth.boxes) for tile in tiles) for tiles in (training, exam))
    if len(training) < LEAST_TILES or len(exam) < LEAST_EXAM or not animals:
        tell(f"Too little is labelled to train a detector: {len(training)} tiles, {len(exam)} for the exam", 0, 0)
        return None
    tiles = [tile.truth for tile in training]
    settings = DetectorTraining(seconds=services.settings.detector_minutes * 60)
    digest = digest_of(tiles, settings)
    if known := trained_on(services, KIND, digest):
        tell(f"Nothing new was agreed since {known} was trained", 0, 0)
        return None
    champion = serving_detector(services)
    version = _train(services, tiles, settings, {"digest": digest}, run, tell)
    candidate = services.registry.load_detector(version)
    decide(services, version, _examine(services, candidate, champion, exam, tell))
    return version


def labelled_tiles(session: Session, storage: Storage, split: str) -> list[ExamTile]:
    """Return the tiles of one split that people agree about; exam photos are in no other split.

    Each box comes with its probability: training weighs it by that, the exam ignores what people doubt.
    """
    query = (
        select(ConsensusRow, TileRow, PhotoRow)
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed", PhotoRow.split == split)
        .order_by(col(ConsensusRow.tile))
    )
    return [
        ExamTile(
            LabelledTile(
                image=storage.original(photo.id, photo.suffix),
                rectangle=tile.word().shown,
                boxes=consensus.accepted(DOUBTFUL),
                weights=consensus.accepted_probabilities(DOUBTFUL),
            ),
            day=photo.day(),
            tile=tile.id,
        )
        for consensus, tile, photo in session.exec(query)
    ]


def digest_of(tiles: Sequence[LabelledTile], settings: DetectorTraining) -> str:
    """Name what is learned from, and how: the same again would only give the same network again."""
    content = hashlib.sha256(repr(settings).encode())
    for tile in tiles:
        content.update(f"{tile.image.name} {tile.rectangle}".encode())
        content.update(tile.boxes.tobytes() + tile.weights.tobytes())
    return content.hexdigest()


def _train(
    services: Services,
    tiles: Sequence[LabelledTile],
    settings: DetectorTraining,
    source: dict[str, str],
    run: int | None,
    tell: Tell,
) -> ModelVersion:
    # By the number of models, not of the run: a run that was killed must find the seed of its unfinished training.
    seed = int(services.rng(PURPOSE, len(services.registry.versions(KIND))).integers(2**31))

    def progress(now: Progress) -> None:
        share = max(now.step / now.steps, now.seconds / (settings.seconds or float("inf")))
        tell(f"Training a detector on {len(tiles)} tiles, loss {now.loss:.2f}", round(100 * min(share, 1)), 100)

    unfinished = services.registry.folder / f"{KIND}.unfinished"
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    detector = train_detector(tiles, settings, seed, progress, unfinished, time.monotonic).detector
    data = {"tiles": len(tiles), "boxes": sum(len(tile.boxes) for tile in tiles), "run": run, **source}
    card = ModelCard(detector.version, KIND, seed, asdict(settings) | detector.stored_settings(), data)
    version = keep(services, card, detector.trained_tensors(), run)
    unfinished.unlink(missing_ok=True)
    return version


def _examine(
    services: Services, candidate: BoxDetector, champion: BoxDetector, tiles: Sequence[ExamTile], tell: Tell
) -> Exam:
    """Both are examined now, on the same tiles: an exam that has grown since would otherwise compare two exams."""
    truths, days = [tile.truth for tile in tiles], [tile.day for tile in tiles]
    tell("Examining the new detector and the one that serves", 0, 2)
    new = examine_detector(candidate, truths, days)
    tell("Examining the new detector and the one that serves", 1, 2)
    old = examine_detector(champion, truths, days)
    result = not_worse(new, old, services.rng(PURPOSE, 1))
    scores = {
        "ap50": new.ap50,
        "count_mae": new.count_mae,
        "count_relative_error": new.count_relative_error,
        "tiles": len(tiles),
        "champion": champion.version,
        "champion_ap50": old.ap50,
        "difference": [result.low, result.difference, result.high],
    }
    least = services.settings.least_ap50
    if new.ap50 < least:
        return Exam(scores, False, f"AP50 {new.ap50:.3f} is below {least}, the least that may serve")
    return Exam(scores, result.passed, result.reason)
