"""What people were told was stored: it waits here to be delivered, or is once in Label Studio and once here."""

from collections import Counter
from collections.abc import Iterator

from sqlmodel import Session, col, func, select

from haulout.collect import OVERLAP
from haulout.collect.storing import Storing
from haulout.db import reading
from haulout.fsck.finding import Finding
from haulout.label_studio import RawAnswer
from haulout.services import Services
from haulout.tables import AccountRow, AnswerRow, ProjectRow, SpoolRow, TaskRow

WAITS = "The deliverer of `haulout serve` sends it again; should this stay, `haulout listen` and look anew"
DOUBLED = "Delete all but one of them in Label Studio; `haulout listen` records that"


def orphans(services: Services) -> Iterator[Finding]:
    """Has every acknowledged answer that was delivered a project in which it can be? (I8)"""
    with reading(services.database) as session:
        questions = set(session.exec(select(ProjectRow.question)))
        lost = _without_project(session, questions)
    for name in lost:
        yield Finding("I8", f"the answer {name} was delivered to a question that has no project", WAITS)


def receipts(
    services: Services, session: Session, project: ProjectRow, there: list[RawAnswer], storing: Storing
) -> Iterator[Finding]:
    """Is every acknowledged answer waiting, or exactly once `there`, in Label Studio's project, and here? (I8)"""
    numbers = {storing.stored_as(answer.annotation) for answer in there}
    given = Counter[tuple[int | None, int | None]]((storing.task_of(answer), answer.user) for answer in there)
    stored = _standing(session, project.question)
    for row, user in _spooled(session, project.question):
        if given[row.task, user] > 1:
            yield Finding("I8", f"the answer {row.unique_id} is {given[row.task, user]} times in Label Studio", DOUBLED)
        number = row.label_studio_annotation
        if row.state == "waiting" or number is None:
            continue
        if number not in stored:
            if not _not_read_yet(row, project, services):
                yield Finding("I8", f"the answer {row.unique_id} was delivered and is not stored here", WAITS)
        elif number not in numbers and stored[number]:
            yield Finding("I8", f"the answer {row.unique_id} was delivered and is gone from Label Studio", WAITS)


def _spooled(session: Session, question: str) -> list[tuple[SpoolRow, int | None]]:
    query = (
        select(SpoolRow, AccountRow.label_studio_user)
        .join(TaskRow, col(TaskRow.id) == SpoolRow.task)
        .outerjoin(AccountRow, col(AccountRow.id) == SpoolRow.account)
        .where(TaskRow.question == question)
        .order_by(col(SpoolRow.given_at))
    )
    return list(session.exec(query))


def _standing(session: Session, question: str) -> dict[int, bool]:
    """Return the stored answers by number, and whether each stands or its deletion was recorded."""
    newest = (
        select(func.max(AnswerRow.id))
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .where(TaskRow.question == question)
        .group_by(col(AnswerRow.label_studio_annotation))
    )
    rows = select(AnswerRow.label_studio_annotation, AnswerRow.gone).where(col(AnswerRow.id).in_(newest))
    return {number: not gone for number, gone in session.exec(rows)}


def _not_read_yet(row: SpoolRow, project: ProjectRow, services: Services) -> bool:
    """Say whether collecting may still be to come: it follows delivery by a minute, by ten at most."""
    return project.read_to is None or row.delivered_at is None or services.now() - row.delivered_at <= OVERLAP


def _without_project(session: Session, questions: set[str]) -> list[str]:
    query = select(SpoolRow.unique_id).join(TaskRow, col(TaskRow.id) == SpoolRow.task)
    query = query.where(SpoolRow.state == "delivered", col(TaskRow.question).not_in(questions))
    return list(session.exec(query))
