"""A backup of everything that cannot be made again, as a folder that is whole or not there."""

import csv
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, inspect, text

from haulout.config import Settings
from haulout.errors import StorageFull
from haulout.room import MEGABYTE
from haulout.safekeeping import postgres, sqlite
from haulout.safekeeping.files import alone, appearing, copy, discard, free_name, link, size, sweep
from haulout.safekeeping.manifest import CHECKSUMS, MANIFEST, Manifest, describe
from haulout.services import Tell, silently

BACKUPS = "backups"
SQLITE, DUMP, ORIGINALS, CATALOGUE = "database.sqlite", "database.dump", "originals.csv", "catalogue.csv"
LABEL_STUDIO = Path("label_studio")
ANSWERS = LABEL_STUDIO / "label_studio.sqlite3"
"""Label Studio's own database: it holds what people answered that was not read yet."""
LABEL_STUDIO_KEY = LABEL_STUDIO / ".env"
"""Its key; without it people must log in again."""
SECRETS, JOURNAL, WEIGHTS = Path("secrets.json"), Path("journal"), Path("weights")
_NAMED = "%Y-%m-%dT%H-%M-%SZ"
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(-\d+)?")


@dataclass
class _Making:
    """A backup that is being made in `part`."""

    settings: Settings
    database: Engine
    part: Path
    counts: dict[str, int] = field(default_factory=dict)
    revision: str = ""
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.settings.home.resolve()


def back_up(
    settings: Settings, database: Engine, now: Callable[[], datetime], tell: Tell = silently, to: Path | None = None
) -> Path:
    """Make a backup and return its folder; in the home only the newest `backups_kept` are kept, elsewhere all are."""
    folder = to or settings.home.resolve() / BACKUPS
    with alone(folder):
        sweep(folder)
        _refuse_without_room(settings, database, folder)
        made = folder / free_name(folder, now().strftime(_NAMED))
        with appearing(made) as part:
            _fill(_Making(settings, database, part), now(), tell)
        if to is None:
            for old in backups(folder)[: -settings.backups_kept]:
                discard(old)
    return made


def backups(folder: Path) -> list[Path]:
    """Return the backups in a folder, oldest first."""
    return sorted(path for path in folder.glob("*Z*") if _NAME.fullmatch(path.name) and (path / MANIFEST).exists())


def made_at(backup: Path) -> datetime:
    """Return when a backup was made, by its name, UTC without zone."""
    found = _NAME.fullmatch(backup.name)
    return datetime.strptime(found[1], _NAMED) if found else datetime.fromtimestamp(0, UTC).replace(tzinfo=None)


def _refuse_without_room(settings: Settings, database: Engine, folder: Path) -> None:
    """A backup that fills the disk would stop what it is to save."""
    home = settings.home.resolve()
    needed = _database_bytes(database) + sum(size(home / part) for part in (LABEL_STUDIO, JOURNAL))
    if (home / WEIGHTS).exists() and (home / WEIGHTS).stat().st_dev != folder.stat().st_dev:
        needed += size(home / WEIGHTS)
    free = shutil.disk_usage(folder).free
    if free < needed + settings.no_room_mb * MEGABYTE:
        raise StorageFull(
            f"A backup in {folder} may take {needed / MEGABYTE:.0f} MB, and {free / MEGABYTE:.0f} MB are free, "
            f"of which {settings.no_room_mb} stay free (HAULOUT_NO_ROOM_MB). "
            "Nothing was written. Free some space, or name a folder on another disk: `haulout backup --to FOLDER`."
        )


def _database_bytes(database: Engine) -> int:
    if database.dialect.name == "postgresql":
        return postgres.bytes_of(database)
    path = Path(database.url.database or "")
    return sum(part.stat().st_size for part in (path, Path(f"{path}-wal")) if part.is_file())


