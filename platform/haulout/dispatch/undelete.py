"""Puts back what was deleted in Label Studio: the tasks, and the answers under their people's names."""

from uuid import UUID, uuid5

from sqlmodel import Session, col, select

from haulout.answers import is_imported, live_answers
from haulout.db import reading, writing
from haulout.dispatch import project_of
from haulout.dispatch.sending import send
from haulout.holds import NothingHeld, open_holds
from haulout.label_studio import LabelStudio, RawAnswer
from haulout.services import Services, Tell, silently
from haulout.tables import AnswerRow, HoldRow, PersonRow, ProjectRow, RestoredRow, TaskRow
from labeling_configs.vocabulary import Question

NAMESPACE = UUID("5ea1c0de-5ea1-4a0d-8000-0123456789ab")
"""Of the names under which answers are put back: the same answer on the same task is put back once."""


def undelete(services: Services, tell: Tell = silently, by: str = "operator") -> int:
    """Put back whatever open holds found missing; return how many answers. May be interrupted and called again.

    An answer gets a new number in Label Studio and stays the same answer here. NothingHeld when nothing is missing.
    """
    with reading(services.database) as session:
        holds = open_holds(session)
    if not holds:
        raise NothingHeld("Nothing is held back. `haulout status` says what was deleted, if anything was.")
    restored = 0
    for hold in holds:
        restored += _undelete(services, Question(hold.question), tell)
        _close(services, hold, by)
    return restored


def _undelete(services: Services, question: Question, tell: Tell) -> int:
    label_studio = services.label_studio()
    project = _project(services, label_studio, question)
    there = {task.id: task.answers for page in label_studio.swept(project.label_studio_project) for task in page}
    with writing(services.database) as session:
        lost = _lost_tasks(session, question, set(there))
    send(services, label_studio, project, lost, tell)
    missing = _missing_answers(services, question, {answer for answers in there.values() for answer in answers})
    for done, (answer, task) in enumerate(missing):
        tell("Putting back answers", done, len(missing))
        _put_back(services, label_studio, answer, task)
    return len(missing)


def _project(services: Services, label_studio: LabelStudio, question: Question) -> ProjectRow:
    """Return the question's project, made anew should it be gone as a whole."""
    with writing(services.database) as session:
        known = session.get_one(ProjectRow, question.value)
        if label_studio.has_project(known.label_studio_project):
            return known
        known.asked, known.serves = "", ""
    return project_of(services, label_studio, question)


def _lost_tasks(session: Session, question: Question, there: set[int]) -> list[TaskRow]:
    """Return the tasks that were sent and are gone, those that need nobody's answer any more too."""
    sent = select(TaskRow).where(TaskRow.question == question.value, TaskRow.state != "held")
    asked = {task.id for _, task in live_answers(session, question)}
    lost = [
        task
        for task in session.exec(sent.order_by(col(TaskRow.id)))
        if task.label_studio_task not in there
        and (task.label_studio_task or task.id in asked)
        and (task.state == "open" or task.id in asked)
    ]
    for task in lost:
        task.label_studio_task, task.pushed, task.ordered = None, "", None
    return lost


def _missing_answers(services: Services, question: Question, there: set[int]) -> list[tuple[AnswerRow, TaskRow]]:
    with reading(services.database) as session:
        restored = {row.answer: row.label_studio_annotation for row in session.exec(select(RestoredRow))}
        live = live_answers(session, question)
    return [
        (answer, task)
        for answer, task in live
        if not is_imported(answer.person)
        and answer.label_studio_annotation not in there
        and restored.get(answer.label_studio_annotation) not in there
    ]


def _put_back(services: Services, label_studio: LabelStudio, answer: AnswerRow, task: TaskRow) -> None:
    with reading(services.database) as session:
        number = session.get_one(TaskRow, task.id).label_studio_task
        user = session.get_one(PersonRow, answer.person).label_studio_user
    if number is None:
        return
    again = RawAnswer(
        annotation=answer.label_studio_annotation,
        task=number,
        key=task.key,
        user=user,
        created_at=answer.given_at,
        updated_at=answer.given_at,
        skipped=answer.skipped,
        seconds=answer.seconds,
        result=answer.result,
        model_version="",
    )
    # The task's new number is in the name: after a second deletion it must not be taken for what was put back before.
    name = str(uuid5(NAMESPACE, f"{answer.label_studio_annotation} {number}"))
    new = label_studio.restore_answer(number, again, name)
    with writing(services.database) as session:
        for old in session.exec(select(RestoredRow).where(RestoredRow.answer == answer.label_studio_annotation)):
            session.delete(old)
        session.flush()
        session.merge(RestoredRow(label_studio_annotation=new, answer=answer.label_studio_annotation))


def _close(services: Services, hold: HoldRow, by: str) -> None:
    with writing(services.database) as session:
        hold.state, hold.by, hold.decided_at = "restored", by, services.now()
        session.merge(hold)
        project = session.get_one(ProjectRow, hold.question)
        project.missing, project.swept_to = [], 0
