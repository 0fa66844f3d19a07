"""Looks, once a minute, at what only asking can tell: does Label Studio have answers that we have not, does it answer?

Whoever keeps the time calls this, not the worker: a worker that is dead or busy is just what must be noticed.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import String, cast
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, or_, select

from haulout.db import reading, writing
from haulout.errors import HauloutError
from haulout.label_studio import LabelStudio, LabelStudioRefused
from haulout.services import Services
from haulout.tables import ProjectRow, SeenRow, TaskRow
from haulout.watch.reading import ANSWERS, SERVICE, UNTOLD

EVERY_SECONDS = 60.0
MOST_UNTOLD = 200
"""Tasks of which is kept since when they are untold; more would tell nothing more."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unread:
    """What Label Studio has of one question and we have not: when each answer was last changed, on its own clock."""

    read_to: datetime | None
    changed: tuple[datetime, ...]

    @property
    def lag(self) -> float:
        """Seconds from the oldest to the newest: reading is at least so far behind."""
        return (max(self.changed) - min(self.changed)).total_seconds() if self.changed else 0.0


def keep_looking(
    services: Callable[[], Services], queue_answers: Callable[[], bool], sleep: Callable[[float], None]
) -> NoReturn:
    """Look every minute for ever, whatever is broken; what cannot be noted now shows as a look that is old."""
    held: Services | None = None
    while True:
        try:
            held = held or services()
            look(held, queue_answers)
        except (HauloutError, SQLAlchemyError, OSError) as error:
            log.warning("the watch could not look, and looks again in a minute: %s", error)
        except Exception:  # whatever else: a watch that ended over it would see nothing any more
            log.exception("the watch could not look, and looks again in a minute")
        sleep(EVERY_SECONDS)


def look(services: Services, queue_answers: Callable[[], bool]) -> None:
    """Note what there is to complain of, and since when; what was noted before stands until it is mended."""
    with reading(services.database) as session:
        projects = list(session.exec(select(ProjectRow).order_by(ProjectRow.question)))
    unread = _ask(services, projects)
    down = {"label_studio": unread is None, "redis": not queue_answers()}
    now = services.now()
    with writing(services.database) as session:
        for name, is_down in down.items():
            _note(session, SERVICE + name, now, int(is_down))
        for question, found in (unread or {}).items():
            _note_unread(session, ANSWERS + question, now, found)
        _note_untold(session, now)


def _ask(services: Services, projects: Sequence[ProjectRow]) -> dict[str, Unread] | None:
    """Return what is unread by question, None when Label Studio does not answer."""
    try:
        label_studio = services.label_studio()
        if not label_studio.answers():  # it is asked first, and briefly: a hung server would keep us for minutes
            return None
        return {project.question: _unread(label_studio, project) for project in projects}
    except HauloutError:
        return None


def _unread(label_studio: LabelStudio, project: ProjectRow) -> Unread:
    """A project that somebody deleted has nothing unread; any other refusal, as of our token, is no answer at all."""
    try:
        touched = label_studio.answers_since(project.label_studio_project, project.read_to)
    except LabelStudioRefused:
        if label_studio.has_project(project.label_studio_project):
            raise
        touched = []
    changed = [answer.updated_at for answer in touched]
    return Unread(project.read_to, tuple(at for at in changed if project.read_to is None or at > project.read_to))


def _note(
    session: Session,
    name: str,
    now: datetime,
    number: int,
    details: Mapping[str, Any] | None = None,
    *,
    anew: bool = False,
) -> None:
    """Write down how much there is to complain of; since when is kept from the look before, unless it began `anew`."""
    row = session.get(SeenRow, name) or SeenRow(name=name, at=now)
    kept = None if anew else row.since
    row.at, row.number, row.since, row.details = now, number, (kept or now) if number else None, dict(details or {})
    session.add(row)


def _note_unread(session: Session, name: str, now: datetime, found: Unread) -> None:
    """Whatever was stored since the look before ends a silence, also when there is more to read by now."""
    before = session.get(SeenRow, name)
    read_to = found.read_to.isoformat() if found.read_to else None
    stored = before is not None and before.details.get("read_to") != read_to
    _note(session, name, now, len(found.changed), {"read_to": read_to, "lag": found.lag}, anew=stored)


def _note_untold(session: Session, now: datetime) -> None:
    """Keep since when each task is untold: there are always some, but no task may stay one of them."""
    wanted = col(TaskRow.state) + ":" + cast(TaskRow.overlap, String)
    untold = (TaskRow.pushed != wanted, or_(col(TaskRow.label_studio_task).is_not(None), TaskRow.state == "open"))
    number = session.exec(select(func.count()).select_from(TaskRow).where(*untold)).one()
    oldest = session.exec(select(TaskRow.id).where(*untold).order_by(col(TaskRow.id)).limit(MOST_UNTOLD))
    row = session.get(SeenRow, UNTOLD) or SeenRow(name=UNTOLD, at=now)
    since = {str(task): row.details.get(str(task), now.isoformat()) for task in oldest}
    row.at, row.number, row.details = now, number, since
    row.since = datetime.fromisoformat(min(since.values())) if since else None
    session.add(row)
