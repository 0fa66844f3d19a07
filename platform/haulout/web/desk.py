"""The desk, where people answer: what its page asks for and sends, as JSON."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request, send_from_directory
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as BaseResponse

from haulout import comments, withheld
from haulout.db import reading, writing
from haulout.desk import Desk, Given, submit
from haulout.desk.answering import Stored, skip
from haulout.desk.backing import drawn_by
from haulout.desk.passing_on import reason
from haulout.errors import HauloutError
from haulout.feedback import feedback_on
from haulout.tables import AnimalRow, PhotoRow, TileRow
from haulout.thanks import thanks_due
from haulout.web import questions, workplace
from haulout.web.asking import asker
from haulout.web.desk_refusals import NotUnderstood, explain, told
from haulout.web.here import here, language
from haulout.web.sealed_leases import LeaseSeal
from haulout.web.sealed_pictures import Seal
from labeling_configs.vocabulary import Question, Rectangle

EXTENSION = "haulout_desk"
LARGEST = (1 << 20) + (1 << 16)
"""Bytes of a request; an answer may have a megabyte."""
ONE_HOUR = 3600
SHOWN: Mapping[Question, tuple[str, ...]] = {
    Question.BOXES: ("image",),
    Question.BOX_DISPUTE: ("image", "caption"),
    Question.PAIR: ("left", "right", "caption"),
    Question.GALLERY: ("query", "candidates"),
}
"""What of a task's data the browser gets: its key would tell which tile's answer is known."""
log = logging.getLogger(__name__)

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
explain(blueprint)
workplace.widen(blueprint)


def open_desk(app: Flask, desk: Desk) -> None:
    """Let the pages of this application give out questions."""
    app.extensions[EXTENSION] = desk


def desk() -> Desk:
    """Return what gives out questions here."""
    return cast(Desk, current_app.extensions[EXTENSION])


@blueprint.before_request
def _take_no_more() -> None:
    request.max_content_length = LARGEST


@blueprint.get("")
def page() -> str | BaseResponse:
    """Show the desk."""
    return workplace.desk_page()


@blueprint.post("/next")
def next_question() -> Response:
    """Give the next question of a kind, with what the editor shows of it."""
    question = _question(told(request).get("question"))
    given = desk().next(asker().account, question)
    return jsonify({"nothing": True} if given is None else _shown(given))


@blueprint.post("/submit")
def take() -> Response:
    """Store an answer; when this returns it will not be lost."""
    body = told(request)
    stored = submit(desk(), asker().account, _lease(body), body.get("result"), body.get("seconds"))
    return jsonify({"unique_id": stored.unique_id, "later": desk().is_away(), **_said_of(stored)})


@blueprint.post("/skip")
def pass_on() -> Response:
    """Note that the person cannot answer this one, and why if they say so."""
    body = told(request)
    skip(desk(), asker().account, _lease(body), reason(body.get("why")))
    return jsonify({})


@blueprint.post("/comment")
def comment() -> Response:
    """Keep what somebody wants the experts to look at."""
    body, services = told(request), here().services
    lease, text = _lease(body), body.get("text")
    if not isinstance(text, str):
        raise NotUnderstood
    with writing(services.database) as session:
        served = desk().find(session, lease, asker().account)
        comments.comment(session, asker().account, served.task, text, services.now())
    return jsonify({})


@blueprint.get("/pictures/<sealed>.jpg")
def picture(sealed: str) -> BaseResponse:
    """Give a picture to whom its address was made for, as long as that holds."""
    services = here().services
    name = Seal(services.settings.secret_key).open(sealed, asker().account, services.now())
    made = _made(name) if name else None
    if made is None:
        abort(404)
    return send_from_directory(services.settings.public, made, mimetype="image/jpeg", max_age=ONE_HOUR)


def _made(name: str) -> str | None:
    """Return the picture's file, made anew if it is gone; None when there is none, or nobody may see it now."""
    services, (folder, _, file) = here().services, name.partition("/")
    with reading(services.database) as session:
        number = file.removesuffix(".jpg")
        row: AnimalRow | TileRow | None = session.get(TileRow, number)
        if folder == "crops":
            row = session.get(AnimalRow, number)
        photo = session.get(PhotoRow, row.photo) if row else None
        if row is None or photo is None or withheld.is_withheld(session, photo.id):
            return None
    try:
        if isinstance(row, AnimalRow):
            return services.storage.make_crop(row.id, Rectangle(*row.crop), row.photo, photo.suffix)
        return services.storage.make_tile(row.word(), photo.suffix)
    except (HauloutError, OSError) as error:
        log.warning("A picture cannot be shown: %s", error)
        return None


def _question(named: object) -> Question:
    if not isinstance(named, str) or named not in list(Question):
        raise NotUnderstood
    return Question(named)


def _lease(body: Mapping[str, Any]) -> str:
    lease = body.get("lease")
    if not isinstance(lease, str) or not lease.isalnum() or len(lease) > 64:
        raise NotUnderstood
    served = LeaseSeal(here().services.settings.secret_key).open(body.get("proof"), lease, asker().account)
    if served is not None:
        desk().recall(served)
    return lease


def _shown(given: Given) -> dict[str, Any]:
    services, code = here().services, language().code
    seal = Seal(services.settings.secret_key)
    with reading(services.database) as session:
        backing = drawn_by(session, given.task, given.content.result)
    data = {name: given.content.data[name] for name in SHOWN[given.question] if name in given.content.data}
    return {
        "lease": given.lease,
        "question": given.question.value,
        "config": questions.config_for(given.question, code),
        "data": questions.data_for(seal.replace(data, asker().account, given.until), code),
        "prediction": given.content.result or None,
        "until": f"{given.until.isoformat(timespec='seconds')}Z",
        "minutes": given.minutes,
        "drawn_by": backing,
        "proof": LeaseSeal(services.settings.secret_key).close(given, asker().account, services.now()),
    }


def _said_of(stored: Stored) -> dict[str, Any]:
    """Say what was right and wrong, and thanks; the answer is stored, so nothing that breaks here may deny it."""
    services, account = here().services, asker().account
    try:
        with reading(services.database) as session:
            judged = feedback_on(session, stored.task, stored.result, account, services.now())
            thanks = thanks_due(session, account, services.settings.thanks_every, services.now())
            return {"feedback": judged.told() if judged else None, "thanks": thanks.told() if thanks else None}
    except (HauloutError, SQLAlchemyError, LookupError) as error:
        log.warning("An answer was stored, and nothing could be said of it: %s", error)
        return {"feedback": None, "thanks": None}
