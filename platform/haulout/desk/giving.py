"""Gives people their next question: one transaction chooses and leases, so that nobody takes another's place.

While somebody else writes for long, the order that Label Studio was told last is read instead, and the lease stays in
this process until it can be written.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from uuid import uuid4

from sqlalchemy import text
from sqlmodel import Session, col, select

from haulout.accounts import Role
from haulout.content import Content, content_of
from haulout.db import reading, writing
from haulout.desk.choosing import hidden_tasks, pick, subjects_of
from haulout.desk.refusals import NotForYou, NotYourLease
from haulout.desk.wishing import free_task, own_leases
from haulout.errors import DatabaseBusy, HauloutError
from haulout.services import Services
from haulout.tables import AccountRow, ChosenRow, ServedRow, TaskRow
from labeling_configs.vocabulary import FOR_EXPERTS, Question

PATIENCE, IMPATIENCE = 2.0, 0.1
"""Seconds that a choice waits for other writers; and while it waited in vain a moment ago."""
BUSY_FOR = timedelta(seconds=5)
ALONE = 7_206_101
"""The number of PostgreSQL's lock under which tasks are leased, one after the other."""
TRIES = 3
"""Tasks tried whose pictures cannot be made."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """A question that somebody was given, and what they are shown."""

    lease: str
    task: TaskRow
    content: Content
    until: datetime
    minutes: float

    @property
    def question(self) -> Question:
        """What is asked."""
        return Question(self.task.question)


def nobody() -> None:
    """Wake nobody: answers are delivered by whoever looks next."""


def at_home() -> bool:
    """Say that Label Studio is not away, as far as anybody knows."""
    return False


class Desk:
    """One for each process that serves pages.

    `wake` is called when there is something to deliver, and `is_away` says whether Label Studio did not take the last.
    """

    def __init__(
        self, services: Services, wake: Callable[[], None] = nobody, is_away: Callable[[], bool] = at_home
    ) -> None:
        self.services, self.wake, self.is_away = services, wake, is_away
        self._lock = Lock()
        self._unwritten: dict[str, ServedRow] = {}
        self._busy_until = datetime.min

    def next(self, account: str, question: Question) -> Given | None:
        """Give the account its next question, the same again while its lease lasts; None when there is none.

        NotForYou when the question is for experts.
        """
        self._require(account, question)
        avoid: set[int] = set()
        for _ in range(TRIES):
            served = self._lease(account, question, avoid)
            if served is None:
                return None
            try:
                return self._given(served)
            except (HauloutError, LookupError, OSError) as error:
                log.warning("task %d cannot be shown and is not given out now: %s", served.task, error)
                avoid.add(served.task)
        return None

    def wish(self, account: str, question: Question, subject: str) -> None:
        """Lease just this question to the account, so that `next` gives it first; NotFree when it cannot have it now.

        Unlike `next` it waits for the database: who wishes for something may be asked to wish again.
        """
        now = self.services.now()
        until = now + timedelta(minutes=self.services.settings.lease_minutes)
        with writing(self.services.database) as session:
            alone(session)
            written = self._write_down(session)
            row = session.get_one(AccountRow, account)
            require(row, question)
            task = free_task(session, row, question, subject, now)
            for lease in own_leases(session, row, task, now):
                lease.ended = "given back"
                session.add(lease)
            session.add(_new(session, task.id or 0, account, now, until, orderly=True))
        self.forget(written)

    def find(self, session: Session, lease: str, account: str) -> ServedRow:
        """Return the account's lease, from this process when it could not be written yet; else NotYourLease."""
        served = session.get(ServedRow, lease) or self._unwritten.get(lease)
        if served is None or served.account != account:
            raise NotYourLease("This picture was given to somebody else. Load the page anew to get one of your own.")
        return served

    def recall(self, served: ServedRow) -> None:
        """Take up again a lease that was kept in a process which is gone; nothing happens when it is known."""
        with self._lock, reading(self.services.database) as session:
            if session.get(ServedRow, served.id) is None and session.get(TaskRow, served.task) is not None:
                self._unwritten.setdefault(served.id, served)

    def written(self, session: Session, lease: str, account: str) -> ServedRow:
        """Return the account's lease as a row of the session, written now if it is not yet."""
        kept = self._unwritten.get(lease)
        if kept is not None and session.get(ServedRow, lease) is None:
            alone(session)
            if session.get(ServedRow, lease) is None:
                session.add(ServedRow(**kept.model_dump()))
                session.flush()
        return self.find(session, lease, account)

    def _require(self, account: str, question: Question) -> None:
        with reading(self.services.database) as session:
            require(session.get_one(AccountRow, account), question)

    def _lease(self, account: str, question: Question, avoid: set[int]) -> ServedRow | None:
        now = self.services.now()
        patience = IMPATIENCE if now < self._busy_until else PATIENCE
        try:
            with writing(self.services.database, patience) as session:
                alone(session)
                written = self._write_down(session)
                served = self._choose(session, account, question, now, avoid)
        except DatabaseBusy:
            self._busy_until = now + BUSY_FOR
            return self._unordered(account, question, now, avoid)
        self.forget(written)
        return served

    def forget(self, written: Iterable[str]) -> None:
        """Keep these leases here no longer: they are written."""
        with self._lock:
            for lease in written:
                self._unwritten.pop(lease, None)

    def _choose(
        self, session: Session, account: str, question: Question, now: datetime, avoid: set[int]
    ) -> ServedRow | None:
        row = session.get_one(AccountRow, account)
        until = now + timedelta(minutes=self.services.settings.lease_minutes)
        for lease in self._open_leases(session, account, question, now):
            if lease.task not in avoid and self._still_asked(session, row, question, lease):
                lease.until = max(lease.until, until)
                session.add(lease)
                return lease
            lease.ended = "given back"
            session.add(lease)
        session.flush()
        task = pick(self.services, session, row, question, now, avoid=avoid)
        if task is None:
            return None
        served = _new(session, task, account, now, until, orderly=True)
        session.add(served)
        return served

    def _open_leases(self, session: Session, account: str, question: Question, now: datetime) -> list[ServedRow]:
        query = (
            select(ServedRow)
            .join(TaskRow, col(TaskRow.id) == ServedRow.task)
            .where(ServedRow.account == account, ServedRow.ended == "", ServedRow.until > now)
            .where(TaskRow.question == question.value)
            .order_by(col(ServedRow.at).desc())
        )
        return list(session.exec(query))

    def _still_asked(self, session: Session, account: AccountRow, question: Question, lease: ServedRow) -> bool:
        task = session.get_one(TaskRow, lease.task)
        return (
            task.question == question.value
            and task.state == "open"
            and task.subject not in subjects_of(session, account, question)
            and not is_hidden(session, task)
        )

    def _unordered(self, account: str, question: Question, now: datetime, avoid: set[int]) -> ServedRow | None:
        """Choose by reading alone, and keep the lease here."""
        until = now + timedelta(minutes=self.services.settings.lease_minutes)
        with self._lock, reading(self.services.database) as session:
            row = session.get_one(AccountRow, account)
            mine = [one for one in self._unwritten.values() if one.account == account]
            for lease in [*mine, *self._open_leases(session, account, question, now)]:
                is_free = lease.until > now and lease.task not in avoid
                if is_free and self._still_asked(session, row, question, lease):
                    return lease
            taken = Counter(one.task for one in self._unwritten.values() if one.until > now)
            number = pick(self.services, session, row, question, now, taken=taken, avoid=avoid, orderly=False)
            if number is None:
                return None
            served = _new(session, number, account, now, until, orderly=False)
            self._unwritten[served.id] = served
            return served

    def _write_down(self, session: Session) -> list[str]:
        """Write the leases that are only here; return which."""
        with self._lock:
            waiting = list(self._unwritten.values())
        for lease in waiting:
            if session.get(ServedRow, lease.id) is None:
                session.add(ServedRow(**lease.model_dump()))
        session.flush()
        return [lease.id for lease in waiting]

    def _given(self, served: ServedRow) -> Given:
        with reading(self.services.database) as session:
            task = session.get_one(TaskRow, served.task)
            task.model = served.model or task.model
            content = content_of(task, session, self.services.storage)
            minutes = session.exec(
                select(ChosenRow.minutes).where(ChosenRow.batch == task.batch, ChosenRow.tile == task.subject)
            ).first()
        return Given(served.id, task, content, served.until, minutes or 0.0)


def require(account: AccountRow, question: Question) -> None:
    """Raise NotForYou unless people with this account's role are asked this question."""
    if question in FOR_EXPERTS and Role(account.role).rank < Role.EXPERT.rank:
        raise NotForYou(f"{question.value} is asked of experts only. `haulout account` gives somebody another role.")


def alone(session: Session) -> None:
    """Let nobody else lease anything until the transaction ends; SQLite has one writer at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ALONE})


def is_hidden(session: Session, task: TaskRow) -> bool:
    """Say whether the task shows a photo that is withheld."""
    return bool(hidden_tasks(session, Question(task.question), [task.id or 0]))


def _new(session: Session, task: int, account: str, now: datetime, until: datetime, *, orderly: bool) -> ServedRow:
    model = session.get_one(TaskRow, task).model
    return ServedRow(id=uuid4().hex, task=task, account=account, at=now, until=until, model=model, orderly=orderly)
