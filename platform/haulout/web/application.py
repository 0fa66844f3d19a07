"""Puts the pages together."""

from collections.abc import Callable

from flask import Flask, Response, abort, request
from jinja2 import StrictUndefined

from haulout.localisation import open_languages
from haulout.services import Services
from haulout.web import (
    charts,
    curve,
    handbook,
    health,
    heatmap,
    languages,
    mistakes,
    pages,
    paper,
    pictures,
    reasons,
    rhythm,
    strip,
    things,
    thumbnails,
    timetable,
    webhooks,
    wording,
)
from haulout.web.api import page as api_page
from haulout.web.api import routes as api
from haulout.web.here import Here

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}
LARGEST_REQUEST = 64 * 1024 * 1024
"""Bytes; a webhook carries the whole answer, which may hold hundreds of boxes."""


def in_silence(_project: int) -> None:
    """Ring for nobody: answers are then found by polling alone."""


def create_app(services: Services, ring: Callable[[int], None] = in_silence) -> Flask:
    """Return the pages; `ring` is called with a Label Studio project's id when something changed there."""
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_REQUEST)
    app.extensions["haulout"] = Here(services, ring, open_languages())
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    languages.speak(app)
    wording.teach(app)
    reasons.teach(app)
    for drawing in (charts, curve, heatmap, rhythm, strip, timetable, thumbnails):
        drawing.teach(app)
    mistakes.explain(app)
    for part in (pages, paper, pictures, things, handbook, webhooks, health, api, api_page):
        app.register_blueprint(part.blueprint)
    app.before_request(_refuse_nul)
    app.after_request(_with_headers)
    return app


def _refuse_nul() -> None:
    """No name holds this character, and PostgreSQL breaks off over it."""
    if "\0" in request.path:
        abort(404)


def _with_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
