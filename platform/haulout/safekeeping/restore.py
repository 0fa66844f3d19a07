"""The way back from a backup: nothing is changed before all of it is known to be whole, and nothing is deleted."""

import csv
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from haulout.config import Settings
from haulout.db import connect, writing
from haulout.errors import HauloutError, LeaseTaken
from haulout.lease import SEASON, lease
from haulout.safekeeping import postgres, sqlite
from haulout.safekeeping.backup import DUMP, JOURNAL, LABEL_STUDIO, ORIGINALS, SECRETS, SQLITE, WEIGHTS
from haulout.safekeeping.files import alone, copy, free_name, saying_what_is_wrong
from haulout.safekeeping.manifest import DamagedBackup, Manifest, sha256, verify
from haulout.safekeeping.placing import ASIDE, STAGE, Plan, forget_plan, occupants, place, read_plan, write_plan
from haulout.schema import bring_up_to_date, refuse_newer
from haulout.services import Tell, silently
from haulout.storage.files import flush

_PLACES = {SQLITE: "haulout.sqlite"}
"""Where a file of the backup belongs in the home, if not where it lies in the backup."""
FREE_LEASES = "UPDATE lease SET holder = ''"
"""Whoever held one when the backup was made holds it no more."""
_PLACED = (SQLITE, str(SECRETS), str(LABEL_STUDIO), str(JOURNAL), str(WEIGHTS))
"""What of a backup goes into the home; nothing else that a manifest may name does."""


class CannotRestore(HauloutError):
    """A restore now, or from here, would destroy something."""


@dataclass(frozen=True)
class Restored:
    """What a restore brought back."""

    manifest: Manifest
    aside: Path | None
    """Where the home's former content lies now."""
    schema_aside: str
    """The schema of PostgreSQL that holds the database's former content, empty when there was none."""
    missing: tuple[str, ...]
    """Photos that were in the home when the backup was made, and are not whole now: paths in `originals`."""


def restore(
    settings: Settings,
    folder: Path,
    now: Callable[[], datetime],
    running: Mapping[str, str],
    *,
    replace: bool = False,
    tell: Tell = silently,
) -> Restored:
    """Make the home what the backup says; `running` are the home's services, of which none may run."""
    home, folder = settings.home.resolve(), folder.resolve()
    if running:
        raise CannotRestore(f"{', '.join(sorted(running))} run on {home}. Stop them first: haulout down")
    home.mkdir(parents=True, exist_ok=True)
    with alone(home):
        manifest = verify(folder, tell)
        refuse_newer(manifest.revision or "0001", str(folder))
        _refuse_another_kind(settings, manifest)
        plan = _unfinished(home, manifest) or _begin(
            settings, home, folder, manifest, now(), replace=replace, tell=tell
        )
        _finish(settings, home, folder, plan, manifest, tell)
    aside = home / ASIDE / plan.aside
    return Restored(manifest, aside if aside.exists() else None, plan.schema_aside, tuple(_missing(home, folder)))


def _refuse_another_kind(settings: Settings, manifest: Manifest) -> None:
    kind = make_url(settings.database).get_backend_name()
    if kind != manifest.database:
        raise CannotRestore(
            f"The backup is of {manifest.database}, and the settings name {kind}. Set or unset DATABASE_URL."
        )
    inside = f"sqlite:///{settings.home.resolve() / _PLACES[SQLITE]}"
    if kind == "sqlite" and settings.database != inside:
        raise CannotRestore(f"A SQLite database is restored into its home; unset DATABASE_URL ({settings.database}).")


def _unfinished(home: Path, manifest: Manifest) -> Plan | None:
    plan = read_plan(home)
    if plan is not None and plan.checksums != manifest.digest():
        raise CannotRestore(f"Another restore was broken off; finish it first: haulout restore {plan.backup}")
    return plan


def _begin(
    settings: Settings, home: Path, folder: Path, manifest: Manifest, now: datetime, *, replace: bool, tell: Tell
) -> Plan:
    """Do all that can fail before anything in the home is changed, and note what is left to do."""
    database = connect(settings.database)
    tables = _tables(database)
    _refuse_occupied(home, database, [path.name for path in occupants(home)] + tables, replace=replace)
    database.dispose()
    _stage(home, folder, manifest, tell)
    aside = free_name(home / ASIDE, now.strftime("%Y-%m-%dT%H-%M-%SZ"))
    schema = f"replaced_{aside}" if tables else ""
    plan = Plan(backup=folder, checksums=manifest.digest(), aside=aside, schema_aside=schema)
    write_plan(home, plan)
    return plan


