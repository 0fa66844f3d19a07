"""The pictures that people see are not in a backup: they are made anew from the photos."""

from contextlib import suppress

from sqlmodel import col, select

from haulout.content import content_of
from haulout.db import reading
from haulout.services import Services, Tell, silently
from haulout.storage import MissingOriginal
from haulout.tables import PhotoRow, TaskRow


def make_pictures(services: Services, tell: Tell = silently) -> int:
    """Make what is missing of the pictures that questions and pages show; return how many questions lack theirs."""
    lacking = _for_questions(services, tell)
    _for_pages(services, tell)
    return lacking


def _for_questions(services: Services, tell: Tell) -> int:
    lacking = 0
    with reading(services.database) as session:
        asked = select(TaskRow).where(TaskRow.state == "open", col(TaskRow.label_studio_task).is_not(None))
        tasks = session.exec(asked.order_by(TaskRow.subject)).all()  # tiles of one photo one after the other
        for done, task in enumerate(tasks):
            tell("Making the questions' pictures", done, len(tasks))
            try:
                content_of(task, session, services.storage)
            except (MissingOriginal, LookupError):
                lacking += 1
    return lacking


def _for_pages(services: Services, tell: Tell) -> None:
    with reading(services.database) as session:
        photos = session.exec(select(PhotoRow.id, PhotoRow.suffix).order_by(PhotoRow.id)).all()
    for done, (photo, suffix) in enumerate(photos):
        tell("Making the pages' pictures", done, len(photos))
        with suppress(FileNotFoundError):
            services.storage.make_web_photo(photo, suffix)
