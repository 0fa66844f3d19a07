"""The folders of one home: what is kept for ourselves, what people may see, what is broken."""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from haulout.errors import HauloutError
from haulout.storage.files import appearing_at, sweep
from haulout.storage.pictures import THUMBNAIL_SIDE, WEB_SIDE, open_picture, pixels, save_clean, upright
from labeling_configs.vocabulary import AnimalId, PhotoId, Rectangle, Tile

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CHUNK = 1 << 20


class UnusableName(HauloutError):
    """An id that cannot be the name of a file."""


class MissingOriginal(HauloutError):
    """A photo that the database knows is not in the home folder."""


class Unreadable(HauloutError):
    """A file of the card cannot be read, or gave other bytes when it was read again."""


class Storage:
    """Photos under their SHA-256, pictures under the id of what they show; nothing that exists is made twice.

    Paths that start with `photos/`, `thumbnails/`, `tiles/` or `crops/` are relative to `public`, the only folder that
    Label Studio serves.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.originals = self.home / "originals"
        self.public = self.home / "public"
        self.quarantine = self.home / "quarantine"
        self.journal = self.home / "journal"
        self._latest = lru_cache(maxsize=1)(self.read_photo)  # the tiles of one photo are cut one after the other

    def make_folders(self) -> None:
        """Create what is missing; what holds raw photos is closed to other users of the machine."""
        for folder in (self.originals, self.quarantine):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        for name in ("photos", "thumbnails", "tiles", "crops"):
            (self.public / name).mkdir(parents=True, exist_ok=True)

    def sweep(self, before: datetime) -> None:
        """Remove what was left half-written before this time (UTC, without zone)."""
        for folder in (self.originals, self.quarantine, self.public):
            sweep(folder, before)

    def original(self, photo: str, suffix: str) -> Path:
        """Return where the photo's untouched bytes are kept."""
        return self.originals / photo[:2] / f"{_plain(photo)}{suffix}"

    def keep_original(self, source: Path, photo: str, suffix: str) -> Path:
        """Copy the file under its SHA-256; Unreadable when its bytes do not have this SHA-256."""
        kept = self.original(photo, suffix)
        if not kept.exists():
            with appearing_at(kept) as part:
                _copy(source, part, photo)
        return kept

    def keep_broken(self, source: Path, sha256: str, suffix: str) -> Path:
        """Copy a file that cannot be used, under its SHA-256, and return the copy."""
        kept = self.quarantine / f"{_plain(sha256)}{suffix}"
        if not kept.exists():
            with appearing_at(kept) as part:
                _copy(source, part, sha256)
        return kept

    def read_photo(self, photo: str, suffix: str) -> NDArray[np.uint8]:
        """Return the photo as displayed, shape (h, w, 3), RGB."""
        path = self.original(photo, suffix)
        try:
            with open_picture(path) as image:
                return pixels(image)
        except FileNotFoundError as error:
            raise MissingOriginal(f"{path} is gone. Restore it from a backup, or ingest its card again.") from error

    def web_photo(self, photo: str) -> str:
        """Return where the photo that the pages show belongs; `make_web_photo` or the ingest puts it there."""
        return f"photos/{_plain(photo)}.jpg"

    def make_web_photo(self, photo: str, suffix: str) -> str:
        """Make the photo that the pages show: pixels only, at most 2048 on the longer side."""
        name = self.web_photo(photo)
        if not (self.public / name).exists():
            with open_picture(self.original(photo, suffix)) as image:
                small = upright(image, WEB_SIDE)
            with appearing_at(self.public / name) as part:
                save_clean(small, part)
        return name

    def has_photo(self, photo: str, suffix: str) -> bool:
        """Say whether there is a file to show of the photo: its original, or what was made of it before."""
        return (self.public / self.web_photo(photo)).exists() or self.original(photo, suffix).exists()

    def make_thumbnail(self, photo: str, suffix: str) -> str:
        """Make the photo that lists of photos show, at most 640 pixels on the longer side."""
        name = f"thumbnails/{_plain(photo)}.jpg"
        if not (self.public / name).exists():
            with open_picture(self.public / self.make_web_photo(photo, suffix)) as image:
                small = upright(image, THUMBNAIL_SIDE)
            with appearing_at(self.public / name) as part:
                save_clean(small, part)
        return name

    def make_tile(self, tile: Tile, suffix: str) -> str:
        """Make the picture that people are shown for the tile, from its photo whose suffix is given."""
        return self._cut(f"tiles/{_plain(tile.id)}.jpg", tile.photo, suffix, tile.shown)

    def make_crop(self, animal: AnimalId | str, rectangle: Rectangle, photo: PhotoId | str, suffix: str) -> str:
        """Make the picture of one animal: the rectangle of its photo, whose suffix is given."""
        return self._cut(f"crops/{_plain(animal)}.jpg", photo, suffix, rectangle)

    def _cut(self, name: str, photo: str, suffix: str, where: Rectangle) -> str:
        path = self.public / name
        if not path.exists():
            piece = self.read_piece(where, photo, suffix)
            with appearing_at(path) as part:
                save_clean(Image.fromarray(piece), part)
        return name

    def read_piece(self, where: Rectangle, photo: str, suffix: str) -> NDArray[np.uint8]:
        """Return what of the photo lies in the rectangle, shape (h, w, 3), RGB."""
        whole = self._latest(photo, suffix)
        piece = whole[max(where.y1, 0) : max(where.y2, 0), max(where.x1, 0) : max(where.x2, 0)]
        if piece.size == 0:
            raise HauloutError(f"{where} lies outside photo {photo}, which is {whole.shape[1]} x {whole.shape[0]}.")
        return np.ascontiguousarray(piece)


def _plain(name: str) -> str:
    if not _PLAIN_NAME.fullmatch(name):
        raise UnusableName(f"{name!r} cannot name a file: only letters, digits, '.', '_' and '-' can.")
    return name


def sha256_of(source: Path) -> str:
    """Return the lower-case hexadecimal SHA-256 of the file's bytes; Unreadable when the card does not give them."""
    digest = hashlib.sha256()
    for chunk in _chunks(source):
        digest.update(chunk)
    return digest.hexdigest()


def _copy(source: Path, part: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with part.open("wb") as writer:
        for chunk in _chunks(source):
            digest.update(chunk)
            writer.write(chunk)
    if digest.hexdigest() != sha256:
        raise Unreadable("gave other bytes when it was read again; is the card or its reader failing?")


def _chunks(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as reader:
            while chunk := reader.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from error