def _tables(database: Engine) -> list[str]:
    """Return the tables of a PostgreSQL database; a SQLite file is moved aside as any file is."""
    if database.dialect.name != "postgresql":
        return []
    with database.connect() as connection:
        return [f"table {name}" for name in sorted(inspect(connection).get_table_names())]


def _refuse_occupied(home: Path, database: Engine, there: list[str], *, replace: bool) -> None:
    if there and not replace:
        raise CannotRestore(
            f"{home} is not empty ({', '.join(there[:8])}). With --replace its content is moved to {home / ASIDE}, "
            "and nothing is deleted; or set HAULOUT_HOME to a new folder."
        )
    if there:
        _refuse_at_work(database)


def _refuse_at_work(database: Engine) -> None:
    """A database that cannot be asked is no hindrance: it may be the reason to restore."""
    path = database.url.database
    if database.dialect.name == "sqlite" and not Path(path or "").exists():
        return
    try:
        with lease(database, SEASON):
            pass
    except LeaseTaken as error:
        raise CannotRestore(f"{error} Wait until it has ended, or stop it.") from error
    except (SQLAlchemyError, HauloutError):
        return


def _stage(home: Path, folder: Path, manifest: Manifest, tell: Tell) -> None:
    """Copy everything beside the home's content, check the copies, and bring the database up to date there."""
    stage = home / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    wanted = [file for part in _PLACED for file in manifest.inside(part)]
    with saying_what_is_wrong(stage), ExitStack() as undo:
        undo.callback(shutil.rmtree, stage, ignore_errors=True)
        stage.mkdir(mode=0o700)
        for done, file in enumerate(wanted):
            tell("Restoring, files", done, len(wanted))
            target = stage / _PLACES.get(file.name, file.name)
            copy(folder / file.name, target)
            if sha256(target) != file.sha256:
                raise DamagedBackup(f"{file.name} changed while it was read; is the disk of {folder} failing?")
        tell("Restoring, the database", 0, 0)
        if (stage / _PLACES[SQLITE]).exists():
            _prepare(stage / _PLACES[SQLITE], manifest)
        for path in [*stage.rglob("*"), stage]:
            flush(path)
        undo.pop_all()


def _prepare(path: Path, manifest: Manifest) -> None:
    if sqlite.counted(path) != manifest.counts:
        raise DamagedBackup(f"{path.name} holds other rows than its manifest says. Use another backup.")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(FREE_LEASES)
    database = connect(f"sqlite:///{path}")
    bring_up_to_date(database, lambda: None)
    database.dispose()


def _finish(settings: Settings, home: Path, folder: Path, plan: Plan, manifest: Manifest, tell: Tell) -> None:
    """Do what the plan says; after a kill all of it may be done again."""
    if manifest.database == "postgresql":
        tell("Restoring, the database", 0, 0)
        _fill_postgres(connect(settings.database), home, folder / DUMP, plan, manifest)
    place(home, plan)
    shutil.rmtree(home / STAGE, ignore_errors=True)
    forget_plan(home)


def _fill_postgres(database: Engine, home: Path, dumped: Path, plan: Plan, manifest: Manifest) -> None:
    if plan.schema_aside:
        postgres.set_aside(database, plan.schema_aside)
    try:
        postgres.restore(database, dumped, manifest.counts)
    except HauloutError:
        if plan.schema_aside:
            postgres.take_back(database, plan.schema_aside)
        forget_plan(home)
        raise
    with writing(database) as session:
        session.connection().execute(text(FREE_LEASES))
    bring_up_to_date(database, lambda: None)
    database.dispose()


def _missing(home: Path, folder: Path) -> list[str]:
    """Return the photos of the backup's list that are gone, or have another size."""
    with (folder / ORIGINALS).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["path"] for row in rows if _size(home / "originals" / row["path"]) != int(row["bytes"])]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
