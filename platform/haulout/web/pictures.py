"""Gives out sanitised pictures: pixels without EXIF, and never an original."""

import logging
from collections.abc import Callable

from flask import Blueprint, Response, abort, make_response, render_template, send_from_directory
from sqlmodel import Session

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.tables import AnimalRow, PhotoRow, TileRow
from haulout.web.asking import may
from haulout.web.here import here
from haulout.withheld import is_withheld
from labeling_configs.vocabulary import Rectangle

ONE_DAY = 24 * 3600
_log = logging.getLogger(__name__)

blueprint = Blueprint("pictures", __name__, url_prefix="/pictures")


@blueprint.get("/photos/<photo>.jpg")
def photo(photo: str) -> Response:
    """Give the whole photo, at most 2048 pixels on its longer side."""
    with reading(here().services.database) as session:
        row = _photo(session, photo)
    return given(lambda: here().services.storage.make_web_photo(row.id, row.suffix))


@blueprint.get("/thumbnails/<photo>.jpg")
def thumbnail(photo: str) -> Response:
    """Give the photo as lists show it."""
    with reading(here().services.database) as session:
        row = _photo(session, photo)
    return given(lambda: here().services.storage.make_thumbnail(row.id, row.suffix))


@blueprint.get("/tiles/<tile>.jpg")
def tile(tile: str) -> Response:
    """Give the picture that volunteers see."""
    with reading(here().services.database) as session:
        row = session.get(TileRow, tile) or abort(404)
        suffix = _photo(session, row.photo).suffix
    return given(lambda: here().services.storage.make_tile(row.word(), suffix))


@blueprint.get("/crops/<animal>.jpg")
def crop(animal: str) -> Response:
    """Give the picture of one animal that experts see."""
    with reading(here().services.database) as session:
        row = session.get(AnimalRow, animal) or abort(404)
        suffix = _photo(session, row.photo).suffix
    return given(lambda: here().services.storage.make_crop(row.id, Rectangle(*row.crop), row.photo, suffix))


def refuse_withheld(session: Session, photo: str) -> None:
    """Give a drawing in place of a photo that may show people, unless the operator asks."""
    if is_withheld(session, photo) and not may("withheld.page"):
        abort(_drawing("_withheld_picture.html", 403))


def _photo(session: Session, photo: str) -> PhotoRow:
    row = session.get(PhotoRow, photo) or abort(404)
    refuse_withheld(session, row.id)
    return row


def given(make: Callable[[], str]) -> Response:
    """Give the picture, made first if nobody has looked at it yet; a drawing says so when its original is lost."""
    try:
        name = make()
    except (HauloutError, OSError) as error:
        _log.warning("A picture cannot be shown: %s", error)
        return _drawing("_missing_picture.html", 404)
    return send_from_directory(here().services.settings.public, name, mimetype="image/jpeg", max_age=ONE_DAY)


def _drawing(template: str, status: int) -> Response:
    """Browsers show the picture that comes with a refusal in place of the one that was asked for."""
    answer = make_response(render_template(template), status)
    answer.headers["Content-Type"] = "image/svg+xml"
    answer.headers["Cache-Control"] = "no-store"
    return answer
