"""What workers do, and when: jobs of the ledger, done once for each cause, and what may be done at any time.

Nothing heavy is imported here: rq forks for each job.
"""

import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from haulout import ledger, logs
from haulout.bootstrap import build_from
from haulout.config import Settings
from haulout.errors import HauloutError, LeaseTaken
from haulout.ledger import Taken
from haulout.services import Services, Tell
from haulout.status import last_run_began
from haulout.work_queue import WorkQueue

LOOK_EVERY = 15
"""Seconds after which the scheduler looks at the ledger; a worker that died is noticed within a minute."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """A kind of job: what is done, when it is due by itself, and when it was done last."""

    work: Callable[[Services, Taken], object]
    cron: Callable[[Settings], str]
    last: Callable[[Engine], datetime | None]


def _run_week(services: Services, taken: Taken) -> int:
    from haulout.loop import run_week

    return run_week(services, taken=taken)


RUN = "run"
KINDS: Mapping[str, Kind] = {RUN: Kind(_run_week, lambda settings: settings.weekly, last_run_began)}


def do(job: int, fence: int) -> None:
    """Do a job of the ledger that was wanted under this number, unless another does it or did it."""
    services = build_from(os.environ)
    taken = ledger.take(services.database, job, fence)
    if taken is None:
        log.info("job %d is another's by now", job)
        return
    work = KINDS[taken.kind].work
    with logs.about(job=job, kind=taken.kind):
        try:
            ledger.perform(services.database, taken, lambda held: work(replace(services, database=held), taken))
        except LeaseTaken as other:
            log.warning("job %d waits: %s", job, other)
        else:
            log.info("job %d (%s) is done", job, taken.kind)


def run_here(services: Services, tell: Tell) -> int:
    """Pass once through the loop in this process, before somebody's eyes; if it dies, a worker goes on."""
    from haulout.loop import run_week

    taken = ledger.begin(services.database, RUN, f"operator:{secrets.token_hex(8)}")
    return ledger.perform(
        services.database, taken, lambda held: run_week(replace(services, database=held), tell, taken), attended=True
    )


def listen() -> None:
    """Take in new answers; does nothing while a run is going on, which takes them in itself."""
    from haulout.collect import is_quiet

    services = build_from(os.environ)
    if is_quiet(services):
        return
    from haulout.loop import listen as take_in  # loads torch, for seconds: not every minute for nothing

    try:
        log.info("%d new answers", take_in(services))
    except LeaseTaken:
        log.info("a run is going on; it will read the answers")


def keep_up() -> None:
    """Copy the log out, and back up and check everything when that is due."""
    from haulout import upkeep

    upkeep.keep_up(build_from(os.environ))


REGULAR: Mapping[Callable[[], None], int] = {listen: 4, keep_up: 4}
"""What may be done at any time and finds out itself what there is to do, and every how many looks it is woken."""


def keep_time(
    settings: Settings, connected: Callable[[], Engine], queue: WorkQueue, sleep: Callable[[float], None]
) -> NoReturn:
    """Look at the ledger for ever, and wake workers; any number of schedulers may, and the queue may be away."""
    looks = 0
    while True:
        try:
            look(settings, connected(), queue)
            for job, every in REGULAR.items():
                if looks % every == 0:
                    queue.wake(job)
        except (HauloutError, SQLAlchemyError) as error:
            log.warning("the scheduler could not do its round and tries again: %s", error)
        looks += 1
        sleep(LOOK_EVERY)


def look(settings: Settings, database: Engine, queue: WorkQueue, wake: Callable[[int, int], Any] = do) -> None:
    """Want what is due, want again what somebody died over, and wake a worker for all that is wanted."""
    for name, kind in KINDS.items():
        ledger.want_when_due(database, name, kind.cron(settings), kind.last(database))
    for job, fence in ledger.look_after(database):
        queue.wake(wake, job, fence)
