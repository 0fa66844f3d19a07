"""When so much vanished from Label Studio at once that it may be a mistake: nothing is forgotten until a person says.

While a hold is open nobody is asked anything new and nothing is trained; answers are still taken in.
"""

from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.tables import HoldRow

MANY, SHARE, FEW = 50, 0.01, 10
"""More than `MANY` answers missing at once, or `SHARE` of all once that is `FEW`, are no slip of one hand."""

HELD = (
    "Many answers vanished from Label Studio at once, so nobody is asked and nothing is trained until you say what "
    "that means: `haulout undelete` puts them back, `haulout accept-deletion` lets them go."
)


class NothingHeld(HauloutError):
    """No deletion waits for a decision."""


def is_mass(missing: int, stored: int) -> bool:
    """Say whether so many of the stored answers are missing that a person must say what that means."""
    return missing > MANY or (missing >= FEW and missing > SHARE * stored)


def open_holds(session: Session) -> list[HoldRow]:
    """Return what waits for a decision, oldest first."""
    return list(session.exec(select(HoldRow).where(HoldRow.state == "open").order_by(col(HoldRow.id))))


def is_held(database: Engine) -> bool:
    """Say whether anything waits for a decision."""
    with reading(database) as session:
        return bool(open_holds(session))


def open_hold(session: Session, question: str) -> HoldRow | None:
    """Return the hold on this question's project, None when nothing waits."""
    return session.exec(select(HoldRow).where(HoldRow.state == "open", HoldRow.question == question)).first()


def note_missing(session: Session, question: str, tasks: int, answers: int, now: datetime) -> None:
    """Open a hold, or say in the open one how much is missing by now."""
    hold = open_hold(session, question) or HoldRow(question=question, tasks=0, answers=0, found_at=now)
    hold.tasks, hold.answers = tasks, answers
    session.add(hold)
