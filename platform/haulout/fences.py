"""What a process must still hold whenever it writes; who was taken for dead and comes back can write nothing.

Every taking of a lease or a job has a number that grows. The number goes with the engine, and each transaction asks
for it when it begins and when it ends, so there is no moment in which two holders write.
"""

from dataclasses import dataclass

from sqlalchemy import Engine, Table, inspect, update
from sqlmodel import Session

from haulout.errors import LeaseLost
from haulout.journal import database_time
from haulout.tables import JobRow, LeaseRow

OPTION = "haulout_fences"


@dataclass(frozen=True)
class Fence:
    """One taking of a lease or a job."""

    table: type[LeaseRow] | type[JobRow]
    key: str | int
    holder: str
    number: int


def fenced(database: Engine, fence: Fence) -> Engine:
    """Return the same database for whoever holds this as well, besides what it held before."""
    return database.execution_options(**{OPTION: (*_fences(database), fence)})


def unfenced(database: Engine) -> Engine:
    """Return the same database for what must be written whether anything is held or not."""
    return database.execution_options(**{OPTION: ()})


def stand(session: Session, database: Engine) -> None:
    """Give a sign of life for all that is held; LeaseLost when any of it was taken over.

    The rows are locked until the transaction ends, so nobody can take them over in the middle of it.
    """
    fences = _fences(database)
    now = database_time(session.connection()) if fences else None
    for fence in fences:
        table: Table = inspect(fence.table).local_table
        (key,) = table.primary_key
        mine = (key == fence.key, table.c.holder == fence.holder, table.c.fence == fence.number)
        if not session.connection().execute(update(table).where(*mine).values(heard_at=now)).rowcount:
            raise LeaseLost(
                f"Another process took over {fence.table.__tablename__} {fence.key}, so this one stops and writes "
                "nothing more; see `haulout status`."
            )


def _fences(database: Engine) -> tuple[Fence, ...]:
    held: tuple[Fence, ...] = database.get_execution_options().get(OPTION, ())
    return held
