"""A PostgreSQL database dumped and restored by PostgreSQL's own programs."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from haulout.errors import ServiceUnavailable
from haulout.room import storage_full
from haulout.safekeeping.files import close_to_others
from haulout.safekeeping.manifest import DamagedBackup
from haulout.schema import VERSION, current

ONLY_OURS = ("--schema=public", "--no-owner", "--no-privileges")


def dump(database: Engine, target: Path) -> tuple[dict[str, int], str]:
    """Write all of the database as it is at one moment; return its rows by table and its schema's revision."""
    connection = database.connect().execution_options(isolation_level="REPEATABLE READ")
    with connection, connection.begin():
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        options = ["--format=custom", *ONLY_OURS, f"--snapshot={snapshot}", f"--file={target}"]
        _run("pg_dump", options, connection, target)
        close_to_others(target)
        return counted(connection), current(connection)


def counted(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    names = sorted(set(inspect(connection).get_table_names()) - {VERSION})
    return {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names}  # noqa: S608


def bytes_of(database: Engine) -> int:
    """Return how large the database is; a dump is smaller."""
    with database.connect() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def set_aside(database: Engine, schema: str) -> None:
    """Rename the schema with all its tables, and begin an empty one; does nothing when that was done."""
    with database.begin() as connection:
        if schema not in inspect(connection).get_schema_names():
            connection.execute(text(f'ALTER SCHEMA public RENAME TO "{schema}"'))
            connection.execute(text("CREATE SCHEMA public"))


def take_back(database: Engine, schema: str) -> None:
    """Undo `set_aside`."""
    with database.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text(f'ALTER SCHEMA "{schema}" RENAME TO public'))


def restore(database: Engine, dumped: Path, counts: dict[str, int]) -> None:
    """Fill the empty database wholly or not at all; does nothing when it has been filled."""
    with database.connect() as connection:
        if inspect(connection).get_table_names():
            return
        connection.rollback()
        options = ["--single-transaction", "--exit-on-error", *ONLY_OURS, str(dumped)]
        _run("pg_restore", ["--dbname=", *options], connection, dumped)
        if counted(connection) != counts:
            raise DamagedBackup(f"{dumped} holds other rows than its manifest says. Use another backup.")


def _run(program: str, options: list[str], connection: Connection, path: Path) -> None:
    found = shutil.which(program)
    if found is None:
        raise ServiceUnavailable(
            f"{program} is not installed, and nothing else can read or write a backup of PostgreSQL. "
            "Install PostgreSQL's client programs, at least as new as the server (Debian: postgresql-client)."
        )
    environment = {**os.environ, **_address(connection)}
    ended = subprocess.run([found, *options], env=environment, capture_output=True, text=True, check=False)
    if "No space left on device" in ended.stderr:
        raise storage_full(path.parent)
    if ended.returncode:
        raise ServiceUnavailable(f"{program} failed: {ended.stderr.strip()}")


def _address(connection: Connection) -> dict[str, str]:
    """Return the variables with which PostgreSQL's programs find the same database; a password stays out of sight."""
    from psycopg.pq import Conninfo

    driver: Any = connection.connection.driver_connection
    given = {option.keyword: option for option in Conninfo.parse(driver.info.dsn.encode())}
    known = {name: option.val for name, option in given.items() if option.val is not None and option.envvar}
    address = {given[name].envvar.decode(): value.decode() for name, value in known.items()}  # type: ignore[union-attr]
    address |= {"PGDATABASE": driver.info.dbname, "PGUSER": driver.info.user}
    return address | ({"PGPASSWORD": driver.info.password} if driver.info.password else {})
