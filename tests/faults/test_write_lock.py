"""While another process writes, visitors read on; whoever wants to write waits some seconds and is then told."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from haulout.db import VISITORS_PATIENCE, connect, create_tables, reading, writing
from haulout.errors import DatabaseBusy
from haulout.tables import SpotDecisionRow, StillRow
from haulout.testing import enters
from haulout.web import create_app
from tests.platform.conftest import NOON
from tests.platform.web.test_things import form, spot  # noqa: F401

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""


@contextmanager
def held(database: Path, seconds: float) -> Iterator[None]:
    """Let another process hold the right to write for so long."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, database, str(seconds)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def services(season):
    """Return the services as `haulout serve` makes them, which wait less long than batch work."""
    database = connect(str(season.services.database.url), VISITORS_PATIENCE)
    settings = season.services.settings.model_copy(update={"secret_key": "key"})
    yield replace(season.services, database=database, settings=settings)
    database.dispose()


@pytest.fixture
def database(services) -> Path:
    return Path(services.database.url.database)


def decisions(services) -> int:
    with reading(services.database) as session:
        return len(session.exec(select(SpotDecisionRow)).all())


def test_a_lock_of_two_seconds_is_waited_for(services, database, spot):  # noqa: F811
    client = enters(create_app(services).test_client())
    told = form(client)

    with held(database, 2):
        answer = client.post(f"/things/{spot}", data=told)

    assert (answer.status_code, decisions(services)) == (303, 1)


def test_a_lock_of_ten_seconds_is_a_503_before_it_ends_and_nothing_is_stored(services, database, spot):  # noqa: F811
    client = enters(create_app(services).test_client())
    told = form(client)

    with held(database, 60):
        began = time.monotonic()
        answer = client.post(f"/things/{spot}", data=told, headers={"Accept": "text/html"})
        waited = time.monotonic() - began

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Nothing was stored" in answer.text and decisions(services) == 0
    assert waited < 30, "it is told long before the other has finished"
    assert client.post(f"/things/{spot}", data=told).status_code == 303


def test_pages_and_health_are_shown_and_the_bell_rings_while_another_writes(services, database):
    rung: list[int] = []
    client = enters(create_app(services, rung.append).test_client())
    secret = {"X-Haulout-Secret": services.settings.webhook_secret}

    with held(database, 60):
        for path in ("/", "/photos", "/watch", "/metrics", "/readyz", "/healthz"):
            assert client.get(path).status_code == 200
        bell = client.post("/webhook/label-studio", json={"project": {"id": 12}}, headers=secret)

    assert (bell.status_code, rung) == (202, [12])


def test_batch_work_waits_longer_and_says_what_was_in_its_way(tmp_path):
    path = tmp_path / "season.sqlite"
    engine = connect(f"sqlite:///{path}", patience=0.2)
    create_tables(engine)

    with held(path, 60), pytest.raises(DatabaseBusy, match="another process has been writing") as caught:
        with writing(engine):
            pass

    assert caught.value.exit_code == 3
    engine.dispose()


@pytest.mark.postgres
def test_on_postgres_a_row_that_another_writes_is_waited_for_no_longer_than_that(new_postgres_database):
    url = new_postgres_database()
    first, second = connect(url), connect(url, patience=0.3)
    create_tables(first)
    row = StillRow(site="Beach", camera="CAM1", at=NOON, by="a", said_at=NOON)
    with writing(first) as session:
        session.add(row)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with first.begin() as connection:
            connection.exec_driver_sql("UPDATE still SET by = 'b'")
            locked.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(30)
        with pytest.raises(DatabaseBusy), second.begin() as connection:
            connection.exec_driver_sql("UPDATE still SET by = 'c'")
    finally:
        done.set()
        holder.join()
