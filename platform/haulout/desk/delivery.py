"""Brings acknowledged answers to Label Studio, each once, under a pseudonym that cannot log in there.

Whatever breaks, an answer is sent again under the same name, and Label Studio stores a name once. So it does not matter
how many deliver at once.
"""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, or_, select

from haulout.db import reading, writing
from haulout.errors import HauloutError, ServiceUnavailable
from haulout.label_studio import LabelStudio, LabelStudioRefused
from haulout.services import Services
from haulout.tables import AccountRow, SpoolRow, TaskRow

DOMAIN = "people.haulout.invalid"
"""Of the e-mail addresses that Label Studio wants of everybody; no such domain can ever be."""
IN_FLIGHT = 4
"""Answers sent at once: SQLite behind Label Studio takes one writer at a time."""
TOGETHER = 16
"""Answers noted as delivered in one transaction."""
LONGEST_WAIT = timedelta(minutes=5)
"""Between two tries of one answer that Label Studio refuses."""
NEW = timedelta(0)
PROBLEM = 400
"""Characters kept of what went wrong."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivered:
    """What a round did: answers that are in Label Studio now, and those that wait on."""

    delivered: int = 0
    waiting: int = 0
    away: bool = False
    """Whether Label Studio did not answer."""


@dataclass(frozen=True)
class Parcel:
    """One answer to send, to which task of Label Studio, in whose name."""

    row: SpoolRow
    task: int | None
    user: int


@dataclass(frozen=True)
class Sent:
    """What became of a parcel: its number in Label Studio, or why it has none."""

    unique_id: str
    annotation: int | None = None
    problem: str = ""
    away: bool = False


def deliver(services: Services, least_age: timedelta = NEW) -> Delivered:
    """Send what waits, the oldest first; what cannot be sent stays and says why.

    Whoever takes only what has waited for some time steps in for others, and begins at the other end: both meet once.
    """
    done = 0
    while rows := _waiting(services, least_age):
        sent = _send(services, rows)
        _note(services, sent)
        done += sum(one.annotation is not None for one in sent)
        if any(one.away for one in sent):
            return Delivered(done, _left(services), away=True)
    return Delivered(done, _left(services))


def email_of(account: str) -> str:
    """Return the pseudonym that stands for an account in Label Studio."""
    return f"{account}@{DOMAIN}".lower()


def _waiting(services: Services, least_age: timedelta) -> list[SpoolRow]:
    now = services.now()
    with reading(services.database) as session:
        due = or_(col(SpoolRow.next_try_at).is_(None), col(SpoolRow.next_try_at) <= now)
        query = select(SpoolRow).where(SpoolRow.state == "waiting", due, SpoolRow.given_at <= now - least_age)
        given = col(SpoolRow.given_at)
        query = query.order_by(given.desc() if least_age else given)
        return list(session.exec(query.limit(TOGETHER)))


def _left(services: Services) -> int:
    with reading(services.database) as session:
        query = select(func.count()).select_from(SpoolRow).where(SpoolRow.state == "waiting")
        return session.exec(query).one()


def _send(services: Services, rows: Sequence[SpoolRow]) -> list[Sent]:
    """Send all these, a few at a time; the first that finds nobody at home ends it for the rest."""
    label_studio = services.label_studio()
    try:
        users = _users(services, label_studio, {row.account for row in rows})
    except (ServiceUnavailable, LabelStudioRefused) as error:
        return [Sent(rows[0].unique_id, problem=_short(error), away=True)]
    with reading(services.database) as session:
        wanted = col(TaskRow.id).in_({row.task for row in rows})
        numbers = dict(session.exec(select(TaskRow.id, TaskRow.label_studio_task).where(wanted)).all())
    parcels = [Parcel(row, numbers[row.task], users[row.account]) for row in rows]
    sent: list[Sent] = []
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="deliver") as pool:
        for start in range(0, len(parcels), IN_FLIGHT):
            sent += pool.map(lambda parcel: _send_one(label_studio, parcel), parcels[start : start + IN_FLIGHT])
            if any(one.away for one in sent):
                break
    return sent


def _send_one(label_studio: LabelStudio, parcel: Parcel) -> Sent:
    row = parcel.row
    if parcel.task is None:
        return Sent(row.unique_id, problem="Label Studio does not have the task now; dispatch sends it again.")
    try:
        number = label_studio.store_answer(
            parcel.task, parcel.user, row.result, row.seconds, row.unique_id, skipped=row.skipped
        )
    except LabelStudioRefused as refused:
        return Sent(row.unique_id, problem=_short(refused), away=refused.status >= 500)
    except ServiceUnavailable as error:
        return Sent(row.unique_id, problem=_short(error), away=True)
    return Sent(row.unique_id, annotation=number)


def _users(services: Services, label_studio: LabelStudio, accounts: Iterable[str]) -> dict[str, int]:
    """Return each account's user in Label Studio, made on first need."""
    with reading(services.database) as session:
        wanted = select(AccountRow.id, AccountRow.label_studio_user).where(col(AccountRow.id).in_(set(accounts)))
        known = dict(session.exec(wanted).all())
    made = {account: label_studio.ensure_user(email_of(account)) for account, user in known.items() if user is None}
    if made:
        with writing(services.database) as session:
            for account, user in made.items():
                row = session.get_one(AccountRow, account)
                row.label_studio_user = user
                session.add(row)
    return {account: made.get(account, user or 0) for account, user in known.items()}


def _note(services: Services, sent: Sequence[Sent]) -> None:
    now = services.now()
    with writing(services.database) as session:
        for one in sent:
            _note_one(session, one, now)


def _note_one(session: Session, one: Sent, now: datetime) -> None:
    row = session.get_one(SpoolRow, one.unique_id, with_for_update=True)
    if row.state == "delivered":
        return
    if one.annotation is not None:
        row.state, row.label_studio_annotation, row.delivered_at = "delivered", one.annotation, now
        row.problem = ""
    else:
        row.tries, row.problem = row.tries + 1, one.problem
        # While nobody is at home everything waits together, see `Deliverer`; one that is refused waits on its own.
        row.next_try_at = None if one.away else now + min(LONGEST_WAIT, timedelta(seconds=2 ** min(row.tries, 9)))
        log.warning("an answer waits for Label Studio: %s", one.problem)
    session.add(row)


def _short(error: HauloutError) -> str:
    return str(error)[:PROBLEM]
