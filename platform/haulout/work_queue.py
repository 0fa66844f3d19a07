"""The queue: rq on Redis or Valkey wakes workers; what must last is in the database, so a lost queue costs nothing."""

from collections.abc import Callable
from typing import Any

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
        call = "-".join([job.__name__, *map(str, arguments)])
        try:
            self._queue.enqueue_call(job, arguments, timeout=LONGEST_JOB_SECONDS, job_id=call, unique=True, result_ttl=0)
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
        """Queue `run` by the cron expression and `every_minute` each minute, for ever; run one of these only."""
        clock = _Clock(connection=self._client, logging_level=30)
        clock.register(run, NAME, cron=weekly, job_timeout=LONGEST_JOB_SECONDS)
        clock.register(every_minute, NAME, interval=60, job_timeout=LONGEST_JOB_SECONDS)
        clock.start()


class _Clock(CronScheduler):  # type: ignore[misc]
    """rq's scheduler, whose own jobs would be pickled and pile up while a long run goes on."""

    def register(self, func: Callable[[], Any], queue_name: str, **options: Any) -> CronJob:
        """Register the function; while one call of it waits no second one is queued."""
        job = _JsonCronJob(queue_name, func, **options)
        self._cron_jobs.append(job)
        return job


class _JsonCronJob(CronJob):  # type: ignore[misc]
    def enqueue(self, connection: Redis) -> Job | None:
        """Queue the call, unless it waits already."""
        queue = Queue(self.queue_name, connection=connection, serializer=JSONSerializer)
        try:
            return queue.enqueue_call(self.func, timeout=LONGEST_JOB_SECONDS, job_id=self.func.__name__, unique=True, result_ttl=0)
        except DuplicateJobError:
            return None
