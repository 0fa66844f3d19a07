"""Puts the services together from the settings; the only place that does."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import Engine

from haulout.config import Settings
from haulout.db import PATIENCE, connect
from haulout.label_studio import LabelStudio
from haulout.safekeeping.backup import back_up
from haulout.safekeeping.placing import refuse_half_restored
from haulout.schema import bring_up_to_date
from haulout.services import Services
from haulout.storage import Storage


def connected(settings: Settings, patience: float = PATIENCE) -> Engine:
    """Connect to the database: made when it is new, and changed, after a backup, when it is an older Haulout's."""
    refuse_half_restored(settings.home.resolve())
    database = connect(settings.database, patience)
    bring_up_to_date(database, lambda: back_up(settings, database, utc_now))
    return database


def build(settings: Settings, patience: float = PATIENCE) -> Services:
    """Connect to the database and make what is missing; Label Studio is called only when somebody needs it."""
    database = connected(settings, patience)
    storage = Storage(settings.home)
    storage.make_folders()

    @cache
    def label_studio() -> LabelStudio:
        return LabelStudio(settings.label_studio, settings.label_studio_token)

    return Services(
        settings=settings,
        database=database,
        storage=storage,
        weights=settings.home.resolve() / "weights",
        label_studio=label_studio,
        now=utc_now,
        sleep=time.sleep,
    )


def build_from(environ: Mapping[str, str]) -> Services:
    """Put the services together for a process that was started with this environment."""
    return build(Settings.from_env(environ))


def utc_now() -> datetime:
    """Return the time in UTC, without zone, as all tables keep it."""
    return datetime.now(UTC).replace(tzinfo=None)
