"""How an account comes to be."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select

from haulout.accounts import names, passes, passwords, sessions
from haulout.accounts.refusals import Reason, Refused
from haulout.accounts.roles import Role
from haulout.db import reading, writing
from haulout.services import Services
from haulout.tables import AccountRow

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """What somebody filled in."""

    name: str
    password: str
    email: str = ""
    language: str = "en"
    invite: str = ""
    """What the link of an invitation holds."""


def sign_up(services: Services, wish: Wish) -> str:
    """Make an account, sign it in, and return the session's token; Refused says what is to be changed.

    Whoever comes without an invitation must have passed the bot check before.
    """
    now, name, email = services.now(), names.clean(wish.name), names.clean_email(wish.email)
    passwords.check(wish.password, (name, email))
    _check_way_in(services, wish, now)
    kept = passwords.hashed(wish.password)  # slow, so before anybody is kept from writing
    try:
        with writing(services.database) as session:
            role = Role(passes.use(session, passes.INVITE, wish.invite, now).role) if wish.invite else Role.VOLUNTEER
            row = new_account(session, name, role, now, password=kept, email=email, language=wish.language)
            token = sessions.begin(session, row, now, complete=False)
    except IntegrityError as error:  # somebody else took the name just now
        raise Refused(Reason.NAME_TAKEN, "Somebody has this name.") from error
    _log.info("an account was made", extra={"account": row.id, "role": role.value})
    return token


def new_account(
    session: Session,
    name: str,
    role: Role,
    now: datetime,
    *,
    password: str = "",
    email: str = "",
    language: str = "en",
    draw: Callable[[int], str] = secrets.token_hex,
) -> AccountRow:
    """Add an account under a name that nobody has."""
    if named(session, name) is not None:
        raise Refused(Reason.NAME_TAKEN, f"Somebody is called {name!r} already.")
    row = AccountRow(id=draw(8), name=name, folded=names.folded(name), email=email, password=password, role=role)
    row.language, row.created_at = language, now
    session.add(row)
    session.flush()
    return row


def named(session: Session, name: str) -> AccountRow | None:
    """Return whose name it is, or whose pseudonym, so that nobody takes another's for a name."""
    known = names.folded(name)
    return session.exec(
        select(AccountRow).where(or_(col(AccountRow.folded) == known, col(AccountRow.id) == known))
    ).first()


def _check_way_in(services: Services, wish: Wish, now: datetime) -> None:
    """Look whether they may sign up at all, before anything slow is done for them."""
    way = services.settings.sign_up
    if way == "closed" or (way == "invite" and not wish.invite):
        raise Refused(Reason.CLOSED, "Nobody can sign up here without an invitation.")
    with reading(services.database) as session:
        if wish.invite:
            passes.find(session, passes.INVITE, wish.invite, now)
        if named(session, wish.name) is not None:
            raise Refused(Reason.NAME_TAKEN, "Somebody has this name.")
