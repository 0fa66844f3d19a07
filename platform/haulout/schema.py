"""The database's schema: made for a new home, recognised in an old one, and changed wholly or not at all.

Nothing goes back to an older schema but `haulout restore`: a backup is made before every change.
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlmodel import SQLModel

from haulout import journal
from haulout.errors import HauloutError, ServiceUnavailable

FIRST, HEAD = "0001", "0006"
"""The revision of databases that are older than revisions, and the one that this code works on."""
VERSION = "alembic_version"
_LOCK = 0x4841554C
"""Any number that nobody else locks in the same PostgreSQL database."""
_LACKS = {"add_table", "add_index"}
log = logging.getLogger(__name__)


class NewerDatabase(HauloutError):
    """The database was changed by a newer Haulout than this one."""


class StrangeDatabase(HauloutError):
    """The database is not one that any Haulout made, or is damaged."""


def bring_up_to_date(database: Engine, back_up: Callable[[], object]) -> None:
    """Make the tables of a new database or change those of an old one; `back_up` is called before any change."""
    if _opened(database) == HEAD:
        return
    with _alone(database), _transaction(database) as connection:
        if not set(inspect(connection).get_table_names()) - {VERSION}:
            _create(connection)
        elif (revision := current(connection) or _recognised(connection)) != HEAD:
            refuse_newer(revision, _where(database))
            log.info("the database is changed from revision %s to %s; a backup comes first", revision, HEAD)
            back_up()
            _change(connection, revision)


def current(connection: Connection) -> str:
    """Return the revision that the database says it has, empty when it says nothing."""
    if not inspect(connection).has_table(VERSION):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def refuse_newer(revision: str, where: str) -> None:
    """Raise NewerDatabase for a revision that this code does not know."""
    from haulout.migrations.steps import revisions

    if revision not in revisions():
        raise NewerDatabase(
            f"{where} has revision {revision}, made by a newer Haulout; this one knows revisions up to {HEAD}. "
            "Install the newer one again, or restore a backup of before with `haulout restore FOLDER --replace`."
        )


def _opened(database: Engine) -> str:
    """Return the revision of a database that answers and can be read."""
    if path := _file(database):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with database.connect() as connection:
            return current(connection)
    except OperationalError as error:
        raise ServiceUnavailable(
            f"The database {_where(database)} does not answer: {error.orig}. Check DATABASE_URL."
        ) from error
    except DatabaseError as error:
        raise StrangeDatabase(
            f"{_where(database)} cannot be read: {error.orig}. "
            "Restore a backup with `haulout restore FOLDER --replace`, or see whether DATABASE_URL is right."
        ) from error


def _where(database: Engine) -> str:
    return database.url.render_as_string(hide_password=True)


def _file(database: Engine) -> Path | None:
    path = database.url.database
    return Path(path) if database.dialect.name == "sqlite" and path and path != ":memory:" else None


@contextmanager
def _alone(database: Engine) -> Iterator[None]:
    """Keep others from changing the same SQLite file, for as long as it takes; PostgreSQL has locks for that."""
    path = _file(database)
    if path is None:
        yield
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def _transaction(database: Engine) -> Iterator[Connection]:
    """Give a connection on which everything, the definition of tables too, is committed at the end or not at all."""
    with ExitStack() as stack:
        connection = stack.enter_context(database.connect().execution_options(haulout_writes=True))
        if database.dialect.name == "sqlite":
            # SQLite changes a table by copying it and dropping the old one, to which other tables refer.
            _foreign_keys(connection, "OFF")
            stack.callback(_foreign_keys, connection, "ON")
        with connection.begin():
            if database.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection
            _refuse_dangling(connection)


def _foreign_keys(connection: Connection, state: str) -> None:
    driver = connection.connection.driver_connection  # past SQLAlchemy, which would begin a transaction first
    if driver is not None:
        driver.execute(f"PRAGMA foreign_keys={state}")


def _refuse_dangling(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    dangling = {f"{row[0]} to {row[2]}" for row in connection.execute(text("PRAGMA foreign_key_check"))}
    if dangling:
        raise StrangeDatabase(
            f"Rows refer to rows that are not there (from {', '.join(sorted(dangling))}), so nothing was changed. "
            "Restore a backup with `haulout restore FOLDER --replace`."
        )


def _create(connection: Connection) -> None:
    from haulout.migrations.steps import stamp

    SQLModel.metadata.create_all(connection)
    stamp(connection, HEAD)


def _recognised(connection: Connection) -> str:
    """Return the revision of a database that names none, complete with what grew since it was made."""
    from haulout.migrations.before_alembic import SCHEMA
    from haulout.migrations.steps import differences, stamp

    if not differences(connection, SQLModel.metadata):
        stamp(connection, HEAD)
        return HEAD
    found = differences(connection, SCHEMA)
    strange = [difference for difference in found if difference[0] not in _LACKS]
    if strange or not set(SCHEMA.tables) & set(inspect(connection).get_table_names()):
        raise StrangeDatabase(
            f"{_where(connection.engine)} holds what no Haulout made ({_told(strange)}), and was left as it is. "
            "Give Haulout a database of its own (DATABASE_URL, HAULOUT_HOME), or restore a backup."
        )
    SCHEMA.create_all(connection)
    for index in [difference[1] for difference in found if difference[0] == "add_index"]:
        index.create(connection, checkfirst=True)
    return FIRST


def _told(strange: list[tuple[object, ...]]) -> str:
    words = [" ".join(_name(part) for part in difference if part is not None) for difference in strange[:3]]
    return "; ".join(words) or "none of the tables it should"


def _name(part: object) -> str:
    return str(getattr(part, "name", part))


def _change(connection: Connection, revision: str) -> None:
    from haulout.migrations.steps import stamp, upgrade

    if not current(connection):
        stamp(connection, revision)
    upgrade(connection, HEAD)
    journal.begin(connection)
