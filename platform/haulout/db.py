"""The database: SQLite in WAL mode on one machine, PostgreSQL by configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlmodel import Session, SQLModel, create_engine

from haulout import tables  # noqa: F401  (registers the tables with SQLModel)
from haulout.errors import BadConfiguration, ServiceUnavailable


def connect(url: str) -> Engine:
    """Return an engine for the URL; nothing is opened yet."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise BadConfiguration(f"DATABASE_URL {url!r} is not a database address: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True)


def _sqlite(url: str) -> Engine:
    memory = make_url(url).database in (None, "", ":memory:")
    settings: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False}, **settings)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    # A transaction that reads first and writes later fails with "database is locked" when another wrote in between.
    writes = connection.get_execution_options().get("haulout_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def create_tables(engine: Engine) -> None:
    """Create what is missing, indexes of existing tables too; their columns are left as they are."""
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        with engine.connect().execution_options(haulout_writes=True) as connection, connection.begin():
            known = inspect(connection).get_table_names()
            SQLModel.metadata.create_all(connection)
            _index_anew(connection, known)
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise ServiceUnavailable(f"The database {where} does not answer: {error.orig}. Check DATABASE_URL.") from error


def _index_anew(connection: Connection, known: list[str]) -> None:
    """Create the indexes that a table of an older Haulout lacks, unless it also lacks columns."""
    for table in (SQLModel.metadata.tables[name] for name in known if name in SQLModel.metadata.tables):
        there = inspect(connection)
        has = {index["name"] for index in there.get_indexes(table.name)}
        missing = [index for index in table.indexes if index.name not in has]
        if missing and {column["name"] for column in there.get_columns(table.name)} >= set(table.columns.keys()):
            for index in missing:
                index.create(connection)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session for reading; nothing is committed and rows stay readable afterwards."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Give a session whose changes are committed together at the end, or not at all."""
    with Session(engine, expire_on_commit=False) as session:
        session.connection(execution_options={"haulout_writes": True})
        yield session
        session.commit()
