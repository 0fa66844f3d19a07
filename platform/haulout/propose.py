"""Step 2 of the loop: the serving detector draws its boxes on every photo that it has not seen yet."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.serving import NoDetector, imported_boxes, serving_detector
from haulout.storage import MissingOriginal, Storage
from haulout.tables import PhotoRow, ProposalRow, QuarantineRow
from haulout_models.backbone import GLANCE, describe, glance
from haulout_models.decoding import Size, UnreadablePhoto, decode, in_order
from haulout_models.detector import BoxDetector
from haulout_models.inference import Describer, fast_describer, find, seen_by, share_found, workers_for
from haulout_models.tiling import Found
from labeling_configs.vocabulary import COLD, ModelVersion, no_boxes


def propose(services: Services, tell: Tell = silently) -> int:
    """Store the serving detector's boxes for all photos that lack them; return how many were looked at.

    Each photo is committed by itself, so an interrupted call goes on where it stopped. A photo that cannot be read is
    noted among the broken files, and tried again by the next call.
    """
    detector = serving_detector(services)
    waiting, known = _unseen(services, detector.version)
    if not waiting:
        return 0
    strange = any(photo.id not in known for photo in waiting)
    eye, looked = _Eye(services.storage, detector, known, fast_describer() if strange else describe), 0
    with closing(in_order(waiting, eye.look, workers_for(detector))) as results:
        for done, (photo, result) in enumerate(results):
            tell(f"{detector.version} looks at the photos", done, len(waiting))
            with writing(services.database) as session:
                if isinstance(result, UnreadablePhoto):
                    _set_aside(session, services.storage, photo, result, services.now())
                else:
                    session.merge(_row(session, photo, detector, result, services.now()))
                    looked += 1
    tell(f"{detector.version} has looked at the photos", len(waiting), len(waiting))
    return looked


@dataclass(frozen=True)
class _Impression:
    """What there is to know of a photo whatever detector looks at it."""

    features: bytes
    brightness: float
    contrast: float


@dataclass(frozen=True)
class _Eye:
    """Reads a photo once, no larger than needed; several threads look through it at once."""

    storage: Storage
    detector: BoxDetector
    known: set[str]
    """Photos whose impression is stored already."""
    describe: Describer

    def look(self, photo: PhotoRow) -> tuple[Found, _Impression | None]:
        """Return the boxes, and the impression if it is not stored yet."""
        new = photo.id not in self.known
        if not new and isinstance(self.detector, NoDetector):  # nothing is left to be seen
            return (no_boxes(), np.zeros(0)), None
        path = self.storage.original(photo.id, photo.suffix)
        decoded = decode(path, _at_least_a_glance(seen_by(self.detector)) if new else seen_by(self.detector))
        return find(self.detector, decoded), self._impression(decoded.image) if new else None

    def _impression(self, image: NDArray[np.uint8]) -> _Impression:
        grey = cv2.cvtColor(glance(image), cv2.COLOR_RGB2GRAY)
        features = self.describe(image).astype(np.float16).tobytes()
        return _Impression(features, float(grey.mean()), float(grey.std()))


def _at_least_a_glance(seen: Callable[[Size], Size]) -> Callable[[Size], Size]:
    """Descriptions must not depend on the scale at which the detector of the day looks."""

    def wanted(size: Size) -> Size:
        width, height = seen(size)
        shrink = GLANCE / max(size)
        return max(width, round(size[0] * shrink)), max(height, round(size[1] * shrink))

    return wanted


def _unseen(services: Services, version: ModelVersion) -> tuple[list[PhotoRow], set[str]]:
    """Return the photos this detector has not seen, and the names of those that another one has."""
    seen = select(ProposalRow.photo).where(ProposalRow.model == version)
    with reading(services.database) as session:
        unseen = select(PhotoRow).where(col(PhotoRow.id).not_in(seen)).order_by(PhotoRow.id)
        return list(session.exec(unseen)), set(session.exec(select(ProposalRow.photo).distinct()))


def _row(
    session: Session,
    photo: PhotoRow,
    detector: BoxDetector,
    looked: tuple[Found, _Impression | None],
    now: datetime,
) -> ProposalRow:
    (boxes, scores), impression = looked
    found = share_found(detector)
    if isinstance(detector, NoDetector) and detector.version != COLD:
        brought = imported_boxes(session, photo.id)
        boxes, scores, found = (brought.boxes(), brought.scores(), 1.0) if brought else (boxes, scores, 0.0)
    what = impression or session.exec(select(ProposalRow).where(ProposalRow.photo == photo.id)).first()
    if what is None:
        raise LookupError(f"the proposals of {photo.id} vanished while {detector.version} looked at it; propose again")
    return ProposalRow(
        photo=photo.id,
        model=detector.version,
        packed=ProposalRow.pack(boxes, scores),
        features=what.features,
        expected_animals=float(scores.sum() / found) if found else 0.0,
        found=found,
        brightness=what.brightness,
        contrast=what.contrast,
        made_at=now,
    )


def _set_aside(session: Session, storage: Storage, photo: PhotoRow, why: UnreadablePhoto, now: datetime) -> None:
    """Note a broken photo once; MissingOriginal when it is not the photo that is missing but the whole disk."""
    if not storage.originals.is_dir():
        raise MissingOriginal(f"{storage.originals} is gone. Is its disk mounted?") from why
    path = str(storage.original(photo.id, photo.suffix))
    noted = select(QuarantineRow).where(QuarantineRow.path == path, QuarantineRow.sha256 == photo.id)
    row = session.exec(noted).first() or QuarantineRow(
        ingestion=photo.ingestion, path=path, sha256=photo.id, reason="", at=now
    )
    row.reason = f"{why}. Restore it from a backup, or ingest its card again."
    session.add(row)
