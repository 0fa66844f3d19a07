"""What a visitor sees when a page does not exist or breaks."""

import logging

from flask import Flask, render_template
from werkzeug.exceptions import HTTPException

_log = logging.getLogger(__name__)


def explain(app: Flask) -> None:
    """Answer mistakes with a page in the visitor's language that says what to do next."""
    app.register_error_handler(404, _not_found)
    app.register_error_handler(Exception, _broken)


def _not_found(_error: Exception) -> tuple[str, int]:
    return render_template("not_found.html"), 404


def _broken(error: Exception) -> tuple[str, int] | HTTPException:
    if isinstance(error, HTTPException):
        return error
    _log.error("A page could not be made", exc_info=error)
    return render_template("broken.html"), 500
