"""Throws away what opens nothing any more."""

from datetime import timedelta

from sqlmodel import col, delete, or_

from haulout.db import writing
from haulout.services import Services
from haulout.tables import PassRow, SessionRow

KEPT_FOR = timedelta(days=7)
"""How long what is over stays, for who wants to know what happened."""


def tidy(services: Services) -> None:
    """Delete sessions and links that have been over for a week."""
    before = services.now() - KEPT_FOR
    with writing(services.database) as session:
        session.exec(
            delete(SessionRow).where(or_(col(SessionRow.ends_at) < before, col(SessionRow.revoked_at) < before))
        )
        session.exec(delete(PassRow).where(col(PassRow.ends_at) < before))
