"""How somebody comes in: by name and password, then a code where one is wanted, or by a link that opens once."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from haulout.accounts import passes, passwords, sessions
from haulout.accounts.refusals import Reason, Refused
from haulout.accounts.roles import Role
from haulout.accounts.second_factor import SecondFactors
from haulout.accounts.sessions import Asker
from haulout.accounts.sign_up import named
from haulout.db import reading, writing
from haulout.services import Services
from haulout.tables import AccountRow

PATIENT = 5
"""Wrong passwords or codes in a row that cost no time."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """What somebody filled in, and the session that their browser had before."""

    name: str
    password: str
    before: str = ""
    language: str = ""


def sign_in(services: Services, given: Given) -> str:
    """Return the token of a new session; Refused says no more of a name that there is than of one that there is not."""
    now = services.now()
    with reading(services.database) as session:
        known = named(session, given.name)
    if known is None or known.erased_at is not None:
        passwords.matches("", given.password)  # takes as long as for a name that there is
        _log.info("a name was given that nobody has")
        raise _wrong()
    count_try(services, known.id, now)
    if not passwords.matches(known.password, given.password):
        _log.info("a wrong password was given", extra={"account": known.id})
        raise _wrong()
    anew = passwords.hashed(given.password) if passwords.outdated(known.password) else ""
    with writing(services.database) as session:
        row = session.get_one(AccountRow, known.id)
        if row.erased_at is not None or row.password != known.password:
            raise _wrong()
        row.password, row.language = anew or row.password, given.language or row.language
        if not Role(row.role).wants_second_factor:
            row.failures, row.wait_until = 0, None  # the others have half the way before them
        _replace(session, given.before, now)
        token = sessions.begin(session, row, now, complete=False)
    _log.info("signed in", extra={"account": known.id})
    return token


def count_try(services: Services, account: str, now: datetime) -> None:
    """Count a try as a failure before it is looked at, so that tries at the same time gain nothing; Refused to wait."""
    with writing(services.database) as session:
        row = session.get_one(AccountRow, account, with_for_update=True)
        if row.wait_until is not None and now < row.wait_until:
            raise Refused(Reason.WAIT, "Too many wrong tries.", seconds=(row.wait_until - now).total_seconds())
        row.failures += 1
        if row.failures >= PATIENT:
            doubled = FIRST_WAIT * 2 ** min(row.failures - PATIENT, 10)
            row.wait_until = now + min(doubled, LONGEST_WAIT)
        session.add(row)


def show_code(services: Services, asker: Asker, code: str, *, offer: str = "") -> str:
    """Take the code of who has shown their password, and return the token of a session that may do something.

    `offer` is the sealed secret of who has no second factor yet: the code shows that their app knows it.
    """
    now, factors = services.now(), SecondFactors(services.settings.secret_key)
    count_try(services, asker.account, now)
    with writing(services.database) as session:
        row = session.get_one(AccountRow, asker.account, with_for_update=True)
        sealed = row.totp or (offer if factors.is_fresh(offer, row.id, now) else "")
        step = factors.step(sealed, row.id, code, now, after=row.totp_step) if sealed else None
        if step is None:
            _log.info("a wrong code was given", extra={"account": asker.account})
            raise Refused(Reason.WRONG_CODE, "The code is wrong, or was used before.")
        row.totp, row.totp_step, row.failures, row.wait_until = sealed, step, 0, None
        session.add(row)
        sessions.revoke(session, asker.session, now)
        token = sessions.begin(session, row, now, complete=True)
    _log.info("the second factor was shown", extra={"account": asker.account})
    return token


def enter(services: Services, link: str, before: str = "") -> str:
    """Use a link that opens an account once, and return the token of the session; it stands for both factors."""
    now = services.now()
    with writing(services.database) as session:
        row = session.get_one(AccountRow, passes.use(session, passes.ENTER, link, now).account)
        if row.erased_at is not None:
            raise Refused(Reason.LINK_OVER, "The account was erased.")
        row.failures, row.wait_until = 0, None
        session.add(row)
        _replace(session, before, now)
        token = sessions.begin(session, row, now, complete=True)
    _log.info("entered by a link", extra={"account": row.id})
    return token


def has_second_factor(services: Services, asker: Asker) -> bool:
    """Say whether who asks has set up a second factor."""
    with reading(services.database) as session:
        return bool(session.get_one(AccountRow, asker.account).totp)


def _replace(session: Session, token: str, now: datetime) -> None:
    if token:
        sessions.revoke(session, sessions.digest(token), now)


def _wrong() -> Refused:
    return Refused(Reason.WRONG, "The name or the password is wrong.")
