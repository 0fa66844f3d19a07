"""Step 5 of the loop: read back what people answered; webhooks only ring the bell, nothing is lost or doubled."""

import hashlib
import json
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from haulout.answers import is_imported, live_answers
from haulout.db import reading, writing
from haulout.label_studio import RawAnswer
from haulout.services import Services, Tell, silently
from haulout.tables import AnswerRow, PersonRow, ProjectRow, TaskRow
from labeling_configs.vocabulary import Question

OVERLAP = timedelta(minutes=2)
"""How far behind the last answer reading starts again: answers become visible out of order while others are written."""

EXPERT_QUESTIONS = {Question.BOX_DISPUTE.value, Question.PAIR.value, Question.GALLERY.value}


def collect(services: Services, tell: Tell = silently, *, sweep: bool = False) -> int:
    """Store every answer that is new or changed in Label Studio, with `sweep` also deletions; return how many."""
    with reading(services.database) as session:
        projects = list(session.exec(select(ProjectRow).order_by(ProjectRow.question)))
    stored = 0
    for done, project in enumerate(projects):
        tell("Reading the answers", done, len(projects))
        stored += _collect(services, project)
        stored += _sweep(services, project) if sweep else 0
    return stored


def is_quiet(services: Services) -> bool:
    """Say whether nobody answered since the last reading and Label Studio has been told everything; changes nothing."""
    with reading(services.database) as session:
        projects = list(session.exec(select(ProjectRow)))
        untold = any(task.pushed != task.wanted() for task in session.exec(select(TaskRow)) if _concerns(task))
        unread = any(
            _new_digest(session, answer) is not None
            for project in projects
            for answer in services.label_studio().answers_since(project.label_studio_project, _since(project))
        )
    return not untold and not unread


def _concerns(task: TaskRow) -> bool:
    """Say whether Label Studio knows the task, or is to know it."""
    return task.label_studio_task is not None or task.state == "open"


def _since(project: ProjectRow) -> datetime | None:
    return project.read_to - OVERLAP if project.read_to else None


def _collect(services: Services, project: ProjectRow) -> int:
    answers = services.label_studio().answers_since(project.label_studio_project, _since(project))
    with writing(services.database) as session:
        tasks = _tasks(session, project.question)
        stored = sum(_store(session, answer, tasks, services.now()) for answer in answers)
        if answers:
            project.read_to = max(answer.updated_at for answer in answers)
            session.merge(project)
    return stored


def _tasks(session: Session, question: str) -> dict[int, TaskRow]:
    rows = session.exec(
        select(TaskRow).where(TaskRow.question == question, col(TaskRow.label_studio_task).is_not(None))
    )
    return {row.label_studio_task: row for row in rows if row.label_studio_task}


def _store(session: Session, answer: RawAnswer, tasks: dict[int, TaskRow], now: datetime) -> bool:
    """Add the answer unless this very content is stored already; a task that is not ours is left alone."""
    task = tasks.get(answer.task)
    if task is None or task.id is None:
        return False
    digest = _new_digest(session, answer)
    if digest is None:
        return False
    session.add(
        AnswerRow(
            task=task.id,
            person=_person(session, answer.user, task.question, now).id,
            label_studio_annotation=answer.annotation,
            digest=digest,
            result=answer.result,
            skipped=answer.skipped,
            seconds=answer.seconds,
            model=answer.model_version or task.model,
            model_shown="" if task.blind else answer.model_version or task.model,
            given_at=answer.created_at,
            received_at=now,
        )
    )
    session.flush()
    return True


def _new_digest(session: Session, answer: RawAnswer) -> str | None:
    """Return the digest under which to store the answer, None when this very content is the newest that is stored."""
    known = _revisions(session, answer.annotation)
    digest = _digest(answer, deletions=sum(gone for _, gone in known))
    return None if known and known[-1][0] == digest else digest


def _revisions(session: Session, annotation: int) -> list[tuple[str, bool]]:
    """Return the digest of each stored revision, oldest first, and whether it records a deletion."""
    query = select(AnswerRow.digest, AnswerRow.gone).where(AnswerRow.label_studio_annotation == annotation)
    return list(session.exec(query.order_by(col(AnswerRow.id))))


def _digest(answer: RawAnswer, deletions: int) -> str:
    """Name the content; an answer that is back after a deletion (a restored backup) is one more revision."""
    parts = [answer.result, answer.skipped, answer.updated_at.isoformat(), *[deletions] * bool(deletions)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _person(session: Session, user: int, question: str, now: datetime) -> PersonRow:
    """Return the person under a pseudonym; who answers an expert question is an expert."""
    row = session.exec(select(PersonRow).where(PersonRow.label_studio_user == user)).first()
    if row is None:
        row = PersonRow(id=f"person-{user}", label_studio_user=user, joined_at=now)
    if question in EXPERT_QUESTIONS:
        row.role = "expert"
    session.add(row)
    session.flush()
    return row


def _sweep(services: Services, project: ProjectRow) -> int:
    """Record answers that were deleted in Label Studio: nothing there tells of a deletion when nobody listens.

    Answers of imported files were never there.
    """
    there = services.label_studio().answer_ids(project.label_studio_project)
    with writing(services.database) as session:
        live = live_answers(session, Question(project.question))
        given = [answer for answer, _ in live if not is_imported(answer.person)]
        gone = [answer for answer in given if answer.label_studio_annotation not in there]
        for row in gone:
            session.add(_tombstone(row, services.now()))
    return len(gone)


def _tombstone(row: AnswerRow, now: datetime) -> AnswerRow:
    fresh = row.model_dump(exclude={"id", "digest", "gone", "received_at"})
    return AnswerRow(**fresh, digest=f"gone-{row.digest}"[:64], gone=True, received_at=now)
