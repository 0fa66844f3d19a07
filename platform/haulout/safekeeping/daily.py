"""A backup a day, by itself, as long as there is something to lose and room to keep it."""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.safekeeping.backup import BACKUPS, back_up, backups, made_at
from haulout.services import Services
from haulout.tables import PhotoRow

DAY, AGAIN = timedelta(days=1), timedelta(hours=1)
"""How old the newest backup may become, and how long after one that failed the next is tried."""
_TRIED = ".tried"
log = logging.getLogger(__name__)


def back_up_if_due(services: Services) -> Path | None:
    """Make a backup when the newest is a day old; what hinders it is logged and tried again in an hour."""
    folder, now = services.settings.home.resolve() / BACKUPS, services.now()
    if not _due(folder, now) or not _anything_to_lose(services):
        return None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / _TRIED).write_text(now.isoformat())
    try:
        made = back_up(services.settings, services.database, services.now)
    except (HauloutError, OSError, SQLAlchemyError) as error:
        log.warning("the daily backup was not made, and is tried again in an hour: %s", error)
        return None
    log.info("backup made: %s", made)
    return made


def last_backup(home: Path) -> datetime | None:
    """Return when the newest backup in the home was made, UTC without zone."""
    found = backups(home / BACKUPS)
    return made_at(found[-1]) if found else None


def _due(folder: Path, now: datetime) -> bool:
    """A clock that was put back makes the newest backup seem to come: that is no reason to wait for it."""
    newest = last_backup(folder.parent)
    return (newest is None or abs(now - newest) >= DAY) and abs(now - _tried(folder)) >= AGAIN


def _tried(folder: Path) -> datetime:
    try:
        return datetime.fromisoformat((folder / _TRIED).read_text())
    except (OSError, ValueError):
        return datetime.min


def _anything_to_lose(services: Services) -> bool:
    with reading(services.database) as session:
        return session.exec(select(PhotoRow.id).limit(1)).first() is not None
