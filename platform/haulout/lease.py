"""One pass through the loop at a time, on however many machines; a holder that died is found out."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from haulout.db import writing
from haulout.errors import HauloutError
from haulout.tables import LeaseRow

SEASON = "loop"
"""The lease of whoever changes what people are asked or what is made of their answers."""
SILENCE = timedelta(minutes=15)
"""After this long without a sign of life a holder is taken for dead."""


class LeaseTaken(HauloutError):
    """Another process is at work."""


class LeaseLost(HauloutError):
    """Somebody took the lease over while we thought we held it; what we do now would be done twice."""


@dataclass(frozen=True)
class Patience:
    """How often, and how far apart, a lease that is taken is asked for."""

    tries: int
    seconds: float
    sleep: Callable[[float], None]


@contextmanager
def lease(
    database: Engine, name: str, now: Callable[[], datetime], patience: Patience | None = None
) -> Iterator[Callable[[], None]]:
    """Hold the named lease; the function given must be called now and then to show that we are alive."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    _take_patiently(database, name, holder, now, patience)

    def alive() -> None:
        _renew(database, name, holder, now())

    try:
        yield alive
    finally:
        _give_back(database, name, holder)


def _take_patiently(
    database: Engine, name: str, holder: str, now: Callable[[], datetime], patience: Patience | None
) -> None:
    for left in reversed(range(patience.tries if patience else 1)):
        try:
            return _take(database, name, holder, now())
        except LeaseTaken:
            if patience is None or not left:
                raise
            patience.sleep(patience.seconds)


def _take(database: Engine, name: str, holder: str, now: datetime) -> None:
    try:
        _write_holder(database, name, holder, now)
    except IntegrityError as error:  # two asked at once for a lease that had never been taken
        raise LeaseTaken("Another pass has just begun; see `haulout status`.") from error


def _write_holder(database: Engine, name: str, holder: str, now: datetime) -> None:
    with writing(database) as session:
        row = session.get(LeaseRow, name, with_for_update=True) or LeaseRow(name=name, heard_at=now)
        if row.holder and not _is_dead(row, now):
            raise LeaseTaken(f"Another pass is going on ({row.holder.rsplit(':', 1)[0]}); see `haulout status`.")
        row.holder, row.heard_at = holder, now
        session.add(row)


def _is_dead(row: LeaseRow, now: datetime) -> bool:
    """After a restart of the machine the holder's number may be that of another process: silence counts here too."""
    host, process, _ = row.holder.rsplit(":", 2)
    if host == socket.gethostname() and not _runs(int(process)):
        return True
    return now - row.heard_at > SILENCE


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _renew(database: Engine, name: str, holder: str, now: datetime) -> None:
    with writing(database) as session:
        row = session.exec(select(LeaseRow).where(LeaseRow.name == name, LeaseRow.holder == holder)).first()
        if row is None:
            raise LeaseLost("Another process took over this pass, so this one stops; see `haulout status`.")
        row.heard_at = now
        session.add(row)


def _give_back(database: Engine, name: str, holder: str) -> None:
    with writing(database) as session:
        row = session.exec(select(LeaseRow).where(LeaseRow.name == name, LeaseRow.holder == holder)).first()
        if row is not None:
            row.holder = ""
            session.add(row)
