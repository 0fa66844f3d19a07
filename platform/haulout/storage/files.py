"""Files that are there completely or not at all, whenever the power fails."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from haulout.errors import HauloutError

_PART = ".part-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class StorageFull(HauloutError):
    """The disk has no room left; nothing half-written stays behind."""

    exit_code = 4


class CannotWrite(HauloutError):
    """The home folder refuses what is written to it."""


def storage_full(path: Path) -> StorageFull:
    """Return the error that names the disk holding `path`."""
    there = next(p for p in (path, *path.parents) if p.exists())
    usage = shutil.disk_usage(there)
    disk = next(p for p in (there, *there.parents) if p.is_mount())
    left = f"{usage.free / 1e6:.0f} MB of {usage.total / 1e9:.1f} GB left"
    return StorageFull(
        f"The disk mounted at {disk} is full ({left}), so {path} could not be written. "
        "Free some space, or move the home folder to a larger disk and set HAULOUT_HOME; then start the same again: "
        "what is already stored is kept."
    )


@contextmanager
def _saying_what_is_wrong(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
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
            _flush(part)
            part.replace(path)
            _flush(path.parent)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()


def sweep(folder: Path, before: datetime) -> None:
    """Remove what writers that were killed left half-written before this time (UTC, without zone)."""
    for part in folder.rglob(f"{_PART}*"):
        with suppress(FileNotFoundError):  # another process may be finishing it, or sweeping as well
            if datetime.fromtimestamp(part.stat().st_mtime, UTC).replace(tzinfo=None) < before:
                part.unlink()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
