"""The page of photos that may show people: the operator looks and says who else may."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import compare_digest

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response

from haulout.db import reading, writing
from haulout.tables import IMPORTED, PhotoRow, WithheldRow
from haulout.web.asking import asker
from haulout.web.forms import sealed
from haulout.web.here import here
from haulout.withheld import KEPT, OPEN, SHOWN, VOLUNTEERS, decide

SHOWN_AT_ONCE = 60

blueprint = Blueprint("withheld", __name__, url_prefix="/withheld")


@dataclass(frozen=True)
class Held:
    """A photo that is held back, or was."""

    row: WithheldRow
    photo: PhotoRow
    seal: str

    @property
    def file(self) -> str:
        """The imported file whose detector saw people; empty when somebody who answered did."""
        return "" if self.row.why == VOLUNTEERS else self.row.why.removeprefix(IMPORTED)


@blueprint.get("")
def page() -> str:
    """Show the photos that wait for a decision, and the newest of those that were decided on."""
    with reading(here().services.database) as session:
        waiting = _held(session, waiting=True)
        return render_template("withheld.html", waiting=waiting, decided=_held(session, waiting=False))


@blueprint.post("/<photo>")
def say(photo: str) -> Response:
    """Take the operator's word; a form that speaks of what was decided meanwhile changes nothing."""
    decision = request.form.get("decision", "")
    if decision not in (SHOWN, KEPT, OPEN):
        abort(400)
    services = here().services
    with writing(services.database) as session:
        row = session.get(WithheldRow, photo) or abort(404)
        if not compare_digest(request.form.get("seal", "").encode(), _seal(row).encode()):
            abort(409)
        decide(row, decision, asker().account, services.now())
        session.add(row)
    return redirect(url_for("withheld.page"), 303)


def _held(session: Session, *, waiting: bool) -> Sequence[Held]:
    query = select(WithheldRow, PhotoRow).join(PhotoRow, col(PhotoRow.id) == WithheldRow.photo).limit(SHOWN_AT_ONCE)
    if waiting:
        query = query.where(WithheldRow.decision == OPEN).order_by(col(WithheldRow.found_at), WithheldRow.photo)
    else:
        newest = col(WithheldRow.decided_at).desc()
        query = query.where(WithheldRow.decision != OPEN).order_by(newest, WithheldRow.photo)
    return [Held(row, photo, _seal(row)) for row, photo in session.exec(query)]


def _seal(row: WithheldRow) -> str:
    return sealed("withheld", row.photo, row.decision)
