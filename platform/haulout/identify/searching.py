"""Whom does a picture show? Ranks the individuals of the catalogue by the evidence; runs in a process of its own.

The method, stated so that nobody takes it for more: the likeness of the embeddings picks `NEAREST` animals; where
keypoints are stored they are matched; the serving fusion makes of both a log likelihood ratio of "one walrus". Each
individual counts by its best animal, an animal without a name as an individual of its own. Before any evidence the
picture shows somebody unknown with probability `UNKNOWN`, else each of the known with equal chances; those that were
not compared are held to be as unlikely as the least likely that was. Bayes' rule does the rest.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from haulout import withheld
from haulout.db import reading
from haulout.services import Services
from haulout.tables import AnimalRow, EmbeddingRow, KeypointsRow, SightingRow
from haulout_models.fusion import Fusion, Pairs
from haulout_models.local_matching import LocalFeatures, match_many
from labeling_configs.vocabulary import ModelVersion

NEAREST = 50
"""Animals whose marks are compared with the picture's."""
TOLD = 10
"""Individuals that are told."""
CROPS = 4
"""Pictures of each, the most alike first."""
UNKNOWN = 0.5
"""Probability, before any evidence, that the picture shows an animal that is not in the catalogue."""


@dataclass(frozen=True)
class Memory:
    """What a network saw in all animals: their names and embeddings, shape (n, d)."""

    animals: tuple[str, ...]
    embeddings: NDArray[np.float32]
    individuals: Mapping[str, str]
    """Of those animals that have one."""

    @cached_property
    def known(self) -> int:
        """How many there are to be found, an animal without a name counted as one."""
        named = set(self.individuals.values())
        return len(named) + sum(animal not in self.individuals for animal in self.animals)


@dataclass(frozen=True)
class Candidate:
    """An individual, or an animal without one, that the picture may show."""

    individual: str
    """Empty for an animal without a name."""
    probability: float
    cosine: float
    local: float | None
    """How well the keypoints of the best animal agree; None where nobody could compare them."""
    animals: tuple[str, ...]
    """Those of it that were compared, the most alike first."""


@dataclass(frozen=True)
class Ranking:
    """Whom a picture may show, the likeliest first; `nobody` is the probability of an animal nobody knows."""

    candidates: tuple[Candidate, ...]
    nobody: float


def remember(services: Services, model: ModelVersion) -> Memory:
    """Read the embeddings of all animals whose photos are not withheld."""
    with reading(services.database) as session:
        hidden = withheld.photos(session)
        query = select(AnimalRow.id, EmbeddingRow.packed).join(EmbeddingRow, col(EmbeddingRow.animal) == AnimalRow.id)
        query = query.where(EmbeddingRow.model == model, col(AnimalRow.photo).not_in(hidden)).order_by(AnimalRow.id)
        rows = session.exec(query).all()
        named = dict(session.exec(select(SightingRow.animal, SightingRow.individual)).all())
    names = tuple(animal for animal, _ in rows)
    packed = np.frombuffer(b"".join(packed for _, packed in rows), dtype=np.float16)
    vectors = packed.reshape(len(rows), -1) if rows else packed.reshape(0, 1)
    individuals = {animal: named[animal] for animal in names if animal in named}
    return Memory(names, vectors.astype(np.float32), individuals)


def nearest(
    embeddings: NDArray[np.float32], vector: NDArray[np.float32], count: int = NEAREST
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows of the most alike, best first, and their cosines."""
    cosines = embeddings @ vector
    count = min(count, len(cosines))
    best = np.argpartition(-cosines, count - 1)[:count] if count else np.zeros(0, dtype=np.intp)
    best = best[np.lexsort((best, -cosines[best]))]
    return best, cosines[best]


def rank(
    services: Services, memory: Memory, vector: NDArray[np.float32], features: LocalFeatures, fusion: Fusion
) -> Ranking:
    """Rank the individuals that a crop with this embedding and these keypoints may show."""
    rows, cosines = nearest(memory.embeddings, vector)
    animals = [memory.animals[row] for row in rows.tolist()]
    with reading(services.database) as session:
        kept = _keypoints(session, animals)
    local = np.full(len(animals), np.nan)
    compared = [place for place, animal in enumerate(animals) if animal in kept]
    local[compared] = match_many(features, [kept[animals[place]] for place in compared])
    evidence = fusion.evidence(Pairs.of(cosines.astype(np.float64), local))
    return combine(animals, cosines, local, evidence, memory)


def combine(
    animals: Sequence[str],
    cosines: NDArray[np.float32],
    local: NDArray[np.float64],
    evidence: NDArray[np.float64],
    memory: Memory,
) -> Ranking:
    """Make probabilities of the evidence for each compared animal, by the method that stands above."""
    groups: dict[str, list[int]] = {}
    for place in np.lexsort((-cosines, -evidence)).tolist():
        animal = animals[place]
        groups.setdefault(memory.individuals.get(animal) or f"|{animal}", []).append(place)
    if not groups:
        return Ranking((), 1.0)
    known = max(memory.known, len(groups))
    best = np.array([evidence[places[0]] for places in groups.values()])
    others = (known - len(groups)) * np.exp(best.min())
    weights = (1 - UNKNOWN) / known * np.exp(best)
    total = UNKNOWN + weights.sum() + (1 - UNKNOWN) / known * others
    found = [
        Candidate(
            individual="" if name.startswith("|") else name,
            probability=float(weight / total),
            cosine=float(cosines[places[0]]),
            local=None if np.isnan(local[places[0]]) else float(local[places[0]]),
            animals=tuple(animals[place] for place in places[:CROPS]),
        )
        for (name, places), weight in zip(groups.items(), weights, strict=True)
    ]
    return Ranking(tuple(found[:TOLD]), float(UNKNOWN / total))


def _keypoints(session: Session, animals: Collection[str]) -> dict[str, LocalFeatures]:
    found = session.exec(select(KeypointsRow).where(col(KeypointsRow.animal).in_(list(animals))))
    return {row.animal: LocalFeatures.from_bytes(row.packed) for row in found}
