"""Individuals, sightings, marks, conditions and disputes, derived from all verdicts."""

from collections.abc import Iterable

from sqlmodel import Session, col, delete, select

from active_learning.identity import Dispute, Identities, settle_identities
from active_learning.naming import name_individuals, number
from haulout.answers import crop_rectangles, find_task, live_answers, read_verdicts
from haulout.db import writing
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    BrokenRow,
    ConditionRow,
    DisputeRow,
    IndividualRow,
    MarkRow,
    PhotoRow,
    SightingRow,
)
from labeling_configs.vocabulary import Animal, AnimalId, IndividualId, Person, Question, Verdict


def settle_catalogue(services: Services) -> Identities:
    """Derive individuals, sightings, marks, conditions and disputes from all verdicts, in one transaction.

    Only animals that an expert was asked about enter the catalogue; the rest were counted, not identified.
    """
    with writing(services.database) as session:
        verdicts = _verdicts(session)
        animals = _animals(session)
        asked = {animal for verdict in verdicts for animal in (verdict.first, verdict.second)}
        identities = settle_identities([animal for animal in animals if animal.id in asked], verdicts)
        _store_individuals(services, session, identities)
        _store_disputes(services, session, identities.disputes)
        _store_marks(session, verdicts)
        _store_conditions(session, verdicts)
    return identities


def _verdicts(session: Session) -> list[Verdict]:
    crops = crop_rectangles(session)
    verdicts: list[Verdict] = []
    for question in (Question.PAIR, Question.GALLERY):
        for answer, task in live_answers(session, question):
            read, broken = read_verdicts(answer, task, crops)
            verdicts.extend(read)
            session.exec(delete(BrokenRow).where(col(BrokenRow.answer) == answer.id))
            session.add_all(BrokenRow(answer=answer.id or 0, what=part.what, reason=part.reason) for part in broken)
    return verdicts


def _animals(session: Session) -> list[Animal]:
    """Return all animals, oldest photo first; those without a time come last."""
    query = select(AnimalRow).join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
    ordered = query.order_by(col(PhotoRow.taken_at).is_(None), col(PhotoRow.taken_at), col(AnimalRow.id))
    return [row.word() for row in session.exec(ordered)]


def _store_individuals(services: Services, session: Session, identities: Identities) -> None:
    before = {AnimalId(row.animal): IndividualId(row.individual) for row in session.exec(select(SightingRow))}
    codes = [number(IndividualId(code)) for code in session.exec(select(IndividualRow.id))]
    named = name_individuals(identities.components, before, max(codes, default=0))
    session.exec(delete(SightingRow))
    for individual in named:
        if session.get(IndividualRow, individual.id) is None:
            first = individual.sightings[0]
            session.add(IndividualRow(id=individual.id, first_animal=first, named_at=services.now()))
    session.flush()
    session.add_all(
        SightingRow(animal=animal, individual=individual.id) for individual in named for animal in individual.sightings
    )


def _store_disputes(services: Services, session: Session, disputes: Iterable[Dispute]) -> None:
    """Write the disputes down, and ask one more expert about the link that was refused."""
    session.exec(delete(DisputeRow))
    for dispute in disputes:
        first, second = dispute.refused
        session.merge(DisputeRow(first=first, second=second, reason=dispute.why.value))
        task = find_task(session, Question.PAIR, "|".join(sorted(dispute.refused)))
        if task is not None:
            task.overlap = services.settings.pair_experts + 1
            session.add(task)


def _store_marks(session: Session, verdicts: Iterable[Verdict]) -> None:
    session.exec(delete(MarkRow))
    session.add_all(
        MarkRow(animal=animal, kind=mark.kind.value, x=mark.x, y=mark.y, person=verdict.expert)
        for verdict in verdicts
        for animal, mark in verdict.marks
    )


def _store_conditions(session: Session, verdicts: Iterable[Verdict]) -> None:
    """Write down how each expert described an animal the last time; the same animal may be shown in several pairs."""
    last: dict[tuple[AnimalId, Person], Verdict] = {}
    for verdict in sorted(verdicts, key=lambda verdict: verdict.given_at):
        last.update({(animal, verdict.expert): verdict for animal, _ in verdict.conditions})
    session.exec(delete(ConditionRow))
    session.add_all(
        ConditionRow(animal=animal, sign=condition.value, person=expert, at=verdict.given_at)
        for (animal, expert), verdict in sorted(last.items(), key=lambda item: item[0])
        for described, condition in verdict.conditions
        if described == animal
    )
