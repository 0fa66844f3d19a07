"""One pass at a time, though processes die; who lost the lease can write nothing."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Event, Thread

import psutil
import pytest
from sqlalchemy import text
from sqlmodel import select

from haulout.db import connect, create_tables, reading, writing
from haulout.errors import DatabaseBusy, LeaseLost, LeaseTaken
from haulout.holders import SILENCE, is_dead, this_process
from haulout.journal import database_time
from haulout.lease import BEAT, Patience, kept_alive, lease
from haulout.tables import LeaseRow, SiteRow

NOON = datetime(2026, 11, 23, 12)
ELSEWHERE = "another-machine:7:123:abcd"
both_databases = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])


@pytest.fixture
def database(services):
    return services.database


@pytest.fixture
def shared(request, tmp_path) -> Callable[[str], str]:
    """Return a function that makes a database which several connections can use."""

    def make(kind: str) -> str:
        postgres = kind == "postgresql"
        url = request.getfixturevalue("new_postgres_database")() if postgres else f"sqlite:///{tmp_path / 'one.sqlite'}"
        create_tables(connect(url))
        return url

    return make


def held_by(database, holder: str, silent: timedelta = timedelta(0)) -> None:
    with writing(database) as session:
        heard_at = database_time(session.connection()) - silent
        session.merge(LeaseRow(name="loop", holder=holder, fence=1, heard_at=heard_at))


def row(database) -> LeaseRow:
    with reading(database) as session:
        return session.exec(select(LeaseRow)).one()


def a_process() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])


def named(process: int) -> str:
    """Name another process of this machine as a holder."""
    with open(f"/proc/{process}/stat") as told:
        birth = told.read().rpartition(")")[2].split()[19]
    return f"{socket.gethostname()}:{process}:{birth}:abcd"


def test_a_lease_that_is_held_is_refused_to_another_and_free_afterwards(database):
    with lease(database, "loop"), pytest.raises(LeaseTaken, match="haulout status"), lease(database, "loop"):
        pytest.fail("two passes at once")

    with lease(database, "loop"):
        assert row(database).holder.startswith(f"{socket.gethostname()}:{os.getpid()}:")


def test_another_lease_is_no_hindrance(database):
    with lease(database, "loop"), lease(database, "report"):
        pass


def test_a_pass_that_fails_gives_its_lease_back(database):
    with pytest.raises(ZeroDivisionError), lease(database, "loop"):
        raise ZeroDivisionError

    assert row(database).holder == ""


def test_each_taking_has_a_higher_number(database):
    numbers = []
    for _ in range(3):
        with lease(database, "loop"):
            numbers.append(row(database).fence)

    assert numbers == [1, 2, 3]


def test_a_holder_of_this_machine_that_died_is_found_out_at_once(database):
    process = a_process()
    held_by(database, named(process.pid))
    with pytest.raises(LeaseTaken), lease(database, "loop"):
        pass
    process.kill()  # and not waited for: a zombie is dead too

    with psutil.Process(process.pid).oneshot():
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    with lease(database, "loop"):
        pass
    process.wait()


def test_a_holder_of_this_machine_that_lives_is_left_alone_however_the_clock_jumps(database):
    held_by(database, named(os.getppid()), timedelta(days=1))

    with pytest.raises(LeaseTaken), lease(database, "loop"):
        pass


def test_a_holder_of_this_machine_that_was_stopped_is_taken_for_dead_after_a_long_silence_only():
    process = a_process()
    process.send_signal(signal.SIGSTOP)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)

    dead = [is_dead(named(process.pid), silent) for silent in (SILENCE, SILENCE + timedelta(seconds=1))]

    process.kill()
    process.wait()
    assert dead == [False, True]


def test_another_process_that_got_the_number_of_a_dead_holder_is_no_holder(database):
    host, number, birth, word = named(os.getppid()).split(":")
    held_by(database, f"{host}:{number}:{int(birth) - 1}:{word}")

    with lease(database, "loop"):
        pass


def test_a_process_names_itself_as_it_is_found():
    assert this_process().rpartition(":")[0] == named(os.getpid()).rpartition(":")[0]
    assert not is_dead(this_process(), timedelta(days=1))


def test_a_holder_that_lives_is_never_silent_for_so_long_that_it_seems_dead():
    assert timedelta(seconds=3 * BEAT) < SILENCE


def test_a_holder_elsewhere_is_taken_for_dead_after_a_long_silence_only(database):
    held_by(database, ELSEWHERE, SILENCE - timedelta(seconds=5))
    with pytest.raises(LeaseTaken, match="another-machine:7"), lease(database, "loop"):
        pass

    held_by(database, ELSEWHERE, SILENCE + timedelta(seconds=1))
    with lease(database, "loop"):
        pass


@both_databases
def test_a_holder_gives_signs_of_life_while_it_writes_nothing(kind, shared):
    database = connect(shared(kind))

    with lease(database, "loop") as held, kept_alive(held, every=0.05):
        first = row(database).heard_at
        until(lambda: row(database).heard_at > first)
    last = row(database).heard_at
    Event().wait(0.3)

    assert row(database).heard_at == last


@both_databases
def test_who_lost_the_lease_writes_nothing_more_and_does_not_give_back_what_is_anothers(kind, shared):
    database = connect(shared(kind))
    with pytest.raises(LeaseLost, match="took over lease loop"), lease(database, "loop") as held:
        with writing(held) as session:
            session.add(SiteRow(name="before", changed_at=NOON))
        held_by(database, ELSEWHERE)
        with writing(held) as session:
            session.add(SiteRow(name="after", changed_at=NOON))

    with reading(database) as session:
        assert session.exec(select(SiteRow.name)).all() == ["before"]
    assert row(database).holder == ELSEWHERE


def test_a_lease_that_is_lost_in_the_middle_of_a_transaction_undoes_it(database):
    """On SQLite and PostgreSQL nobody can take it then; should anybody manage all the same, nothing is stored."""
    with pytest.raises(LeaseLost), lease(database, "loop") as held, writing(held) as session:
        session.add(SiteRow(name="after", changed_at=NOON))
        session.connection().execute(text("UPDATE lease SET fence = fence + 1"))

    with reading(database) as session:
        assert session.exec(select(SiteRow)).all() == []


@both_databases
def test_nobody_can_take_over_in_the_middle_of_a_transaction(kind, shared):
    url = shared(kind)
    database, impatient = connect(url), connect(url, patience=0.2)

    with lease(database, "loop") as held, writing(held) as session:
        session.add(SiteRow(name="whole", changed_at=NOON))
        with pytest.raises((DatabaseBusy, LeaseTaken)), lease(impatient, "loop"):
            pass

    with reading(database) as session:
        assert session.exec(select(SiteRow.name)).all() == ["whole"]


def test_what_is_written_besides_asks_for_no_lease(database):
    with lease(database, "loop") as held:
        held_by(database, ELSEWHERE)
        with writing(database) as session:
            session.add(SiteRow(name="besides", changed_at=NOON))
        with pytest.raises(LeaseLost), writing(held):
            pass


def test_who_waits_gets_the_lease_once_it_is_free(database):
    held_by(database, ELSEWHERE)
    slept = []

    def free_it(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            held_by(database, "")

    with lease(database, "loop", Patience(tries=5, seconds=2, sleep=free_it)):
        assert slept == [2, 2, 2]


def test_patience_ends(database):
    held_by(database, ELSEWHERE)
    slept = []

    with pytest.raises(LeaseTaken), lease(database, "loop", Patience(3, 2, slept.append)):
        pass

    assert slept == [2, 2]


@both_databases
def test_of_many_who_ask_at_once_for_a_lease_that_never_existed_one_gets_it(kind, shared):
    database = connect(shared(kind))
    start, end, told = Barrier(6, timeout=60), Barrier(6, timeout=60), []

    def ask() -> None:
        start.wait()
        try:
            with lease(database, "loop"):
                told.append("held")
                end.wait()
        except LeaseTaken:
            told.append("taken")
            end.wait()

    askers = [Thread(target=ask) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    database.dispose()

    assert sorted(told) == ["held", *["taken"] * 5]


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        Event().wait(0.01)
    pytest.fail("waited in vain")
