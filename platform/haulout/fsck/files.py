"""The files: every photo is there, and nothing that others may see tells where a haulout is."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from sqlmodel import select

from haulout.db import reading
from haulout.fsck.finding import Finding
from haulout.places import true_place
from haulout.services import Services
from haulout.storage import Unreadable, sha256_of
from haulout.storage.files import is_unfinished
from haulout.tables import PhotoRow, SiteRow

INGEST = "Ingest the card again, or copy originals/ from a backup"
REMADE = "Delete it: it is made anew from the original, at the latest when the card is ingested again"
DECIMALS = 3
"""A true coordinate is looked for to this many decimals: a hundred metres."""
LARGEST_TEXT = 50_000_000


def pictures(services: Services) -> Iterator[Finding]:
    """Is the original of every photo there in its full length, and the picture that people are shown?"""
    storage = services.storage
    for photo, suffix, size in _photos(services):
        original = storage.original(photo, suffix)
        if not original.exists():
            yield Finding("I11", f"the original of photo {photo} is gone", INGEST)
        elif size > 1 and original.stat().st_size != size:
            yield Finding("I11", f"the original of photo {photo} is not as long as it was", INGEST)
        if not (storage.public / storage.web_photo(photo)).exists():
            yield Finding("I11", f"photo {photo} has no picture for the pages", "Ingest the card again: it is made")


def hashes(services: Services) -> Iterator[Finding]:
    """Is every original byte for byte what was read from the card?"""
    for photo, suffix, _ in _photos(services):
        path = services.storage.original(photo, suffix)
        try:
            if path.exists() and sha256_of(path) != photo:
                yield Finding("I11", f"the original of photo {photo} has changed", INGEST)
        except Unreadable as error:
            yield Finding("I11", f"the original of photo {photo} {error}", INGEST)


def places(services: Services) -> Iterator[Finding]:
    """Does any public file or log hold a true coordinate, or a picture any EXIF? (I10)"""
    wanted = _coordinates(services)
    advice = "Delete the file; tell the makers of Haulout how it came to be"
    logs = services.storage.home / "run" / "logs"
    for path in sorted(logs.glob("*")) if logs.is_dir() else []:
        if path.is_file() and path.stat().st_size < LARGEST_TEXT:
            content = path.read_bytes()
            for coordinate in wanted:
                if coordinate.encode() in content:
                    yield Finding("I10", f"{path} holds a true coordinate of a site", advice)
    for path in sorted(services.storage.public.rglob("*.jpg")):
        if not is_unfinished(path):  # a writer that was killed leaves one, and the night sweeps it up
            yield from _of_picture(path, advice)


def _of_picture(path: Path, advice: str) -> Iterator[Finding]:
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            if image.getexif() or "comment" in image.info:
                yield Finding("I10", f"{path} holds more than pixels", advice)
    except FileNotFoundError:  # swept or replaced while we looked
        return
    except OSError as error:
        yield Finding("I11", f"{path} is no picture: {error}", REMADE)


def _coordinates(services: Services) -> list[str]:
    with reading(services.database) as session:
        true = [true_place(session, site) for site in session.exec(select(SiteRow.name))]
    sides = [side for place in true if place for side in (place.latitude, place.longitude)]
    return [text for side in sides if len((text := f"{abs(side):.{DECIMALS}f}").rstrip("0")) > 4]


def _photos(services: Services) -> list[tuple[str, str, int]]:
    with reading(services.database) as session:
        return list(session.exec(select(PhotoRow.id, PhotoRow.suffix, PhotoRow.size_bytes).order_by(PhotoRow.id)))
