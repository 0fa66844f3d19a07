"""Small jobs to be killed at: each leaves some marks, one after the other, looking first what is there.

As a program it forks those who want, take and do them, for a process of its own takes seconds to load everything: a
line of JSON with the environment brings forth a worker, a scheduler or somebody who wants a job each Monday, and is
answered with the number of the new process.
"""

import json
import os
import signal
import sys
import time
import traceback
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from haulout import ledger
from haulout.db import connect, reading, writing
from haulout.errors import HauloutError
from haulout.ledger import Taken
from haulout.stopping import stop_when_told
from haulout.work_queue import WorkQueue, client_of

LOOK_EVERY = 0.3


def do(job: int, fence: int) -> None:
    """As `haulout.jobs.do`, with a place to die before and after everything."""
    database = connect(os.environ["DATABASE_URL"])
    _may_die(job, "spawned", _kind(database, job))
    taken = ledger.take(database, job, fence)
    if taken is None:
        return
    ledger.perform(database, taken, lambda held: _leave_marks(held, taken))
    _may_die(job, "after done", taken.kind)


def _leave_marks(held: Engine, taken: Taken) -> None:
    with Path(os.environ["SMALL_JOBS_FOLDER"], "begun").open("a") as begun:
        begun.write(f"{taken.job} {taken.fence} {os.getpid()}\n")
    point, seconds = taken.kind.split(":")
    _may_die(taken.job, "taken", point)
    for step in range(int(os.environ["SMALL_JOBS_STEPS"])):
        if step in _marks(held, taken.job):
            continue
        _work(point, float(seconds))
        middle = point if step == 2 else ""
        _may_die(taken.job, "looked", middle)
        with writing(held) as session:
            mark = text("INSERT INTO mark (job, step) VALUES (:job, :step)")
            session.connection().execute(mark, {"job": taken.job, "step": step})
            _may_die(taken.job, "before the commit", middle)
        _may_die(taken.job, "after the commit", middle)
    _may_die(taken.job, "before done", point)


def _work(point: str, seconds: float) -> None:
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        if point != "stubborn":
            raise
        time.sleep(600)


def _marks(database: Engine, job: int) -> set[int]:
    with reading(database) as session:
        return set(session.connection().execute(text("SELECT step FROM mark WHERE job = :job"), {"job": job}).scalars())


def _kind(database: Engine, job: int) -> str:
    with reading(database) as session:
        return str(session.connection().execute(text("SELECT kind FROM job WHERE id = :job"), {"job": job}).scalar())


def _may_die(job: int, here: str, kind: str) -> None:
    """Die here, the first time, if the kind of the job says so; after a colon it says how long a step takes."""
    if kind.split(":")[0] != here:
        return
    try:
        Path(os.environ["SMALL_JOBS_FOLDER"], f"died-{job}").touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def schedule() -> None:
    database, queue = connect(os.environ["DATABASE_URL"]), WorkQueue(client_of(os.environ["REDIS_URL"]))
    while True:
        try:
            for job, fence in ledger.look_after(database, silence=timedelta(seconds=1)):
                queue.wake(do, job, fence)
        except (HauloutError, SQLAlchemyError) as error:
            sys.stderr.write(f"{error}\n")
        time.sleep(LOOK_EVERY)


def monday() -> None:
    database = connect(os.environ["DATABASE_URL"])
    while True:
        ledger.want_when_due(database, "none:0.05", "0 3 * * 1", datetime(2020, 1, 1))
        time.sleep(0.01)


def work() -> None:
    WorkQueue(client_of(os.environ["REDIS_URL"]), {"small_jobs"}).work()


ROLES = {"worker": work, "scheduler": schedule, "monday": monday}


def bring_forth(environment: dict[str, str]) -> int:
    """Fork a process that plays the role which its environment names."""
    process = os.fork()
    if process:
        return process
    os.environ.update(environment)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stop_when_told()
    log = os.open(Path(environment["SMALL_JOBS_FOLDER"]) / f"{environment['ROLE']}.log", os.O_CREAT | os.O_APPEND | 1)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        ROLES[environment["ROLE"]]()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.modules["small_jobs"] = sys.modules["__main__"]  # rq shall find it loaded
    do.__module__ = "small_jobs"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for the dead
    for line in sys.stdin:
        sys.stdout.write(f"{bring_forth(json.loads(line))}\n")
        sys.stdout.flush()
