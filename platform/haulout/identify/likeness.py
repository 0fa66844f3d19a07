"""How alike animals look: each one's nearest others by the serving network, and where their keypoints agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, delete, or_, select

from active_learning.shortlist import nearest_pairs
from haulout.comparing import NEAREST, match, placed
from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.tables import AnimalRow, EmbeddingRow, KeypointsRow, LikenessRow, PhotoRow
from haulout_models.local_matching import LocalFeatures
from haulout_models.quality import QualitySettings

CHUNK = 256
Ends = tuple[str, str]


@dataclass(frozen=True)
class Seen:
    """Animals whose marks can be seen, by name: where each is, its photo and its embedding, shape (n, d)."""

    animals: tuple[AnimalRow, ...]
    photos: tuple[PhotoRow, ...]
    embeddings: NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """The animals' ids, in order."""
        return tuple(animal.id for animal in self.animals)

    def photo_numbers(self) -> NDArray[np.int64]:
        """Return a number for each animal's photo, shape (n,)."""
        return np.unique([photo.id for photo in self.photos], return_inverse=True)[1].astype(np.int64)


def recognisable(session: Session, model: str) -> Seen:
    """Return the animals big and sharp enough to be known again that the network has looked at."""
    query = (
        select(AnimalRow, PhotoRow, EmbeddingRow.packed)
        .join(EmbeddingRow, col(EmbeddingRow.animal) == AnimalRow.id)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .outerjoin(KeypointsRow, col(KeypointsRow.animal) == AnimalRow.id)
        .where(EmbeddingRow.model == model, or_(col(KeypointsRow.sharp).is_(None), col(KeypointsRow.sharp)))
        .order_by(col(AnimalRow.id))
    )
    rows = [row for row in session.exec(query) if _is_big_enough(row[0])]
    vectors = [np.frombuffer(packed, dtype=np.float16).astype(np.float32) for _, _, packed in rows]
    return Seen(
        animals=tuple(animal for animal, _, _ in rows),
        photos=tuple(photo for _, photo, _ in rows),
        embeddings=np.stack(vectors) if vectors else np.zeros((0, 1), dtype=np.float32),
    )


def compare_animals(services: Services, model: str, tell: Tell = silently) -> int:
    """Compare each animal with its nearest others; return how many pairs were looked at that had not been before.

    What is compared is the same whatever was compared when: pairs that are nobody's nearest any more are forgotten.
    """
    with reading(services.database) as session:
        seen = recognisable(session, model)
        before = {(row.first, row.second): row for row in session.exec(select(LikenessRow))}
    rows, cosines = nearest_pairs(seen.embeddings, seen.photo_numbers(), NEAREST)
    names = seen.names
    wanted = {(names[a], names[b]): cosine for (a, b), cosine in zip(rows.tolist(), cosines.tolist(), strict=True)}
    new = [pair for pair in wanted if pair not in before or before[pair].model != model]
    _forget(services, [pair for pair in before if pair not in wanted])
    where = {animal.id: (animal, photo) for animal, photo in zip(seen.animals, seen.photos, strict=True)}
    for start in range(0, len(new), CHUNK):
        tell("Comparing marks", start, len(new))
        some = new[start : start + CHUNK]
        with reading(services.database) as session:
            keypoints = _keypoints(session, {name for pair in some for name in pair if pair not in before}, where)
        with writing(services.database) as session:
            for first, second in some:
                known = before.get((first, second))
                local = known.local if known else _match(keypoints, where, first, second)
                pair = LikenessRow(first=first, second=second, model=model, cosine=wanted[first, second], local=local)
                session.merge(pair)
    return len(new)


def _is_big_enough(animal: AnimalRow) -> bool:
    x1, y1, x2, y2 = animal.box
    return max(x2 - x1, y2 - y1) >= QualitySettings().least_pixels


def _forget(services: Services, pairs: Sequence[Ends]) -> None:
    if not pairs:
        return
    with writing(services.database) as session:
        for first, second in pairs:
            session.exec(delete(LikenessRow).where(col(LikenessRow.first) == first, col(LikenessRow.second) == second))


def _keypoints(
    session: Session, animals: Iterable[str], where: dict[str, tuple[AnimalRow, PhotoRow]]
) -> dict[str, LocalFeatures]:
    """Read what was stored, with its place in the photo."""
    found = session.exec(select(KeypointsRow).where(col(KeypointsRow.animal).in_(list(animals))))
    return {row.animal: placed(LocalFeatures.from_bytes(row.packed), where[row.animal][0]) for row in found}


def _match(
    keypoints: dict[str, LocalFeatures], where: dict[str, tuple[AnimalRow, PhotoRow]], first: str, second: str
) -> float | None:
    if first not in keypoints or second not in keypoints:
        return None
    return match(keypoints[first], keypoints[second], (where[first][1], where[second][1]))
