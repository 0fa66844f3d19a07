"""How much room the home's disk has left, and the refusal to begin what would fill it."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from haulout.config import Settings
from haulout.errors import StorageFull

MEGABYTE = 10**6
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Left(StrEnum):
    """What may still be done on a disk."""

    ENOUGH = "enough"
    LOW = "low"
    """Everything, but somebody should make room."""
    NONE = "none"
    """Nothing but reading."""


@dataclass(frozen=True)
class Room:
    """The room of one disk, in bytes."""

    disk: Path
    """Where it is mounted."""
    free: int
    total: int
    left: Left


def room_of(settings: Settings, at: Path | None = None) -> Room:
    """Look at the disk that holds the home, or this path."""
    there = _there((at or settings.home).resolve())
    usage = shutil.disk_usage(there)
    return Room(_mount(there), usage.free, usage.total, _left(settings, usage.free))


def require_room(settings: Settings, what: str, at: Path | None = None) -> None:
    """Raise StorageFull, before `what` begins, when the home's disk (or that of `at`) has less than `no_room_mb` left.

    Named as in "the weekly run did not begin".
    """
    room = room_of(settings, at)
    if room.left is not Left.NONE:
        return
    raise StorageFull(
        f"The disk mounted at {room.disk} has {room.free / MEGABYTE:.0f} MB left and {settings.no_room_mb} are wanted "
        f"(HAULOUT_NO_ROOM_MB), so {what} did not begin. Free some space, then start the same again."
    )


def is_full(error: OSError) -> bool:
    """Say whether the disk, or somebody's share of it, has no room for what was written."""
    return error.errno in FULL


def sqlite_is_full(error: BaseException, path: Path) -> bool:
    """Say the same of SQLite's file at this path; what it calls an I/O error is that only where there is no room."""
    code = sqlite_code(error)
    if code == sqlite3.SQLITE_FULL:
        return True
    return code == sqlite3.SQLITE_IOERR and shutil.disk_usage(path.parent).free < MEGABYTE


def sqlite_code(error: BaseException) -> int:
    """Return SQLite's primary code of the error, 0 for any other."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def storage_full(path: Path) -> StorageFull:
    """Return the error that names the disk holding `path`."""
    there = _there(path)
    usage = shutil.disk_usage(there)
    left = f"{usage.free / MEGABYTE:.0f} MB of {usage.total / 1e9:.1f} GB left"
    return StorageFull(
        f"The disk mounted at {_mount(there)} is full ({left}), so {path} could not be written. "
        "Free some space, or move the home folder to a larger disk and set HAULOUT_HOME; then start the same again: "
        "what is already stored is kept."
    )


@contextmanager
def naming_the_disk(path: Path) -> Iterator[None]:
    """Turn the error of a full disk into StorageFull, for what is written by code that knows nothing of ours."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full(path) from error
        raise


def _left(settings: Settings, free: int) -> Left:
    if free < settings.no_room_mb * MEGABYTE:
        return Left.NONE
    return Left.LOW if free < settings.low_room_mb * MEGABYTE else Left.ENOUGH


def _there(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _mount(there: Path) -> Path:
    absolute = there.resolve()
    return next(p for p in (absolute, *absolute.parents) if p.is_mount())
