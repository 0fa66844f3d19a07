"""Folders that appear as a whole, and files that are on the disk when their names are."""

import errno
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from haulout.errors import HauloutError
from haulout.room import is_full, sqlite_is_full, storage_full
from haulout.storage.files import CannotWrite, flush

PART = ".part-"


class AtWork(HauloutError):
    """Another process makes or restores a backup."""


class BrokenDatabase(HauloutError):
    """A database is damaged, by its own check."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Refuse to begin while another process is at work in the folder; a killed one holds nothing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise AtWork(f"Another backup or restore is at work in {folder}. Wait until it has ended.") from error
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Give a folder to fill; it takes its name once everything in it is on disk, and vanishes on an error."""
    part = Path(tempfile.mkdtemp(prefix=PART, dir=folder.parent))
    try:
        with saying_what_is_wrong(folder):
            yield part
            for path in [*part.rglob("*"), part]:
                flush(path)
            part.rename(folder)
            flush(folder.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


@contextmanager
def saying_what_is_wrong(path: Path) -> Iterator[None]:
    """Name the disk when it has no room for what is written at `path`, and the reason when it cannot be written."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise storage_full(path.parent) from error
        raise CannotWrite(f"{path} could not be written: {error}. Check the folder, then do it again.") from error
    except sqlite3.Error as error:
        if sqlite_is_full(error, path):
            raise storage_full(path.parent) from error
        raise BrokenDatabase(
            f"A database cannot be copied: {error}. The older backups are kept; see `haulout restore --help`."
        ) from error


def free_name(folder: Path, name: str) -> str:
    """Return the name, with a number when something in the folder is called so already."""
    return next(free for free in (name, *(f"{name}-{n}" for n in range(2, 100))) if not (folder / free).exists())


def discard(folder: Path) -> None:
    """Remove a folder so that a kill meanwhile leaves nothing that looks whole."""
    part = folder.with_name(f"{PART}{folder.name}")
    folder.rename(part)
    shutil.rmtree(part)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half-made; only for who is `alone`."""
    for part in folder.glob(f"{PART}*"):
        shutil.rmtree(part, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file's bytes, readable by its owner only."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as reader, os.fdopen(handle, "wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)


def link(source: Path, target: Path) -> None:
    """Give a file that never changes a second name, or copy it to where that cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        copy(source, target)


def close_to_others(path: Path) -> None:
    """Let only its owner read a file, where the file system knows of owners: a memory stick may not."""
    with suppress(PermissionError):
        path.chmod(0o600)


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder, 0 when there is none; files may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total
