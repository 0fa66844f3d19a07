"""A database of an older Haulout becomes one of today, wholly or not at all, whatever happens meanwhile."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import JSON, URL, Connection, Engine, Table, event, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel

from haulout import journal
from haulout.db import connect
from haulout.errors import ServiceUnavailable, StorageFull
from haulout.migrations.before_alembic import SCHEMA
from haulout.migrations.steps import differences, revisions
from haulout.schema import FIRST, HEAD, VERSION, NewerDatabase, StrangeDatabase, bring_up_to_date, current

NOON = datetime(2026, 11, 29, 12)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def new_database(request, tmp_path) -> Iterator[Callable[[], Engine]]:
    """Make empty databases: SQLite in a file, or PostgreSQL."""
    made: list[Engine] = []

    def new() -> Engine:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / f'home-{len(made)}' / 'haulout.sqlite'}"
            (tmp_path / f"home-{len(made)}").mkdir()
        else:
            url = request.getfixturevalue("new_postgres_database")()
        made.append(connect(url))
        return made[-1]

    yield new
    for engine in made:
        engine.dispose()


@pytest.fixture
def database(new_database) -> Engine:
    return new_database()


def fill(engine: Engine) -> None:
    """Make a database as it was before there were revisions, with rows in every table."""
    with engine.connect().execution_options(haulout_writes=True) as connection, connection.begin():
        SCHEMA.create_all(connection)
        for table in SCHEMA.sorted_tables:
            connection.execute(table.insert(), [row_of(table, number) for number in (1, 2)])


def row_of(table: Table, number: int) -> dict[str, Any]:
    """Make up a row; the rows of all tables with the same number refer to each other."""
    return {column.name: made_up(column, number) for column in table.columns}


def made_up(column, number: int) -> Any:
    kind = dict if isinstance(column.type, JSON) else column.type.python_type
    return {
        str: f"{number:064d}",
        int: number,
        float: number / 4,
        bool: number == 2,
        bytes: bytes([number] * 8),
        datetime: NOON.replace(day=number),
        date: date(2026, 8, number),
        dict: {"boxes": [[number, 2, 3, 4.5]], "by": "Анна"},
    }[kind]


def rows(engine: Engine, tables: list[Table]) -> dict[str, list[tuple]]:
    with engine.connect() as connection:
        return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables}


def look(connection: Connection) -> dict[str, Any]:
    """Describe all tables, indexes, triggers and functions of a database."""
    there = inspect(connection)
    seen = {name: _look_at(there, name) for name in there.get_table_names()}
    if connection.dialect.name == "sqlite":
        others = "SELECT name, sql FROM sqlite_master WHERE type NOT IN ('table', 'index')"
    else:
        others = (
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
            "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
    return seen | {"others": sorted(map(tuple, connection.execute(text(others))))}


def _look_at(there, table: str) -> dict[str, Any]:
    columns = [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in there.get_columns(table)]
    refers = [
        (k["constrained_columns"], k["referred_table"], k["referred_columns"]) for k in there.get_foreign_keys(table)
    ]
    indexes = [
        (index["name"], index["column_names"], index["unique"], str(_where(index)))
        for index in there.get_indexes(table)
    ]
    return {
        "columns": sorted(columns),
        "key": there.get_pk_constraint(table)["constrained_columns"],
        "refers": sorted(refers),
        "unique": sorted(u["column_names"] for u in there.get_unique_constraints(table)),
        "indexes": sorted(indexes),
    }


def _where(index) -> Any:
    options = index.get("dialect_options", {})
    return options.get("sqlite_where", options.get("postgresql_where"))


def test_a_database_made_before_there_were_revisions_keeps_every_row(database):
    fill(database)
    before, backups = rows(database, SCHEMA.sorted_tables), []

    bring_up_to_date(database, lambda: backups.append(rows(database, SCHEMA.sorted_tables)))

    assert rows(database, SCHEMA.sorted_tables) == before
    assert all(len(found) == 2 for found in before.values())
    assert backups == [before], "the backup is made before anything changes"


def test_a_migrated_database_is_what_a_new_one_is(database, new_database):
    fill(database)
    new = new_database()

    bring_up_to_date(database, lambda: None)
    bring_up_to_date(new, pytest.fail)

    with database.connect() as old, new.connect() as fresh:
        assert differences(old, SQLModel.metadata) == []
        migrated, made = look(old), look(fresh)
    for name in made | migrated:
        assert migrated.get(name) == made.get(name), name


def test_what_the_log_says_of_older_rows_are_those_rows(database):
    fill(database)

    bring_up_to_date(database, lambda: None)

    with database.connect() as connection:
        chain = list(journal.entries(connection))
        assert journal.first_break(chain) is None
        assert journal.replay(entry for entry, _ in chain) == journal.live(connection)
        assert ("answer", "[1]") in journal.live(connection)


def test_the_revisions_are_those_the_code_expects():
    assert (revisions()[0], revisions()[-1]) == (FIRST, HEAD)


def test_a_new_database_has_the_newest_revision_and_the_next_start_changes_nothing(database):
    for _ in range(2):
        bring_up_to_date(database, pytest.fail)

    with database.connect() as connection:
        assert current(connection) == HEAD


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 1.0])
def test_a_migration_killed_anywhere_leaves_the_old_database_and_the_next_start_goes_on(new_database, share):
    counted, killed = new_database(), new_database()
    fill(counted)
    fill(killed)
    before = rows(killed, SCHEMA.sorted_tables)
    statements = []
    event.listen(counted, "before_cursor_execute", lambda *_: statements.append(1))
    bring_up_to_date(counted, lambda: None)
    wanted = max(1, round(share * len(statements)))

    end = in_another_process(lambda: bring_up_to_date(dying_at(wanted, killed.url), lambda: None))

    assert end == -signal.SIGKILL
    with killed.connect() as connection:
        assert current(connection) == ""
        assert "log" not in inspect(connection).get_table_names()
    assert rows(killed, SCHEMA.sorted_tables) == before
    bring_up_to_date(killed, lambda: None)
    assert rows(killed, SCHEMA.sorted_tables) == before
    with killed.connect() as connection:
        assert differences(connection, SQLModel.metadata) == []


def dying_at(statement: int, url: URL) -> Engine:
    """Connect so that this process is killed instead of saying this statement."""
    engine, said = connect(url.render_as_string(hide_password=False)), []

    def count(*_: object) -> None:
        said.append(1)
        if len(said) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    return engine


def in_another_process(work: Callable[[], object]) -> int:
    """Do the work in a copy of this process and return how that ended, negative when a signal ended it."""
    return ended(begin(work))


def begin(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        end = 1
        try:
            work()
            end = 0
        finally:
            os._exit(end)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_of_four_that_start_at_once_one_migrates_and_the_others_wait(database, tmp_path):
    fill(database)
    url, backups = database.url.render_as_string(hide_password=False), tmp_path / "backups"

    def back_up() -> None:
        with backups.open("a") as file:
            file.write("made\n")
        time.sleep(0.5)  # so long that all others stand before the lock

    children = [begin(lambda: bring_up_to_date(connect(url, patience=0.1), back_up)) for _ in range(4)]

    assert [ended(child) for child in children] == [0, 0, 0, 0]
    assert backups.read_text() == "made\n"
    with database.connect() as connection:
        assert journal.first_break(journal.entries(connection)) is None
        assert differences(connection, SQLModel.metadata) == []


def test_a_new_home_can_be_opened_by_four_at_once(database):
    url = database.url.render_as_string(hide_password=False)

    children = [begin(lambda: bring_up_to_date(connect(url), pytest.fail)) for _ in range(4)]

    assert [ended(child) for child in children] == [0, 0, 0, 0]


def test_without_its_backup_a_database_is_not_changed(database):
    fill(database)

    def back_up() -> None:
        raise StorageFull("no room")

    with pytest.raises(StorageFull):
        bring_up_to_date(database, back_up)

    with database.connect() as connection:
        assert differences(connection, SCHEMA) == []


def test_the_database_of_a_newer_haulout_is_refused_and_left_alone(database):
    bring_up_to_date(database, pytest.fail)
    with database.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION} SET version_num = '0999'"))

    with pytest.raises(NewerDatabase, match=r"0999.*newer Haulout.*haulout restore"):
        bring_up_to_date(database, pytest.fail)


def test_tables_of_somebody_else_are_refused_and_left_alone(database):
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE photo (id INTEGER PRIMARY KEY, title VARCHAR)"))

    with pytest.raises(StrangeDatabase, match=r"photo name.*left as it is.*DATABASE_URL"):
        bring_up_to_date(database, pytest.fail)

    with database.connect() as connection:
        assert inspect(connection).get_table_names() == ["photo"]


def test_a_database_with_none_of_our_tables_is_refused(database):
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE recipe (id INTEGER PRIMARY KEY)"))

    with pytest.raises(StrangeDatabase, match="recipe"):
        bring_up_to_date(database, pytest.fail)


def test_an_even_older_database_gets_the_tables_and_indexes_that_grew_since(database):
    fill(database)
    with database.begin() as connection:
        connection.execute(text("DROP TABLE token"))
        connection.execute(text("DROP INDEX photo_in_order"))
        connection.execute(text("DROP INDEX consensus_disturbed"))

    bring_up_to_date(database, lambda: None)

    with database.connect() as connection:
        assert differences(connection, SQLModel.metadata) == []
        assert "consensus_disturbed" in {index["name"] for index in inspect(connection).get_indexes("consensus")}


def test_a_column_that_is_missing_makes_a_database_a_strange_one(database):
    fill(database)
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE person DROP COLUMN role"))

    with pytest.raises(StrangeDatabase, match="role"):
        bring_up_to_date(database, pytest.fail)


def test_rows_that_refer_to_nothing_stop_a_migration(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'haulout.sqlite'}")
    fill(database)
    with database.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(text("DELETE FROM photo"))
        connection.commit()
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")

    with pytest.raises(StrangeDatabase, match="tile to photo"):
        bring_up_to_date(database, lambda: None)

    with database.connect() as connection:
        assert current(connection) == ""


def test_references_are_guarded_again_after_a_migration(database):
    fill(database)
    bring_up_to_date(database, lambda: None)

    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(text("DELETE FROM photo"))


def test_a_file_that_is_no_database_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "haulout.sqlite"
    path.write_bytes(b"no database at all, " * 100)

    with pytest.raises(StrangeDatabase, match="haulout restore"):
        bring_up_to_date(connect(f"sqlite:///{path}"), pytest.fail)


def test_a_server_that_is_away_is_told_apart_from_a_broken_database(tmp_path):
    with pytest.raises(ServiceUnavailable, match="DATABASE_URL"):
        bring_up_to_date(connect(f"postgresql://haulout@/none?host={tmp_path}"), pytest.fail)


def test_the_log_of_a_migrated_database_cannot_be_changed(database):
    fill(database)
    bring_up_to_date(database, lambda: None)

    for statement in ("UPDATE log SET act = 'delete'", "DELETE FROM log"):
        with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
            connection.execute(text(statement))
