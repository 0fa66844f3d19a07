"""A SQLite database copied while others write it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from haulout.safekeeping.files import BrokenDatabase, close_to_others

VERSION = "alembic_version"


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy all of a database as it is at one moment, and check the copy."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(sqlite3.connect(target)) as copied:
        close_to_others(target)
        source.backup(copied)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, whatever was in the write-ahead log
        found = [str(row[0]) for row in copied.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise BrokenDatabase(
            f"The database is damaged ({'; '.join(found)}), so no backup of it was made and the older ones are kept. "
            "Restore the newest one: `haulout restore FOLDER --replace`."
        )


def copy_file(source: Path, target: Path) -> None:
    """Copy a database that another program has open."""
    with closing(sqlite3.connect(source, timeout=60)) as connection:
        copy_database(connection, target)


def counted(path: Path) -> dict[str, int]:
    """Return how many rows each table has."""
    with closing(sqlite3.connect(path)) as connection:
        names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names = sorted(name for name in names if not name.startswith("sqlite_") and name != VERSION)
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def revision(path: Path) -> str:
    """Return the schema's revision, empty when the database names none."""
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [VERSION]).fetchone():
            return ""
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else ""
