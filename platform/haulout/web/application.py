"""Puts the pages together."""

from collections.abc import Callable

from flask import Flask, abort, request
from jinja2 import StrictUndefined

from haulout.desk import Desk
from haulout.desk.giving import at_home, nobody
from haulout.localisation import open_languages
from haulout.services import Services
from haulout.web import (
    account,
    asking,
    charts,
    comments,
    curve,
    decisions,
    desk,
    disputes,
    editor,
    entry,
    handbook,
    headers,
    health,
    heatmap,
    languages,
    limits,
    me,
    metrics,
    mistakes,
    pages,
    paper,
    pictures,
    read_only,
    reasons,
    request_log,
    rhythm,
    search,
    second_factor,
    strip,
    things,
    thumbnails,
    timetable,
    tutorial,
    watch,
    webhooks,
    welcome,
    withheld,
    wording,
)
from haulout.web.api import page as api_page
from haulout.web.api import routes as api
from haulout.web.here import Here
from haulout.web.watching import Watching

LARGEST_REQUEST = 64 * 1024 * 1024
"""Bytes; a webhook carries the whole answer, which may hold hundreds of boxes."""


def in_silence(_project: int) -> None:
    """Ring for nobody: answers are then found by polling alone."""


def create_app(
    services: Services,
    ring: Callable[[int], None] = in_silence,
    spooled: Callable[[], None] = nobody,
    is_away: Callable[[], bool] = at_home,
) -> Flask:
    """Return the pages; `ring` is called with a Label Studio project's id when something changed there.

    `spooled` is called when somebody's answer waits for being delivered, and `is_away` says whether that takes longer.
    """
    app = Flask(__name__)
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_REQUEST)
    watching = Watching(services)
    desk.open_desk(app, Desk(services, spooled, is_away))
    app.extensions["haulout"] = Here(services, ring, open_languages(), watching)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    request_log.note_requests(app)
    metrics.measure(app, watching)
    headers.send_headers(app)
    languages.speak(app)
    app.before_request(_refuse_nul)
    asking.guard(app)
    read_only.protect_the_disk(app)
    wording.teach(app)
    reasons.teach(app)
    for drawing in (charts, curve, heatmap, rhythm, strip, timetable, thumbnails):
        drawing.teach(app)
    watch.teach(app)
    comments.teach(app)
    mistakes.explain(app)
    for part in (pages, paper, pictures, things, handbook, webhooks, health, metrics, watch, api, api_page):
        app.register_blueprint(part.blueprint)
    for part in (entry, second_factor, account):
        app.register_blueprint(part.blueprint)
    for part in (me, welcome, comments, withheld, decisions, disputes, search):
        app.register_blueprint(part.blueprint)
    for part in (desk, editor, tutorial):
        app.register_blueprint(part.blueprint)
    limits.limit(app)
    return app


def _refuse_nul() -> None:
    """No name holds this character, and PostgreSQL breaks off over it."""
    if "\0" in request.path:
        abort(404)
