"""Step 7 of the loop: embed the animals, ask experts about likely pairs, and say who is who."""

from collections.abc import Sequence

import numpy as np
from sqlmodel import col, select

from haulout.db import reading, writing
from haulout.identify.catalogue import settle_catalogue
from haulout.identify.questions import plan_questions
from haulout.services import Services, Tell, silently
from haulout.serving import serving_reidentifier
from haulout.tables import AnimalRow, EmbeddingRow, PhotoRow
from haulout_models.reidentifier import Reidentifier

CHUNK = 64


def identify(services: Services, tell: Tell = silently) -> int:
    """Embed new animals, settle identities from all verdicts, plan the next questions; return how many were planned."""
    reidentifier = serving_reidentifier(services)
    embed_animals(services, reidentifier, tell)
    tell("Settling who is who", 0, 0)
    settle_catalogue(services)
    return plan_questions(services, reidentifier.version)


def embed_animals(services: Services, reidentifier: Reidentifier, tell: Tell = silently) -> int:
    """Store the serving network's embedding of every animal that lacks one; each chunk is one transaction."""
    with reading(services.database) as session:
        have = select(EmbeddingRow.animal).where(EmbeddingRow.model == reidentifier.version)
        query = select(AnimalRow, PhotoRow).join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        waiting = list(session.exec(query.where(col(AnimalRow.id).not_in(have)).order_by(col(AnimalRow.photo))))
    for start in range(0, len(waiting), CHUNK):
        tell("Looking at each animal", start, len(waiting))
        rows = _embed(services, reidentifier, waiting[start : start + CHUNK])
        with writing(services.database) as session:
            for row in rows:
                session.merge(row)
    return len(waiting)


def _embed(
    services: Services, reidentifier: Reidentifier, animals: Sequence[tuple[AnimalRow, PhotoRow]]
) -> list[EmbeddingRow]:
    crops = [services.storage.read_piece(animal.rectangle(), photo.id, photo.suffix) for animal, photo in animals]
    vectors = reidentifier.embed(crops).astype(np.float16)
    return [
        EmbeddingRow(animal=animal.id, model=reidentifier.version, packed=vector.tobytes())
        for (animal, _), vector in zip(animals, vectors, strict=True)
    ]
