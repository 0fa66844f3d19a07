"""A JSON file from elsewhere, read strictly: what it may hold is checked before anything is done with it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from haulout.errors import BadImport

LARGEST = 256 * 2**20
"""Bytes; a million boxes take about half of it."""


@dataclass(frozen=True)
class Document:
    """The value that a file holds, and the SHA-256 of the file."""

    value: object
    sha256: str


def read_document(path: Path) -> Document:
    """Return what the file holds; BadImport names the file, the place and what to do."""
    content = _bytes(path)
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise BadImport(f"{path} is no UTF-8 text: byte {error.start}. Save it as UTF-8 JSON.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadImport(f"{path} is no JSON: {error.msg} at {where}. Export it again from its program.") from error
    except RecursionError as error:
        raise BadImport(f"{path} is nested too deeply to be a file of boxes. Is it the right file?") from error
    except ValueError as error:
        raise BadImport(f"{path} is no strict JSON: {error}. Mend it and import it again.") from error
    return Document(value, hashlib.sha256(content).hexdigest())


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise BadImport(f"There is no file {path}. Give a COCO file or the output of a MegaDetector batch.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise BadImport(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST:
        raise BadImport(f"{path} is larger than {LARGEST // 2**20} MiB. Split it by photos and import the parts.")
    return content


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"it holds {text}, which is no number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that names one thing twice: nobody knows which of them is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"an object names {twice[:40]!r} twice")
    return found
