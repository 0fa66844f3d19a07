"""How the catalogue came to be: every decision on who is who, and the buttons that take one back or split a walrus."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response

from active_learning.decisions import Decision, undoable
from haulout.db import reading
from haulout.identify.catalogue import NotDecided, split_individual, undo_decision
from haulout.identify.decided import read_decisions
from haulout.tables import AnimalRow, IdentityRow, IndividualRow, SightingRow
from haulout.web.asking import asker
from haulout.web.forms import sealed
from haulout.web.here import here

SHOWN = 60
"""Decisions on one page."""
CROPS = 4
"""Animals of a decision that are shown."""
LONGEST_REASON = 300

blueprint = Blueprint("decisions", __name__, url_prefix="/individuals")


@dataclass(frozen=True)
class Decided:
    """One decision as the page tells it."""

    row: IdentityRow
    undoable: bool
    animals: tuple[str, ...]
    """Those moved that are there to be shown."""

    @property
    def moved(self) -> int:
        """How many animals it moved."""
        return len(self.row.moves)

    @property
    def before(self) -> list[str]:
        """The individuals that animals were taken from."""
        return sorted({str(before) for _, before, _ in self.row.moves if before})

    @property
    def after(self) -> list[str]:
        """The individuals that they were given to."""
        return sorted({str(after) for _, _, after in self.row.moves if after})

    @property
    def said(self) -> tuple[int, int]:
        """How many times experts said same, and different, of the pairs that it rests on."""
        return sum(int(pair[2]) for pair in self.row.pairs), sum(int(pair[3]) for pair in self.row.pairs)


@blueprint.get("/decisions")
def page() -> str:
    """Show the newest decisions on who is who."""
    with reading(here().services.database) as session:
        before = request.args.get("before", type=int)
        found = history(session, before=before, most=SHOWN + 1)
        older = found[SHOWN - 1].row.id if len(found) > SHOWN else None
        return render_template("decisions.html", history=found[:SHOWN], older=older, seal=seal(session))


@blueprint.post("/decisions/<int(max=2147483647):number>")
def take_back(number: int) -> Response:
    """Undo one decision."""
    _refuse_what_was_read_before_a_change()
    try:
        undo_decision(here().services, number, asker().account, _reason())
    except NotDecided as error:
        abort(409, str(error))
    return redirect(url_for("decisions.page"), 303)


@blueprint.post("/<individual>")
def split(individual: str) -> Response:
    """Let the chosen sightings be another walrus."""
    _refuse_what_was_read_before_a_change()
    chosen = set(request.form.getlist("animal"))
    if not _is_a_part(individual, chosen):
        return redirect(url_for("pages.individual", individual=individual, choose=1, _anchor="split"), 303)
    try:
        split_individual(here().services, individual, chosen, asker().account, _reason())
    except NotDecided as error:
        abort(409, str(error))
    return redirect(url_for("pages.individual", individual=individual, _anchor="history"), 303)


def history(session: Session, of: str = "", before: int | None = None, most: int = SHOWN) -> list[Decided]:
    """Return the newest decisions, all of them or those about one individual."""
    decisions = read_decisions(session)
    back = undoable(decisions)
    wanted = [
        one.number for one in decisions if (not of or _concerns(one, of)) and (before is None or one.number < before)
    ]
    query = select(IdentityRow).where(col(IdentityRow.id).in_(wanted[-most:])).order_by(col(IdentityRow.id).desc())
    rows = session.exec(query).all()
    there = _there(session, rows)
    return [
        Decided(row, row.id in back, tuple(str(move[0]) for move in row.moves if move[0] in there)[:CROPS])
        for row in rows
    ]


def successors(session: Session, individual: IndividualRow) -> list[str]:
    """Return the individuals that took over the sightings of one that has none any more, the latest first."""
    last = [one for one in read_decisions(session) if any(move.before == individual.id for move in one.moves)][-1:]
    return sorted({move.after for one in last for move in one.moves if move.before == individual.id and move.after})


def seal(session: Session) -> str:
    """Return what a form carries that speaks of the catalogue as it is now."""
    newest = session.exec(select(IdentityRow.id).order_by(col(IdentityRow.id).desc()).limit(1)).first()
    return sealed("identity", newest or 0)


def _refuse_what_was_read_before_a_change() -> None:
    with reading(here().services.database) as session:
        if request.form.get("seal", "") != seal(session):
            abort(409)


def _is_a_part(individual: str, chosen: set[str]) -> bool:
    with reading(here().services.database) as session:
        return (
            set() < chosen < set(session.exec(select(SightingRow.animal).where(SightingRow.individual == individual)))
        )


def _reason() -> str:
    return " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]


def _concerns(decision: Decision, individual: str) -> bool:
    return any(individual in (move.before, move.after) for move in decision.moves)


def _there(session: Session, rows: Iterable[IdentityRow]) -> set[str]:
    named = {str(move[0]) for row in rows for move in row.moves[: 4 * CROPS]}
    return set(session.exec(select(AnimalRow.id).where(col(AnimalRow.id).in_(named))))
