"""Label Studio's editor as it was built there, given out by us: people never reach Label Studio itself."""

import gzip
import re
from pathlib import Path

import httpx
from flask import Blueprint, Response, abort, current_app, make_response, request, url_for

from haulout.config import Settings
from haulout.errors import HauloutError
from haulout.storage.files import appearing_at
from haulout.web.here import here

PINNED = "1.23.2"
"""The version of Label Studio whose editor the desk was made for; a test opens it in a browser."""
FILE = re.compile(r"[A-Za-z0-9._-]{1,120}\.(?:js|css|woff2?|ttf|svg|wasm)")
TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
}
PACKED = {"js", "css", "svg", "ttf", "wasm"}
"""Endings of what gets smaller."""
FONT = re.compile(rb"@font-face\{[^}]*/static/fonts/[^}]*\}")
"""Label Studio's own font, which only its own pages have."""
LARGEST = 8 * 1024 * 1024
"""Bytes; the largest file of the editor has 2.5 million."""
ONE_YEAR = 365 * 24 * 3600
SECONDS = 30
BUILT = Path("web") / "dist" / "apps" / "labelstudio"

blueprint = Blueprint("editor", __name__)


class NoEditor(HauloutError):
    """A file of Label Studio's editor is not to be had now."""


@blueprint.get("/desk/editor/<version>/<file>")
def file(version: str, file: str) -> Response:
    """Give a file of the editor, packed when the browser can unpack it; the version in its address never changes it."""
    settings = here().services.settings
    if not FILE.fullmatch(file) or version != editor_version(settings):
        abort(404)
    try:
        content, packed = _kept(settings, version, file)
    except NoEditor as error:
        current_app.logger.warning("%s", error)
        abort(503)
    except FileNotFoundError:
        abort(404)
    return _given(content, file.rpartition(".")[2], packed=packed)


def address() -> str:
    """Return the address below which the pages find the editor's files."""
    version = editor_version(here().services.settings)
    return url_for("editor.file", version=version, file="main.js").removesuffix("main.js")


def editor_version(settings: Settings) -> str:
    """Return the version of the editor on this machine, the pinned one when Label Studio runs on another."""
    folder = _packages(settings)
    known = sorted(folder.glob("label_studio-*.dist-info")) if folder else []
    found = known[-1].name.removeprefix("label_studio-").removesuffix(".dist-info") if known else PINNED
    return found if re.fullmatch(r"[0-9A-Za-z.]{1,40}", found) else PINNED


def _packages(settings: Settings) -> Path | None:
    """Return where Label Studio is installed, None when it is not on this machine."""
    environment = settings.label_studio_python.parent.parent
    places = sorted((environment / "lib").glob("python3*/site-packages"))
    return next((place for place in places if (place / BUILT / "main.js").is_file()), None)


def _kept(settings: Settings, version: str, file: str) -> tuple[bytes, bool]:
    """Return the file as it is kept, and whether that is packed; the first who asks has it packed for all others."""
    packed = file.rpartition(".")[2] in PACKED
    kept = settings.home.resolve() / "cache" / "editor" / version / (f"{file}.gz" if packed else file)
    if not kept.is_file():
        content = _original(settings, file)
        content = FONT.sub(b"", content) if file.endswith(".css") else content
        with appearing_at(kept) as part:
            part.write_bytes(gzip.compress(content, 9, mtime=0) if packed else content)
    return kept.read_bytes(), packed


def _original(settings: Settings, file: str) -> bytes:
    folder = _packages(settings)
    if folder is None:
        return _fetched(settings, file)
    path = folder / BUILT / file
    if path.stat().st_size > LARGEST:
        raise NoEditor(f"{path} is larger than {LARGEST} bytes; is this Label Studio {PINNED}?")
    return path.read_bytes()


def _fetched(settings: Settings, file: str) -> bytes:
    where = f"{settings.label_studio.rstrip('/')}/react-app/{file}"
    try:
        with httpx.stream("GET", where, timeout=SECONDS) as answer:
            if answer.status_code == 404:
                raise FileNotFoundError(file)
            answer.raise_for_status()
            content = bytearray()
            for part in answer.iter_bytes():
                content += part
                if len(content) > LARGEST:
                    raise NoEditor(f"{where} is larger than {LARGEST} bytes; is this Label Studio {PINNED}?")
    except httpx.HTTPError as error:
        raise NoEditor(f"The editor's {file} cannot be fetched ({error!r}); start Label Studio once.") from error
    return bytes(content)


def _given(content: bytes, ending: str, *, packed: bool) -> Response:
    wanted = packed and request.accept_encodings.quality("gzip") > 0
    response = make_response(gzip.decompress(content) if packed and not wanted else content)
    response.headers["Content-Type"] = TYPES[ending]
    if wanted:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
    return response
