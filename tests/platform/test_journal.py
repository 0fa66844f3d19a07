"""The log: what cannot be made again is written down with its change or not at all, and leads back to the rows."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel, delete, update

from haulout import journal, tables
from haulout.collect import collect
from haulout.db import connect, create_tables, writing
from haulout.dispatch import dispatch
from haulout.loop import run_week
from haulout.places import place
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import (
    AnswerRow,
    ImportedRow,
    ImportRow,
    IngestionRow,
    LogRow,
    ModelRow,
    PersonRow,
    PhotoRow,
    SiteRow,
    TaskRow,
)

AUGUST = datetime(2026, 8, 1)
BOX = (20, 50, 120, 150)

OF_PERSONS = {"account", "session", "pass", "served", "comment"}
"""What the log, which forgets nothing, must not know: it is erased with the person, or passes."""
DERIVED = {
    *("broken", "census", "condition", "consensus", "crowd", "dispute", "embedding", "event", "examined", "figure"),
    *("fsck", "job", "keypoints", "lease", "likeness", "log", "mark", "occupancy", "operation", "proposal"),
    *("quarantine", "season", "seen", "side", "sighting", "suspicion", "triage", "triaged"),
}
"""What is made anew from the rows that are kept, and what says only how far work is."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/log.sqlite"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_postgres_database")()
    engine = connect(url)
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def answered(coordinator):
    """A season in which two people answered and were settled."""
    photos = [coordinator.photo([BOX]) for _ in range(3)]
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    for name in ("anna", "boris"):
        for photo in photos:
            coordinator.draw(name, coordinator.tile(photo), BOX)
    collect(coordinator.services)
    settle(coordinator.services)
    return coordinator


def of(engine: Engine, work: Callable[[Connection], object]):
    with engine.connect() as connection:
        return work(connection)


def chain(engine: Engine) -> list[tuple[journal.Entry, str]]:
    return of(engine, lambda connection: list(journal.entries(connection)))


def person(number: int, **columns: object) -> PersonRow:
    return PersonRow(id=f"person-{number}", label_studio_user=number, joined_at=AUGUST, **columns)


def test_every_table_is_kept_in_the_log_or_can_be_made_anew_or_must_be_erasable():
    kept = {row.__tablename__ for row in journal.KEPT}

    assert not kept & (DERIVED | OF_PERSONS)
    assert kept | DERIVED | OF_PERSONS == set(SQLModel.metadata.tables)


def test_columns_that_are_said_to_pass_exist():
    for row, passing in journal.KEPT.items():
        assert passing <= set(row.__table__.columns.keys()), row


def test_the_log_leads_to_the_rows_that_are_there(answered):
    engine = answered.services.database

    state = journal.replay(entry for entry, _ in chain(engine))

    there = of(engine, journal.live)
    assert {name for name, _ in there} >= {"photo", "tile", "task", "answer", "person", "animal", "project", "batch"}
    assert journal.digest(state) == journal.digest(there)
    assert journal.first_break(chain(engine)) is None


def test_the_log_still_leads_there_after_weeks_of_the_loop(answered):
    for _ in range(2):
        run_week(answered.services)

    engine = answered.services.database
    assert journal.digest(journal.replay(e for e, _ in chain(engine))) == journal.digest(of(engine, journal.live))


def test_an_empty_database_is_filled_from_the_log(answered, tmp_path):
    state = journal.replay(entry for entry, _ in chain(answered.services.database))
    empty = connect(f"sqlite:///{tmp_path}/empty.sqlite")
    create_tables(empty)

    with empty.begin() as connection:
        journal.fill(connection, state)

    assert journal.digest(of(empty, journal.live)) == journal.digest(of(answered.services.database, journal.live))
    assert of(empty, lambda c: c.execute(text("SELECT count(*) FROM answer")).scalar_one()) == 6


@pytest.mark.parametrize("statement", ["UPDATE log SET body = '{}' WHERE seq = 1", "DELETE FROM log"])
def test_the_log_can_only_be_added_to(database, statement):
    with writing(database) as session:
        session.add(person(1))

    with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
        connection.execute(text(statement))

    assert len(chain(database)) == 1


def test_a_change_that_is_rolled_back_is_not_in_the_log(database):
    with pytest.raises(KeyError), writing(database) as session:
        session.add(person(1))
        session.flush()
        raise KeyError

    assert chain(database) == []
    with writing(database) as session:
        session.add(person(2))
    assert [entry.seq for entry, _ in chain(database)] == [1]