def _fill(making: _Making, now: datetime, tell: Tell) -> None:
    """Take each part in an order in which none refers to what a later one lacks, and the description last."""
    steps = {
        # What grows is taken before what tells of it, what is told of after: anything extra is found again by itself.
        "journal": _journal,
        "database": _database,
        "answers in Label Studio": _label_studio,
        "secrets": _secrets,
        "networks": _weights,
        "catalogue": _catalogue,
        "list of photos": _originals,
    }
    for done, (what, step) in enumerate(steps.items()):
        tell(f"Backing up, {what}", done, len(steps) + 1)
        step(making)
    tell("Backing up, checksums", len(steps), len(steps) + 1)
    _describe(making, now)


def _journal(making: _Making) -> None:
    for path in sorted((making.home / JOURNAL).glob("*.jsonl")):
        copy(path, making.part / JOURNAL / path.name)


def _database(making: _Making) -> None:
    if making.database.dialect.name == "postgresql":
        making.counts, making.revision = postgres.dump(making.database, making.part / DUMP)
        return
    copied = making.part / SQLITE
    with making.database.connect() as connection:
        driver: Any = connection.connection.driver_connection  # past SQLAlchemy: no transaction of ours
        sqlite.copy_database(driver, copied)
    making.counts, making.revision = sqlite.counted(copied), sqlite.revision(copied)


def _label_studio(making: _Making) -> None:
    if making.settings.label_studio_url:
        where = making.settings.label_studio_url
        making.left_out["label_studio"] = f"runs at {where}; its own database must be backed up there"
        return
    if (making.home / ANSWERS).exists():
        sqlite.copy_file(making.home / ANSWERS, making.part / ANSWERS)
    if (making.home / LABEL_STUDIO_KEY).exists():
        copy(making.home / LABEL_STUDIO_KEY, making.part / LABEL_STUDIO_KEY)


def _secrets(making: _Making) -> None:
    if (making.home / SECRETS).exists():
        copy(making.home / SECRETS, making.part / SECRETS)


def _weights(making: _Making) -> None:
    """Networks never change once they are stored; what is hidden is not stored yet."""
    for folder in sorted((making.home / WEIGHTS).glob("[!.]*/")):
        for path in sorted(path for path in folder.glob("[!.]*") if path.is_file()):
            link(path, making.part / WEIGHTS / folder.name / path.name)


def _catalogue(making: _Making) -> None:
    """Write who was seen where and when for people to read; the database holds it as well."""
    query = text(
        "SELECT sighting.individual, photo.site, photo.camera, photo.taken_at, photo.name, photo.id AS photo, "
        "sighting.animal FROM sighting JOIN animal ON animal.id = sighting.animal "
        "JOIN photo ON photo.id = animal.photo ORDER BY sighting.individual, photo.taken_at, sighting.animal"
    )
    with making.database.connect() as connection:
        if inspect(connection).has_table("sighting"):
            found = connection.execute(query)
            _write_csv(making.part / CATALOGUE, list(found.keys()), map(tuple, found))


def _originals(making: _Making) -> None:
    """List the photos instead of copying them: each is named by its SHA-256, and cards and copies hold it too."""
    originals = making.home / "originals"
    there = sorted(path for path in originals.glob("*/[!.]*") if path.is_file())
    rows = ((path.relative_to(originals).as_posix(), path.stat().st_size, path.stem) for path in there)
    _write_csv(making.part / ORIGINALS, ["path", "bytes", "sha256"], rows)
    making.left_out["originals"] = f"{len(there)} photos; copy {originals} yourself, {ORIGINALS} lists them"


def _write_csv(path: Path, head: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def _describe(making: _Making, now: datetime) -> None:
    names = sorted(path.relative_to(making.part).as_posix() for path in making.part.rglob("*") if path.is_file())
    manifest = Manifest(
        haulout=version("haulout"),
        made_at=now,
        database=making.database.dialect.name,
        revision=making.revision,
        counts=making.counts,
        left_out=making.left_out,
        files=tuple(describe(making.part / name, name) for name in names),
    )
    (making.part / CHECKSUMS).write_text(manifest.checksums())
    (making.part / MANIFEST).write_text(manifest.text())
