"""Files that are there completely or not at all, whenever the power fails."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from haulout.errors import HauloutError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class StorageFull(HauloutError):
    """The disk has no room left; nothing half-written stays behind."""

    exit_code = 4


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
def noticing_a_full_disk(path: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise storage_full(path) from error
        raise


@contextmanager
def appearing_at(path: Path) -> Iterator[Path]:
    """Give an empty file to fill; it takes the name `path` once it is safely on disk, and vanishes on an error."""
    with noticing_a_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".part-", suffix=path.suffix, dir=path.parent)
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


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
