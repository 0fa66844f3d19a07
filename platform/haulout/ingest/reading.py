"""Reads one file after another into rows that wait for the next commit."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from active_learning.splits import is_exam
from haulout.errors import HauloutError
from haulout.ingest import records
from haulout.ingest.capture import camera_of, time_in_exif, time_in_name
from haulout.ingest.card import Refused, name_under, text_of
from haulout.services import Services
from haulout.storage import Unreadable, sha256_of
from haulout.storage.decoder import BrokenPicture, Decoder, Examined
from haulout.storage.files import appearing_at
from haulout.tables import PhotoRow, QuarantineRow

_LARGEST_KEPT = 200_000_000
"""Bytes; a larger broken file is reported but not copied."""


_NOTHING = hashlib.sha256(b"").hexdigest()


class CardGone(HauloutError):
    """The folder vanished while it was being read; what was read is kept."""


class CardReader:
    """Keeps originals and sanitised pictures at once; the rows wait in `pending` until they are handed over."""

    def __init__(
        self,
        services: Services,
        decoder: Decoder,
        folder: Path,
        site: str,
        ingestion: int,
        correction: timedelta,
    ) -> None:
        self._services, self._decoder = services, decoder
        self._folder, self._site = folder, site
        self._ingestion, self._correction = ingestion, correction
        self.pending = records.Pending()
        self.refused: list[Refused] = []
        self.undated = 0
        self.dated_by_name = 0

    def read(self, path: Path) -> None:
        """Take in one file, or note why it cannot be used."""
        sha256 = ""
        try:
            sha256 = sha256_of(path)
            if sha256 in self.pending.photos:
                self.pending.known += 1
            elif suffix := records.known_suffix(self._services, sha256):
                self._restore(path, sha256, suffix)
            else:
                self.pending.photos[sha256] = self._take_in(path, sha256)
        except (BrokenPicture, Unreadable) as error:
            if not self._folder.is_dir():
                gone = f"{self._folder} is gone; was the card pulled out? Put it back, then ingest it again."
                raise CardGone(gone) from error
            refused = Refused(name_under(self._folder, path), str(error))
            self.refuse(refused, sha256, self._copy(path, sha256))

    def hand_over(self) -> records.Pending:
        """Return what is pending, and begin anew."""
        handed, self.pending = self.pending, records.Pending()
        return handed

    def _restore(self, path: Path, sha256: str, suffix: str) -> None:
        """Put back the files of a known photo, should the home folder have lost them."""
        self._services.storage.keep_original(path, sha256, suffix)
        self._services.storage.make_web_photo(sha256, suffix)
        self.pending.known += 1

    def _take_in(self, path: Path, sha256: str) -> PhotoRow:
        storage = self._services.storage
        if sha256 == _NOTHING:
            raise BrokenPicture("is empty")
        with appearing_at(storage.public / storage.web_photo(sha256)) as web:
            examined = self._decoder.examine(path, web)
        kept = storage.keep_original(path, sha256, examined.suffix)
        return self._row(name_under(self._folder, path), sha256, kept.stat().st_size, examined)

    def _row(self, name: str, sha256: str, size: int, examined: Examined) -> PhotoRow:
        original = self._time(name, examined)
        taken = original + self._correction if original else None
        return PhotoRow(
            id=sha256,
            name=name,
            ingestion=self._ingestion,
            site=self._site,
            camera=camera_of(examined.exif, name),
            taken_at_original=original,
            taken_at=taken,
            burst="",  # given when it is stored beside its neighbours
            width=examined.width,
            height=examined.height,
            suffix=examined.suffix,
            size_bytes=size,
            split=self._split(sha256, taken),
            ingested_at=self._services.now(),
        )

    def _time(self, name: str, examined: Examined) -> datetime | None:
        if moment := time_in_exif(examined.exif):
            return moment
        moment = time_in_name(name)
        self.dated_by_name += moment is not None
        self.undated += moment is None
        return moment

    def _split(self, sha256: str, taken: datetime | None) -> str:
        settings = self._services.settings
        # Undated photos are drawn one by one: together they might all be exam, which would leave nothing to learn from.
        site, day = (self._site, taken.date()) if taken else (f"{self._site}/{sha256}", None)
        return "exam" if is_exam(site, day, settings.exam_share, str(settings.seed)) else "train"

    def refuse(self, refused: Refused, sha256: str = "", kept_as: str | None = None) -> None:
        """Write down a file that cannot be used."""
        self.refused.append(refused)
        row = QuarantineRow(
            ingestion=self._ingestion,
            path=f"{text_of(self._folder)}/{refused.path}",
            sha256=sha256,
            reason=refused.reason,
            kept_as=kept_as,
            at=self._services.now(),
        )
        self.pending.broken.append(row)

    def _copy(self, path: Path, sha256: str) -> str | None:
        """Keep the broken file for whoever wants to repair it, unless it is unreadable or huge."""
        storage = self._services.storage
        try:
            if not sha256 or path.stat().st_size > _LARGEST_KEPT:
                return None
            return str(storage.keep_broken(path, sha256, path.suffix.lower()).relative_to(storage.home))
        except (OSError, Unreadable):
            return None
