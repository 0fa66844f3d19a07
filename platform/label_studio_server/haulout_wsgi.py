# ruff: noqa: INP001 - a folder of two programs for another environment, not a package
"""Label Studio for a production WSGI server, with the three small things that Haulout needs changed at its door.

Start it with `gunicorn --chdir platform/label_studio_server haulout_wsgi:application`, one worker, several threads.
"""

import io
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

START = (Path(__file__).parent / "start.html").read_text(encoding="utf-8")
SERVES_NEXT_TASK = re.compile(r"^/api/projects/\d+/next/?$")


class Door:
    """Wraps Label Studio: a safe start page, a labeling stream that cannot be led astray, and one write at a time."""

    def __init__(self, label_studio: Application, *, one_write_at_a_time: bool) -> None:
        self._label_studio = label_studio
        # On SQLite Label Studio replays a request that met "database is locked", and may store an answer twice.
        self._writing = threading.Lock() if one_write_at_a_time else None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"].rstrip("/") == "/haulout/start":
            return _start_page(environ, start_response)
        if _asks_for_next_task(environ):
            _keep_only_project(environ)
        if self._writing is None or not _writes(environ):
            return self._label_studio(environ, start_response)
        _read_body(environ)  # a slow client must not hold the lock while it sends
        with self._writing:
            return self._label_studio(environ, start_response)


def _start_page(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send the browser to the stream of a project, in the mode that respects priorities and locks."""
    project = parse_qs(environ.get("QUERY_STRING", "")).get("project", [""])[0]
    if not re.fullmatch(r"[0-9]{1,9}", project):
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
        return ["Which project? Use /haulout/start?project=1\nКакой проект? /haulout/start?project=1\n".encode()]
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")])
    return [START.replace("PROJECT", project).encode()]


def _asks_for_next_task(environ: Environ) -> bool:
    path, query = environ["PATH_INFO"].rstrip("/"), parse_qs(environ.get("QUERY_STRING", ""))
    return environ["REQUEST_METHOD"] == "POST" and path == "/api/dm/actions" and query.get("id") == ["next_task"]


def _keep_only_project(environ: Environ) -> None:
    """Drop filters and ordering: with them Label Studio ignores sampling, overlap and locks, and serves the first task.

    A browser that opens the bare link of a stream, without ever having pressed "Label All Tasks", sends them.
    """
    project = parse_qs(environ.get("QUERY_STRING", "")).get("project", [""])[0]
    # The tab has saved filters of its own, which count as much as those in the body.
    environ["QUERY_STRING"] = f"id=next_task&project={project}" if project.isdecimal() else "id=next_task"
    _read_body(environ)
    _put_body(environ, json.dumps({"project": int(project)} if project.isdecimal() else {}).encode())
    environ["CONTENT_TYPE"] = "application/json"


def _writes(environ: Environ) -> bool:
    return environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS") or bool(
        SERVES_NEXT_TASK.match(environ["PATH_INFO"])
    )


def _read_body(environ: Environ) -> None:
    chunked = "chunked" in environ.pop("HTTP_TRANSFER_ENCODING", "").lower()
    length = None if chunked else int(environ.get("CONTENT_LENGTH") or 0)
    _put_body(environ, environ["wsgi.input"].read(length))


def _put_body(environ: Environ, body: bytes) -> None:
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))


def _label_studio() -> Application:
    """Load Label Studio as its own command does: its modules import one another from its own folder."""
    package = find_spec("label_studio")
    if package is None or not package.submodule_search_locations:
        raise ImportError("label_studio is not installed in this environment; run `uv sync` in this folder")
    sys.path.insert(0, package.submodule_search_locations[0])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.label_studio")
    from core.wsgi import application  # type: ignore[import-not-found]

    return application  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    """Load Label Studio when the server asks for `application`, so that the door can be tested without it."""
    if name != "application":
        raise AttributeError(name)
    database = os.environ.get("LABEL_STUDIO_DJANGO_DB") or os.environ.get("DJANGO_DB", "")
    globals()[name] = Door(_label_studio(), one_write_at_a_time=database == "sqlite")
    return globals()[name]
