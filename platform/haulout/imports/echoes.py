"""Files that repeat what is known: a mended file, or our own export, is no second opinion."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sqlmodel import Session, col, select

from haulout.imports.coco import KIND
from haulout.imports.matching import Placed
from haulout.tables import AnimalRow, ConsensusRow, ImportedRow, ImportRow, TileRow
from labeling_configs.vocabulary import Boxes

SAME = 0.02
"""Pixels; people never draw the same animal to so little."""
_TOGETHER = 500


def heard_already(session: Session, source: ImportRow, placed: Sequence[Placed]) -> set[str]:
    """Return the photos on which the file must have no voice: all that an earlier file or people have told, when most
    photos with boxes show that it repeats them box by box.

    Two people who marked the same photos each have a voice: they hardly ever draw the same outlines.
    """
    earlier, found = _earlier_files(session, source, placed), _animals(session, placed)
    known = {one.photo.id: [*earlier[one.photo.id], found[one.photo.id]] for one in placed if len(one.boxes)}
    compared = [one for one in placed if any(len(boxes) for boxes in known.get(one.photo.id, ()))]
    same = [one for one in compared if any(_same(one.boxes[:, :4], boxes) for boxes in known[one.photo.id])]
    if 2 * len(same) <= len(compared):
        return set()
    settled = _settled(session, placed)
    return {one.photo.id for one in placed if earlier[one.photo.id] or one.photo.id in settled}


def _same(first: Boxes, second: Boxes) -> bool:
    if len(first) != len(second):
        return False
    rows = [some[np.lexsort(np.round(some).T)] for some in (first, second)]
    return bool(np.all(np.abs(rows[0] - rows[1]) <= SAME))


def _earlier_files(session: Session, source: ImportRow, placed: Sequence[Placed]) -> Mapping[str, list[Boxes]]:
    found: dict[str, list[Boxes]] = defaultdict(list)
    query = select(ImportedRow).join(ImportRow, col(ImportRow.id) == ImportedRow.source)
    others = query.where(ImportRow.kind == KIND, col(ImportRow.id) != source.id)
    for some in _portions(placed):
        for row in session.exec(others.where(col(ImportedRow.photo).in_(some))):
            found[row.photo].append(row.boxes())
    return found


def _animals(session: Session, placed: Sequence[Placed]) -> Mapping[str, Boxes]:
    found: dict[str, list[Sequence[float]]] = defaultdict(list)
    for some in _portions(placed):
        for photo, box in session.exec(select(AnimalRow.photo, AnimalRow.box).where(col(AnimalRow.photo).in_(some))):
            found[photo].append(box)
    return {one.photo.id: np.array(found[one.photo.id], dtype=np.float64).reshape(-1, 4) for one in placed}


def _settled(session: Session, placed: Sequence[Placed]) -> set[str]:
    query = select(TileRow.photo).join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
    agreed = query.where(ConsensusRow.state == "agreed")
    return {photo for some in _portions(placed) for photo in session.exec(agreed.where(col(TileRow.photo).in_(some)))}


def _portions(placed: Sequence[Placed]) -> Iterator[list[str]]:
    ids = [one.photo.id for one in placed]
    yield from (ids[start : start + _TOGETHER] for start in range(0, len(ids), _TOGETHER))
