"""Step 5 of the loop: read back what people answered; webhooks only ring the bell, nothing is lost or doubled."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, select

from haulout.collect.storing import Storing
from haulout.collect.sweep import is_due, sweep_project
from haulout.db import reading, writing
from haulout.label_studio import LabelStudioRefused, RawAnswer
from haulout.label_studio.tasks import parts
from haulout.services import Services, Tell, silently
from haulout.tables import ProjectRow, TaskRow

OVERLAP = timedelta(minutes=10)
"""How far behind the last answer reading starts again: Label Studio stamps an answer before it can be seen, and on
SQLite tries for minutes when others write as well."""

TOGETHER = 2_000
"""Answers stored in one transaction."""


def collect(services: Services, tell: Tell = silently, *, sweep: bool | None = None) -> int:
    """Store every answer that is new or changed in Label Studio; return how many, with the deletions found.

    Deletions are looked for with `sweep`, or when that was not done for an hour.
    """
    with reading(services.database) as session:
        projects = list(session.exec(select(ProjectRow).order_by(ProjectRow.question)))
    stored = 0
    for done, project in enumerate(projects):
        tell("Reading the answers", done, len(projects))
        stored += _collect(services, project)
        if is_due(project, services.now()) if sweep is None else sweep:
            stored += sweep_project(services, project.question)
    return stored


def is_quiet(services: Services) -> bool:
    """Say whether nobody answered since the last reading and Label Studio has been told everything; changes nothing."""
    with reading(services.database) as session:
        projects = list(session.exec(select(ProjectRow)))
        untold = any(task.pushed != task.wanted() for task in session.exec(select(TaskRow)) if _concerns(task))
        if untold or any(is_due(project, services.now()) for project in projects):
            return False
        return not any(_unread(services, session, project) for project in projects)


def _unread(services: Services, session: Session, project: ProjectRow) -> bool:
    answers = _answers(services, project)
    storing = Storing.of(session, project.question, services.now(), answers)
    return any(storing.is_new(answer) for answer in answers)


def _concerns(task: TaskRow) -> bool:
    """Say whether Label Studio knows the task, or is to know it."""
    return task.label_studio_task is not None or task.state == "open"


def _since(project: ProjectRow) -> datetime | None:
    return project.read_to - OVERLAP if project.read_to else None


def _answers(services: Services, project: ProjectRow) -> list[RawAnswer]:
    """Read what is new; a project that somebody deleted has nothing new, and the sweep says what that means."""
    label_studio = services.label_studio()
    try:
        return label_studio.answers_since(project.label_studio_project, _since(project))
    except LabelStudioRefused:
        if label_studio.has_project(project.label_studio_project):
            raise
        return []


def _collect(services: Services, project: ProjectRow) -> int:
    """Store what is new, the oldest first, so that whoever is broken off goes on behind what is stored."""
    return sum(_store(services, project.question, some) for some in parts(_answers(services, project), TOGETHER))


def _store(services: Services, question: str, answers: Sequence[RawAnswer]) -> int:
    with writing(services.database) as session:
        storing = Storing.of(session, question, services.now(), answers)
        stored = sum(storing.store(answer) for answer in answers)
        row = session.get_one(ProjectRow, question)
        newest = max(answer.updated_at for answer in answers)
        # Two collectors may end in any order: the place to go on from never goes back.
        row.read_to = max(row.read_to or newest, newest)
        session.add(row)
    return stored
