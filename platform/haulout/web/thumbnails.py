"""Pictures of photos and animals as the report shows them: by address on a page, inside the page where it is a file."""

import base64
import logging
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from flask import Flask, url_for
from PIL import Image
from sqlmodel import Session

from haulout.errors import HauloutError
from haulout.storage import Storage
from haulout.tables import AnimalRow, PhotoRow
from haulout.withheld import photos as withheld_photos
from labeling_configs.vocabulary import Rectangle

PHOTO_SIDE, CROP_SIDE = 480, 220
"""Pixels of the longer side."""
QUALITY = 76
_log = logging.getLogger(__name__)


class Thumbnails:
    """Makes small pictures that lie inside a page; None where the original is lost or the photo may show people."""

    def __init__(self, session: Session, storage: Storage) -> None:
        self._session = session
        self._storage = storage
        self._withheld = withheld_photos(session)

    def photo(self, photo: str) -> str | None:
        """Return the photo, at most PHOTO_SIDE pixels, as a data address."""
        row = None if photo in self._withheld else self._session.get(PhotoRow, photo)
        return self._small(lambda: self._storage.make_thumbnail(row.id, row.suffix), PHOTO_SIDE) if row else None

    def animal(self, animal: str) -> str | None:
        """Return the crop of the animal, at most CROP_SIDE pixels, as a data address."""
        row = self._session.get(AnimalRow, animal)
        if row is None or row.photo in self._withheld:
            return None
        photo, where = self._session.get_one(PhotoRow, row.photo), Rectangle(*row.crop)
        return self._small(lambda: self._storage.make_crop(row.id, where, photo.id, photo.suffix), CROP_SIDE)

    def _small(self, make: Callable[[], str], side: int) -> str | None:
        try:
            return embedded(self._storage.public / make(), side)
        except (HauloutError, OSError) as error:
            _log.warning("A picture is left out of the report: %s", error)
            return None


def embedded(path: Path, side: int) -> str:
    """Return a smaller copy of the picture as a data address."""
    with Image.open(path, formats=("JPEG",)) as image:
        image.draft("RGB", (side, side))
        image.thumbnail((side, side))
        small, made = image.convert("RGB"), BytesIO()
    small.save(made, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(made.getvalue()).decode("ascii")


def teach(app: Flask) -> None:
    """Let templates show pictures by their address."""
    app.jinja_env.globals.update(
        photo_picture=lambda photo: url_for("pictures.thumbnail", photo=photo),
        animal_picture=lambda animal: url_for("pictures.crop", animal=animal),
    )
