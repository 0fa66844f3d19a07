"""Files that are there completely or not at all, whenever the power fails."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from haulout.errors import HauloutError
from haulout.room import is_full, storage_full

_PART = ".part-"


class CannotWrite(HauloutError):
    """The home folder refuses what is written to it."""


@contextmanager
def _saying_what_is_wrong(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full(path) from error
        raise CannotWrite(f"{path} could not be written: {error.strerror or error}. Check the home folder.") from error


@contextmanager
def appearing_at(path: Path) -> Iterator[Path]:
    """Give an empty file to fill; it takes the name `path` once it is safely on disk, and vanishes on an error."""
    with _saying_what_is_wrong(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=_PART, suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
        part = Path(name)
        try:
            yield part
            part.chmod(0o644)
            flush(part)
            part.replace(path)
            flush(path.parent)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()


def is_unfinished(path: Path) -> bool:
    """Say whether a file is still being written, or was when its writer was killed."""
    return path.name.startswith(_PART)


def sweep(folder: Path, before: datetime) -> None:
    """Remove what writers that were killed left half-written before this time (UTC, without zone)."""
    for part in folder.rglob(f"{_PART}*"):
        with suppress(FileNotFoundError):  # another process may be finishing it, or sweeping as well
            if datetime.fromtimestamp(part.stat().st_mtime, UTC).replace(tzinfo=None) < before:
                part.unlink()


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
