"""Copies the log out of the database, into files that are only added to: they survive a database that does not."""

import json
import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from haulout.errors import HauloutError
from haulout.journal import LOG, START, Entry, entries
from haulout.locks import alone
from haulout.storage.files import flush

log = logging.getLogger(__name__)
SEGMENT = 50_000
"""Entries in one file."""


class BrokenLogFile(HauloutError):
    """A file of the log is not what was written."""


def ship(database: Engine, folder: Path) -> int:
    """Add what is new in the log to the files in the folder; return how many entries.

    Should the files know of more than the database, or of something else, they are moved aside and begun anew: the
    database is an older one that was put back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with alone(folder / "lock"):
        last, sealed = _last(folder)
        if last and not _knows(database, last, sealed):
            _move_aside(folder)
            last = 0
        return _write(database, folder, last)


def try_to_ship(database: Engine, folder: Path) -> None:
    """Ship; what hinders it is told and holds up nothing else, for the next call writes what this one could not."""
    try:
        ship(database, folder)
    except (HauloutError, OSError) as error:
        log.warning("the log could not be copied to %s: %s", folder, error)


def read_files(folder: Path) -> Iterator[tuple[Entry, str]]:
    """Yield all entries in the files, each with its hash, oldest first; a torn last line was never promised."""
    files = _files(folder)
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n") and file == files[-1]:
                    return
                yield _entry(line, file, number)


def head(database: Engine) -> tuple[int, str]:
    """Return the number and the hash of the log's last entry."""
    with database.connect() as connection:
        query = select(LOG.c.seq, LOG.c.hash).order_by(LOG.c.seq.desc()).limit(1)
        row = connection.execute(query).first()
    return (row.seq, row.hash) if row else (0, START)


def _write(database: Engine, folder: Path, last: int) -> int:
    written = 0
    with database.connect() as connection:
        new = entries(connection, last)
        while some := list(islice(new, SEGMENT - last % SEGMENT)):
            first = last - last % SEGMENT + 1
            with (folder / f"{first:012d}.jsonl").open("ab") as file:
                file.writelines(_line(entry, sealed) for entry, sealed in some)
                file.flush()
                os.fsync(file.fileno())
            last = some[-1][0].seq
            written += len(some)
    if written:
        flush(folder)
    return written


def _last(folder: Path) -> tuple[int, str]:
    """Return what the last whole line says, and cut off the torn one that a power cut left behind it."""
    files = _files(folder)
    if not files:
        return 0, START
    content = files[-1].read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(files[-1], whole)
    if not whole:
        files[-1].unlink()
        return _last(folder)
    line = content[content.rfind(b"\n", 0, whole - 1) + 1 : whole]
    entry, sealed = _entry(line, files[-1], content.count(b"\n"))
    return entry.seq, sealed


def _knows(database: Engine, seq: int, sealed: str) -> bool:
    with database.connect() as connection:
        query = select(LOG.c.hash).where(LOG.c.seq == seq)
        return bool(connection.execute(query).scalar() == sealed)


def _move_aside(folder: Path) -> None:
    number = 1 + sum(1 for _ in folder.glob("aside-*"))
    aside = folder / f"aside-{number}"
    aside.mkdir()
    for file in _files(folder):
        file.rename(aside / file.name)
    flush(folder)


def _line(entry: Entry, sealed: str) -> bytes:
    return json.dumps({**entry.__dict__, "hash": sealed}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _entry(line: bytes, file: Path, number: int) -> tuple[Entry, str]:
    try:
        told: dict[str, Any] = json.loads(line)
        sealed = str(told.pop("hash"))
        return Entry(**told), sealed
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenLogFile(
            f"Line {number} of {file} is no entry of the log ({error}). Take the file from a backup."
        ) from error


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.jsonl"))
