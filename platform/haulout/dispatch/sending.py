"""Sending tasks so that each is in Label Studio once, whatever breaks on the way.

An import has no key by which Label Studio would know a repetition, and its outcome is unknown when the answer is lost.
So what is to be sent is noted first, looked up before it is sent again, and once more after all that may still be
under way has arrived. A copy that arrives even later is found by `collect` and asked of nobody.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import col, select

from haulout.content import Content, content_of
from haulout.db import reading, writing
from haulout.dispatch.shown import note_shown
from haulout.envelope import Envelopes
from haulout.label_studio import LabelStudio, NewTask
from haulout.services import Services, Tell
from haulout.tables import AliasRow, OperationRow, ProjectRow, TaskRow

CHUNK = 100
"""Tasks sent in one import: a lost connection then costs little to make sure of."""
GRACE = timedelta(seconds=20)
"""How long an import may take to appear after its sender gave up; six seconds were enough for 2,000 tasks."""


def send(
    services: Services, label_studio: LabelStudio, project: ProjectRow, tasks: Sequence[TaskRow], tell: Tell
) -> None:
    """Send these tasks, but none that Label Studio has already, and note the numbers it gave them."""
    clear_up(services, label_studio, project)
    for start in range(0, len(tasks), CHUNK):
        tell(f"Sending tasks: {project.question}", start, len(tasks))
        _send_chunk(services, label_studio, project, tasks[start : start + CHUNK])


def clear_up(services: Services, label_studio: LabelStudio, project: ProjectRow) -> None:
    """Find out what became of imports whose outcome nobody heard; only then it is safe to send anything again."""
    unheard = select(OperationRow).where(
        OperationRow.project == project.label_studio_project, OperationRow.state == "intended"
    )
    with reading(services.database) as session:
        operations = list(session.exec(unheard.order_by(col(OperationRow.id))))
    for operation in operations:
        arrived = _arrived(label_studio, operation)
        left = GRACE - abs(services.now() - operation.heard_at)
        if not arrived and left > timedelta(0):
            services.sleep(left.total_seconds())
            arrived = _arrived(label_studio, operation)
        _end(services, operation, "confirmed" if arrived else "abandoned")


def _arrived(label_studio: LabelStudio, operation: OperationRow) -> bool:
    """Say whether Label Studio has the tasks; it takes an import as a whole or not at all."""
    return set(label_studio.find_tasks(operation.project, operation.keys)) >= set(operation.keys)


def _send_chunk(services: Services, label_studio: LabelStudio, project: ProjectRow, tasks: Sequence[TaskRow]) -> None:
    number = project.label_studio_project
    there = label_studio.find_tasks(number, [task.key for task in tasks])
    new = [task for task in tasks if task.key not in there]
    for task in new:
        task.model = project.serves
    operation = None
    if new:
        operation = _intend(services, number, new)
        try:
            sent = label_studio.send_tasks(number, _parcels(services, new))
            there |= dict(zip((task.key for task in new), sent, strict=True))
        except Exception:
            _gave_up(services, operation)
            raise
    label_studio.serve_version(number, project.serves)
    _note(services, tasks, there, {task.key for task in new}, operation)


def _note(
    services: Services, tasks: Sequence[TaskRow], there: dict[str, int], new: set[str], operation: OperationRow | None
) -> None:
    """Write down what arrived. What was found there may have been told another state: that is told again."""
    with writing(services.database) as session:
        for task in tasks:
            task.label_studio_task = there[task.key]
            if twin := session.get(AliasRow, there[task.key]):
                session.delete(twin)  # the copy that came late outlived the first one, and is the task now
            task.pushed = task.wanted() if task.key in new else ""
            task.ordered = task.priority if task.key in new else None
            session.merge(task)
        if operation is not None:
            operation.state, operation.ended_at = "confirmed", services.now()
            session.merge(operation)


def _parcels(services: Services, tasks: Sequence[TaskRow]) -> list[NewTask]:
    envelopes = Envelopes(services.settings.secret_key)
    with reading(services.database) as session:
        return [
            _parcel(task, content_of(task, session, services.storage), envelopes.seal(session, task)) for task in tasks
        ]


def _parcel(task: TaskRow, content: Content, sealed: str) -> NewTask:
    return NewTask(
        data=content.data,
        result=content.result,
        priority=task.priority,
        model_version=task.model,
        overlap=task.overlap,
        meta={"batch": task.batch, "blind": task.blind, "sealed": sealed},
    )


def _intend(services: Services, project: int, tasks: Sequence[TaskRow]) -> OperationRow:
    now = services.now()
    row = OperationRow(project=project, keys=[task.key for task in tasks], intended_at=now, heard_at=now)
    with writing(services.database) as session:
        note_shown(session, tasks)
        session.add(row)
    return row


def _gave_up(services: Services, operation: OperationRow) -> None:
    """What was sent may still be under way: the time to wait for it begins now."""
    operation.heard_at = services.now()
    with writing(services.database) as session:
        session.merge(operation)


def _end(services: Services, operation: OperationRow, state: str) -> None:
    operation.state, operation.ended_at = state, services.now()
    with writing(services.database) as session:
        session.merge(operation)
