"""Train a detector on what people agreed about, and examine it on days it has never seen."""

from collections.abc import Sequence

from haulout.db import reading
from haulout.retrain.challenger import KIND, train_challenger, training_settings
from haulout.retrain.decisions import trained_on, waiting
from haulout.retrain.examination import examine_challenger
from haulout.retrain.material import ExamTile, Material, digest_of
from haulout.services import Services, Tell, silently
from haulout.serving import serving_detector
from labeling_configs.vocabulary import ModelVersion

LEAST_TILES = 12
"""Tiles with consensus below which training would only learn by heart."""
LEAST_EXAM = 4


def retrain_detector(services: Services, run: int | None = None, tell: Tell = silently) -> ModelVersion | None:
    """Train, examine and promote or refuse; return the new version, or None while too little is labelled.

    The seed, the photos and the settings are in the card; the exam's figures and the decision are in the database.
    """
    with reading(services.database) as session:
        material = Material.read(session, services.storage, services.settings)
    if too_little := _too_little(material):
        tell(too_little, 0, 0)
        return None
    settings = training_settings(services)
    digest = digest_of([tile.truth for tile in [*material.training, *material.held_out]], settings)
    if known := trained_on(services, KIND, digest):
        tell(f"Nothing new was agreed since {known} was trained", 0, 0)
        return None
    champion = serving_detector(services)
    version = waiting(services, KIND, digest)
    if version is None:
        version = train_challenger(services, material, champion, {"digest": digest, "run": run}, tell)
    examine_challenger(services, version, champion, material.exam, tell)
    return version


def _too_little(material: Material) -> str | None:
    """An exam that shows no animal would let everybody pass."""
    labelled, exam = len(material.training) + len(material.held_out), len(material.exam)
    animals = min(_animals(material.training), _animals(material.exam))
    if labelled >= LEAST_TILES and exam >= LEAST_EXAM and animals:
        return None
    return f"Too little is labelled to train a detector: {labelled} tiles, {exam} for the exam"


def _animals(tiles: Sequence[ExamTile]) -> int:
    return sum(len(tile.truth.boxes) for tile in tiles)
