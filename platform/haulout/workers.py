"""rq's worker, made to end when it is told to and to outlive its queue: each job runs in a child that dies with it."""

import logging
import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from types import FrameType
from typing import Any, ClassVar

from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import StopRequested

from haulout.stopping import die_with, stop_when_told

GRACE = 12.0
"""Seconds that a job has for putting itself in order once it is told to stop; looked at every few seconds."""
LONGEST_WAIT = 5.0
"""Seconds between two attempts to reach a queue that does not answer."""
CALLBACKS = ("success", "failure", "stopped")
"""When rq calls another function that the job names."""
STOPS = {signal.SIGTERM, signal.SIGINT}
log = logging.getLogger(__name__)


def work_until_told(make: Callable[[], "HauloutWorker"], sleep: Callable[[float], None]) -> None:
    """Do jobs until SIGTERM or Ctrl-C; rq's worker gives up when the queue goes away, and is then made anew."""
    with suppress(StopRequested):  # raised where it waits for a queue that does not answer
        while HauloutWorker.told_to_stop is None:
            try:
                make().work(logging_level="WARNING")
            except RedisError as error:
                log.warning("the queue does not answer, the worker waits for it: %s", error)
            if HauloutWorker.told_to_stop is None:
                sleep(LONGEST_WAIT)


class HauloutWorker(Worker):
    """Tells the child that does a job to stop when it is told so itself; no child outlives it."""

    max_connection_wait_time = LONGEST_WAIT
    modules: Collection[str] = ()
    """The modules whose functions a job may call: who can write to the queue shall not be able to do anything else."""
    told_to_stop: ClassVar[float | None] = None
    """When this process was told so, by the monotonic clock."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Pass the wish on, also while the queue does not answer."""
        HauloutWorker.told_to_stop = time.monotonic()
        with suppress(RedisError):
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        self._stop_requested = True

    def execute_job(self, job: Any, queue: Any) -> None:
        """Do what a job names, unless it is nothing of ours: such a job is thrown away."""
        calls = (job.func_name, *filter(None, (getattr(job, f"_{when}_callback_name", None) for when in CALLBACKS)))
        if all(str(call).rpartition(".")[0] in self.modules for call in calls):
            super().execute_job(job, queue)
            return
        log.error("a job in the queue names %s, which is none of ours, and is thrown away", ", ".join(map(str, calls)))
        job.delete()

    def handle_warm_shutdown_request(self) -> None:
        """Let the child put itself in order; what it did not finish is wanted again."""
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def maintain_heartbeats(self, job: Any) -> None:
        """Called every few seconds while the child works: it works on when the queue is away, but not for ever."""
        with suppress(RedisError):
            super().maintain_heartbeats(job)
        if self.told_to_stop is not None and time.monotonic() - self.told_to_stop > GRACE:
            self.kill_horse()

    def set_current_job_working_time(self, *arguments: Any, **named: Any) -> None:
        """Note how long the job takes, if the queue is there."""
        with suppress(RedisError):
            super().set_current_job_working_time(*arguments, **named)

    def fork_work_horse(self, job: Any, queue: Any) -> None:
        """Hold signals back until the child has handlers of its own, or it would take itself for the worker."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            super().fork_work_horse(job, queue)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    def setup_work_horse_signals(self) -> None:
        """Called in the child: Ctrl-C is for the worker, which then sends SIGTERM."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop_when_told()
        die_with(self.pid or 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
