"""One pass through the loop at a time, on however many machines; a holder that died is found out, and fenced off."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, select

from haulout.db import writing
from haulout.errors import DatabaseBusy, HauloutError, LeaseLost, LeaseTaken
from haulout.fences import Fence, fenced, unfenced
from haulout.holders import is_dead, this_process, where
from haulout.journal import database_time
from haulout.tables import LeaseRow

SEASON = "loop"
"""The lease of whoever changes what people are asked or what is made of their answers."""
BEAT = 10.0
"""Seconds between signs of life."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often, and how far apart, a lease that is taken is asked for."""

    tries: int
    seconds: float
    sleep: Callable[[float], None]


@contextmanager
def lease(database: Engine, name: str, patience: Patience | None = None) -> Iterator[Engine]:
    """Hold the named lease; all that is done under it must be written through the engine given.

    That engine raises LeaseLost instead of writing anything once somebody else has the lease.
    """
    fence = _take_patiently(database, name, patience)
    try:
        with kept_alive(fenced(database, fence)) as held:
            yield held
    finally:
        _give_back(database, fence)


@contextmanager
def kept_alive(held: Engine, every: float = BEAT) -> Iterator[Engine]:
    """Give signs of life for all that this engine holds, from a thread of its own, however long nothing is written."""
    if isinstance(held.pool, StaticPool):  # a database in memory has one connection, and no other process sees it
        yield held
        return
    over = Event()
    heart = Thread(target=_beat, args=(held, over, every), name="signs of life", daemon=True)
    heart.start()
    try:
        yield held
    finally:
        over.set()
        heart.join(1)  # it may wait for another writer; what it then writes is refused


def _beat(held: Engine, over: Event, every: float) -> None:
    while not over.wait(every):
        try:
            with writing(held):
                """Each transaction is a sign of life."""
        except LeaseLost:
            return  # the next writing of the pass itself says so
        except (SQLAlchemyError, HauloutError) as error:
            log.warning("no sign of life could be written: %s", error)


def _take_patiently(database: Engine, name: str, patience: Patience | None) -> Fence:
    for left in reversed(range(patience.tries if patience else 1)):
        try:
            return _take(database, name)
        except (LeaseTaken, DatabaseBusy):
            if patience is None or not left:
                raise
            patience.sleep(patience.seconds)
    raise AssertionError("somebody with patience asks at least once")


def _take(database: Engine, name: str) -> Fence:
    try:
        with writing(database) as session:
            return _write_holder(session, name)
    except IntegrityError as error:  # two asked at once for a lease that had never been taken
        raise LeaseTaken("Another pass has just begun; see `haulout status`.") from error


def _write_holder(session: Session, name: str) -> Fence:
    now, holder = database_time(session.connection()), this_process()
    row = session.get(LeaseRow, name, with_for_update=True) or LeaseRow(name=name, heard_at=now)
    if row.holder and not is_dead(row.holder, now - row.heard_at):
        raise LeaseTaken(f"Another pass is going on ({where(row.holder)}); see `haulout status`.")
    row.holder, row.heard_at, row.fence = holder, now, row.fence + 1
    session.add(row)
    return Fence(LeaseRow, name, holder, row.fence)


def _give_back(database: Engine, fence: Fence) -> None:
    """Free the lease, if it is still ours. A database that does not answer is no reason to hide what went before:
    the lease is free when this process ends."""
    mine = (LeaseRow.name == fence.key, LeaseRow.holder == fence.holder, LeaseRow.fence == fence.number)
    try:
        with writing(unfenced(database)) as session:
            row = session.exec(select(LeaseRow).where(*mine).with_for_update()).first()
            if row is not None:
                row.holder = ""
                session.add(row)
    except (SQLAlchemyError, HauloutError) as error:
        log.warning("the lease %s could not be given back: %s", fence.key, error)
