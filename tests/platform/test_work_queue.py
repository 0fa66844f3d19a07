"""The queue on a real Valkey: what waits is not queued twice, what ended may be queued again."""

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import redis

from haulout import jobs
from haulout.errors import ServiceUnavailable
from haulout.processes import valkey_program
from haulout.work_queue import NAME, WorkQueue, _CronJob, connect, was_missed


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


def test_a_worker_runs_what_waits_and_the_same_call_may_be_queued_again(queue, client, haulout, tmp_path):
    queue.wake(os.mkdir, "made")
    assert haulout("worker", "--burst").wait(60) == 0
    made = (tmp_path / "made").is_dir()
    (tmp_path / "made").rmdir()

    queue.wake(os.mkdir, "made")

    assert made
    assert queue.waiting() == 1


def test_a_call_that_failed_may_be_queued_again(queue, haulout, tmp_path):
    (tmp_path / "there").mkdir()
    queue.wake(os.mkdir, "there")
    assert haulout("worker", "--burst").wait(60) == 0
    (tmp_path / "there").rmdir()

    until(lambda: queue.wake(os.mkdir, "there") or queue.waiting() == 1, seconds=5)
    assert haulout("worker", "--burst").wait(60) == 0

    assert (tmp_path / "there").is_dir()


def test_a_call_whose_worker_was_killed_may_be_queued_again_once_that_is_found_out(queue, client, haulout):
    queue.wake(time.sleep, 600)
    worker = haulout("worker")
    until(lambda: client.zcard("rq:wip:haulout") == 1 and len(children(worker.pid)) == 1)
    for process in [worker.pid, *children(worker.pid)]:
        os.kill(process, signal.SIGKILL)
    worker.wait(30)
    a_minute_passes(client)

    assert haulout("worker", "--burst").wait(60) == 0

    until(lambda: queue.wake(time.sleep, 600) or queue.waiting() == 1, seconds=5)


def children(process: int) -> list[int]:
    """A worker does each job in a process of its own."""
    told = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True)
    return [int(number) for number in told.stdout.split()]


def a_minute_passes(client: redis.Redis) -> None:
    """Let the dead worker's last sign of life be long ago, as rq sees it."""
    for job in client.zrange("rq:wip:haulout", 0, -1):
        client.zadd("rq:wip:haulout", {job: 1})
    client.delete("rq:clean_registries:haulout", *client.keys("rq:execution:*"))


def test_calls_travel_as_json_because_reading_a_pickle_would_run_code(queue, client):
    queue.wake(os.mkdir, "made")

    (key,) = client.keys("rq:job:*")
    function, _, arguments, named = json.loads(zlib.decompress(client.hget(key, "data")))
    assert (function, arguments, named) == ("posix.mkdir", ["made"], {})


def test_a_clock_that_strikes_twice_while_the_call_waits_queues_it_once(queue, client):
    clock = _CronJob(NAME, jobs.listen, interval=60)

    first, second = clock.enqueue(client), clock.enqueue(client)

    assert first.id == second.id == "haulout-jobs-listen"
    assert queue.waiting() == 1


def test_the_scheduler_strikes_as_soon_as_it_starts(queue, haulout, client):
    scheduler = haulout("scheduler")
    try:
        until(lambda: queue.waiting() == 1)
    finally:
        scheduler.terminate()
        scheduler.wait(30)

    assert client.keys("rq:job:*") == [b"rq:job:haulout-jobs-listen"]


def test_a_queue_that_does_not_answer_is_named_with_what_to_do(free_port):
    with pytest.raises(ServiceUnavailable, match=r"does not answer.*haulout up.*REDIS_URL"):
        connect(f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.parametrize(
    ("last", "now", "missed"),
    [
        (None, datetime(2026, 11, 23, 12), False),
        (datetime(2026, 11, 16, 3), datetime(2026, 11, 23, 2, 59), False),
        (datetime(2026, 11, 16, 3), datetime(2026, 11, 23, 3), True),
        (datetime(2026, 11, 18, 9), datetime(2026, 11, 23, 12), True),
        (datetime(2026, 11, 23, 3, 1), datetime(2026, 11, 23, 12), False),
    ],
)
def test_a_run_that_fell_due_while_the_computer_was_off_is_noticed(last, now, missed):
    assert was_missed("0 3 * * 1", last, now) is missed
