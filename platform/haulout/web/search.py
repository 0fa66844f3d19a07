"""Search by photo: which individual of the catalogue does a picture show? The networks run in another process."""

import logging
from threading import BoundedSemaphore

from flask import Blueprint, Response, make_response, render_template, request
from sqlmodel import Session, col, select

from haulout.db import reading
from haulout.identify.search import NotSearched, Searched, search_for
from haulout.serving import FROZEN, serving_version
from haulout.storage.decoder import BrokenPicture
from haulout.tables import AnimalRow, EmbeddingRow
from haulout.web.headers import allow
from haulout.web.here import here

LARGEST = 20 << 20
"""Bytes of a request: a photo of a camera or a phone."""
AT_ONCE = BoundedSemaphore(1)
WAIT = 30.0
"""Seconds that a second visitor waits for the first one's answer."""
_log = logging.getLogger(__name__)

blueprint = Blueprint("search", __name__, url_prefix="/individuals/search")
# The picture is shown out of the page itself: it is kept nowhere from which it could be fetched.
allow(blueprint, {"img-src": "data:"})


@blueprint.before_request
def _take_no_more() -> None:
    request.max_content_length = LARGEST


@blueprint.get("")
def page() -> str:
    """Ask for a picture."""
    with reading(here().services.database) as session:
        return render_template("search.html", ready=_is_ready(session), wrong="")


@blueprint.post("")
def find() -> Response:
    """Show whom the picture may show; it is forgotten with the answer."""
    services, picture = here().services, request.files.get("picture")
    with reading(services.database) as session:
        if not _is_ready(session):
            return _refused("", 409, ready=False)
    if picture is None or not picture.filename:
        return _refused("none", 400)
    if not AT_ONCE.acquire(timeout=WAIT):
        return _refused("busy", 503)
    try:
        found = search_for(services, picture.stream)
    except BrokenPicture as error:
        _log.info("a picture to search for was refused: %s", error)
        return _refused("broken", 400)
    except NotSearched as error:
        _log.error("A search did not end: %s", error)
        return _refused("failed", 500)
    finally:
        AT_ONCE.release()
    return _told(found)


def _told(found: Searched) -> Response:
    unnamed = [who["animals"][0] for one in found.found["found"] for who in one["candidates"] if not who["individual"]]
    with reading(here().services.database) as session:
        query = select(AnimalRow.id, AnimalRow.photo).where(col(AnimalRow.id).in_(unnamed))
        photos = dict(session.exec(query).all())
        return make_response(render_template("searched.html", picture=found.picture, photos=photos, **found.found))


def _refused(wrong: str, status: int, *, ready: bool = True) -> Response:
    answer = make_response(render_template("search.html", ready=ready, wrong=wrong), status)
    if status == 503:
        answer.headers["Retry-After"] = str(round(WAIT))
    return answer


def _is_ready(session: Session) -> bool:
    """Say whether the network that serves has looked at any animal."""
    model = serving_version(session, "reidentifier") or FROZEN
    return session.exec(select(EmbeddingRow.animal).where(EmbeddingRow.model == model).limit(1)).first() is not None
