"""Which answers were deleted in Label Studio: nothing there tells of it when nobody listens, so all are looked for.

A sweep goes on from where an earlier one was broken off. It decides nothing before its end: when so many are missing
that somebody may have deleted a project by mistake, a person is asked (`holds`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from haulout.answers import is_imported, live_answers
from haulout.collect.storing import Storing
from haulout.db import reading, writing
from haulout.holds import NothingHeld, is_mass, note_missing, open_hold, open_holds
from haulout.label_studio import SweptTask
from haulout.services import Services
from haulout.tables import AnswerRow, ProjectRow, TaskRow
from labeling_configs.vocabulary import Question

EVERY = timedelta(hours=1)
BEYOND = 2**31 - 1
"""The last number a task can have."""


def is_due(project: ProjectRow, now: datetime) -> bool:
    """Say whether the last whole sweep is an hour old; a clock that was put back makes it due at once."""
    return project.swept_at is None or not timedelta(0) <= now - project.swept_at < EVERY


def sweep_project(services: Services, question: str) -> int:
    """Look for every stored answer; return how many are recorded as deleted, 0 while that waits for a person."""
    with reading(services.database) as session:
        project = session.get_one(ProjectRow, question)
    label_studio = services.label_studio()
    exists = label_studio.has_project(project.label_studio_project)
    for page in label_studio.swept(project.label_studio_project, project.swept_to) if exists else ():
        with writing(services.database) as session:
            _note(session, question, page, services.now(), to=page[-1].id)
    with writing(services.database) as session:
        project = _note(session, question, (), services.now(), to=BEYOND)
        if not exists and not _is_mass(session, project):
            project.asked, project.serves = "", ""  # dispatch makes it anew
        return _end(session, project, services.now())


def accept_deletions(services: Services, by: str = "operator") -> int:
    """Record as deleted what open holds found missing; return how many answers. NothingHeld when nothing is."""
    gone = 0
    with writing(services.database) as session:
        holds = open_holds(session)
        if not holds:
            raise NothingHeld("Nothing is held back. `haulout status` says what was deleted, if anything was.")
        for hold in holds:
            gone += forget_missing(session, hold.question, services.now())
            hold.state, hold.by, hold.decided_at = "accepted", by, services.now()
    return gone


def forget_missing(session: Session, question: str, now: datetime) -> int:
    """Record as deleted what the last sweep did not find; return how many answers."""
    project = session.get_one(ProjectRow, question)
    missing = set(project.missing)
    live = live_answers(session, Question(question)) if missing else []
    gone = [answer for answer, _ in live if answer.label_studio_annotation in missing]
    for row in gone:
        session.add(_tombstone(row, now))
    project.missing = []
    return len(gone)


def _note(session: Session, question: str, page: Sequence[SweptTask], now: datetime, *, to: int) -> ProjectRow:
    """Write down which answers the page should hold and does not, and how far the sweep is."""
    project = session.get_one(ProjectRow, question)
    there = _there(session, question, page, now) if page else set()
    sent = session.exec(select(TaskRow).where(*_among(question, project.swept_to, to))).all()
    expected = _expected(session, question, project.swept_to, to) if sent else {}
    # What lies on a twin of its task is found there, later on.
    project.missing = sorted({*project.missing, *expected} - there)
    _send_again(sent, {task.id for task in page}, set(expected.values()))
    project.swept_to = to
    return project


def _there(session: Session, question: str, page: Sequence[SweptTask], now: datetime) -> set[int]:
    """Return the answers that the page holds, under the numbers they are stored as; remember tasks' second copies."""
    storing = Storing(session, question, now, [(task.id, task.key) for task in page])
    for task in page:
        storing.note_twin(task.id, task.key)
    session.flush()
    return {storing.stored_as(number) for task in page for number in task.answers}


def _among(question: str, after: int, to: int) -> tuple[ColumnElement[bool], ...]:
    number = col(TaskRow.label_studio_task)
    return col(TaskRow.question) == question, number > after, number <= to


def _expected(session: Session, question: str, after: int = 0, to: int = BEYOND) -> dict[int, int]:
    """Return the stored answers that tasks behind `after`, up to `to`, should hold in Label Studio, and those tasks."""
    tasks = select(TaskRow.id).where(*_among(question, after, to))
    newest = (
        select(func.max(AnswerRow.id))
        .where(col(AnswerRow.task).in_(tasks))
        .group_by(col(AnswerRow.label_studio_annotation))
    )
    given = select(AnswerRow.label_studio_annotation, AnswerRow.task, AnswerRow.person).where(
        col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False)
    )
    return {annotation: task for annotation, task, person in session.exec(given) if not is_imported(person)}


def _send_again(tasks: Sequence[TaskRow], there: set[int], answered: set[int]) -> None:
    """Let dispatch send the tasks that are gone and were answered by nobody: with them nothing was lost."""
    for task in tasks:
        if task.label_studio_task not in there and task.id not in answered:
            task.label_studio_task, task.pushed, task.ordered = None, "", None


def _end(session: Session, project: ProjectRow, now: datetime) -> int:
    project.swept_to, project.swept_at = 0, now
    if _is_mass(session, project):
        expected = _expected(session, project.question)
        tasks = {expected[answer] for answer in project.missing if answer in expected}
        note_missing(session, project.question, len(tasks), len(project.missing), now)
        return 0
    if hold := open_hold(session, project.question):
        hold.state, hold.by, hold.decided_at = "restored", "Label Studio", now
    return forget_missing(session, project.question, now)


def _is_mass(session: Session, project: ProjectRow) -> bool:
    return bool(project.missing) and is_mass(len(project.missing), len(_expected(session, project.question)))


def _tombstone(row: AnswerRow, now: datetime) -> AnswerRow:
    fresh = row.model_dump(exclude={"id", "digest", "gone", "received_at"})
    return AnswerRow(**fresh, digest=f"gone-{row.digest}"[:64], gone=True, received_at=now)
