"""When the scheduler wakes whom, and that nothing stops it."""

from datetime import timedelta

import pytest
from sqlmodel import select

from haulout import jobs, ledger
from haulout.db import reading, writing
from haulout.errors import ServiceUnavailable
from haulout.journal import database_time
from haulout.status import season_status
from haulout.tables import JobRow, RunRow


class Enough(Exception):
    """The scheduler has gone on for long enough."""


class Bell:
    """A queue that only notes who was woken, and does not answer the first times."""

    def __init__(self, away: int = 0) -> None:
        self.woken: list[tuple] = []
        self.away = away

    def wake(self, job, *arguments: int) -> None:
        if self.away:
            self.away -= 1
            raise ServiceUnavailable("the queue does not answer")
        self.woken.append((job, *arguments))


def rounds(number: int):
    """Return a sleep that ends the scheduler's loop after so many rounds."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == number:
            raise Enough

    return sleep


@pytest.fixture
def keep_time(services):
    def keep(bell: Bell, number: int) -> None:
        with pytest.raises(Enough):
            jobs.keep_time(services.settings, lambda: services.database, bell, rounds(number))

    return keep


def ran(services, ago: timedelta) -> None:
    with writing(services.database) as session:
        began = database_time(session.connection()) - ago
        session.add(RunRow(started_at=began, heard_at=began, state="done"))


def causes(services) -> list[str]:
    with reading(services.database) as session:
        return list(session.exec(select(JobRow.cause)))


def test_answers_are_listened_for_each_minute_and_no_run_is_due_before_the_first(services, keep_time):
    bell = Bell()

    keep_time(bell, 5)

    assert bell.woken == [(jobs.listen,), (jobs.keep_up,)] * 2
    assert {job: jobs.LOOK_EVERY * every for job, every in jobs.REGULAR.items()} == {jobs.listen: 60, jobs.keep_up: 60}


def test_a_run_that_fell_due_while_the_computer_was_off_is_wanted_once_and_woken_until_somebody_takes_it(
    services, keep_time
):
    ran(services, timedelta(days=8))
    bell = Bell()

    keep_time(bell, 2)
    ledger.take(services.database, 1, 0)
    keep_time(bell, 2)

    assert len(causes(services)) == 1
    assert [call for call in bell.woken if call[0] is jobs.do] == [(jobs.do, 1, 0)] * 2


def test_a_run_of_this_week_is_enough(services, keep_time):
    ran(services, timedelta(0))

    keep_time(Bell(), 1)

    assert causes(services) == []


def test_a_scheduler_goes_on_while_the_queue_does_not_answer(services, keep_time):
    ran(services, timedelta(days=8))
    bell = Bell(away=3)

    keep_time(bell, 5)

    assert (jobs.do, 1, 0) in bell.woken


def test_status_tells_of_what_is_tried_again_late_and_failed(services):
    for kind in ("run", "again", "broken"):
        ledger.want(services.database, kind, "monday")
    with writing(services.database) as session:
        session.get_one(JobRow, 1).heard_at -= timedelta(hours=1)
        again, broken = session.get_one(JobRow, 2), session.get_one(JobRow, 3)
        again.attempts, again.message = 1, "interrupted; tried again (2/3)"
        broken.state, broken.message = "failed", "the cable"

    told = dict(season_status(services.database, services.settings))

    assert told["job 1"].startswith("run, waits for a worker since 20")
    assert told["job 2"] == "again, wanted, begun 1 times of at most 3. interrupted; tried again (2/3)"
    assert told["job 3"] == "broken, failed: the cable"
