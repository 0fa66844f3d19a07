"""What is to be done, once for each cause, whoever dies meanwhile: the queue only wakes who does it.

A job is wanted, taken with a number that grows, and done. `look_after` finds who died, within a minute, and wants the
job again, three times at most; who comes back from the dead has an old number and can write nothing.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from croniter import croniter
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, and_, col, select
from sqlmodel.sql.expression import SelectOfScalar

from haulout.db import reading, writing
from haulout.errors import LeaseLost, LeaseTaken, ServiceUnavailable, StorageFull
from haulout.fences import Fence, fenced, unfenced
from haulout.holders import SILENCE, is_dead, this_process, where
from haulout.journal import database_time
from haulout.lease import kept_alive
from haulout.stopping import Terminated
from haulout.tables import JobRow, RunRow

MOST_ATTEMPTS = 3
PASSING = (ServiceUnavailable, StorageFull)
"""What may be over when it is tried again after a pause: a service may be restarting, somebody may make room."""
PAUSE = timedelta(minutes=10)
LATE = timedelta(minutes=5)
"""A job that is wanted for longer waits for a worker that is not there, or for one that is busy."""
LONGEST_MESSAGE = 500
UNFINISHED = ("wanted", "running")
Done = TypeVar("Done")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taken:
    """One attempt at a job: its number and holder, which whoever writes must still have."""

    job: int
    kind: str
    fence: int
    holder: str


def want(database: Engine, kind: str, cause: str) -> bool:
    """Write down that something is to be done; False when the same cause has asked for it before."""
    try:
        with writing(database) as session:
            if session.exec(_of(kind).where(JobRow.cause == cause)).first():
                return False
            now = database_time(session.connection())
            session.add(JobRow(kind=kind, cause=cause, heard_at=now, created_at=now))
    except IntegrityError:  # another scheduler was quicker
        return False
    return True


def want_when_due(database: Engine, kind: str, cron: str, last: datetime | None) -> bool:
    """Want what fell due by the cron expression, UTC, since it was done last, also while the computer was off.

    Before the first time nothing is due: the operator begins. What is under way or waits is not wanted once more.
    """
    with reading(database) as session:
        now = database_time(session.connection())
        under_way = session.exec(_of(kind).where(col(JobRow.state).in_(UNFINISHED))).first()
    due = croniter(cron, now + timedelta(seconds=1)).get_prev(datetime)
    if last is None or under_way or due <= last <= now:  # a later one than now tells of a clock that was wrong
        return False
    return want(database, kind, due.isoformat())


def begin(database: Engine, kind: str, cause: str) -> Taken:
    """Write down what somebody does here and now, so that another does it if this process dies."""
    holder = this_process()
    with writing(database) as session:
        now = database_time(session.connection())
        row = JobRow(kind=kind, cause=cause, heard_at=now, created_at=now)
        return _held(session, row, holder, now)


def take(database: Engine, job: int, fence: int) -> Taken | None:
    """Take a job that was wanted under this number; None when another has it, or did it."""
    holder = this_process()
    with writing(database) as session:
        wanted = select(JobRow).where(JobRow.id == job, JobRow.state == "wanted", JobRow.fence == fence)
        row = session.exec(wanted.with_for_update()).first()
        return _held(session, row, holder, database_time(session.connection())) if row else None


def perform(database: Engine, taken: Taken, work: Callable[[Engine], Done], *, attended: bool = False) -> Done:
    """Do a job that was taken, through an engine that writes only while it is ours, and write down how it ended.

    What was stopped from outside, finds another at work, or meets what may pass, is wanted again; the last two not when
    somebody sits before it and is told.
    """
    held = fenced(database, Fence(JobRow, taken.job, taken.holder, taken.fence))
    try:
        with kept_alive(held):
            done = work(held)
    except (Terminated, LeaseLost) as stopped:
        _end(database, taken, "wanted", f"{stopped}; goes on by itself")
        raise
    except BaseException as error:
        message = str(error) or f"stopped by {type(error).__name__}"
        if isinstance(error, PASSING) and not attended:
            _try_later(database, taken, message)
        else:
            again = isinstance(error, LeaseTaken) and not attended
            _end(database, taken, "wanted" if again else "failed", message)
        raise
    _end(database, taken, "done", "")
    return done


def of_run(held: Session, taken: Taken, run: int) -> None:
    """Note which run an attempt has begun, so that the pages tell of it and a finished one is not done again."""
    row = held.get_one(JobRow, taken.job)
    row.run = run
    held.add(row)


def look_after(database: Engine, silence: timedelta = SILENCE) -> Sequence[tuple[int, int]]:
    """Want again what its holder died over; return job and number of all that is wanted, oldest first."""
    with writing(database) as session:
        now = database_time(session.connection())
        # What another transaction has locked is being written by its holder, who is thus alive.
        running = select(JobRow).where(JobRow.state == "running").with_for_update(skip_locked=True)
        for row in session.exec(running).all():
            if is_dead(row.holder, now - row.heard_at, silence):
                _take_back(session, row, now)
        session.flush()
        wanted = session.exec(_all().where(JobRow.state == "wanted")).all()
        # Who waits for longer than a pause waits for a clock that was put back.
        return [(row.id or 0, row.fence) for row in wanted if not now < row.heard_at <= now + PAUSE]


def late(session: Session) -> Sequence[JobRow]:
    """Return what has been wanted for long and nobody does."""
    since = database_time(session.connection()) - LATE
    return session.exec(_all().where(JobRow.state == "wanted", col(JobRow.heard_at) < since)).all()


def tried_again(session: Session) -> Sequence[JobRow]:
    """Return what was interrupted and is wanted again, or is being done again."""
    waits = and_(JobRow.state == "wanted", col(JobRow.attempts) > 0)
    return session.exec(_all().where(waits | and_(JobRow.state == "running", col(JobRow.attempts) > 1))).all()


def failed(session: Session) -> Sequence[JobRow]:
    """Return of each kind the newest job when it has failed: a later one that was done heals it."""
    newest: dict[str, JobRow] = {row.kind: row for row in session.exec(_all()) if row.state in ("done", "failed")}
    return [row for row in newest.values() if row.state == "failed"]


def attempt_at(session: Session, run: RunRow | None) -> JobRow | None:
    """Return the job of a run while it is not over: what was interrupted is then tried again by itself."""
    if run is None:
        return None
    return session.exec(_all().where(JobRow.run == run.id, col(JobRow.state).in_(UNFINISHED))).first()


def _all() -> SelectOfScalar[JobRow]:
    return select(JobRow).order_by(col(JobRow.id))


def _of(kind: str) -> SelectOfScalar[JobRow]:
    return select(JobRow).where(JobRow.kind == kind)


def _held(session: Session, row: JobRow, holder: str, now: datetime) -> Taken:
    row.state, row.holder, row.heard_at, row.ended_at = "running", holder, now, None
    row.attempts, row.fence, row.message = row.attempts + 1, row.fence + 1, ""
    session.add(row)
    session.flush()
    return Taken(row.id or 0, row.kind, row.fence, holder)


def _take_back(session: Session, row: JobRow, now: datetime) -> None:
    run = session.get(RunRow, row.run) if row.run else None
    if run is not None and run.state == "done":  # killed between its last two commits
        row.state, row.message, row.ended_at = "done", "", now
    elif row.attempts >= MOST_ATTEMPTS:
        row.state, row.ended_at = "failed", now
        row.message = f"interrupted {row.attempts} times, the last time at {where(row.holder)}; not tried again"
    else:
        row.state, row.heard_at = "wanted", now
        row.message = f"interrupted; tried again ({row.attempts + 1}/{MOST_ATTEMPTS})"
    if run is not None and run.state == "running":
        run.state, run.finished_at, run.message = "interrupted", now, row.message
        session.add(run)
    log.warning("job %d (%s) of %s: %s", row.id, row.kind, row.holder, row.message or row.state)
    row.holder = ""
    session.add(row)


def _end(database: Engine, taken: Taken, state: str, message: str) -> None:
    """Write down how an attempt ended, if it is still ours; LeaseLost when it is not."""
    with writing(unfenced(database)) as session:
        row, now = _ours(session, taken), database_time(session.connection())
        row.state, row.holder, row.message = state, "", message[:LONGEST_MESSAGE]
        row.attempts -= state == "wanted"  # it did not fail: somebody stopped it, or another was at work
        row.ended_at, row.heard_at = None if state == "wanted" else now, now
        session.add(row)


def _try_later(database: Engine, taken: Taken, message: str) -> None:
    with writing(unfenced(database)) as session:
        row, now = _ours(session, taken), database_time(session.connection())
        over = row.attempts >= MOST_ATTEMPTS
        row.state, row.holder, row.message = "failed" if over else "wanted", "", message[:LONGEST_MESSAGE]
        row.ended_at, row.heard_at = now if over else None, now if over else now + PAUSE
        session.add(row)


def _ours(session: Session, taken: Taken) -> JobRow:
    mine = (JobRow.id == taken.job, JobRow.holder == taken.holder, JobRow.fence == taken.fence)
    row = session.exec(select(JobRow).where(*mine).with_for_update()).first()
    if row is None:
        raise LeaseLost(f"Another process took over job {taken.job}, so what this one did of it does not count.")
    return row
