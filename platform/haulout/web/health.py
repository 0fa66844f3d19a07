"""Says whether the pages live, and whether they can serve, for whatever supervises them."""

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.room import Left, room_of
from haulout.schema import HEAD, current
from haulout.web.here import here

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Answer 200 as long as this process answers at all; whoever restarts it must not do so over a database."""
    return jsonify(status="up")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Answer 200 when pages can be shown, else 503.

    The queue is not asked: the pages need none. A full disk is told and is no 503: the pages still show everything,
    and who sent visitors elsewhere would hide the banner from them.
    """
    database = _database()
    room = room_of(here().services.settings)
    disk = {Left.ENOUGH: "has room", Left.LOW: "is nearly full", Left.NONE: "is full: pages only show"}[room.left]
    status, code = ("up", 200) if database == "answers" else ("down", 503)
    return jsonify(status=status, database=database, disk=disk), code


def _database() -> str:
    try:
        with reading(here().services.database) as session:
            revision = current(session.connection())
    except (SQLAlchemyError, HauloutError):
        return "does not answer"
    # Nothing is said by a database that was made without revisions, as those of tests are.
    return "answers" if revision in ("", HEAD) else "was changed by another Haulout"
