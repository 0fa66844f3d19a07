"""The queue: rq on Redis or Valkey wakes workers; what must last is in the database, so a lost queue costs nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from croniter import croniter
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.cron import CronJob, CronScheduler
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from haulout.errors import ServiceUnavailable

NAME = "haulout"
LONGEST_JOB_SECONDS = 6 * 3600
FAILURE_KEPT_SECONDS = 1
"""For as long rq takes a failed job for one that waits; with 0 a worker that cleans up after a dead one dies too."""


def connect(url: str) -> Redis:
    """Return a client for the URL; ServiceUnavailable when nothing answers there."""
    client = Redis.from_url(url, health_check_interval=15)
    try:
        client.ping()
    except RedisError as error:
        raise ServiceUnavailable(
            f"The queue {url} does not answer ({error}). Start it with `haulout up`, or set REDIS_URL."
        ) from error
    return client


class WorkQueue:
    """Wakes workers; a job that waits already is not queued twice."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._queue = Queue(NAME, connection=client, serializer=JSONSerializer)

    def wake(self, job: Callable[..., Any], *arguments: int | str) -> None:
        """Ask a worker to call the job with these ids; does nothing when the same call waits already."""
        name = f"{job.__module__}.{job.__name__}"
        call = _plain("-".join([name, *map(str, arguments)]))
        try:
            self._queue.enqueue_call(
                name,
                arguments,
                timeout=LONGEST_JOB_SECONDS,
                job_id=call,
                unique=True,
                result_ttl=0,
                failure_ttl=FAILURE_KEPT_SECONDS,
            )
        except DuplicateJobError:
            return

    def waiting(self) -> int:
        """Return how many jobs wait for a worker."""
        return len(self._queue)

    def work(self, *, burst: bool = False) -> None:
        """Run jobs one after the other, each in a fresh child process, until told to stop."""
        # The defaults notice a dead worker only after minutes; these find it within one.
        worker = Worker(
            [self._queue],
            connection=self._client,
            serializer=JSONSerializer,
            maintenance_interval=15,
            worker_ttl=45,
            job_monitoring_interval=5,
        )
        worker.work(burst=burst, logging_level="WARNING")

    def keep_time(self, weekly: str, run: Callable[[], Any], every_minute: Callable[[], Any]) -> None:
        """Queue `run` by the cron expression, UTC, and `every_minute` each minute, for ever; run one only."""
        clock = CronScheduler(connection=self._client, logging_level=30)
        clock._cron_jobs += [_CronJob(NAME, run, cron=weekly), _CronJob(NAME, every_minute, interval=60)]
        clock.start()  # type: ignore[no-untyped-call]


class _CronJob(CronJob):
    """rq would pickle its calls, and queue one more each minute while a long run goes on."""

    def enqueue(self, connection: Redis) -> Job:
        """Queue the call as JSON, unless it waits already."""
        queue = Queue(self.queue_name, connection=connection, serializer=JSONSerializer)
        name = self.func_name
        try:
            return queue.enqueue_call(
                name,
                timeout=LONGEST_JOB_SECONDS,
                job_id=_plain(name),
                unique=True,
                result_ttl=0,
                failure_ttl=FAILURE_KEPT_SECONDS,
            )
        except DuplicateJobError:
            return Job.fetch(_plain(name), connection=connection, serializer=JSONSerializer)


def was_missed(weekly: str, last: datetime | None, now: datetime) -> bool:
    """Say whether a run was due since the last one began: rq's clock forgets what fell due while the computer was off.

    Before the first run nothing is due: the operator begins.
    """
    return last is not None and croniter(weekly, last).get_next(datetime) <= now


def _plain(call: str) -> str:
    """Job ids hold letters, digits, dashes and underscores only."""
    return call.replace(".", "-")
