"""Names each request and writes down what became of it: method, path without its query, status, by whose account."""

import logging
import time
import uuid
from urllib.parse import quote

from flask import Flask, Response, g, request

HEADER = "X-Request-Id"
LONGEST_PATH = 200
QUIET = frozenset({"health.alive", "health.ready", "metrics.metrics", "static"})
"""Asked so often, by programs, that nobody would find the rest."""
_log = logging.getLogger(__name__)


def note_requests(app: Flask) -> None:
    """Let every answer carry the id of its request, under which the log tells of it."""
    app.before_request(_begin)
    app.after_request(_end)
    app.context_processor(lambda: {"request_id": request_id()})


def request_id() -> str:
    """Return the id of this request, empty outside of one."""
    return str(g.get("request_id", ""))


def seconds() -> float:
    """Return how long this request has taken so far."""
    return time.perf_counter() - float(g.get("began", time.perf_counter()))


def _begin() -> None:
    # Never the visitor's own id: it would let them write into the log.
    g.request_id, g.began = uuid.uuid4().hex[:16], time.perf_counter()


def _end(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    level = logging.DEBUG if request.endpoint in QUIET and response.status_code < 500 else logging.INFO
    told = {
        "method": request.method,
        "path": quote(request.path)[:LONGEST_PATH],
        "status": response.status_code,
        "milliseconds": round(1000 * seconds(), 1),
        "request": request_id(),
    }
    if (who := g.get("asker")) is not None:
        told["account"] = who.account
    _log.log(level, "answered", extra=told)
    return response
