"""Whether somebody may be given the very question they wish for, and if not, why not."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from haulout.desk.choosing import hidden_tasks, places_taken, subjects_of
from haulout.errors import HauloutError
from haulout.tables import AccountRow, ServedRow, TaskRow
from labeling_configs.vocabulary import Question


class Hindrance(StrEnum):
    """Why somebody cannot be given a question."""

    NO_TASK = "no task"
    """Nobody is asked just this."""
    ANSWERED = "answered"
    """They answered it, or passed it on."""
    CLOSED = "closed"
    """As many people as were wanted have answered."""
    TAKEN = "taken"
    """As many as are wanted have answered or are at it now."""
    HIDDEN = "hidden"
    """It shows a photo that is withheld."""


class NotFree(HauloutError):
    """The question cannot be given to this person now."""

    def __init__(self, why: Hindrance) -> None:
        self.why = why
        super().__init__(f"This question cannot be given out now: {why.value}. The next one can.")


def free_task(session: Session, account: AccountRow, question: Question, subject: str, now: datetime) -> TaskRow:
    """Return the open task that asks this; NotFree when the account may not be given it now."""
    query = select(TaskRow).where(TaskRow.question == question.value, TaskRow.subject == subject, TaskRow.gold == 0)
    task = session.exec(query).first()
    if subject in subjects_of(session, account, question):
        raise NotFree(Hindrance.ANSWERED)
    if task is None or task.label_studio_task is None:
        raise NotFree(Hindrance.NO_TASK)
    if task.state != "open":
        raise NotFree(Hindrance.CLOSED)
    if hidden_tasks(session, question, [task.id or 0]):
        raise NotFree(Hindrance.HIDDEN)
    others = places_taken(session, question, now)[task.id or 0] - len(own_leases(session, account, task, now))
    if others >= task.overlap:
        raise NotFree(Hindrance.TAKEN)
    return task


def own_leases(session: Session, account: AccountRow, task: TaskRow, now: datetime) -> list[ServedRow]:
    """Return the leases of the task that the account holds now."""
    query = select(ServedRow).where(ServedRow.account == account.id, ServedRow.task == task.id, ServedRow.ended == "")
    return list(session.exec(query.where(col(ServedRow.until) > now)))
