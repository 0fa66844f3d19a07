"""How the desk says no to its page: as JSON, in the person's language, with what to do next."""

import json
import logging
from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Blueprint, Request, Response, jsonify
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from haulout.comments import LONGEST, EmptyComment, LongComment, TooManyComments
from haulout.desk import AnsweredAlready, BadAnswer, NotForYou, NotYourLease
from haulout.errors import DatabaseBusy, StorageFull
from haulout.web.here import language
from haulout.web.mistakes import REFUSED, RETRY_SECONDS
from haulout.web.wording import N_
from labeling_configs.cleaning import Fault
from labeling_configs.results import MOST_ITEMS

NOT_STORED = N_("Your answer was not stored")
FAULTS: Mapping[Fault, str] = {
    Fault.NO_LIST: N_("It was not understood. Load the page anew; your boxes may be gone."),
    Fault.TOO_MANY: N_("It holds more than %(most)s marks, or too much text. Remove some."),
    Fault.STRANGE: N_("Mark %(entry)s does not belong to this question. Remove it, or load the page anew."),
    Fault.NUMBER: N_("Mark %(entry)s has no place in the picture. Remove it and draw it again."),
    Fault.OUTSIDE: N_("Mark %(entry)s reaches beyond the picture. Move it inside."),
    Fault.EMPTY: N_("Mark %(entry)s is too small to see. Remove it, or draw it larger."),
    Fault.TURNED: N_("Mark %(entry)s is turned. Remove it and draw it upright."),
    Fault.LABEL: N_("Mark %(entry)s says something that cannot be chosen here. Remove it and choose again."),
    Fault.TWICE: N_("Mark %(entry)s is there twice. Remove one of the two."),
    Fault.RELATION: N_("Line %(entry)s does not join two marks. Remove it and join them again."),
    Fault.UNANSWERED: N_("The question itself is not answered yet. Choose an answer, then send it."),
}
"""What is wrong with an answer, and what to do about it."""
PLAIN: Mapping[type[Exception], tuple[int, str, str]] = {
    NotYourLease: (403, NOT_STORED, N_("This picture was not given to you. Take the next one.")),
    NotForYou: (403, N_("This question is for experts"), N_("Take one of your own questions.")),
    AnsweredAlready: (409, N_("You have answered this picture"), N_("That answer counts. Take the next picture.")),
    EmptyComment: (400, N_("The comment is empty"), N_("Write what the experts shall look at.")),
    LongComment: (400, N_("The comment is too long"), N_("At most %(longest)s characters are kept. Write less.")),
    TooManyComments: (400, N_("These are many comments for one day"), N_("Write again tomorrow.")),
}
BROKEN = (N_("Something went wrong here"), N_("Nothing is lost. Wait some seconds and do the same again."))
_log = logging.getLogger(__name__)


class NotUnderstood(HTTPException):
    """What was sent is nothing that the page would send."""

    code = 400
    description = "This is not what the desk's page sends."


def explain(blueprint: Blueprint) -> None:
    """Answer what goes wrong at the desk in this way."""
    blueprint.register_error_handler(Exception, _explained)


def told(request: Request) -> dict[str, Any]:
    """Return what the page sent; NotUnderstood when that is no object of JSON."""
    try:
        body = json.loads(request.get_data(cache=False), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood from error
    if not isinstance(body, dict):
        raise NotUnderstood
    return body


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _explained(error: Exception) -> Response | HTTPException:
    if isinstance(error, BadAnswer):
        return _answer(400, NOT_STORED, FAULTS[error.cause.fault], entry=error.cause.entry, most=MOST_ITEMS)
    if type(error) in PLAIN:
        return _answer(*PLAIN[type(error)], longest=LONGEST)
    if isinstance(error, DatabaseBusy):
        _log.warning("Somebody at the desk waited in vain for the database: %s", error)
        error = ServiceUnavailable(retry_after=RETRY_SECONDS)
    if isinstance(error, StorageFull):
        _log.error("The disk is full: %s", error)
        return _answer(507, *REFUSED[507])
    if not isinstance(error, HTTPException):
        _log.error("Something broke at the desk", exc_info=error)
        return _answer(500, *BROKEN)
    if error.response is not None or error.code is None or error.code < 400:
        return error
    response = _answer(error.code, *REFUSED.get(error.code, REFUSED[400]))
    response.headers.update({name: value for name, value in error.get_headers() if name in ("Retry-After", "Allow")})
    return response


def _answer(status: int, title: str, detail: str, **figures: object) -> Response:
    say = language().gettext
    detail = say(detail)
    response = jsonify({"title": say(title), "detail": detail % figures if figures else detail})
    response.status_code = status
    return response
