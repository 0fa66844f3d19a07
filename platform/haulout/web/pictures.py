"""Gives out sanitised pictures: pixels without EXIF, and never an original."""

import logging
from collections.abc import Callable

from flask import Blueprint, Response, abort, send_from_directory
from sqlmodel import Session

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.tables import AnimalRow, PhotoRow, TileRow
from haulout.web.here import here
from labeling_configs.vocabulary import Rectangle

ONE_DAY = 24 * 3600
_log = logging.getLogger(__name__)

blueprint = Blueprint("pictures", __name__, url_prefix="/pictures")


@blueprint.get("/photos/<photo>.jpg")
def photo(photo: str) -> Response:
    """Give the whole photo, at most 2048 pixels on its longer side."""
    with reading(here().services.database) as session:
        row = session.get(PhotoRow, photo) or abort(404)
    return _given(lambda: here().services.storage.make_web_photo(row.id, row.suffix))


@blueprint.get("/tiles/<tile>.jpg")
def tile(tile: str) -> Response:
    """Give the picture that volunteers see."""
    with reading(here().services.database) as session:
        row = session.get(TileRow, tile) or abort(404)
        suffix = _photo(session, row.photo).suffix
    return _given(lambda: here().services.storage.make_tile(row.word(), suffix))


@blueprint.get("/crops/<animal>.jpg")
def crop(animal: str) -> Response:
    """Give the picture of one animal that experts see."""
    with reading(here().services.database) as session:
        row = session.get(AnimalRow, animal) or abort(404)
        suffix = _photo(session, row.photo).suffix
    return _given(lambda: here().services.storage.make_crop(row.id, Rectangle(*row.crop), row.photo, suffix))


def _photo(session: Session, photo: str) -> PhotoRow:
    return session.get(PhotoRow, photo) or abort(404)


def _given(make: Callable[[], str]) -> Response:
    """Give the picture, made first if nobody has looked at it yet; it is missing when its original is."""
    try:
        name = make()
    except (HauloutError, FileNotFoundError) as error:
        _log.warning("A picture cannot be shown: %s", error)
        abort(404)
    return send_from_directory(here().services.settings.public, name, mimetype="image/jpeg", max_age=ONE_DAY)
