"""One pass at a time, though processes die."""

import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlmodel import select

from haulout.db import connect, create_tables, reading, writing
from haulout.lease import SILENCE, LeaseLost, LeaseTaken, Patience, lease
from haulout.tables import LeaseRow

NOON = datetime(2026, 11, 23, 12)


def noon() -> datetime:
    return NOON


@pytest.fixture
def database(services):
    return services.database


def held_by(database, holder: str, heard_at: datetime = NOON) -> None:
    with writing(database) as session:
        session.merge(LeaseRow(name="loop", holder=holder, heard_at=heard_at))


def holder(database) -> str:
    with reading(database) as session:
        return session.exec(select(LeaseRow.holder)).one()


def dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_lease_that_is_held_is_refused_to_another_and_free_afterwards(database):
    with (
        lease(database, "loop", noon),
        pytest.raises(LeaseTaken, match="haulout status"),
        lease(database, "loop", noon),
    ):
        pytest.fail("two passes at once")

    with lease(database, "loop", noon):
        assert holder(database).startswith(f"{socket.gethostname()}:{os.getpid()}:")


def test_another_lease_is_no_hindrance(database):
    with lease(database, "loop", noon), lease(database, "report", noon):
        pass


def test_a_pass_that_fails_gives_its_lease_back(database):
    with pytest.raises(ZeroDivisionError), lease(database, "loop", noon):
        raise ZeroDivisionError

    assert holder(database) == ""


def test_a_holder_of_this_machine_that_died_is_found_out_at_once(database):
    held_by(database, f"{socket.gethostname()}:{dead_process()}:abcd")

    with lease(database, "loop", noon):
        pass


def test_a_holder_of_this_machine_that_lives_is_left_alone(database):
    held_by(database, f"{socket.gethostname()}:{os.getppid()}:abcd", NOON - SILENCE)

    with pytest.raises(LeaseTaken), lease(database, "loop", noon):
        pass


def test_another_process_that_got_the_number_of_a_dead_holder_is_no_holder(database):
    held_by(database, f"{socket.gethostname()}:{os.getppid()}:abcd", NOON - SILENCE - timedelta(seconds=1))

    with lease(database, "loop", noon):
        pass


def test_a_holder_elsewhere_is_taken_for_dead_after_a_long_silence_only(database):
    held_by(database, "another-machine:7:abcd", NOON - SILENCE)
    with pytest.raises(LeaseTaken, match="another-machine:7"), lease(database, "loop", noon):
        pass

    held_by(database, "another-machine:7:abcd", NOON - SILENCE - timedelta(seconds=1))
    with lease(database, "loop", noon):
        pass


def test_a_sign_of_life_is_written_down_and_a_lost_lease_is_noticed(database):
    later = NOON + timedelta(minutes=14)
    moments = iter([NOON, later, later])
    with lease(database, "loop", lambda: next(moments)) as alive:
        alive()
        with reading(database) as session:
            assert session.get_one(LeaseRow, "loop").heard_at == later
        held_by(database, "another-machine:7:abcd")
        with pytest.raises(LeaseLost, match="took over"):
            alive()

    assert holder(database) == "another-machine:7:abcd"


def test_who_waits_gets_the_lease_once_it_is_free(database):
    held_by(database, "another-machine:7:abcd")
    slept = []

    def free_it(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            held_by(database, "")

    with lease(database, "loop", noon, Patience(tries=5, seconds=2, sleep=free_it)):
        assert slept == [2, 2, 2]


def test_patience_ends(database):
    held_by(database, "another-machine:7:abcd")
    slept = []

    with pytest.raises(LeaseTaken), lease(database, "loop", noon, Patience(3, 2, slept.append)):
        pass

    assert slept == [2, 2]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_of_many_who_ask_at_once_for_a_lease_that_never_existed_one_gets_it(kind, request, tmp_path):
    postgres = kind == "postgresql"
    url = request.getfixturevalue("new_postgres_database")() if postgres else f"sqlite:///{tmp_path / 'one.sqlite'}"
    database = connect(url)
    create_tables(database)
    start, end, told = Barrier(6, timeout=60), Barrier(6, timeout=60), []

    def ask() -> None:
        start.wait()
        try:
            with lease(database, "loop", noon):
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
