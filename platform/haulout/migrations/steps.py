"""What Alembic does for us, on a connection whose transaction is somebody else's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

HERE = str(Path(__file__).parent)


def stamp(connection: Connection, revision: str) -> None:
    """Write down which revision the database has."""
    command.stamp(_config(connection), revision)


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the database from the revision it has to this one."""
    command.upgrade(_config(connection), revision)


def revisions() -> Sequence[str]:
    """Return all revisions that the folder holds, oldest first."""
    return [script.revision for script in reversed(list(ScriptDirectory(HERE).walk_revisions()))]


def differences(connection: Connection, schema: MetaData) -> list[tuple[Any, ...]]:
    """Return what would have to change in the database to make it as the schema says, in Alembic's words."""
    found: list[tuple[Any, ...]] = []
    for difference in compare_metadata(MigrationContext.configure(connection), schema):
        found += difference if isinstance(difference, list) else [difference]  # a column's changes come as a list
    return found


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", HERE.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
