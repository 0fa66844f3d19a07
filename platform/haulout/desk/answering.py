"""Takes answers: what is told to be stored is stored, and everything that is not an answer stays outside."""

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from haulout import withheld
from haulout.db import reading, writing
from haulout.desk.choosing import subjects_of
from haulout.desk.giving import Desk, require
from haulout.desk.passing_on import Why, ended, photos_of, result_of
from haulout.desk.refusals import AnsweredAlready, BadAnswer
from haulout.errors import DatabaseBusy, StorageFull
from haulout.tables import AccountRow, ServedRow, SpoolRow, TaskRow
from labeling_configs import gallery
from labeling_configs.cleaning import Fault, Unacceptable, clean
from labeling_configs.results import number
from labeling_configs.vocabulary import Question

NAMESPACE = UUID("5ea1c0de-5ea1-4a0d-8000-de5c00000001")
"""Of the names under which Label Studio knows answers: one lease, one answer."""
LARGEST = 1 << 20
"""Bytes of an answer as it is stored."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stored:
    """An answer that will not be lost any more, and the task it is about."""

    unique_id: str
    task: TaskRow
    result: list[Any]
    new: bool
    """False when this answer was stored before: what was said of it then is said."""


def submit(desk: Desk, account: str, lease: str, result: object, seconds: object) -> Stored:
    """Store the answer for good and return under which name; the same again, when it is sent again.

    Raises NotYourLease, NotForYou, AnsweredAlready or BadAnswer. A lease that ran out still takes its answer.
    """
    task = _task(desk, account, lease)
    known = _known(desk, lease, skipped=False)
    if known is not None:
        return Stored(known.unique_id, task, known.result, new=False)
    # The choices that a gallery always offers, and those of this one.
    offered = (*(task.details.get("candidates") or ()), gallery.NEW, gallery.CANNOT_TELL)
    try:
        cleaned = clean(Question(task.question), result, offered)
        if len(json.dumps(cleaned)) > LARGEST:
            raise Unacceptable(Fault.TOO_MANY)
    except Unacceptable as cause:
        raise BadAnswer(cause) from cause
    stored = _spool(desk, account, lease, cleaned, seconds, skipped=False)
    _hold_back(desk, stored)
    return stored


def skip(desk: Desk, account: str, lease: str, why: Why = Why.NONE) -> Stored:
    """Note that the person cannot answer: others are asked, they are not any more; nobody is when they saw a person."""
    task = _task(desk, account, lease)
    known = _known(desk, lease, skipped=True)
    if known is not None:
        return Stored(known.unique_id, task, known.result, new=False)
    with reading(desk.services.database) as session:
        result, photos = result_of(session, task, why), photos_of(session, task)
    stored = _spool(desk, account, lease, result, 0.0, skipped=True, why=why)
    if why is Why.PERSON:
        _withhold(desk, photos)
    elif why is Why.NOT_LOADING:
        log.warning("a picture did not come to somebody who was asked: %s %s", task.question, task.subject)
    return stored


def name_of(lease: str) -> str:
    """Return the name under which the answer to a lease is stored."""
    return str(uuid5(NAMESPACE, lease))


def _task(desk: Desk, account: str, lease: str) -> TaskRow:
    with reading(desk.services.database) as session:
        served = desk.find(session, lease, account)
        task = session.get_one(TaskRow, served.task)
        require(session.get_one(AccountRow, account), Question(task.question))
        return task


def _known(desk: Desk, lease: str, *, skipped: bool) -> SpoolRow | None:
    with reading(desk.services.database) as session:
        return _same(session, lease, skipped=skipped)


def _same(session: Session, lease: str, *, skipped: bool) -> SpoolRow | None:
    """Return the answer that the lease has; AnsweredAlready when it was skipped first and is answered now, or so."""
    known = session.exec(select(SpoolRow).where(SpoolRow.served == lease)).first()
    if known is not None and known.skipped != skipped:
        raise _already()
    return known


def _spool(
    desk: Desk,
    account: str,
    lease: str,
    result: list[Any],
    seconds: object,
    *,
    skipped: bool,
    why: Why = Why.NONE,
) -> Stored:
    now = desk.services.now()
    with writing(desk.services.database) as session:
        # The person's own row is locked: their two tabs answer one after the other.
        person = session.get_one(AccountRow, account, with_for_update=True)
        served = desk.written(session, lease, account)
        task = session.get_one(TaskRow, served.task)
        known = _same(session, lease, skipped=skipped)
        if known is not None:
            return Stored(known.unique_id, task, known.result, new=False)
        if task.subject in subjects_of(session, person, Question(task.question)):
            raise _already()
        row = _row(served, result, _measured(seconds, served, now), now, skipped=skipped)
        session.add(row)
        served.ended = ended(why) if skipped else "answered"
        session.add(served)
    desk.forget([lease])
    desk.wake()
    return Stored(row.unique_id, task, result, new=True)


def _hold_back(desk: Desk, stored: Stored) -> None:
    """Show the picture to nobody else when people were ticked in it; whatever fails here, `listen` does it later."""
    with reading(desk.services.database) as session:
        photo = withheld.seen_in(session, stored.task, stored.result)
    if photo is not None:
        _withhold(desk, {photo})


def _withhold(desk: Desk, photos: Collection[str]) -> None:
    try:
        with writing(desk.services.database) as session:
            for photo in sorted(photos):
                withheld.withhold(session, photo, withheld.VOLUNTEERS, desk.services.now())
    except IntegrityError:
        log.info("somebody else saw people in the same photo just now")
    except (DatabaseBusy, StorageFull) as error:
        log.warning("a photo that may show people is held back only when answers are read: %s", error)


def _row(served: ServedRow, result: list[Any], seconds: float, now: datetime, *, skipped: bool) -> SpoolRow:
    return SpoolRow(
        unique_id=name_of(served.id),
        served=served.id,
        task=served.task,
        account=served.account,
        result=result,
        seconds=seconds,
        skipped=skipped,
        model=served.model,
        given_at=now,
    )


def _measured(told: object, served: ServedRow, now: datetime) -> float:
    """Return the seconds of work, no more than passed here since the task was given."""
    passed = max((now - served.at).total_seconds(), 0.0)
    seconds = number(told)
    return round(min(max(seconds, 0.0), passed), 3) if seconds is not None else 0.0


def _already() -> AnsweredAlready:
    return AnsweredAlready("This picture was answered by the same person before; that answer counts.")
