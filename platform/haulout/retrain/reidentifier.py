"""Train the re-identification network on the catalogue, and examine it on individuals it has never seen."""

import hashlib
import time
from collections import defaultdict
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from active_learning.splits import is_exam_individual
from haulout.db import reading
from haulout.retrain.decisions import Exam, decide, keep, trained_on, waiting
from haulout.retrain.weighing import Sighting, weigh
from haulout.services import Services, Tell, silently
from haulout.serving import FUSION, serving_reidentifier
from haulout.tables import AnimalRow, PhotoRow, SightingRow
from haulout_models.evaluation import examine_reidentifier, not_worse
from haulout_models.reidentifier import Reidentifier, ReidentifierTraining, train_reidentifier
from labeling_configs.vocabulary import IndividualId, ModelCard, ModelVersion

KIND = "reidentifier"
LEAST_INDIVIDUALS = 4
LEAST_EXAM = 2
EXAM_SHARE = 0.3
PURPOSE = 9


@dataclass(frozen=True)
class _Sightings:
    """Crops with who they show, the animal and the photo; rows belong together."""

    crops: list[NDArray[np.uint8]]
    rows: list[Sighting]

    @property
    def individuals(self) -> list[str]:
        """Who each crop shows."""
        return [individual for individual, _, _ in self.rows]

    @property
    def bursts(self) -> list[str]:
        """The burst that each crop is from."""
        return [photo.burst for _, _, photo in self.rows]

    def of(self, wanted: set[str]) -> "_Sightings":
        """Return the sightings of these individuals only."""
        kept = [number for number, row in enumerate(self.rows) if row[0] in wanted]
        return _Sightings([self.crops[number] for number in kept], [self.rows[number] for number in kept])


def retrain_reidentifier(services: Services, run: int | None = None, tell: Tell = silently) -> ModelVersion | None:
    """Train, examine and promote or refuse; return the new version, or None while the catalogue is too small."""
    sightings = _recaptured(services)
    names = sorted(set(sightings.individuals))
    exam = {name for name in names if _is_exam(name, services.settings.seed)}
    training = set(names) - exam
    if len(training) < LEAST_INDIVIDUALS or len(exam) < LEAST_EXAM:
        tell(f"Too few walruses were recognised twice to train re-identification: {len(names)}", 0, 0)
        return None
    learned = sightings.of(training)
    settings = ReidentifierTraining(seconds=services.settings.reidentifier_minutes * 60)
    digest = _digest(learned, settings)
    if known := trained_on(services, KIND, digest):
        tell(f"Nobody new was recognised since {known} was trained", 0, 0)
        return None
    champion = serving_reidentifier(services)
    version = waiting(services, KIND, digest)
    if version is None:
        version = _train(services, learned, sightings.of(exam), settings, {"digest": digest}, run, tell)
    candidate = services.registry.load_reidentifier(version)
    tell("Examining who recognises walruses better", 0, 0)
    decide(services, version, _examine(services, candidate, champion, sightings.of(exam)))
    return version


def _is_exam(individual: str, seed: int) -> bool:
    return is_exam_individual(IndividualId(individual), EXAM_SHARE, str(seed))


def _recaptured(services: Services) -> _Sightings:
    """Return the sightings of individuals seen in more than one burst; one burst only shows one lie twice."""
    query = (
        select(SightingRow.individual, AnimalRow, PhotoRow)
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .order_by(col(PhotoRow.id), col(AnimalRow.id))
    )
    with reading(services.database) as session:
        rows = list(session.exec(query))
    bursts: dict[str, set[str]] = defaultdict(set)
    for individual, _, photo in rows:
        bursts[individual].add(photo.burst)
    kept = [row for row in rows if len(bursts[row[0]]) > 1]
    crops = [services.storage.read_piece(animal.rectangle(), photo.id, photo.suffix) for _, animal, photo in kept]
    return _Sightings(crops, kept)


def _digest(sightings: _Sightings, settings: ReidentifierTraining) -> str:
    """Name what is learned from, and how."""
    content = hashlib.sha256(repr(settings).encode())
    for crop, individual in zip(sightings.crops, sightings.individuals, strict=True):
        content.update(f"{individual} {crop.shape}".encode() + crop.tobytes())
    return content.hexdigest()


def _train(
    services: Services,
    sightings: _Sightings,
    unknown: _Sightings,
    settings: ReidentifierTraining,
    source: dict[str, str],
    run: int | None,
    tell: Tell,
) -> ModelVersion:
    """Train, weigh the evidence on individuals that it never saw, and store both; who is killed goes on."""
    seed = int(services.rng(PURPOSE, len(services.registry.versions(KIND))).integers(2**31))

    def progress(done: int, total: int, loss: float) -> None:
        tell(f"Training re-identification on {len(sightings.crops)} sightings, loss {loss:.2f}", done, total)

    unfinished = services.registry.folder / f"{KIND}.unfinished"
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    trained = train_reidentifier(
        sightings.crops, sightings.individuals, settings, seed, progress, time.monotonic, unfinished=unfinished
    )
    tell("Measuring what its likenesses are worth", 0, 0)
    fusion = weigh(trained, unknown.crops, unknown.rows)
    data = {"sightings": len(sightings.crops), "individuals": len(set(sightings.individuals)), "run": run, **source}
    card = ModelCard(
        trained.version, KIND, seed, asdict(settings) | trained.stored_settings() | {FUSION: fusion.stored()}, data
    )
    version = keep(services, card, trained.trained_tensors(), run)
    unfinished.unlink(missing_ok=True)
    return version


def _examine(services: Services, candidate: Reidentifier, champion: Reidentifier, exam: _Sightings) -> Exam:
    """Each sighting is looked for among those of all other bursts: a hit in its own burst proves nothing."""
    new, old = (
        examine_reidentifier(network, exam.crops, exam.individuals, exam.bursts) for network in (candidate, champion)
    )
    result = not_worse(new, old, services.rng(PURPOSE, 1))
    scores = {
        "rank1": new.rank1,
        "map": new.map,
        "sightings": len(exam.crops),
        "individuals": len(set(exam.individuals)),
        "champion": champion.version,
        "champion_rank1": old.rank1,
        "champion_map": old.map,
        "difference": [result.low, result.difference, result.high],
    }
    return Exam(scores, result.passed, result.reason)
