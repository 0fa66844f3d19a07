"""Erases what is known of a person; their votes stay under a pseudonym that leads to nobody."""

import logging

from sqlmodel import select

from haulout.db import writing
from haulout.services import Services
from haulout.tables import AccountRow, CommentRow, PassRow, SessionRow

_log = logging.getLogger(__name__)


def erase(services: Services, account: str) -> None:
    """Erase name, address, password, second factor, sessions, links and comments; once more changes nothing."""
    with writing(services.database) as session:
        if services.database.dialect.name == "sqlite":
            session.connection().exec_driver_sql("PRAGMA secure_delete=ON")  # else it stays in the file, unseen
        row = session.get_one(AccountRow, account)
        for table in (SessionRow, PassRow, CommentRow):
            for one in session.exec(select(table).where(table.account == account)):
                session.delete(one)
        row.name, row.folded, row.email, row.password, row.totp = "", row.id, "", "", ""
        row.totp_step, row.failures, row.wait_until = 0, 0, None
        row.erased_at = row.erased_at or services.now()
        session.add(row)
    _log.info("an account was erased", extra={"account": account})
