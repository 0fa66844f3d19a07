"""The database: SQLite in WAL mode on one machine, PostgreSQL by configuration."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine

from haulout import tables  # noqa: F401  (registers the tables with SQLModel)
from haulout.errors import BadConfiguration, DatabaseBusy, ServiceUnavailable, StorageFull
from haulout.fences import stand
from haulout.journal import JournalingSession
from haulout.room import sqlite_code, sqlite_is_full, storage_full

PATIENCE = 30.0
"""Seconds that batch work waits while somebody else writes."""
VISITORS_PATIENCE = 5.0
"""The same for whoever waits before a page."""
DISK_FULL, LOCK_NOT_AVAILABLE = "53100", "55P03"
"""PostgreSQL's codes."""


def connect(url: str, patience: float = PATIENCE) -> Engine:
    """Return an engine for the URL, which waits `patience` seconds for other writers; nothing is opened yet."""
    engine = _engine(url, patience)
    event.listen(engine, "handle_error", _in_our_words)
    return engine


def _engine(url: str, patience: float) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadConfiguration(f"DATABASE_URL {url!r} is not a database address: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, patience)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    waits = {} if "options" in parsed.query else {"options": f"-c lock_timeout={patience * 1000:.0f}"}
    # No value of a statement is ever written to a log: it may be an answer, a token or a place.
    return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=waits)


def _sqlite(url: str, patience: float) -> Engine:
    memory = make_url(url).database in (None, "", ":memory:")
    settings: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    arguments = {"timeout": patience, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, hide_parameters=True, **settings)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", partial(_begin_sqlite, patience))
    event.listen(engine, "checkin", _leave_no_transaction)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(patience: float, connection: Any) -> None:
    # A transaction that reads first and writes later fails with "database is locked" when another wrote in between.
    options = connection.get_execution_options()
    if options.get("haulout_writes", False):
        connection.exec_driver_sql(f"PRAGMA busy_timeout={1000 * options.get('haulout_patience', patience):.0f}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("haulout_writes", False) else "BEGIN")


def _leave_no_transaction(connection: Any, _record: Any) -> None:
    """A commit that failed may leave its transaction open, and whoever gets the connection next could not begin one."""
    if connection is not None and connection.in_transaction:
        connection.rollback()


def _in_our_words(context: ExceptionContext) -> None:
    """Raise what an operator can act on: the disk is full, or somebody else writes for too long."""
    error, url = context.original_exception, context.engine.url if context.engine else make_url("sqlite://")
    where = url.render_as_string(hide_password=True)
    code = getattr(error, "sqlstate", "")
    if sqlite_is_full(error, Path(url.database or "")):
        raise storage_full(Path(url.database or "")) from error
    if code == DISK_FULL:
        raise StorageFull(f"The disk of the database {where} is full: {error}. Free some space, then do it again.")
    if sqlite_code(error) == sqlite3.SQLITE_BUSY or code == LOCK_NOT_AVAILABLE:
        raise DatabaseBusy(
            f"The database {where} is busy: another process has been writing for too long. "
            "Nothing of this was stored; do it again. `haulout status` says what runs."
        ) from error


def create_tables(engine: Engine) -> None:
    """Create what is missing, for databases that nobody keeps; those of a season come from `schema`."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        with engine.connect().execution_options(haulout_writes=True) as connection, connection.begin():
            SQLModel.metadata.create_all(connection)
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise ServiceUnavailable(f"The database {where} does not answer: {error.orig}. Check DATABASE_URL.") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session for reading; nothing is committed and rows stay readable afterwards."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine, patience: float | None = None) -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all.

    `patience` is for how many seconds it waits for other writers, if not for as long as the engine does.
    """
    with JournalingSession(engine, expire_on_commit=False) as session:
        waits = {} if patience is None else {"haulout_patience": patience}
        connection = session.connection(execution_options={"haulout_writes": True, **waits})
        if patience is not None and engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {1000 * patience:.0f}")
        stand(session, engine)
        yield session
        stand(session, engine)
        session.commit()
