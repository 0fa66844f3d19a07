"""The ledger of who is who, as rows: reading it, adding to it, and what sightings follow from it."""

from collections.abc import Collection, Sequence
from importlib.metadata import version

from sqlmodel import Session, col, delete, select

from active_learning.decisions import BrokenLedger, Catalogue, Change, Decision, Move, replay
from active_learning.identity import Opinion, Pair
from haulout.errors import HauloutError
from haulout.services import Services
from haulout.tables import AnimalRow, IdentityRow, IndividualRow, PhotoRow, SightingRow
from labeling_configs.vocabulary import AnimalId, IndividualId


class BrokenCatalogue(HauloutError):
    """A decision on who is who is missing or was changed by hand."""


def read_decisions(session: Session) -> list[Decision]:
    """Return all decisions, oldest first."""
    rows = session.exec(select(IdentityRow).order_by(col(IdentityRow.id))).all()
    return [_word(row) for row in rows]


def told(decisions: Sequence[Decision]) -> Catalogue:
    """Return the catalogue that the decisions lead to; BrokenCatalogue when one is missing."""
    try:
        return replay(decisions)
    except BrokenLedger as error:
        raise BrokenCatalogue(f"Who is who cannot be told: {error}.") from error


def used_codes(session: Session) -> set[IndividualId]:
    """Return every code that was ever given."""
    return {IndividualId(code) for code in session.exec(select(IndividualRow.id))}


def write_decision(
    services: Services,
    session: Session,
    decision: Decision,
    pairs: Sequence[tuple[Pair, Opinion]] = (),
    by: str = "",
    reason: str = "",
) -> IdentityRow:
    """Add a decision to the ledger, and the names that it gives for the first time."""
    row = IdentityRow(
        change=decision.change.value,
        moves=[[move.animal, move.before, move.after] for move in decision.moves],
        undoes=decision.undoes,
        apart=[list(group) for group in decision.apart] if all(decision.apart) else [],
        together=list(decision.together),
        pairs=[[*pair, seen.same, seen.different] for pair, seen in pairs],
        by=by,
        reason=reason,
        code=version("haulout"),
        at=services.now(),
    )
    _name(services, session, decision)
    session.add(row)
    session.flush()
    return row


def adopt(services: Services, session: Session) -> list[Decision]:
    """Return all decisions; a catalogue from before there was a ledger becomes the first one, names and all."""
    decisions = read_decisions(session)
    if decisions:
        return decisions
    known: Catalogue = {
        AnimalId(row.first_animal): IndividualId(row.id) for row in session.exec(select(IndividualRow)).all()
    }
    known |= {AnimalId(row.animal): IndividualId(row.individual) for row in session.exec(select(SightingRow)).all()}
    if known:
        moves = tuple(Move(animal, None, code) for animal, code in sorted(known.items()))
        write_decision(services, session, Decision(Change.NAMED, moves), reason="as it was before decisions were kept")
    return read_decisions(session)


def store_sightings(session: Session, catalogue: Catalogue, shown: Collection[AnimalId]) -> None:
    """Write down which individual each of the shown animals is."""
    session.exec(delete(SightingRow))
    session.add_all(
        SightingRow(animal=animal, individual=catalogue[animal]) for animal in sorted(shown) if animal in catalogue
    )


def _name(services: Services, session: Session, decision: Decision) -> None:
    """Give each new code its row; the oldest animal it is given to is its first."""
    given: dict[str, list[AnimalId]] = {}
    for move in decision.moves:
        if move.after and session.get(IndividualRow, move.after) is None:
            given.setdefault(move.after, []).append(move.animal)
    for code, animals in sorted(given.items()):
        query = select(AnimalRow.id).join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        oldest = (col(PhotoRow.taken_at).is_(None), col(PhotoRow.taken_at), col(AnimalRow.id))
        first = session.exec(query.where(col(AnimalRow.id).in_(animals)).order_by(*oldest)).first()
        session.add(IndividualRow(id=code, first_animal=first or animals[0], named_at=services.now()))
    session.flush()


def _word(row: IdentityRow) -> Decision:
    groups = [tuple(AnimalId(animal) for animal in group) for group in row.apart] or [(), ()]
    return Decision(
        change=Change(row.change),
        moves=tuple(Move(AnimalId(str(animal)), _code(before), _code(after)) for animal, before, after in row.moves),
        undoes=row.undoes,
        apart=(groups[0], groups[1]),
        together=tuple(AnimalId(animal) for animal in row.together),
        number=row.id or 0,
    )


def _code(code: str | None) -> IndividualId | None:
    return None if code is None else IndividualId(code)
