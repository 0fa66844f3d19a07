"""What a visitor sees when a page does not exist, is refused, or breaks."""

import logging
from collections.abc import Mapping

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException

from haulout.web.api import problems
from haulout.web.wording import N_

_log = logging.getLogger(__name__)
REFUSED: Mapping[int, tuple[str, str]] = {
    400: (N_("This was not understood"), N_("Go back, load the page anew and try again.")),
    403: (N_("This is not allowed"), N_("Only pages of this Haulout may ask for it. Go back and use its own buttons.")),
    405: (N_("This is not allowed"), N_("The address is for a button of a page, not for a visit.")),
    409: (
        N_("This has changed meanwhile"),
        N_("What the page showed is no longer so, and nothing was done. Go back, load the page anew and decide again."),
    ),
    413: (N_("This is too large"), N_("Nothing was stored. Send it in smaller parts.")),
}
"""What a refusal is called, and what to do, by its status."""


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
    if not isinstance(error, HTTPException):
        _log.error("A page could not be made", exc_info=error)
    if problems.explains():
        return problems.explained(error)
    if isinstance(error, HTTPException):
        return _explained(error) or error
    return render_template("broken.html"), 500


def _explained(error: HTTPException) -> tuple[str, int] | None:
    """Explain a refusal to a browser; programs, which ask for no HTML, get it bare."""
    accepted, status = request.accept_mimetypes, error.code or 0
    reads_pages = accepted.quality("text/html") > accepted.quality("application/json")
    if error.response is not None or status not in REFUSED or not reads_pages:
        return None
    return refused(*REFUSED[status]), status
