"""Individuals, sightings, marks, conditions and disputes, derived from all verdicts."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from sqlmodel import Session, col, delete, select

from active_learning.decisions import Catalogue, Decision, NotUndone, follow, overruling, split, undo
from active_learning.identity import Dispute, Identities, Opinion, Pair, opinions, settle_identities
from haulout.answers import find_task
from haulout.db import writing
from haulout.errors import HauloutError
from haulout.identify.decided import adopt, read_decisions, store_sightings, told, used_codes, write_decision
from haulout.identify.verdicts import read_all_verdicts
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    BrokenRow,
    ConditionRow,
    DisputeRow,
    MarkRow,
    PhotoRow,
    SideRow,
)
from labeling_configs.vocabulary import Animal, AnimalId, Broken, IndividualId, Person, Question, Verdict

MOST_EXPERTS = 5
"""Experts who are asked about one pair in all; what they do not agree on then stays a dispute, or apart."""
MOST_PAIRS = 20
"""Answers that a decision names as what it rests on."""
Ledger = Sequence[Decision]
Used = Collection[IndividualId]


class NotDecided(HauloutError):
    """A decision on who is who that makes no sense, or not any more."""


def settle_catalogue(services: Services) -> Identities:
    """Derive individuals, sightings, marks, conditions and disputes from all verdicts, in one transaction.

    Only animals that an expert was asked about enter the catalogue; the rest were counted, not identified. What the
    answers change is added to the ledger of decisions, and sightings follow from that.
    """
    with writing(services.database) as session:
        return _settle(services, session)


def undo_decision(services: Services, number: int, by: str, reason: str) -> None:
    """Take one decision back, with everything that went with it; NotDecided when that is impossible."""
    _decide(services, lambda decisions, _: undo(decisions, number), by, reason)


def split_individual(services: Services, individual: str, parting: Collection[str], by: str, reason: str) -> None:
    """Let some sightings of an individual be another one, whatever was answered before; NotDecided if they cannot."""
    code, going = IndividualId(individual), [AnimalId(animal) for animal in parting]
    _decide(services, lambda decisions, used: split(told(decisions), code, going, used), by, reason)


def _decide(services: Services, what: Callable[[Ledger, Used], Decision], by: str, reason: str) -> None:
    with writing(services.database) as session:
        try:
            decision = what(adopt(services, session), used_codes(session))
        except NotUndone as error:
            raise NotDecided(f"{error}.") from error
        write_decision(services, session, decision, by=by, reason=reason)
        _settle(services, session)


def _settle(services: Services, session: Session) -> Identities:
    (verdicts, broken), animals, decisions = read_all_verdicts(session), _animals(session), adopt(services, session)
    _store_broken(session, broken)
    apart, together = overruling(decisions)
    asked = {animal for verdict in verdicts for animal in (verdict.first, verdict.second)}
    askable = [animal for animal in animals if animal.id in asked]
    identities = settle_identities(askable, verdicts, apart, together, services.settings.merge_experts)
    catalogue, said = told(decisions), opinions(verdicts)
    for decision in follow(catalogue, identities.components, used_codes(session)):
        write_decision(services, session, decision, _behind(decision, catalogue, said))
    store_sightings(session, told(read_decisions(session)), {animal.id for animal in askable})
    _store_disputes(session, identities.disputes)
    _ask_on(services, session, identities, verdicts)
    _store_marks(session, verdicts)
    _store_conditions(session, verdicts)
    _store_sides(session, verdicts)
    return identities


def _behind(decision: Decision, before: Catalogue, said: Mapping[Pair, Opinion]) -> list[tuple[Pair, Opinion]]:
    """Return the answers on animals that the decision moves or joins them to, at most so many, the clearest first."""
    moved = {move.animal for move in decision.moves}
    codes = {code for move in decision.moves for code in (move.before, move.after) if code}
    near = moved | {animal for animal, code in before.items() if code in codes}
    found = [(pair, seen) for pair, seen in said.items() if moved & set(pair) and near.issuperset(pair)]
    return sorted(found, key=lambda one: (-abs(one[1].balance), one[0]))[:MOST_PAIRS]


def _store_broken(session: Session, broken: Mapping[int, Iterable[Broken]]) -> None:
    for answer, parts in broken.items():
        session.exec(delete(BrokenRow).where(col(BrokenRow.answer) == answer))
        session.add_all(BrokenRow(answer=answer, what=part.what, reason=part.reason) for part in parts)


def _animals(session: Session) -> list[Animal]:
    """Return all animals, oldest photo first; those without a time come last."""
    query = select(AnimalRow).join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
    ordered = query.order_by(col(PhotoRow.taken_at).is_(None), col(PhotoRow.taken_at), col(AnimalRow.id))
    return [row.word() for row in session.exec(ordered)]


def _store_disputes(session: Session, disputes: Iterable[Dispute]) -> None:
    session.exec(delete(DisputeRow))
    for dispute in disputes:
        first, second = dispute.refused
        session.merge(DisputeRow(first=first, second=second, reason=dispute.why.value))


def _ask_on(services: Services, session: Session, identities: Identities, verdicts: Iterable[Verdict]) -> None:
    """Let one more expert say what is disputed, or what too few agree on, until `MOST_EXPERTS` have answered."""
    heard = Counter(pair for pair, _ in {(_pair(verdict), verdict.expert) for verdict in verdicts})
    for pair in {_sorted(*dispute.refused) for dispute in identities.disputes} | set(identities.wanting):
        task = find_task(session, Question.PAIR, "|".join(pair))
        if task is not None:
            task.overlap = min(max(services.settings.pair_experts, heard[pair] + 1), MOST_EXPERTS)
            session.add(task)


def _pair(verdict: Verdict) -> Pair:
    return _sorted(verdict.first, verdict.second)


def _sorted(first: AnimalId, second: AnimalId) -> Pair:
    return (first, second) if first < second else (second, first)


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


def _store_sides(session: Session, verdicts: Iterable[Verdict]) -> None:
    """Write down from which side each expert saw an animal, as they said the last time."""
    last = {
        (animal, verdict.expert): side
        for verdict in sorted(verdicts, key=lambda verdict: verdict.given_at)
        for animal, side in verdict.sides
    }
    session.exec(delete(SideRow))
    session.add_all(
        SideRow(animal=animal, person=expert, side=side.value) for (animal, expert), side in sorted(last.items())
    )
