"""Step 7 of the loop: embed the animals, ask experts about likely pairs, and say who is who."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, or_, select

from haulout.db import reading, writing
from haulout.identify.catalogue import settle_catalogue
from haulout.identify.counting import count_walruses
from haulout.identify.likeness import compare_animals
from haulout.identify.questions import plan_questions
from haulout.services import Services, Tell, silently
from haulout.serving import serving_reidentifier
from haulout.tables import AnimalRow, EmbeddingRow, KeypointsRow, PhotoRow
from haulout_models.local_matching import describe_locally
from haulout_models.quality import QualitySettings, measure_quality
from haulout_models.reidentifier import Reidentifier

CHUNK = 64
Waiting = Sequence[tuple[AnimalRow, PhotoRow]]


def identify(services: Services, tell: Tell = silently) -> int:
    """Look at new animals, settle who is who from all verdicts, plan questions; return how many were planned."""
    reidentifier = serving_reidentifier(services)
    embed_animals(services, reidentifier, tell)
    compare_animals(services, reidentifier.version, tell)
    tell("Settling who is who", 0, 0)
    settle_catalogue(services)
    planned = plan_questions(services, reidentifier.version)
    count_walruses(services, reidentifier.version)
    return planned


def embed_animals(services: Services, reidentifier: Reidentifier, tell: Tell = silently) -> int:
    """Store embedding and keypoints of every animal that lacks them; each chunk is one transaction."""
    with reading(services.database) as session:
        have = select(EmbeddingRow.animal).where(EmbeddingRow.model == reidentifier.version)
        lacks = or_(
            col(AnimalRow.id).not_in(have),
            col(AnimalRow.id).not_in(select(KeypointsRow.animal)),
        )
        query = select(AnimalRow, PhotoRow).join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo).where(lacks)
        waiting = list(session.exec(query.order_by(col(AnimalRow.photo))))
    for start in range(0, len(waiting), CHUNK):
        tell("Looking at each animal", start, len(waiting))
        rows = _look(services, reidentifier, waiting[start : start + CHUNK])
        with writing(services.database) as session:
            for row in rows:
                session.merge(row)
    return len(waiting)


def _look(services: Services, reidentifier: Reidentifier, animals: Waiting) -> list[EmbeddingRow | KeypointsRow]:
    crops = [services.storage.read_piece(animal.rectangle(), photo.id, photo.suffix) for animal, photo in animals]
    vectors = reidentifier.embed(crops).astype(np.float16)
    embedded = [
        EmbeddingRow(animal=animal.id, model=reidentifier.version, packed=vector.tobytes())
        for (animal, _), vector in zip(animals, vectors, strict=True)
    ]
    return [*embedded, *(_keypoints(animal.id, crop) for (animal, _), crop in zip(animals, crops, strict=True))]


def _keypoints(animal: str, crop: NDArray[np.uint8]) -> KeypointsRow:
    sharp = measure_quality(crop).sharpness >= QualitySettings().least_sharpness
    return KeypointsRow(animal=animal, packed=describe_locally(crop).to_bytes(), sharp=sharp)
