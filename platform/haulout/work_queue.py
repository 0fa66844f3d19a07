"""The queue: rq on Redis or Valkey wakes workers; what must last is in the database, so a lost queue costs nothing."""

import secrets
import time
from collections.abc import Callable, Collection
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from haulout.errors import ServiceUnavailable
from haulout.workers import HauloutWorker, work_until_told

NAME = "haulout"
JOBS = ("haulout.jobs",)
LONGEST_JOB_SECONDS = 6 * 3600
FAILURE_KEPT_SECONDS = 1
"""With 0 a worker that cleans up after a dead one dies too."""


def client_of(url: str) -> Redis:
    """Return a client for the URL; nothing is opened yet, and what does not answer is not waited for."""
    return Redis.from_url(url, health_check_interval=15, socket_connect_timeout=5)


def connect(url: str) -> Redis:
    """Return a client for the URL; ServiceUnavailable when nothing answers there."""
    client = client_of(url)
    try:
        client.ping()
    except RedisError as error:
        raise _unavailable(url, error) from error
    return client


class WorkQueue:
    """Wakes workers; a call that waits already is not queued twice."""

    def __init__(self, client: Redis, modules: Collection[str] = JOBS) -> None:
        """`modules` are those whose functions its workers call."""
        self._client, self._modules = client, frozenset(modules)
        self._queue = Queue(NAME, connection=client, serializer=JSONSerializer)

    def wake(self, job: Callable[..., Any], *arguments: int | str) -> None:
        """Ask a worker to call the job with these ids; does nothing when the same call waits already.

        What was given to a worker does not wait: whether that worker lives is not for the queue to know.
        ServiceUnavailable when the queue does not answer.
        """
        name = f"{job.__module__}.{job.__name__}"
        call = _plain("-".join([name, *map(str, arguments)]))
        try:
            if call not in {waiting.rpartition("-")[0] for waiting in self._queue.get_job_ids()}:
                self._queue.enqueue_call(
                    name,
                    arguments,
                    timeout=LONGEST_JOB_SECONDS,
                    job_id=f"{call}-{secrets.token_hex(4)}",
                    result_ttl=0,
                    failure_ttl=FAILURE_KEPT_SECONDS,
                )
        except RedisError as error:
            raise _unavailable("of workers", error) from error

    def answers(self) -> bool:
        """Say whether the queue's server answers."""
        try:
            return bool(self._client.ping())
        except RedisError:
            return False

    def waiting(self) -> int:
        """Return how many jobs wait for a worker."""
        return len(self._queue)

    def work(self, *, burst: bool = False) -> None:
        """Run jobs one after the other, each in a fresh child process, until told to stop."""
        if burst:
            self._worker().work(burst=True, logging_level="WARNING")
        else:
            work_until_told(self._worker, time.sleep)

    def _worker(self) -> HauloutWorker:
        # The defaults notice a dead worker only after minutes; these find it within one.
        worker = HauloutWorker(
            [self._queue],
            connection=self._client,
            serializer=JSONSerializer,
            maintenance_interval=15,
            worker_ttl=45,
            job_monitoring_interval=2,
        )
        worker.modules = self._modules
        return worker


def _unavailable(url: str, error: RedisError) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"The queue {url} does not answer ({error}). Start it with `haulout up`, or set REDIS_URL."
    )


def _plain(call: str) -> str:
    """Job ids hold letters, digits, dashes and underscores only."""
    return call.replace(".", "-")
