"""Step 2 of the loop: the serving detector draws its boxes on every photo that it has not seen yet."""

from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.serving import serving_detector
from haulout.tables import PhotoRow, ProposalRow
from haulout_models.backbone import describe
from haulout_models.detector import BoxDetector


def propose(services: Services, tell: Tell = silently) -> int:
    """Store the serving detector's boxes for all photos that lack them; return how many were looked at.

    Each photo is committed by itself, so an interrupted call goes on where it stopped.
    """
    detector = serving_detector(services)
    waiting = _unseen(services, detector.version)
    for done, photo in enumerate(waiting):
        tell(f"{detector.version} looks at the photos", done, len(waiting))
        row = _look(services, detector, photo, services.now())
        with writing(services.database) as session:
            session.merge(row)
    tell(f"{detector.version} has looked at the photos", len(waiting), len(waiting))
    return len(waiting)


def _unseen(services: Services, version: str) -> list[PhotoRow]:
    seen = select(ProposalRow.photo).where(ProposalRow.model == version)
    with reading(services.database) as session:
        unseen = select(PhotoRow).where(col(PhotoRow.id).not_in(seen)).order_by(PhotoRow.id)
        return list(session.exec(unseen))


def _look(services: Services, detector: BoxDetector, photo: PhotoRow, now: datetime) -> ProposalRow:
    image = services.storage.read_photo(photo.id, photo.suffix)
    boxes, scores = detector.detect(image)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return ProposalRow(
        photo=photo.id,
        model=detector.version,
        packed=ProposalRow.pack(boxes, scores),
        features=_features(services, photo, image),
        expected_animals=float(scores.sum()),
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        made_at=now,
    )


def _features(services: Services, photo: PhotoRow, image: NDArray[np.uint8]) -> bytes:
    """The frozen backbone sees the same in a photo whatever detector sits on it: take over what is stored."""
    with reading(services.database) as session:
        earlier = session.exec(select(ProposalRow.features).where(ProposalRow.photo == photo.id)).first()
    return earlier or describe(image).astype(np.float16).tobytes()
