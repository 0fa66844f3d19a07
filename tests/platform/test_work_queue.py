"""The queue on a real Valkey: what waits is not queued twice, what ended may be queued again."""

import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator

import psutil
import pytest
import redis
import rq

from haulout.errors import ServiceUnavailable
from haulout.processes import valkey_program
from haulout.work_queue import WorkQueue, client_of, connect


@pytest.fixture(scope="module")
def valkey(tmp_path_factory, free_port) -> Iterator[str]:
    port, folder = free_port(), tmp_path_factory.mktemp("valkey")
    with subprocess.Popen(valkey_program(folder, port).command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        url = f"redis://127.0.0.1:{port}/0"
        until(lambda: answers(url))
        yield url
        server.terminate()


@pytest.fixture
def client(valkey) -> redis.Redis:
    client = connect(valkey)
    client.flushall()
    return client


@pytest.fixture
def queue(client) -> WorkQueue:
    return WorkQueue(client)


@pytest.fixture
def haulout(valkey, tmp_path) -> Callable[..., subprocess.Popen]:
    """Return a function that starts a command of haulout on this queue, in a folder of the test."""
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "REDIS_URL": valkey, "HAULOUT_HOME": str(tmp_path), "PYTHONPATH": paths}

    def start(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-m", "haulout", *arguments], cwd=tmp_path, env=environment)

    return start


WORKS = (
    "import os, sys; from haulout.work_queue import WorkQueue, client_of; "
    "WorkQueue(client_of(os.environ['REDIS_URL']), {'posix', 'time'}).work(burst='--burst' in sys.argv)"
)


@pytest.fixture
def worker(valkey, tmp_path) -> Callable[..., subprocess.Popen]:
    """Return a function that starts a worker which may also make folders and sleep."""
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "REDIS_URL": valkey, "PYTHONPATH": paths}

    def start(*arguments: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", WORKS, *arguments], cwd=tmp_path, env=environment)

    return start


def answers(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.RedisError:
        return False


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_call_that_waits_already_is_not_queued_again_and_another_one_is(queue):
    for _ in range(3):
        queue.wake(os.mkdir, "one")
    queue.wake(os.mkdir, "two")

    assert queue.waiting() == 2


def test_a_worker_runs_what_waits_and_the_same_call_may_be_queued_again(queue, client, worker, tmp_path):
    queue.wake(os.mkdir, "made")
    assert worker("--burst").wait(60) == 0
    made = (tmp_path / "made").is_dir()
    (tmp_path / "made").rmdir()

    queue.wake(os.mkdir, "made")

    assert made
    assert queue.waiting() == 1


def test_a_worker_does_nothing_but_haulouts_own_jobs(queue, client, haulout, tmp_path):
    queue.wake(os.mkdir, "made")
    rq.Queue("haulout", connection=client, serializer=rq.serializers.JSONSerializer).enqueue(
        "haulout.jobs.listen", on_success=rq.Callback("posix.getcwd"), on_failure=rq.Callback("posix.abort")
    )

    assert haulout("worker", "--burst").wait(60) == 0

    assert queue.waiting() == 0 and client.keys("rq:job:*") == []
    assert not (tmp_path / "made").exists()


def test_a_call_that_failed_may_be_queued_again(queue, worker, tmp_path):
    (tmp_path / "there").mkdir()
    queue.wake(os.mkdir, "there")
    assert worker("--burst").wait(60) == 0
    (tmp_path / "there").rmdir()

    until(lambda: queue.wake(os.mkdir, "there") or queue.waiting() == 1, seconds=5)
    assert worker("--burst").wait(60) == 0

    assert (tmp_path / "there").is_dir()


def test_a_call_whose_worker_was_killed_may_be_queued_again_at_once(queue, client, worker):
    queue.wake(time.sleep, 600)
    working = worker()
    until(lambda: client.zcard("rq:wip:haulout") == 1 and len(children(working.pid)) == 1)
    working.kill()
    working.wait(30)

    queue.wake(time.sleep, 600)

    assert queue.waiting() == 1


def test_a_child_ends_when_its_worker_is_killed(queue, client, worker):
    queue.wake(time.sleep, 600)
    working = worker()
    until(lambda: client.zcard("rq:wip:haulout") == 1 and len(children(working.pid)) == 1)
    (child,) = children(working.pid)

    working.kill()
    working.wait(30)

    until(lambda: not psutil.pid_exists(child), seconds=10)


def children(process: int) -> list[int]:
    """A worker does each job in a process of its own."""
    return [child.pid for child in psutil.Process(process).children()]


def test_calls_travel_as_json_because_reading_a_pickle_would_run_code(queue, client):
    queue.wake(os.mkdir, "made")

    (key,) = client.keys("rq:job:*")
    function, _, arguments, named = json.loads(zlib.decompress(client.hget(key, "data")))
    assert (function, arguments, named) == ("posix.mkdir", ["made"], {})


def test_the_scheduler_strikes_as_soon_as_it_starts(queue, haulout, client):
    scheduler = haulout("scheduler")
    try:
        until(lambda: queue.waiting() == 2)
    finally:
        scheduler.terminate()
        scheduler.wait(30)

    woken = {key.rpartition(b"-")[0] for key in client.keys("rq:job:*")}
    assert woken == {b"rq:job:haulout-jobs-listen", b"rq:job:haulout-jobs-keep_up"}


def test_a_queue_that_does_not_answer_is_named_with_what_to_do(free_port):
    with pytest.raises(ServiceUnavailable, match=r"does not answer.*haulout up.*REDIS_URL"):
        connect(f"redis://127.0.0.1:{free_port()}/0")


def test_waking_while_the_queue_is_away_says_so(free_port):
    queue = WorkQueue(client_of(f"redis://127.0.0.1:{free_port()}/0"))

    with pytest.raises(ServiceUnavailable, match=r"does not answer.*haulout up"):
        queue.wake(os.mkdir, "one")
