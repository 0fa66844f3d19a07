"""Which animals an expert should compare next, by the likeness of their embeddings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.coverage import directions
from active_learning.overlap import Indices
from labeling_configs.vocabulary import Animal, AnimalId, Individual, IndividualId

CHUNK = 1024
Pair = tuple[AnimalId, AnimalId]


@dataclass(frozen=True)
class CandidatePair:
    """Two animals worth comparing, first < second; `similarity` is their cosine, `usefulness` lies in [0, 1]."""

    first: AnimalId
    second: AnimalId
    similarity: float
    usefulness: float


@dataclass(frozen=True)
class GalleryCandidate:
    """An individual an animal may be, the sighting that looks most like it and the cosine between the two."""

    individual: IndividualId
    sighting: AnimalId
    similarity: float


def candidate_pairs(
    animals: Sequence[Animal],
    embeddings: NDArray[np.floating],
    judged: Collection[Pair] = (),
    individual_of: Mapping[AnimalId, IndividualId] | None = None,
    per_animal: int = 5,
) -> tuple[CandidatePair, ...]:
    """Return each animal's most similar ones as pairs, most useful first; embeddings have shape (n, d).

    Never two animals of one photo, a judged pair, or two that are one individual already.
    """
    rows = _nearest(animals, directions(embeddings).astype(np.float64), judged, individual_of, per_animal)
    named: dict[Pair, float] = {}
    for row, other, similarity in rows:
        first, second = sorted((animals[row].id, animals[other].id))
        named[first, second] = similarity
    pairs = [CandidatePair(*pair, cosine, (1 + cosine) / 2) for pair, cosine in named.items()]
    return tuple(sorted(pairs, key=lambda pair: (-pair.usefulness, pair.first, pair.second)))


def gallery_for(
    animal: Animal,
    embedding: NDArray[np.floating],
    animals: Sequence[Animal],
    embeddings: NDArray[np.floating],
    individuals: Sequence[Individual],
    judged: Collection[Pair] = (),
    most: int = 8,
) -> tuple[GalleryCandidate, ...]:
    """Return the individuals most like the animal, each by its most similar sighting, best first.

    Left out are individuals seen in the animal's own photo, and those already compared with it. `embeddings`, shape
    (n, d), belong to `animals`; sightings without an embedding are passed over.
    """
    cosines = directions(np.atleast_2d(np.asarray(embeddings, dtype=np.float64)))
    likeness = cosines @ directions(np.asarray(embedding, dtype=np.float64)[None])[0] if len(animals) else ()
    of = {other.id: (float(cosine), other.photo) for other, cosine in zip(animals, likeness, strict=True)}
    compared = {pair[pair[0] == animal.id] for pair in judged if animal.id in pair}
    found = []
    for individual in individuals:
        seen = [(*of[name], name) for name in individual.sightings if name in of]
        if seen and animal.photo not in {photo for _, photo, _ in seen} and compared.isdisjoint(individual.sightings):
            similarity, _, sighting = max(seen)
            found.append(GalleryCandidate(individual.id, sighting, similarity))
    return tuple(sorted(found, key=lambda one: (-one.similarity, one.individual))[:most])


def _nearest(
    animals: Sequence[Animal],
    unit: NDArray[np.float64],
    judged: Collection[Pair],
    individual_of: Mapping[AnimalId, IndividualId] | None,
    per_animal: int,
) -> list[tuple[int, int, float]]:
    """Return (row, other row, cosine) of each animal's nearest allowed ones, in chunks that keep memory small."""
    place = {animal.id: row for row, animal in enumerate(animals)}
    known = [(place[a], place[b]) for a, b in judged if a in place and b in place]
    barred = np.array(known + [(b, a) for a, b in known], dtype=np.intp).reshape(-1, 2)
    photos = _codes([animal.photo for animal in animals])
    names = individual_of or {}
    individuals = _codes([names.get(animal.id, f"alone {row}") for row, animal in enumerate(animals)])
    found: list[tuple[int, int, float]] = []
    for start in range(0, len(animals), CHUNK):
        part = slice(start, start + CHUNK)
        cosines = unit[part] @ unit.T
        cosines[photos[part, None] == photos] = -np.inf
        cosines[individuals[part, None] == individuals] = -np.inf
        here = barred[(barred[:, 0] >= start) & (barred[:, 0] < start + CHUNK)]
        cosines[here[:, 0] - start, here[:, 1]] = -np.inf
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :per_animal]
        for offset, others in enumerate(nearest):
            found += [(start + offset, int(o), float(cosines[offset, o])) for o in others if cosines[offset, o] > -2]
    return found


def _codes(names: Sequence[str]) -> Indices:
    codes: Indices = np.unique(np.array(names, dtype=str), return_inverse=True)[1]
    return codes
