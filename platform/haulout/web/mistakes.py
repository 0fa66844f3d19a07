"""What a visitor sees when a page does not exist, is refused, or breaks."""

import logging
from collections.abc import Mapping

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from haulout.errors import DatabaseBusy, StorageFull
from haulout.web.api import problems
from haulout.web.read_only import NoRoom
from haulout.web.wording import N_

_log = logging.getLogger(__name__)
REFUSED: Mapping[int, tuple[str, str]] = {
    400: (N_("This was not understood"), N_("Go back, load the page anew and try again.")),
    401: (N_("Please sign in"), N_("This is for people who are signed in. Sign in, then do it again.")),
    403: (
        N_("This is not allowed"),
        N_("Your account may not do this, or the page that asked is none of ours. Go back and use its own buttons."),
    ),
    405: (N_("This is not allowed"), N_("The address is for a button of a page, not for a visit.")),
    409: (
        N_("This has changed meanwhile"),
        N_("What the page showed is no longer so, and nothing was done. Go back, load the page anew and decide again."),
    ),
    413: (N_("This is too large"), N_("Nothing was stored. Send it in smaller parts.")),
    429: (N_("Too many tries"), N_("So many came from you, or from your address, that more must wait a little.")),
    503: (
        N_("Somebody else is writing just now"),
        N_("Nothing was stored. Wait some seconds and do the same again; nothing is lost."),
    ),
    507: (
        N_("The disk is full"),
        N_(
            "Nothing was stored, and nothing can be changed until somebody makes room on Haulout's disk. What is "
            "stored already is safe and can be looked at; changing works again by itself. "
            "The page Attention names the disk."
        ),
    ),
}
"""What a refusal is called, and what to do, by its status."""
RETRY_SECONDS = 5


def explain(app: Flask) -> None:
    """Answer mistakes with a page in the visitor's language that says what to do next."""
    app.register_error_handler(404, _not_found)
    app.register_error_handler(Exception, _broken)


def refused(title: str, advice: str) -> str:
    """Return the page of a refusal; both messages are translated here."""
    return render_template("refused.html", title=title, advice=advice)


def _not_found(error: Exception) -> tuple[str, int] | Response | HTTPException:
    if problems.explains():
        return problems.explained(error)
    return render_template("not_found.html"), 404


def _broken(error: Exception) -> tuple[str, int] | Response | HTTPException:
    error = _as_answer(error)
    if not isinstance(error, HTTPException):
        _log.error("A page could not be made", exc_info=error)
    if problems.explains():
        return problems.explained(error)
    if isinstance(error, HTTPException):
        return _explained(error) or error
    return render_template("broken.html"), 500


def _as_answer(error: Exception) -> Exception:
    """Return the status of what is nobody's mistake and passes: somebody else writes, or the disk is full."""
    if isinstance(error, DatabaseBusy):
        _log.warning("A visitor waited in vain for the database: %s", error)
        return ServiceUnavailable("Somebody else is writing just now; do it again.", retry_after=RETRY_SECONDS)
    if isinstance(error, StorageFull):
        _log.error("The disk is full: %s", error)
        return NoRoom()
    return error


def _explained(error: HTTPException) -> Response | None:
    """Explain a refusal to a browser; programs, which ask for no HTML, get it bare."""
    accepted, status = request.accept_mimetypes, error.code or 0
    reads_pages = accepted.quality("text/html") > accepted.quality("application/json")
    if error.response is not None or status not in REFUSED or not reads_pages:
        return None
    answer = make_response(refused(*REFUSED[status]), status)
    answer.headers.update({name: value for name, value in error.get_headers() if name == "Retry-After"})
    return answer
