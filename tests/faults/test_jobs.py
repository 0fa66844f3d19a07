"""Jobs on the real queue while processes are killed, stopped and ended, and while the queue loses its memory.

Repetitions of each are few; HAULOUT_FAULTS_LONG=1 makes them many.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from haulout import ledger
from haulout.config import Settings
from haulout.db import connect, create_tables, reading
from haulout.jobs import look
from haulout.processes import valkey_program
from haulout.tables import JobRow, RunRow
from haulout.work_queue import WorkQueue, client_of

LONG = bool(os.environ.get("HAULOUT_FAULTS_LONG"))
HERE = Path(__file__).parent
POINTS = ("spawned", "taken", "looked", "before the commit", "after the commit", "before done", "after done")
"""Where a process of `small_jobs.py` can be killed."""
STEPS = 4
DEADLINE = 60
"""Seconds; no test waits for time, but each gives up."""


@dataclass
class Queue:
    """A Valkey that can be killed, and that comes back having forgotten everything."""

    port: int
    folder: Path
    server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [*valkey_program(self.folder, self.port).command, "--appendonly", "no"]
        self.server = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        until(self.answers)

    def answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(redis.Redis.from_url(self.url).ping())
        return False

    def forget(self) -> None:
        redis.Redis.from_url(self.url).flushall()

    def kill(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()


@dataclass
class Nursery:
    """A process that has everything loaded and forks the others, see `small_jobs.py`."""

    program: subprocess.Popen[str]

    def bring_forth(self, environment: dict[str, str]) -> psutil.Process:
        self.program.stdin.write(json.dumps(environment) + "\n")
        self.program.stdin.flush()
        return psutil.Process(int(self.program.stdout.readline()))


@dataclass
class Station:
    """A database, a queue, and the processes of a test."""

    url: str
    queue: Queue
    folder: Path
    nursery: Nursery
    processes: list[psutil.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = connect(self.url)
        create_tables(self.database)
        with self.database.begin() as connection:
            connection.execute(text("DROP TABLE IF EXISTS mark"))
            connection.execute(text("CREATE TABLE mark (job integer, step integer)"))
            connection.execute(text("DELETE FROM job"))

    def start(self, role: str) -> psutil.Process:
        environment = {
            "ROLE": role,
            "DATABASE_URL": self.url,
            "REDIS_URL": self.queue.url,
            "SMALL_JOBS_FOLDER": str(self.folder),
            "SMALL_JOBS_STEPS": str(STEPS),
        }
        self.processes.append(self.nursery.bring_forth(environment))
        return self.processes[-1]

    def want(self, *kinds: str) -> None:
        for number, kind in enumerate(kinds):
            ledger.want(self.database, kind, f"cause {number} of {time.monotonic_ns()}")

    def jobs(self) -> list[JobRow]:
        with reading(self.database) as session:
            return list(session.exec(select(JobRow).order_by(JobRow.id)))

    def all_done(self) -> bool:
        return {job.state for job in self.jobs()} == {"done"}

    def marks(self) -> list[tuple[int, int]]:
        with self.database.connect() as connection:
            return [tuple(row) for row in connection.execute(text("SELECT job, step FROM mark ORDER BY job, step"))]

    def whole(self) -> list[tuple[int, int]]:
        """Return the marks of jobs that are done exactly once."""
        return [(job.id or 0, step) for job in self.jobs() for step in range(STEPS)]

    def begun(self) -> list[tuple[int, int, int]]:
        """Return job, number and process of each attempt."""
        file = self.folder / "begun"
        return [tuple(map(int, line.split())) for line in file.read_text().splitlines()] if file.exists() else []

    def child_at(self, attempts: int) -> psutil.Process:
        """Wait until so many attempts were begun; return the process of the last."""
        until(lambda: len(self.begun()) >= attempts)
        return psutil.Process(self.begun()[attempts - 1][2])

    def stop(self) -> None:
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                family = [process, *process.children(recursive=True)]
                for one in family:
                    one.kill()
                psutil.wait_procs(family)
        self.database.dispose()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    paths = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, str(HERE / "small_jobs.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, **pipes) as program:
        yield Nursery(program)


@pytest.fixture(scope="module")
def queue(tmp_path_factory, free_port) -> Iterator[Queue]:
    queue = Queue(free_port(), tmp_path_factory.mktemp("valkey"))
    queue.start()
    yield queue
    queue.kill()


@pytest.fixture(scope="module")
def postgres(new_postgres_database) -> str:
    return new_postgres_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def station(request, queue, nursery, tmp_path) -> Iterator[Station]:
    queue.forget()
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres") if postgres else f"sqlite:///{tmp_path / 'season.sqlite'}"
    station = Station(url, queue, tmp_path, nursery)
    yield station
    station.stop()


only_sqlite = pytest.mark.parametrize("station", ["sqlite"], indirect=True)
sqlite_if_short = pytest.mark.parametrize("station", ["sqlite", *["postgresql"] * LONG], indirect=True)


def until(true: Callable[[], Any], seconds: float = DEADLINE, told: Callable[[], object] = lambda: "") -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited in vain; {told()}"
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_that_is_killed_at_any_point_is_found_and_its_job_is_done_exactly_once(station):
    station.want(*[f"{point}:0.01" for point in POINTS] * (10 if LONG else 1))
    for what in ("worker", "scheduler"):
        station.start(what)

    until(station.all_done, DEADLINE * (10 if LONG else 1))

    assert station.marks() == station.whole()
    died = len(list(station.folder.glob("died-*")))
    assert died == len(station.jobs())
    begun_twice = {"taken", "looked", "before the commit", "after the commit", "before done"}
    for job in station.jobs():
        assert job.attempts == 1 + (job.kind.split(":")[0] in begun_twice)


@sqlite_if_short
def test_a_job_that_kills_its_child_every_time_fails_after_three_attempts(station):
    station.want("spawned:60")
    station.start("worker")
    station.start("scheduler")
    for attempt in (1, 2, 3):
        station.child_at(attempt).kill()

    until(lambda: station.jobs()[0].state == "failed")

    assert "interrupted 3 times" in station.jobs()[0].message
    assert len(station.begun()) == 3


@sqlite_if_short
def test_an_orphan_dies_with_its_worker_and_another_worker_does_the_job_once(station):
    station.want("none:0.3")
    workers = [station.start("worker") for _ in range(2)]
    station.start("scheduler")
    child = station.child_at(1)
    (parent,) = [worker for worker in workers if worker.pid == child.ppid()]

    parent.kill()

    until(lambda: gone(child), seconds=10)
    until(station.all_done, told=station.jobs)
    assert station.marks() == station.whole()
    assert [fence for _, fence, _ in station.begun()] == [1, 2]


def test_who_was_stopped_for_longer_than_the_silence_comes_back_and_can_write_nothing(station):
    station.want("none:0.3")
    for what in ("worker", "worker", "scheduler"):
        station.start(what)
    zombie = station.child_at(1)
    zombie.suspend()
    until(lambda: len(station.begun()) == 2)
    zombie.resume()

    until(station.all_done, told=station.jobs)
    until(lambda: gone(zombie))

    assert station.marks() == station.whole()
    assert station.jobs()[0].attempts == 2
    log = (station.folder / "worker.log").read_text()
    assert "LeaseLost" in log and "took over job" in log


@sqlite_if_short
@pytest.mark.parametrize("rounds", [5 if LONG else 1])
def test_a_queue_that_forgets_everything_or_is_killed_costs_nothing(station, rounds):
    rng = random.Random(8)
    for what in ("worker", "worker", "scheduler"):
        station.start(what)
    for _ in range(rounds):
        station.want(*["none:0.02"] * 20)
        before = len(station.begun())
        until(lambda: len(station.begun()) >= before + 3)  # noqa: B023
        station.queue.forget()
        until(lambda: len(station.begun()) >= before + 6)  # noqa: B023
        station.queue.kill()
        time.sleep(rng.uniform(0.5, 3))
        station.queue.start()
        until(station.all_done, told=station.jobs)

    assert len(station.jobs()) == 20 * rounds
    assert station.marks() == station.whole()
    assert not any(map(gone, station.processes))


@only_sqlite
def test_worker_and_scheduler_wait_for_a_queue_that_is_not_there_yet(station):
    station.queue.kill()
    station.want("none:0.01")
    for what in ("worker", "scheduler"):
        station.start(what)
    time.sleep(3)
    dead = [gone(process) for process in station.processes]

    station.queue.start()

    until(station.all_done, told=station.jobs)
    assert dead == [False, False]


@sqlite_if_short
def test_of_many_schedulers_some_of_them_stopped_and_continued_one_wants_the_run(station):
    rng = random.Random(8)
    schedulers = [station.start("monday") for _ in range(4)]
    station.start("scheduler")
    until(lambda: len(station.jobs()) == 1)
    for _ in range(100 if LONG else 10):
        one = rng.choice(schedulers)
        one.suspend()
        time.sleep(rng.uniform(0, 0.2))
        one.resume()
    for what in ("scheduler", "worker"):
        station.start(what)

    until(lambda: "done" in {job.state for job in station.jobs()})
    time.sleep(1)

    assert not any(map(gone, schedulers))
    assert len(station.jobs()) == 1
    assert station.marks() == station.whole()


@sqlite_if_short
@pytest.mark.parametrize("second", [False, True], ids=["TERM", "TERM twice"])
def test_a_worker_that_is_told_to_stop_ends_within_20_seconds_and_the_job_is_done_later(station, second):
    rng = random.Random(8)
    station.start("scheduler")
    rounds = 20 if LONG else 3
    station.want(*["none:0.1"] * rounds * 2)
    for _ in range(rounds):
        worker = station.start("worker")
        before = len(station.begun())
        until(lambda: len(station.begun()) > before)  # noqa: B023
        time.sleep(rng.uniform(0, 0.5))
        told = time.monotonic()
        worker.terminate()
        if second:
            time.sleep(rng.uniform(0, 1.5))
            with suppress(psutil.NoSuchProcess):
                worker.terminate()
        worker.wait(20)
        assert time.monotonic() - told < 20

    station.start("worker")
    until(station.all_done, told=station.jobs)

    assert station.marks() == station.whole()
    # Told between being taken and beginning, or silent for a second on a busy computer, a job is begun once more.
    assert {job.attempts for job in station.jobs()} <= {1, 2} or second


@only_sqlite
def test_a_long_job_is_put_back_at_once_when_its_worker_is_told_to_stop(station):
    station.want("none:600")
    station.start("scheduler")
    worker = station.start("worker")
    child = station.child_at(1)

    worker.terminate()
    worker.wait(20)

    (job,) = station.jobs()
    assert (job.state, job.attempts, job.message) == ("wanted", 0, "stopped from outside; goes on by itself")
    assert gone(child)


@only_sqlite
def test_a_job_that_does_not_listen_is_killed_with_its_worker_in_time(station):
    station.want("stubborn:600")
    station.start("scheduler")
    worker = station.start("worker")
    child = station.child_at(1)

    worker.terminate()
    worker.wait(20)

    until(lambda: gone(child), seconds=2)
    until(lambda: station.jobs()[0].state == "wanted")


@dataclass
class Desk:
    """Where somebody types `haulout run`, with a Label Studio that takes calls and says nothing."""

    home: Path
    environment: dict[str, str]

    def command(self, *words: str, **changed: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "haulout", *words]
        return subprocess.Popen(line, cwd=self.home, env=self.environment | changed)

    def rows(self, table: type) -> list[Any]:
        if not (self.home / "haulout.sqlite").exists():
            return []
        with suppress(OperationalError), reading(connect(f"sqlite:///{self.home / 'haulout.sqlite'}")) as session:
            return list(session.exec(select(table)))
        return []


@pytest.fixture
def desk(queue, tmp_path) -> Iterator[Desk]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield Desk(
            tmp_path,
            {
                **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
                "HAULOUT_HOME": str(tmp_path),
                "HAULOUT_STARTER": "none",
                "LABEL_STUDIO_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
                "REDIS_URL": queue.url,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
        )


@pytest.mark.parametrize(
    ("wish", "state"),
    [(signal.SIGKILL, "running"), *[(signal.SIGTERM, "wanted"), (signal.SIGINT, "failed")] * LONG],
)
def test_a_run_by_hand_that_is_ended_goes_on_by_itself_unless_a_person_ended_it(desk, queue, free_port, wish, state):
    by_hand = desk.command("run")
    until(lambda: [run.stage for run in desk.rows(RunRow)] == ["dispatch"])
    by_hand.send_signal(wish)
    by_hand.wait(20)
    before = [job.state for job in desk.rows(JobRow)]

    settings = Settings(home=desk.home)
    look(settings, connect(settings.database), WorkQueue(client_of(queue.url)))
    (run,) = desk.rows(RunRow)
    gone_port = f"http://127.0.0.1:{free_port()}"
    assert desk.command("worker", "--burst", LABEL_STUDIO_URL=gone_port).wait(DEADLINE) == 0

    assert before == [state]
    assert run.state == "interrupted"
    again = {"running": 2, "wanted": 1}.get(state)
    (job,) = desk.rows(JobRow)
    assert (job.state, job.attempts) == (("wanted", again) if again else ("failed", 1))
    if state == "running":
        assert run.message == "interrupted; tried again (2/3)"
    if again:
        assert "does not answer" in job.message
        assert [one.state for one in desk.rows(RunRow)] == ["interrupted", "failed"]
