"""What people do with their own account."""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select

from haulout.accounts import names, passwords, sessions
from haulout.accounts.erasing import erase
from haulout.accounts.refusals import Reason, Refused
from haulout.accounts.roles import Role
from haulout.accounts.sessions import Asker
from haulout.accounts.sign_in import count_try
from haulout.accounts.sign_up import named
from haulout.db import reading, writing
from haulout.services import Services
from haulout.tables import AccountRow, SessionRow

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Own:
    """What the account's page shows."""

    name: str
    email: str
    role: Role
    has_password: bool
    has_second_factor: bool
    since: datetime
    sessions: tuple[SessionRow, ...]


def look(services: Services, asker: Asker) -> Own:
    """Return all that is known of who asks."""
    with reading(services.database) as session:
        row = session.get_one(AccountRow, asker.account)
        query = select(SessionRow).where(SessionRow.account == row.id, col(SessionRow.revoked_at).is_(None))
        rows = session.exec(query.order_by(col(SessionRow.seen_at).desc()))
        current = tuple(one for one in rows if one.ends_at > services.now())
    return Own(row.name, row.email, Role(row.role), bool(row.password), bool(row.totp), row.created_at, current)


def rename(services: Services, asker: Asker, name: str, email: str) -> None:
    """Change how the person is called, and where they may be written to."""
    called, address = names.clean(name), names.clean_email(email)
    with writing(services.database) as session:
        row = session.get_one(AccountRow, asker.account)
        other = named(session, called)
        if other is not None and other.id != row.id:
            raise Refused(Reason.NAME_TAKEN, "Somebody has this name.")
        row.name, row.folded, row.email = called, names.folded(called), address
        session.add(row)
    _log.info("name or address changed", extra={"account": asker.account})


def change_password(services: Services, asker: Asker, old: str, new: str) -> str:
    """Change the password, end all sessions, and return the token of a new one."""
    _show_password(services, asker, old)
    now = services.now()
    with reading(services.database) as session:
        row = session.get_one(AccountRow, asker.account)
    passwords.check(new, (row.name, row.email))
    kept = passwords.hashed(new)
    with writing(services.database) as session:
        row = session.get_one(AccountRow, asker.account)
        row.password, row.failures, row.wait_until = kept, 0, None
        session.add(row)
        sessions.revoke_all(session, row.id, now)
        token = sessions.begin(session, row, now, complete=True)
    _log.info("the password was changed", extra={"account": asker.account})
    return token


def drop_second_factor(services: Services, asker: Asker, password: str) -> str:
    """Forget the second factor, and return the token of a session in which another is set up."""
    _show_password(services, asker, password)
    now = services.now()
    with writing(services.database) as session:
        row = session.get_one(AccountRow, asker.account)
        row.totp, row.totp_step = "", 0
        session.add(row)
        sessions.revoke_all(session, row.id, now)
        token = sessions.begin(session, row, now, complete=False)
    _log.info("the second factor was dropped", extra={"account": asker.account})
    return token


def erase_own(services: Services, asker: Asker, password: str) -> None:
    """Erase what is known of who asks; their votes stay."""
    _show_password(services, asker, password)
    erase(services, asker.account)


def end_sessions(services: Services, asker: Asker, number: str = "") -> None:
    """End one session of who asks, or all."""
    now = services.now()
    with writing(services.database) as session:
        if not number:
            sessions.revoke_all(session, asker.account, now)
        elif (row := session.get(SessionRow, number)) is not None and row.account == asker.account:
            sessions.revoke(session, number, now)


def _show_password(services: Services, asker: Asker, password: str) -> None:
    """Break off unless the password is right; who has none came by a link that opened once, which is enough."""
    with reading(services.database) as session:
        kept = session.get_one(AccountRow, asker.account).password
    if not kept:
        return
    count_try(services, asker.account, services.now())
    if not passwords.matches(kept, password):
        raise Refused(Reason.WRONG, "The password is wrong.")
    with writing(services.database) as session:
        row = session.get_one(AccountRow, asker.account)
        row.failures, row.wait_until = 0, None
        session.add(row)
