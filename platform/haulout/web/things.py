"""The page of places where boxes come back for weeks: what is there, a person says with one press."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import compare_digest

from flask import Blueprint, Response, abort, redirect, render_template, request, send_from_directory, url_for
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response as AnyResponse

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.spots import ANIMAL, OPEN, THING, decisions
from haulout.tables import PhotoRow, SpotDecisionRow, SpotRow
from haulout.triage import decide
from haulout.web.forms import sealed
from haulout.web.here import here
from labeling_configs.vocabulary import Rectangle

MARGIN = 1.2
"""What is shown around a box, in lengths of the box: a rock is known by its surroundings."""
ONE_DAY = 24 * 3600

blueprint = Blueprint("things", __name__, url_prefix="/things")


@dataclass(frozen=True)
class Example:
    """A photo in which the box is there, and where it lies in the cut-out that is shown."""

    photo: str
    taken_at: datetime | None
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    """Left, top, width and height."""


@dataclass(frozen=True)
class Asked:
    """A place, what was decided, and pictures of it."""

    row: SpotRow
    decision: SpotDecisionRow | None
    examples: tuple[Example, ...]
    seal: str

    @property
    def state(self) -> str:
        """What holds: thing, animal or open."""
        return self.decision.decision if self.decision else OPEN


@blueprint.get("")
def place_list() -> str:
    """Show the places that wait for a decision, and those that were decided on."""
    with reading(here().services.database) as session:
        places = _places(session)
    waiting = [place for place in places if place.state == OPEN]
    return render_template("things.html", waiting=waiting, decided=[one for one in places if one.state != OPEN])


@blueprint.post("/<int(max=2147483647):spot>")
def say(spot: int) -> AnyResponse:
    """Take the operator's word on a place; a form that speaks of a place as it no longer is changes nothing."""
    decision = request.form.get("decision", "")
    with reading(here().services.database) as session:
        row = session.get(SpotRow, spot) or abort(404)
    if decision not in (THING, ANIMAL, OPEN):
        abort(400)
    if not compare_digest(request.form.get("seal", "").encode(), _seal(row).encode()):
        abort(409)
    decide(here().services, spot, decision, "operator")
    return redirect(url_for("things.place_list"), 303)


@blueprint.get("/<int(max=2147483647):spot>/<photo>.jpg")
def picture(spot: int, photo: str) -> Response:
    """Give the place and its surroundings in a photo of its camera."""
    with reading(here().services.database) as session:
        row, shown = session.get(SpotRow, spot) or abort(404), session.get(PhotoRow, photo) or abort(404)
    if (shown.site, shown.camera) != (row.site, row.camera):
        abort(404)
    part = _around(row, shown)
    name = f"place-{shown.id}-{part.x1}-{part.y1}-{part.x2}-{part.y2}"
    try:
        made = here().services.storage.make_crop(name, part, shown.id, shown.suffix)
    except (HauloutError, FileNotFoundError):
        abort(404)
    return send_from_directory(here().services.settings.public, made, mimetype="image/jpeg", max_age=ONE_DAY)


def waiting_places(session: Session) -> int:
    """Return how many places wait for somebody's decision."""
    decided = decisions(session)
    rows = session.exec(select(SpotRow.id)).all()
    return sum(row not in decided or decided[row].decision == OPEN for row in rows if row is not None)


def _places(session: Session) -> Sequence[Asked]:
    decided = decisions(session)
    rows = session.exec(select(SpotRow).order_by(SpotRow.site, SpotRow.camera, col(SpotRow.id)))
    return [Asked(row, decided.get(row.id or 0), _examples(session, row), _seal(row)) for row in rows]


def _examples(session: Session, row: SpotRow) -> tuple[Example, ...]:
    photos = [session.get(PhotoRow, str(photo)) for photo in row.evidence.get("examples", ())]
    return tuple(_example(row, photo) for photo in photos if photo is not None)


def _example(row: SpotRow, photo: PhotoRow) -> Example:
    part = _around(row, photo)
    x1, y1, x2, y2 = row.box
    return Example(photo.id, photo.taken_at, (part.width, part.height), (x1 - part.x1, y1 - part.y1, x2 - x1, y2 - y1))


def _around(row: SpotRow, photo: PhotoRow) -> Rectangle:
    x1, y1, x2, y2 = row.box
    spare = MARGIN * max(x2 - x1, y2 - y1)
    left, top = max(0, int(x1 - spare)), max(0, int(y1 - spare))
    return Rectangle(left, top, min(photo.width, int(x2 + spare) + 1), min(photo.height, int(y2 + spare) + 1))


def _seal(row: SpotRow) -> str:
    return sealed("place", row.id, row.site, row.camera, row.box)
