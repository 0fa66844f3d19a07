"""Step 1 of the loop: read a folder or memory card, keep what are photos, say what is wrong with the rest."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from haulout.errors import HauloutError
from haulout.ingest import records
from haulout.ingest.card import Card, Refused, look_through, name_under, text_of
from haulout.ingest.reading import CardGone, CardReader
from haulout.room import require_room
from haulout.services import Services, Tell, silently
from haulout.storage.decoder import Decoder

__all__ = ["CardGone", "Ingested", "NoSuchFolder", "Refused", "ingest", "told_of"]

_TOGETHER = 50
_ABANDONED = timedelta(days=1)


class NoSuchFolder(HauloutError):
    """There is no folder to read."""

    exit_code = 2


@dataclass(frozen=True)
class Ingested:
    """What one reading of a folder found."""

    added: int
    known: int
    quarantined: tuple[Refused, ...]
    """Photos that cannot be used, and pictures in formats that are not read."""
    passed_over: tuple[Refused, ...]
    """Videos, links and other files that are no photos."""
    undated: int
    """New photos that do not tell when they were taken."""
    dated_by_name: int
    """New photos whose time comes from the file's name, for want of EXIF."""


def told_of(read: Ingested) -> list[str]:
    """Return what a reading found, in lines for the operator."""
    lines = [f"{read.added} new photos, {read.known} known already, {len(read.quarantined)} put aside."]
    if read.undated:
        lines.append(f"{read.undated} of the new ones do not tell when they were taken.")
    if read.dated_by_name:
        lines.append(f"{read.dated_by_name} have no EXIF time; theirs was read from the file's name.")
    lines += [f"  put aside: {one}" for one in read.quarantined]
    return lines + [f"  passed over: {one}" for one in read.passed_over]


def ingest(
    services: Services,
    folder: Path,
    site: str | None = None,
    tell: Tell = silently,
    correction: timedelta = timedelta(0),
) -> Ingested:
    """Read all photos of the folder into the season; `correction` is added to what the camera's clock said.

    May be interrupted at any point and run again, also twice at the same time: a photo is added once. Raises
    NoSuchFolder, CardGone, and StorageFull when the disk is.
    """
    folder, where = _checked(folder), (site or "").strip() or services.settings.site
    require_room(services.settings, "the reading of photos")
    storage = services.storage
    storage.make_folders()
    storage.sweep(services.now() - _ABANDONED)
    tell(f"Looking through {text_of(folder)}", 0, 0)
    card = look_through(folder, (storage.originals, storage.public, storage.quarantine))
    ingestion = records.start(services, text_of(folder), where)
    with Decoder() as decoder:
        reader = CardReader(services, decoder, folder, where, ingestion, correction)
        added, known = _read(services, reader, folder, card, ingestion, tell)
    files = len(card.photos)
    tell(f"{added} photos added, {known} known already, {len(reader.refused)} broken", files, files)
    return Ingested(added, known, tuple(reader.refused), card.passed_over, reader.undated, reader.dated_by_name)


def _checked(folder: Path) -> Path:
    if not folder.is_dir():
        raise NoSuchFolder(f"There is no folder {folder}. Is the card mounted? Give the folder that holds the photos.")
    return folder.resolve()


def _read(
    services: Services, reader: CardReader, folder: Path, card: Card, ingestion: int, tell: Tell
) -> tuple[int, int]:
    added = 0
    for refused in card.unreadable:
        reader.refuse(refused)
    for done, path in enumerate(card.photos):
        tell(f"Reading {name_under(folder, path)}", done, len(card.photos))
        reader.read(path)
        if reader.pending.size() >= _TOGETHER:
            added += records.commit(services, ingestion, reader.hand_over())
            require_room(services.settings, "the reading of the photos that are left")
    added += records.commit(services, ingestion, reader.hand_over(), services.now())
    return added, len(card.photos) + len(card.unreadable) - added - len(reader.refused)
