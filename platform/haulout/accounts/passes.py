"""Links that open something once or a few times: an invitation, or the way into an account without its password."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from haulout.accounts.refusals import Reason, Refused
from haulout.accounts.roles import Role
from haulout.accounts.sessions import digest
from haulout.tables import AccountRow, PassRow

INVITE, ENTER = "invite", "enter"
ENTER_LASTS = timedelta(minutes=10)
OPERATOR_HERE = "the operator at the machine"
BYTES = 32


def invite(
    session: Session,
    role: Role,
    uses: int,
    days: float,
    now: datetime,
    draw: Callable[[int], str] = secrets.token_urlsafe,
) -> str:
    """Return what the link holds that lets so many people sign up with the role."""
    token = draw(BYTES)
    row = PassRow(sha256=digest(token), kind=INVITE, role=role, uses_left=uses, by=OPERATOR_HERE, made_at=now)
    row.ends_at = now + timedelta(days=days)
    session.add(row)
    return token


def admit(
    session: Session, account: AccountRow, now: datetime, draw: Callable[[int], str] = secrets.token_urlsafe
) -> str:
    """Return what the link holds that lets somebody enter the account once."""
    token = draw(BYTES)
    row = PassRow(sha256=digest(token), kind=ENTER, role=account.role, account=account.id, by=OPERATOR_HERE)
    row.made_at, row.ends_at = now, now + ENTER_LASTS
    session.add(row)
    return token


def find(session: Session, kind: str, token: str, now: datetime, *, lock: bool = False) -> PassRow:
    """Return the pass, with `lock` for nobody else until the transaction ends; Refused when it is unknown or over."""
    row = session.get(PassRow, digest(token), with_for_update=lock or None) if token else None
    if row is None or row.kind != kind or row.uses_left < 1 or now >= row.ends_at:
        reason = Reason.NO_INVITE if kind == INVITE else Reason.LINK_OVER
        raise Refused(reason, "The link was used already or is over. Ask for another.")
    return row


def use(session: Session, kind: str, token: str, now: datetime) -> PassRow:
    """Use the pass once more and return it."""
    row = find(session, kind, token, now, lock=True)
    row.uses_left -= 1
    session.add(row)
    return row