def test_insertions_changes_and_deletions_are_told_apart(database):
    with writing(database) as session:
        session.add(person(1))
    with writing(database) as session:
        session.get_one(PersonRow, "person-1").role = "expert"
    with writing(database) as session:
        session.delete(session.get_one(PersonRow, "person-1"))

    entries = [entry for entry, _ in chain(database)]
    assert [(entry.act, entry.key) for entry in entries] == [
        ("insert", '["person-1"]'),
        ("update", '["person-1"]'),
        ("delete", '["person-1"]'),
    ]
    assert entries[1].body == '{"role":"expert"}'
    assert journal.replay(entries) == {} == of(database, journal.live)


def test_what_passes_is_not_written_down(database):
    with writing(database) as session:
        session.add(TaskRow(question="boxes", subject="t", key="k", created_at=AUGUST))
    with writing(database) as session:
        task = session.get_one(TaskRow, 1)
        task.priority, task.pushed = 0.7, "open:1"
    with writing(database) as session:
        session.get_one(TaskRow, 1).state = "retired"

    assert [entry.body for entry, _ in chain(database)][1:] == ['{"state":"retired"}']


def test_bytes_dates_and_floats_come_back_as_they_were(database, tmp_path):
    packed = bytes(range(256))
    with writing(database) as session:
        session.add(ImportRow(id=1, source="a", kind="coco", sha256="b", at=AUGUST))
        session.add(IngestionRow(id=1, folder="C", site="Beach", started_at=AUGUST))
        photo = {"name": "n", "site": "Beach", "camera": "c", "burst": "b", "width": 1, "height": 1, "suffix": ".jpg"}
        session.flush()
        session.add(PhotoRow(id="p", ingestion=1, size_bytes=1, ingested_at=AUGUST, **photo))
        session.flush()
        session.add(ImportedRow(source=1, photo="p", packed=packed))
        session.add(SiteRow(name="Beach", latitude=69.123456789012345, longitude=-0.1, changed_at=AUGUST))
        session.add(
            ModelRow(
                version="det-0001",
                kind="detector",
                sha256="c",
                card={"a": [0.1, None, "й"]},
                created_at=AUGUST,
            )
        )
    empty = connect(f"sqlite:///{tmp_path}/empty.sqlite")
    create_tables(empty)

    with empty.begin() as connection:
        journal.fill(connection, journal.replay(entry for entry, _ in chain(database)))

    assert of(empty, journal.live) == of(database, journal.live)
    assert of(empty, lambda c: c.execute(text("SELECT packed FROM imported")).scalar_one()) == packed


@pytest.mark.parametrize("what", ["at", "of", "act", "key", "body", "hash"])
def test_an_entry_that_was_changed_by_hand_breaks_the_chain_at_its_place(database, what):
    for number in range(1, 4):
        with writing(database) as session:
            session.add(person(number))
    told = chain(database)

    entry, sealed = told[1]
    bent = (
        (entry, "0" * 64)
        if what == "hash"
        else (journal.Entry(**entry.__dict__ | {what: "2020-01-01T00:00:00"}), sealed)
    )

    assert journal.first_break([told[0], bent, told[2]]) == 2
    assert journal.first_break([told[0], told[2]]) == 2
    assert journal.first_break([told[1], told[0], told[2]]) == 1
    assert journal.first_break(told) is None
    assert journal.first_break(told[1:], before=told[0][1], last=1) is None


@pytest.mark.parametrize("statement", [delete(PersonRow), update(AnswerRow).values(seconds=0)])
def test_many_kept_rows_cannot_be_changed_past_the_log(database, statement):
    with pytest.raises(journal.NotJournaled, match="one by one"), writing(database) as session:
        session.exec(statement)


def test_a_database_older_than_its_log_is_written_down_once(database):
    with database.begin() as connection:
        connection.execute(PersonRow.__table__.insert(), [person(1).model_dump(), person(2).model_dump()])
    assert chain(database) == []

    for _ in range(2):
        with database.begin() as connection:
            journal.begin(connection)

    assert [entry.key for entry, _ in chain(database)] == ['["person-1"]', '["person-2"]']
    assert journal.replay(e for e, _ in chain(database)) == of(database, journal.live)


def test_the_coordinates_of_a_site_are_kept(database):
    with writing(database) as session:
        row = place(session, "Beach", latitude=69.5, longitude=60.25)
        row.changed_at = AUGUST
        session.add(row)

    ((_, columns),) = of(database, journal.live).items()
    assert (columns["latitude"], columns["longitude"]) == (69.5, 60.25)


def test_two_writers_at_once_make_one_chain(database):
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> None:
        for step in range(5):
            with writing(database) as session:
                session.add(person(10 * number + step))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(1, 5)))

    assert len(chain(database)) == 20
    assert journal.first_break(chain(database)) is None


def test_every_kept_row_of_the_tables_module_is_known_by_its_class():
    assert {row for row in journal.KEPT} <= {row for row in vars(tables).values() if isinstance(row, type)}
    assert inspect(LogRow).columns.keys() == ["seq", "at", "of", "act", "key", "body", "hash"]
