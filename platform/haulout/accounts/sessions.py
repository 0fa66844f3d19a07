"""Sessions live here, not in the browser: it holds a random token, of which only the SHA-256 is kept."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from haulout.accounts.roles import Role
from haulout.tables import AccountRow, SessionRow

IDLE = timedelta(days=14)
"""A session that nobody used for so long is over."""
LONGEST = timedelta(days=90)
BRIEF_IDLE, BRIEF_LONGEST = timedelta(hours=2), timedelta(hours=12)
"""The same for experts and operators."""
NOTED_EVERY = timedelta(minutes=5)
"""How exactly it is noted when a session was used: writing at every picture would make readers wait."""


@dataclass(frozen=True)
class Asker:
    """Who makes a request."""

    account: str
    name: str
    role: Role
    session: str
    """SHA-256 of their token."""
    language: str
    complete: bool
    """False until the second factor was shown, where one is wanted: then they may do nothing but show it."""
    taught: bool

    @property
    def rank(self) -> int:
        """Return what they may do now, see `Role.rank`."""
        return self.role.rank if self.complete else 0


def begin(
    session: Session,
    account: AccountRow,
    now: datetime,
    *,
    complete: bool,
    draw: Callable[[int], str] = secrets.token_urlsafe,
) -> str:
    """Begin a session and return what the browser is to keep."""
    token, role = draw(32), Role(account.role)
    ends = now + (BRIEF_LONGEST if role.wants_second_factor else LONGEST)
    session.add(
        SessionRow(id=digest(token), account=account.id, complete=complete, made_at=now, seen_at=now, ends_at=ends)
    )
    return token


def find(session: Session, token: str, now: datetime) -> tuple[SessionRow, Asker] | None:
    """Return the session that the token opens and who is signed in there; None when it is over, or never was."""
    row = session.get(SessionRow, digest(token))
    account = session.get(AccountRow, row.account) if row else None
    if row is None or account is None or account.erased_at or row.revoked_at or now >= row.ends_at:
        return None
    role = Role(account.role)
    if now - row.seen_at > (BRIEF_IDLE if role.wants_second_factor else IDLE):
        return None
    asker = Asker(
        account=account.id,
        name=account.name,
        role=role,
        session=row.id,
        language=account.language,
        complete=row.complete or not role.wants_second_factor,
        taught=account.taught_at is not None,
    )
    return row, asker


def revoke(session: Session, number: str, now: datetime) -> None:
    """End one session."""
    row = session.get(SessionRow, number)
    if row is not None and row.revoked_at is None:
        row.revoked_at = now
        session.add(row)


def revoke_all(session: Session, account: str, now: datetime, *, but: str = "") -> int:
    """End all sessions of an account except one; return how many there were."""
    query = select(SessionRow).where(SessionRow.account == account, col(SessionRow.revoked_at).is_(None))
    rows = [row for row in session.exec(query) if row.id != but and row.ends_at > now]
    for row in rows:
        row.revoked_at = now
        session.add(row)
    return len(rows)


def digest(token: str) -> str:
    """Return the SHA-256 of a token, by which it is looked up: the time that takes tells nothing of other tokens."""
    return hashlib.sha256(token.encode()).hexdigest()
