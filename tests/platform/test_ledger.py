"""The ledger: what is wanted is done once, whoever dies meanwhile."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import text
from sqlmodel import select

from haulout import ledger
from haulout.db import connect, create_tables, reading, writing
from haulout.errors import LeaseLost, LeaseTaken, ServiceUnavailable, StorageFull
from haulout.holders import SILENCE
from haulout.journal import database_time
from haulout.ledger import begin, look_after, perform, take, want, want_when_due
from haulout.stopping import Terminated
from haulout.tables import JobRow, RunRow, SiteRow

NOON = datetime(2026, 11, 23, 12)
ELSEWHERE = "another-machine:7:123:abcd"
MINUTELY = "* * * * *"


@pytest.fixture(scope="module")
def postgres(new_postgres_database):
    engine = connect(new_postgres_database())
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["memory", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path):
    if request.param == "postgresql":
        engine = request.getfixturevalue("postgres")
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE job, run, site RESTART IDENTITY CASCADE"))
        return engine
    engine = connect("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'one.sqlite'}")
    create_tables(engine)
    return engine


def jobs(database) -> list[JobRow]:
    with reading(database) as session:
        return list(session.exec(select(JobRow).order_by(JobRow.id)))


def states(database) -> list[tuple[str, int]]:
    return [(row.state, row.attempts) for row in jobs(database)]


def change(database, **columns: object) -> None:
    """Change the first job."""
    with writing(database) as session:
        row = session.get_one(JobRow, 1)
        for name, value in columns.items():
            setattr(row, name, value)
        session.add(row)


def dies(database, silent: timedelta = SILENCE + timedelta(seconds=1)) -> None:
    """Let the holder of the first job be another machine, of which nobody has heard for long."""
    with reading(database) as session:
        now = database_time(session.connection())
    change(database, holder=ELSEWHERE, heard_at=now - silent)


def taken_once(database):
    want(database, "run", "monday")
    return take(database, 1, 0)


def note(database, name: str = "effect") -> None:
    with writing(database) as session:
        session.add(SiteRow(name=name, changed_at=NOON))


def effects(database) -> list[str]:
    with reading(database) as session:
        return list(session.exec(select(SiteRow.name)))


def raising(error: BaseException) -> Callable[[object], None]:
    def work(_held: object) -> None:
        raise error

    return work


def test_the_same_cause_wants_a_job_once(database):
    told = [want(database, "run", cause) for cause in ("monday", "monday", "tuesday")]

    assert told == [True, False, True]
    assert [row.cause for row in jobs(database)] == ["monday", "tuesday"]


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_of_many_schedulers_at_once_one_wants_and_of_many_workers_one_takes(database):
    start, told = Barrier(6, timeout=60), []

    def ask() -> None:
        start.wait()
        wanted = want(database, "run", "monday")
        start.wait()
        (job,) = jobs(database)  # not always number 1: PostgreSQL gives numbers also to those who were too late
        start.wait()
        told.append((wanted, take(database, job.id, 0) is not None))

    askers = [Thread(target=ask) for _ in range(6)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)

    assert [sum(column) for column in zip(*told, strict=True)] == [1, 1]
    assert len(told) == 6
    assert states(database) == [("running", 1)]


def test_what_is_done_is_done_and_cannot_be_taken_again(database):
    taken = taken_once(database)

    answer = perform(database, taken, lambda held: note(held) or "an answer")

    assert answer == "an answer"
    assert effects(database) == ["effect"]
    assert (states(database), look_after(database)) == ([("done", 1)], [])
    assert [take(database, 1, fence) for fence in (0, 1)] == [None, None]


def test_what_is_wanted_is_named_for_the_workers_and_what_is_being_done_is_not(database):
    for cause in ("monday", "tuesday"):
        want(database, "run", cause)
    first = look_after(database)
    take(database, 1, 0)

    assert first == [(1, 0), (2, 0)]
    assert look_after(database) == [(2, 0)]


def test_what_its_holder_died_over_is_wanted_again_and_done_by_another(database):
    first = taken_once(database)
    dies(database)

    wanted = look_after(database)
    second = take(database, *wanted[0])

    assert wanted == [(1, 1)]
    assert (second.fence, first.fence) == (2, 1)
    perform(database, second, note)
    assert states(database) == [("done", 2)]


def test_a_holder_that_was_heard_of_lately_is_left_alone(database):
    taken_once(database)
    dies(database, silent=SILENCE - timedelta(seconds=5))

    assert look_after(database) == []
    assert states(database) == [("running", 1)]


def test_a_wake_up_from_before_the_job_was_taken_back_does_nothing(database):
    taken_once(database)
    dies(database)
    look_after(database)

    assert take(database, 1, 0) is None


def test_who_comes_back_from_the_dead_can_write_nothing_and_does_not_end_the_job(database):
    first = taken_once(database)
    dies(database)
    second = take(database, *look_after(database)[0])

    with pytest.raises(LeaseLost, match="took over job 1"):
        perform(database, first, lambda held: note(held, "zombie"))
    with pytest.raises(LeaseLost, match="does not count"):
        perform(database, first, lambda _: None)

    perform(database, second, note)
    assert effects(database) == ["effect"]
    assert states(database) == [("done", 2)]


def test_three_attempts_are_enough(database):
    taken_once(database)
    told = []
    for _ in range(3):
        dies(database)
        wanted = look_after(database)
        told.append(jobs(database)[0].message)
        if wanted:
            take(database, *wanted[0])

    assert told[:2] == ["interrupted; tried again (2/3)", "interrupted; tried again (3/3)"]
    assert "3 times" in told[2] and "another-machine:7" in told[2]
    assert states(database) == [("failed", 3)]


@pytest.mark.parametrize("error", [Terminated("stopped from outside"), LeaseTaken("another pass"), LeaseLost("gone")])
def test_what_was_stopped_or_found_another_at_work_is_wanted_again_and_that_is_no_attempt(database, error):
    taken = taken_once(database)

    with pytest.raises(type(error)):
        perform(database, taken, raising(error))

    assert states(database) == [("wanted", 0)]
    assert str(error) in jobs(database)[0].message
    assert look_after(database) == [(1, 1)]


@pytest.mark.parametrize("error", [ZeroDivisionError("the cable"), KeyboardInterrupt()])
def test_what_fails_or_a_person_breaks_off_is_not_tried_again_and_says_why(database, error):
    taken = taken_once(database)

    with pytest.raises(type(error)):
        perform(database, taken, raising(error))

    assert states(database) == [("failed", 1)]
    assert jobs(database)[0].message == (str(error) or "stopped by KeyboardInterrupt")
    assert look_after(database) == []


def test_a_service_that_does_not_answer_is_waited_for_three_times(database):
    want(database, "run", "monday")
    seen = []
    for fence in range(3):
        with pytest.raises(ServiceUnavailable):
            perform(database, take(database, 1, fence), raising(ServiceUnavailable("nobody answers")))
        seen.append((states(database)[0], look_after(database)))
        change(database, heard_at=NOON)

    assert seen == [(("wanted", 1), []), (("wanted", 2), []), (("failed", 3), [])]
    assert jobs(database)[0].message == "nobody answers"


@pytest.mark.parametrize("error", [ServiceUnavailable("nobody answers"), StorageFull("no room")])
@pytest.mark.parametrize("clock", [-ledger.PAUSE, timedelta(hours=3)], ids=["later", "the clock was put back"])
def test_what_met_something_that_may_pass_is_wanted_again_after_a_pause(database, error, clock):
    taken = taken_once(database)
    with pytest.raises(type(error)):
        perform(database, taken, raising(error))
    before = look_after(database)
    change(database, heard_at=jobs(database)[0].heard_at + clock)

    assert (before, look_after(database)) == ([], [(1, 1)])


@pytest.mark.parametrize("error", [LeaseTaken("another pass"), ServiceUnavailable("nobody answers")])
def test_who_sits_before_it_is_told_that_another_is_at_work_and_nothing_runs_later_unasked(database, error):
    taken = begin(database, "run", "operator:1")

    with pytest.raises(type(error)):
        perform(database, taken, raising(error), attended=True)

    assert states(database) == [("failed", 1)]


def test_what_somebody_does_by_hand_nobody_else_takes_unless_that_process_dies(database):
    begin(database, "run", "operator:1")
    before = look_after(database)
    dies(database)

    assert (before, look_after(database)) == ([], [(1, 1)])


def a_run(database, state: str) -> None:
    with writing(database) as session:
        session.add(RunRow(id=1, started_at=NOON, heard_at=NOON, state=state, stage="propose"))
        session.flush()
        session.get_one(JobRow, 1).run = 1


def test_the_run_that_was_interrupted_says_that_it_is_tried_again(database):
    taken_once(database)
    a_run(database, "running")
    dies(database)

    look_after(database)

    with reading(database) as session:
        run = session.get_one(RunRow, 1)
        trying = ledger.attempt_at(session, run)
    assert (run.state, run.message) == ("interrupted", "interrupted; tried again (2/3)")
    assert run.finished_at is not None
    assert (trying.id, trying.state) == (1, "wanted")


def test_a_job_whose_holder_died_after_its_run_was_done_is_done(database):
    taken_once(database)
    a_run(database, "done")
    dies(database)

    assert look_after(database) == []
    assert states(database) == [("done", 1)]


def test_the_attempt_notes_its_run(database):
    taken = taken_once(database)
    with writing(database) as session:
        session.add(RunRow(id=7, started_at=NOON, heard_at=NOON))
        session.flush()
        ledger.of_run(session, taken, 7)

    assert jobs(database)[0].run == 7


def due(database, last: datetime | None, cron: str = MINUTELY) -> bool:
    return want_when_due(database, "run", cron, last)


def test_before_the_operator_began_nothing_is_due(database):
    assert not due(database, None)
    assert jobs(database) == []


def test_what_fell_due_since_the_last_time_is_wanted_once_also_after_years(database):
    assert [due(database, NOON - timedelta(days=900)) for _ in range(3)] == [True, False, False]
    (job,) = jobs(database)
    with reading(database) as session:
        age = database_time(session.connection()) - datetime.fromisoformat(job.cause)
    assert timedelta(0) <= age < timedelta(minutes=2)


def test_what_was_done_since_it_fell_due_is_not_wanted(database):
    with reading(database) as session:
        now = database_time(session.connection())
    yearly_in_half_a_year = f"0 3 1 {(now.month + 5) % 12 + 1} *"

    assert not due(database, now - timedelta(minutes=1), yearly_in_half_a_year)
    assert due(database, now - timedelta(days=366), yearly_in_half_a_year)


def test_a_last_time_in_the_future_tells_of_a_wrong_clock_and_stops_nothing(database):
    with reading(database) as session:
        now = database_time(session.connection())

    assert due(database, now + timedelta(days=3000))


@pytest.mark.parametrize(("state", "wanted"), [("wanted", False), ("running", False), ("done", True), ("failed", True)])
def test_what_is_under_way_is_not_wanted_once_more(database, state, wanted):
    taken_once(database)
    change(database, state=state)

    assert due(database, NOON) is wanted


def test_the_watch_sees_what_is_late_what_is_tried_again_and_what_failed(database):
    for cause in ("monday", "tuesday", "wednesday"):
        want(database, "run", cause)
    with reading(database) as session:
        now = database_time(session.connection())
    change(database, heard_at=now - ledger.LATE - timedelta(seconds=1), attempts=1)
    with pytest.raises(ZeroDivisionError):
        perform(database, take(database, 3, 0), raising(ZeroDivisionError("the cable")))

    with reading(database) as session:
        seen = [[row.id for row in look(session)] for look in (ledger.late, ledger.tried_again, ledger.failed)]
        trying = ledger.attempt_at(session, None)

    assert seen == [[1], [1], [3]]
    assert trying is None


def test_a_failure_is_healed_by_a_later_job_of_its_kind(database):
    for job, kind in enumerate(("run", "backup", "run"), 1):
        want(database, kind, f"{job}")
        with pytest.raises(ZeroDivisionError):
            perform(database, take(database, job, 0), raising(ZeroDivisionError("the cable")))
    want(database, "run", "4")
    perform(database, take(database, 4, 0), lambda _: None)

    with reading(database) as session:
        assert [row.kind for row in ledger.failed(session)] == ["backup"]
