"""What keeps a season safe while nobody looks: the log copied out, a backup a day, a check a night, old links gone."""

import logging
from collections.abc import Callable
from datetime import timedelta

from sqlmodel import col, select

from haulout.accounts.tidying import tidy
from haulout.db import reading
from haulout.errors import HauloutError
from haulout.safekeeping.daily import back_up_if_due
from haulout.services import Services
from haulout.shipping import try_to_ship
from haulout.tables import FsckRow, PhotoRow

CHECK_EVERY = timedelta(hours=24)
log = logging.getLogger(__name__)


def keep_up(services: Services) -> None:
    """Do what is due; what cannot be done now is told, holds up nothing else, and is tried again next time."""
    for work in (_ship, back_up_if_due, tidy, _check):
        _unless_broken(work, services)


def _ship(services: Services) -> None:
    try_to_ship(services.database, services.storage.journal)


def _check(services: Services) -> None:
    if not _is_due(services):
        return
    from haulout.fsck import fsck  # loads torch, for seconds: not every minute for nothing

    findings = fsck(services)
    for one in findings:
        log.warning("fsck: %s", one)
    log.info("checked what must always hold: %d findings", len(findings))


def _is_due(services: Services) -> bool:
    """Say whether the last check is a day old; a season without a photo holds nothing to check."""
    with reading(services.database) as session:
        last = session.exec(select(FsckRow.at).order_by(col(FsckRow.id).desc())).first()
        anything = session.exec(select(PhotoRow.id)).first() is not None
    return anything and (last is None or not timedelta(0) <= services.now() - last < CHECK_EVERY)


def _unless_broken(work: Callable[[Services], object], services: Services) -> None:
    try:
        work(services)
    except (HauloutError, OSError) as error:
        log.warning("upkeep: %s", error)
