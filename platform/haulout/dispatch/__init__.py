"""Step 4 of the loop: put the questions before people, in the order of worth, and tell Label Studio what changed."""

import hashlib
from collections.abc import Sequence

from sqlmodel import col, select

from haulout.answers import is_imported, live_answers
from haulout.content import content_of
from haulout.db import reading, writing
from haulout.dispatch.sending import send
from haulout.dispatch.shown import note_shown
from haulout.label_studio import LabelStudio, LabelStudioRefused
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version, serving_version
from haulout.tables import AliasRow, ProjectRow, TaskRow
from labeling_configs import catalog
from labeling_configs.vocabulary import COLD, Question


def dispatch(services: Services, tell: Tell = silently) -> int:
    """Send what waits, show the serving model's boxes, retire and reopen; return how many tasks were sent."""
    label_studio = services.label_studio()
    sent, asked = 0, _asked(services)
    for question in Question:
        project = project_of(services, label_studio, question)
        if question.value not in asked:
            continue
        _serve(services, label_studio, project, tell)
        sent += _send(services, label_studio, project, tell)
        _order(services, label_studio, project)
    _push_states(services, label_studio, tell)
    _hide_twins(services, label_studio)
    return sent


def project_of(services: Services, label_studio: LabelStudio, question: Question) -> ProjectRow:
    """Return the question's project, made when missing and told anew when the question or our address changed."""
    entry = catalog.CATALOG[question]
    title = f"{entry.title_en} · {entry.title_ru}"
    bell = f"{services.settings.pages}/webhook/label-studio"
    asked = hashlib.sha256("\n".join([title, entry.xml, entry.instruction, bell]).encode()).hexdigest()
    with reading(services.database) as session:
        known = session.get(ProjectRow, question.value)
    if known and known.asked == asked:
        return known
    number = label_studio.ensure_project(question, title, entry.xml, entry.instruction, _overlap(services, question))
    for pictures in ("tiles", "crops"):
        label_studio.ensure_local_files(number, services.storage.public / pictures)
    label_studio.register_webhook(number, bell, services.settings.webhook_secret)
    row = known or ProjectRow(question=question.value, label_studio_project=number, asked=asked)
    row.label_studio_project, row.asked = number, asked
    with writing(services.database) as session:
        return session.merge(row)


def _asked(services: Services) -> set[str]:
    """Return the questions that have tasks at all."""
    with reading(services.database) as session:
        return set(session.exec(select(TaskRow.question).distinct()))


def _overlap(services: Services, question: Question) -> int:
    settings = services.settings
    return {Question.BOXES: settings.least_votes, Question.BOX_DISPUTE: 1}.get(question, settings.pair_experts)


def _version(services: Services, question: Question) -> str:
    """Label Studio orders a project's tasks by the predictions of one version; this is the one to serve now."""
    if question is Question.BOXES:
        return detector_version(services)
    with reading(services.database) as session:
        return serving_version(session, "reidentifier") or COLD


def _serve(services: Services, label_studio: LabelStudio, project: ProjectRow, tell: Tell) -> None:
    """Give every open task a prediction of the serving model: tasks without one would be served last, or never."""
    version = _version(services, Question(project.question))
    tasks = [task for task in _tasks(services, project.question, sent=True) if task.model != version]
    if project.serves == version and not tasks:
        return
    tell(f"Showing the boxes of {version}", 0, len(tasks))
    for task in tasks:
        task.model = version
    with writing(services.database) as session:
        note_shown(session, tasks)
    with reading(services.database) as session:
        predictions = {
            task.label_studio_task: (content_of(task, session, services.storage).result, task.priority)
            for task in tasks
            if task.label_studio_task
        }
    if predictions:
        label_studio.replace_predictions(project.label_studio_project, version, predictions)
    for task in tasks:
        task.ordered = task.priority
    project.serves = version
    _store(services, [*tasks, project])


def _send(services: Services, label_studio: LabelStudio, project: ProjectRow, tell: Tell) -> int:
    waiting = _tasks(services, project.question, sent=False)
    send(services, label_studio, project, waiting, tell)
    return len(waiting)


def _order(services: Services, label_studio: LabelStudio, project: ProjectRow) -> None:
    """Ask in the order of what is worth most now: a new model sees other doubts, and answers make others old news."""
    tasks = [task for task in _tasks(services, project.question, sent=True) if task.ordered != task.priority]
    if not tasks:
        return
    wanted = {task.label_studio_task: task.priority for task in tasks if task.label_studio_task}
    label_studio.prioritise(project.label_studio_project, wanted)
    for task in tasks:
        task.ordered = task.priority
    _store(services, tasks)


def _push_states(services: Services, label_studio: LabelStudio, tell: Tell) -> None:
    with reading(services.database) as session:
        sent = session.exec(select(TaskRow).where(col(TaskRow.label_studio_task).is_not(None))).all()
    changed = [task for task in sent if task.pushed != task.wanted()]
    for done, task in enumerate(changed):
        tell("Retiring and reopening tasks", done, len(changed))
        _push(services, label_studio, task)
        _store(services, [task])


def _push(services: Services, label_studio: LabelStudio, task: TaskRow) -> None:
    """Tell the wanted state; a task that somebody deleted in Label Studio is sent again if it is still wanted."""
    number = task.label_studio_task or 0
    try:
        if task.state == "retired":
            label_studio.retire(number)
        else:
            label_studio.reopen(number, task.overlap)
    except LabelStudioRefused as refused:
        if refused.status != 404:
            raise
        if _is_answered(services, task):
            return  # the next sweep says whether its answers are lost, or a person does
        task.label_studio_task = None
    task.pushed = task.wanted()


def _is_answered(services: Services, task: TaskRow) -> bool:
    with reading(services.database) as session:
        answers = live_answers(session, Question(task.question), task.subject)
    return any(asked.id == task.id and not is_imported(answer.person) for answer, asked in answers)


def _hide_twins(services: Services, label_studio: LabelStudio) -> None:
    """Ask nobody a second copy of a task, which a lost answer to an import left; answers it got meanwhile count."""
    with reading(services.database) as session:
        twins = list(session.exec(select(AliasRow).where(col(AliasRow.hidden).is_(False))))
    for twin in twins:
        try:
            label_studio.retire(twin.label_studio_task)
        except LabelStudioRefused as refused:
            if refused.status != 404:
                raise
        twin.hidden = True
        _store(services, [twin])


def _tasks(services: Services, question: str, *, sent: bool) -> list[TaskRow]:
    there = col(TaskRow.label_studio_task).is_not(None) if sent else col(TaskRow.label_studio_task).is_(None)
    query = (
        select(TaskRow).where(TaskRow.question == question, TaskRow.state == "open", there).order_by(col(TaskRow.id))
    )
    with reading(services.database) as session:
        return list(session.exec(query))


def _store(services: Services, rows: Sequence[TaskRow | ProjectRow | AliasRow]) -> None:
    with writing(services.database) as session:
        for row in rows:
            session.merge(row)
