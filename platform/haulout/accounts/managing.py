"""What the operator does with other people's accounts at the command line."""

import logging

from sqlmodel import Session, col, select

from haulout.accounts import names, passes, sessions
from haulout.accounts.erasing import erase
from haulout.accounts.refusals import UnknownAccount
from haulout.accounts.roles import Role
from haulout.accounts.sign_up import named, new_account
from haulout.config import Settings
from haulout.db import reading, writing
from haulout.services import Services
from haulout.tables import AccountRow

OPERATOR = "operator"
"""The account that the machine's own operator has from the start."""
_log = logging.getLogger(__name__)


def listed(services: Services) -> list[AccountRow]:
    """Return all accounts that are not erased, oldest first."""
    with reading(services.database) as session:
        query = select(AccountRow).where(col(AccountRow.erased_at).is_(None)).order_by(col(AccountRow.created_at))
        return list(session.exec(query))


def invite(services: Services, role: Role, uses: int, days: float) -> str:
    """Return the address at which so many people can sign up with the role."""
    with writing(services.database) as session:
        token = passes.invite(session, role, uses, days, services.now())
    _log.info("an invitation was made", extra={"role": role.value, "uses": uses})
    return f"{reached_at(services.settings)}/sign-up?invite={token}"


def way_in(services: Services, name: str = "") -> str:
    """Return an address that opens an account once; without a name the operator's, which is made when there is none."""
    now = services.now()
    with writing(services.database) as session:
        row = account_of(session, name) if name else named(session, OPERATOR)
        if row is None:
            row = new_account(session, OPERATOR, Role.OPERATOR, now, language=services.settings.language)
        token = passes.admit(session, row, now)
    _log.info("a link was made that opens an account once", extra={"account": row.id})
    return f"{reached_at(services.settings)}/enter?link={token}"


def set_role(services: Services, name: str, role: Role) -> None:
    """Let somebody do what the role may; their sessions end."""
    with writing(services.database) as session:
        row = account_of(session, name)
        row.role = role
        session.add(row)
        sessions.revoke_all(session, row.id, services.now())
    _log.info("a role was given", extra={"account": row.id, "role": role.value})


def reset(services: Services, name: str) -> str:
    """Forget password and second factor, end all sessions, and return the address at which they come in once."""
    with writing(services.database) as session:
        row = account_of(session, name)
        row.password, row.totp, row.totp_step, row.failures, row.wait_until = "", "", 0, 0, None
        session.add(row)
        sessions.revoke_all(session, row.id, services.now())
    _log.info("an account was reset", extra={"account": row.id})
    return way_in(services, name)


def erase_named(services: Services, name: str) -> str:
    """Erase what is known of somebody; return the pseudonym that stays."""
    with reading(services.database) as session:
        account = account_of(session, name).id
    erase(services, account)
    return account


def account_of(session: Session, name: str) -> AccountRow:
    """Return the account by its name or its id."""
    row = named(session, name)
    if row is None or row.erased_at is not None:
        raise UnknownAccount(f"Nobody here is called {names.folded(name)!r}. `haulout account list` shows all.")
    return row


def reached_at(settings: Settings) -> str:
    """Return the address under which people reach the pages."""
    return (settings.public_url or settings.pages).rstrip("/")
