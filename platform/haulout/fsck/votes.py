"""People's answers and tasks: here and in Label Studio the same, each once, and the consensus follows from them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session, col, select

from haulout.answers import is_imported, live_answers
from haulout.collect import OVERLAP
from haulout.collect.storing import Storing
from haulout.db import connect, create_tables, reading
from haulout.fsck.finding import Finding
from haulout.fsck.receipts import receipts
from haulout.label_studio import RawAnswer
from haulout.rebuild import from_label_studio as rebuilt
from haulout.services import Services
from haulout.settle import unlike_votes
from haulout.tables import AliasRow, AnswerRow, ProjectRow, TaskRow
from labeling_configs.vocabulary import Question

COLLECT = "`haulout listen` reads what is missing; should this stay, `haulout rebuild` into a new database"


def answers(services: Services) -> Iterator[Finding]:
    """Has every answer in Label Studio one live record with the same content here, and the reverse? (I1, I2, I8)"""
    for project in _projects(services):
        label_studio = services.label_studio()
        if not label_studio.has_project(project.label_studio_project):
            yield Finding("I2", f"the project of {project.question} is gone", "`haulout undelete` puts it back")
            continue
        there = label_studio.answers_since(project.label_studio_project, None)
        with reading(services.database) as session:
            storing = Storing.of(session, project.question, services.now(), there)
            yield from _compared(session, project, there, storing)
            yield from receipts(services, session, project, there, storing)


def tasks(services: Services) -> Iterator[Finding]:
    """Is every question once in Label Studio, and every copy of it known? (I3)"""
    for project in _projects(services):
        if not services.label_studio().has_project(project.label_studio_project):
            continue
        pages = services.label_studio().swept(project.label_studio_project)
        there = {task.id: task.key for page in pages for task in page if task.key}
        with reading(services.database) as session:
            rows = session.exec(select(TaskRow).where(TaskRow.question == project.question)).all()
            aliases = set(session.exec(select(AliasRow.label_studio_task)))
        numbers = {row.label_studio_task: row for row in rows if row.label_studio_task}
        ours = {row.key for row in rows}
        for number, row in sorted(numbers.items()):
            if number not in there and row.state == "open":
                yield Finding("I3", f"task {row.key} is gone from Label Studio", "The next sweep sends it again")
        for key, copies in Counter(key for number, key in there.items() if number not in aliases).items():
            if key in ours and copies > 1:
                yield Finding("I3", f"task {key} is asked {copies} times", "`haulout listen` hides all but one")


def consensus(services: Services) -> Iterator[Finding]:
    """Is what is settled exactly what the votes lead to now? (I6)"""
    advice = "`haulout listen` settles what is new; `haulout run` settles everything"
    for tile in unlike_votes(services):
        yield Finding("I6", f"tile {tile} is settled otherwise than its votes say", advice)


def from_label_studio(services: Services) -> Iterator[Finding]:
    """Do the votes come back from Label Studio alone? (I5)"""
    with TemporaryDirectory(prefix="haulout-fsck-") as folder:
        database = connect(f"sqlite:///{Path(folder) / 'rebuilt.sqlite'}")
        create_tables(database)
        rebuilt(replace(services, database=database), derived=False)
        with reading(services.database) as here, reading(database) as there:
            ours, theirs = _votes(here), _votes(there)
        database.dispose()
    for key in sorted(ours - theirs):
        yield Finding("I5", f"the answer {key[:2]} does not come back from Label Studio", COLLECT)
    for key in sorted(theirs - ours):
        yield Finding("I5", f"the answer {key[:2]} comes back from Label Studio and is not here", COLLECT)


def _votes(session: Session) -> set[tuple[str, str, str]]:
    """Name each live answer by its task, its person and its content."""
    return {
        (task.key, answer.person, str((answer.result, answer.skipped)))
        for question in Question
        for answer, task in live_answers(session, question)
        if not is_imported(answer.person)
    }


def _compared(session: Session, project: ProjectRow, there: list[RawAnswer], storing: Storing) -> Iterator[Finding]:
    live = live_answers(session, Question(project.question))
    stored: dict[int, list[AnswerRow]] = {}
    for row, _ in live:
        stored.setdefault(row.label_studio_annotation, []).append(row)
    seen = set()
    for answer in there:
        if not storing.is_ours(answer):
            continue
        rows = stored.get(storing.stored_as(answer.annotation), [])
        seen.add(storing.stored_as(answer.annotation))
        if _not_read_yet(answer, project):
            continue
        if not rows:
            yield Finding("I1", f"answer {answer.annotation} to {answer.key} is not stored", COLLECT)
        elif storing.is_new(answer):
            yield Finding("I1", f"answer {answer.annotation} to {answer.key} is stored with another content", COLLECT)
    for number, rows in sorted(stored.items()):
        if len(rows) > 1:
            yield Finding("I1", f"answer {number} is live {len(rows)} times", COLLECT)
        if number not in seen and not is_imported(rows[0].person):
            yield Finding("I2", f"answer {number} of {rows[0].person} is gone", "The next sweep records its deletion")


def _not_read_yet(answer: RawAnswer, project: ProjectRow) -> bool:
    return project.read_to is None or answer.updated_at > project.read_to - OVERLAP


def _projects(services: Services) -> list[ProjectRow]:
    with reading(services.database) as session:
        return list(session.exec(select(ProjectRow).order_by(col(ProjectRow.question))))
