"""Which identity questions experts are asked next."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from active_learning.identity import Pair
from active_learning.shortlist import GalleryCandidate, candidate_pairs, gallery_for
from haulout.answers import find_task, live_answers
from haulout.db import writing
from haulout.services import Services
from haulout.tables import AnimalRow, EmbeddingRow, SightingRow, TaskRow
from labeling_configs.vocabulary import Animal, AnimalId, Individual, IndividualId, Question

SMALLEST_ANIMAL = 80
"""Longer side in pixels below which marks can hardly be seen: such animals are counted but never sent to experts."""
MOST_GALLERIES = 0.5
"""Share of the questions that may be galleries; the rest are pairs, which also find walruses nobody recognised yet."""
RIVALS = 0.03
"""Cosine within which the second best individual is a rival of the best, so that a gallery is asked, not a pair."""


@dataclass(frozen=True)
class _Seen:
    """The animals that experts could recognise, with their embeddings, shape (n, d), and what is known of them."""

    animals: tuple[Animal, ...]
    embeddings: NDArray[np.float64]
    individuals: tuple[Individual, ...]
    judged: frozenset[Pair]

    @property
    def recaptured(self) -> tuple[Individual, ...]:
        """Individuals that were seen twice; of all others nobody knows yet that they are not one walrus."""
        return tuple(individual for individual in self.individuals if len(individual.sightings) > 1)

    def rivals(self, row: int) -> tuple[GalleryCandidate, ...]:
        """Return the recaptured individuals that compete for the animal in this row; one alone makes no gallery."""
        animal = self.animals[row]
        if any(animal.id in individual.sightings for individual in self.individuals):
            return ()
        found = gallery_for(
            animal, self.embeddings[row], self.animals, self.embeddings, self.recaptured, self.judged, most=6
        )
        return tuple(one for one in found if one.similarity >= found[0].similarity - RIVALS)


def plan_questions(services: Services, version: str) -> int:
    """Write down the galleries and pairs to ask next, until as many wait as one run may ask."""
    with writing(services.database) as session:
        _close_answered(session)
        seen = _seen(session, version)
        identity = col(TaskRow.question).in_([Question.PAIR, Question.GALLERY])
        waiting = session.exec(select(TaskRow.id).where(identity, TaskRow.state == "open")).all()
        room = max(0, services.settings.pairs_per_run - len(waiting))
        planned = _plan_galleries(services, session, seen, round(room * MOST_GALLERIES))
        return len(planned) + _plan_pairs(services, session, seen, planned, room - len(planned))


def _seen(session: Session, version: str) -> _Seen:
    query = (
        select(AnimalRow, EmbeddingRow)
        .join(EmbeddingRow, col(EmbeddingRow.animal) == AnimalRow.id)
        .where(EmbeddingRow.model == version)
        .order_by(col(AnimalRow.id))
    )
    rows = [(animal, row) for animal, row in session.exec(query) if _is_recognisable(animal)]
    vectors = [np.frombuffer(row.packed, dtype=np.float16).astype(np.float64) for _, row in rows]
    sightings: dict[str, list[AnimalId]] = {}
    for sighting in session.exec(select(SightingRow).order_by(col(SightingRow.animal))):
        sightings.setdefault(sighting.individual, []).append(AnimalId(sighting.animal))
    return _Seen(
        animals=tuple(animal.word() for animal, _ in rows),
        embeddings=np.stack(vectors) if vectors else np.zeros((0, 1)),
        individuals=tuple(Individual(IndividualId(name), tuple(seen)) for name, seen in sorted(sightings.items())),
        judged=_asked(session),
    )


def _is_recognisable(animal: AnimalRow) -> bool:
    x1, y1, x2, y2 = animal.box
    return max(x2 - x1, y2 - y1) >= SMALLEST_ANIMAL


def _asked(session: Session) -> frozenset[Pair]:
    """Return the pairs that were asked about, answered or not, so that no question is put twice."""
    pairs: set[Pair] = set()
    for task in session.exec(select(TaskRow).where(col(TaskRow.question).in_([Question.PAIR, Question.GALLERY]))):
        if task.question == Question.PAIR.value:
            first, second = task.subject.split("|")
            pairs.add((AnimalId(first), AnimalId(second)))
        else:
            pairs |= {_pair(task.subject, other) for other in task.details["candidates"]}
    return frozenset(pairs)


def _pair(one: str, other: str) -> Pair:
    return AnimalId(min(one, other)), AnimalId(max(one, other))


def _plan_galleries(services: Services, session: Session, seen: _Seen, room: int) -> set[AnimalId]:
    planned: set[AnimalId] = set()
    for row, animal in enumerate(seen.animals):
        rivals = seen.rivals(row) if len(planned) < room else ()
        if len(rivals) > 1 and find_task(session, Question.GALLERY, animal.id) is None:
            candidates = {one.sighting: one.individual for one in rivals}
            _plan(services, session, Question.GALLERY, animal.id, rivals[0].similarity, candidates)
            planned.add(animal.id)
    return planned


def _plan_pairs(services: Services, session: Session, seen: _Seen, planned: set[AnimalId], room: int) -> int:
    individual_of = {name: one.id for one in seen.individuals for name in one.sightings}
    pairs = candidate_pairs(seen.animals, seen.embeddings, seen.judged, individual_of)
    useful = [pair for pair in pairs if not {pair.first, pair.second} & planned][: max(0, room)]
    for pair in useful:
        _plan(services, session, Question.PAIR, f"{pair.first}|{pair.second}", pair.usefulness)
    return len(useful)


def _plan(
    services: Services,
    session: Session,
    question: Question,
    subject: str,
    priority: float,
    candidates: Mapping[AnimalId, IndividualId] | None = None,
) -> None:
    session.add(
        TaskRow(
            question=question.value,
            subject=subject,
            key=f"{question.value}:{subject}",
            details={"candidates": dict(candidates)} if candidates else {},
            priority=float(np.clip(priority, 0, 1)),
            overlap=services.settings.pair_experts,
            created_at=services.now(),
        )
    )


def _close_answered(session: Session) -> None:
    """Retire each identity question that as many experts answered as were wanted, or whose animals are gone."""
    known = set(session.exec(select(AnimalRow.id)))
    for question in (Question.PAIR, Question.GALLERY):
        experts = Counter(
            task for task, _ in {(task.id, answer.person) for answer, task in live_answers(session, question)}
        )
        for task in session.exec(select(TaskRow).where(TaskRow.question == question.value)):
            askable = known.issuperset(_shown(task))
            task.state = "open" if askable and experts[task.id] < task.overlap else "retired"
            session.add(task)


def _shown(task: TaskRow) -> set[str]:
    """Return the animals whose pictures the task shows; a new consensus may no longer hold them."""
    return {*task.subject.split("|"), *task.details.get("candidates", ())}
