"""The animals of a tile: they keep their names, crops and marks when their boxes move a little."""

import hashlib
from collections.abc import Sequence

import numpy as np
from sqlmodel import Session, col, delete, select

from active_learning.overlap import overlapping_pairs
from active_learning.tiling import stitch
from haulout.answers import SettledTile, agreed_tiles
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    ConditionRow,
    DisputeRow,
    EmbeddingRow,
    KeypointsRow,
    LikenessRow,
    MarkRow,
    PhotoRow,
    SideRow,
    SightingRow,
)
from labeling_configs.vocabulary import Boxes

SAME_BOX = 0.5
"""IoU from which a box of the new consensus is the animal it was before."""
CROP_MARGIN = 0.15
"""Added round an animal's box, as a share of its longer side, so that experts see where it lies."""


def name_animals(services: Services, session: Session, photo_id: str) -> None:
    """Make a photo's animals what the consensus on its tiles says; one that moved a little stays the animal it was.

    The tiles of a photo overlap, and an animal may be cut by their edges: only together do they show each animal once.
    """
    photo = session.get(PhotoRow, photo_id)
    if photo is None:
        return
    before = list(session.exec(select(AnimalRow).where(AnimalRow.photo == photo_id).order_by(col(AnimalRow.id))))
    after = _animals(services, photo, agreed_tiles(session, photo_id))
    for old, new in _unchanged(before, after).items():
        # The crop stays too: experts pointed at marks in it.
        after[new] = AnimalRow(**after[new].model_dump() | {"id": before[old].id, "crop": before[old].crop})
    kept = {animal.id for animal in after}
    _forget(session, [animal.id for animal in before if animal.id not in kept])
    for animal in after:
        session.merge(animal)


def _animals(services: Services, photo: PhotoRow, agreed: Sequence[SettledTile]) -> list[AnimalRow]:
    stitched = stitch(agreed)
    return [
        AnimalRow(
            id=_animal_id(photo.id, box),
            photo=photo.id,
            tile=agreed[owner][0].id,
            box=box,
            crop=_crop(box, photo),
            probability=float(probability),
            settled_at=services.now(),
        )
        for box, probability, owner in zip(
            stitched.boxes.tolist(), stitched.probabilities, stitched.tiles.tolist(), strict=True
        )
    ]


def _animal_id(photo: str, box: Sequence[float]) -> str:
    place = ",".join(str(round(side)) for side in box)
    return "a" + hashlib.sha256(f"{photo}:{place}".encode()).hexdigest()[:15]


def _crop(box: Sequence[float], photo: PhotoRow) -> list[int]:
    x1, y1, x2, y2 = box
    margin = CROP_MARGIN * max(x2 - x1, y2 - y1)
    return [
        max(0, int(x1 - margin)),
        max(0, int(y1 - margin)),
        min(photo.width, int(np.ceil(x2 + margin))),
        min(photo.height, int(np.ceil(y2 + margin))),
    ]


def _unchanged(before: Sequence[AnimalRow], after: Sequence[AnimalRow]) -> dict[int, int]:
    """Match rows of `before` to rows of `after`, best overlap first."""
    boxes: Boxes = np.array([animal.box for animal in [*before, *after]], dtype=np.float64).reshape(-1, 4)
    first, second, shares = overlapping_pairs(boxes, SAME_BOX)
    matched: dict[int, int] = {}
    for pair in np.argsort(-shares, kind="stable"):
        old, new = int(first[pair]), int(second[pair]) - len(before)
        if old < len(before) and new >= 0 and old not in matched and new not in matched.values():
            matched[old] = new
    return matched


def _forget(session: Session, animals: Sequence[str]) -> None:
    """Remove animals the consensus no longer holds, with all that was derived from them; raw answers stay."""
    for table in (EmbeddingRow, KeypointsRow, MarkRow, ConditionRow, SideRow, SightingRow):
        session.exec(delete(table).where(col(table.animal).in_(animals)))
    for pairs in (DisputeRow, LikenessRow):
        for end in (pairs.first, pairs.second):
            session.exec(delete(pairs).where(col(end).in_(animals)))
    session.flush()
    for row in session.exec(select(AnimalRow).where(col(AnimalRow.id).in_(animals))):
        session.delete(row)
