"""Photos that may show people: nobody but the operator sees them until the operator has looked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import String, cast
from sqlmodel import Session, col, func, select

from haulout.tables import MEGADETECTOR, AnswerRow, ImportedRow, ImportRow, TaskRow, TileRow, WithheldRow
from labeling_configs import boxes
from labeling_configs.vocabulary import ABOUT_TILES, Disturbance

SURE_ENOUGH = 0.2
"""MegaDetector's score from which a box of a person counts: its authors' usual threshold."""
PERSON = 1
"""The kind of a detector's boxes that hold people, see `ImportedRow`."""
VOLUNTEERS = "volunteers"
"""Whoever answered and ticked people saw them, experts among them."""
SHOWN, KEPT, OPEN = "shown", "kept", ""


@dataclass(frozen=True)
class Waiting:
    """How many photos wait for the operator, and since when the first of them does."""

    photos: int
    since: datetime | None


def withhold(session: Session, photo: str, why: str, now: datetime) -> bool:
    """Hold the photo back from now on; False, and nothing is done, when that was done or decided before."""
    if session.get(WithheldRow, photo) is not None:
        return False
    session.add(WithheldRow(photo=photo, why=why, found_at=now))
    session.flush()
    return True


def seen_in(session: Session, task: TaskRow, result: object) -> str | None:
    """Return the photo in which an answer that was just sent ticks people, None when it does not."""
    tile = session.get(TileRow, task.subject) if task.question in ABOUT_TILES else None
    return tile.photo if tile is not None and saw_people(result, tile) else None


def find(session: Session, now: datetime) -> int:
    """Hold back all photos in which anybody or anything saw people; return how many are new."""
    return sum(withhold(session, photo, why, now) for photo, why in suspected(session))


def suspected(session: Session, *, files: bool = True) -> list[tuple[str, str]]:
    """Return photos that may show people and nobody decided on, and who saw them.

    Imported files never change: without `files` only what people said is read, which is quick.
    """
    known = set(session.exec(select(WithheldRow.photo)))
    found = {photo: VOLUNTEERS for photo in _ticked(session)}
    if files:
        found |= dict(_detected(session))
    return [(photo, why) for photo, why in sorted(found.items()) if photo not in known]


def photos(session: Session) -> set[str]:
    """Return the photos that nobody but the operator may see."""
    return set(session.exec(select(WithheldRow.photo).where(WithheldRow.decision != SHOWN)))


def is_withheld(session: Session, photo: str) -> bool:
    """Say whether nobody but the operator may see the photo."""
    row = session.get(WithheldRow, photo)
    return row is not None and row.decision != SHOWN


def saw_people(result: object, tile: TileRow) -> bool:
    """Say whether an answer about a tile, in Label Studio's form, has people ticked; also one that was skipped."""
    return Disturbance.PEOPLE in boxes.read(result, tile.word()).disturbances


def decide(row: WithheldRow, decision: str, by: str, now: datetime) -> None:
    """Write the operator's word down; the log keeps what was said before."""
    row.decision, row.by, row.decided_at = decision, by if decision else "", now if decision else None


def waiting(session: Session) -> Waiting:
    """Return what waits for the operator."""
    query = select(func.count(), func.min(WithheldRow.found_at)).select_from(WithheldRow)
    return Waiting(*session.exec(query.where(WithheldRow.decision == OPEN)).one())


def _ticked(session: Session) -> Iterator[str]:
    """Return the photos of answers that stand and have people ticked; most answers are told apart by their text."""
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    query = (
        select(AnswerRow.result, TileRow)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .join(TileRow, col(TileRow.id) == TaskRow.subject)
        .where(col(TaskRow.question).in_(ABOUT_TILES), col(AnswerRow.gone).is_(False))
        .where(cast(col(AnswerRow.result), String).contains(f'"{Disturbance.PEOPLE}"'), col(AnswerRow.id).in_(newest))
    )
    return (tile.photo for result, tile in session.exec(query) if saw_people(result, tile))


def _detected(session: Session) -> Iterator[tuple[str, str]]:
    query = select(ImportedRow, ImportRow).join(ImportRow, col(ImportRow.id) == ImportedRow.source)
    for row, source in session.exec(query.where(ImportRow.kind == MEGADETECTOR)):
        drawn = np.frombuffer(row.packed, dtype=np.float64).reshape(-1, 6)
        if ((drawn[:, 5] == PERSON) & (drawn[:, 4] >= SURE_ENOUGH)).any():
            yield row.photo, source.drawer
