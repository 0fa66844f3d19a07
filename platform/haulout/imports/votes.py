"""Boxes that somebody drew elsewhere become one voice: read, weighed and doubted like everybody's."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, func, select

from active_learning.tiling import lay_tiles
from haulout.answers import HELD
from haulout.imports.matching import Placed
from haulout.services import Services
from haulout.tables import AnswerRow, ImportRow, PersonRow, TaskRow, TileRow
from labeling_configs import boxes as box_question
from labeling_configs import regions
from labeling_configs.results import MOST_ITEMS
from labeling_configs.vocabulary import Boxes, Origin, PhotoId, Question, Role, Tile

LEAST_VISIBLE = 0.25
"""Share of an animal below which nobody marks it in a tile, when another tile shows the whole of it."""
TOGETHER = 100
"""Photos whose tiles are read and stored together."""


def add_votes(services: Services, session: Session, source: ImportRow, placed: Sequence[Placed]) -> list[Placed]:
    """Store the file's word on each photo as answers about its tiles; return the photos too crowded for that.

    Tiles nobody was asked about are held: selection takes them when it is their turn, and then one person less is
    wanted. Answers have negative numbers, which Label Studio never gives.
    """
    _introduce(services, session, source)
    numbers = count(min(0, session.exec(select(func.min(AnswerRow.label_studio_annotation))).one() or 0) - 1, -1)
    crowded: list[Placed] = []
    for start in range(0, len(placed), TOGETHER):
        some = placed[start : start + TOGETHER]
        laid = _laid(session, some)
        words: list[tuple[Tile, Boxes]] = []
        for one in some:
            tiles = laid.get(one.photo.id) or _lay(services, one)
            pieces = list(pieces_of(tiles, one.boxes[:, :4]))
            if max(len(piece) for piece in pieces) > MOST_ITEMS:
                crowded.append(one)
            else:
                words += zip(tiles, pieces, strict=True)
        tasks = _tasks(services, session, [tile for tile, _ in words], laid)
        session.add_all(_answer(services, source, tasks[tile.id], tile, piece, next(numbers)) for tile, piece in words)
        session.flush()
    return crowded


def _introduce(services: Services, session: Session, source: ImportRow) -> None:
    if session.get(PersonRow, source.drawer) is None:
        number, role = -(source.id or 0), Role.IMPORT.value
        session.add(PersonRow(id=source.drawer, label_studio_user=number, role=role, joined_at=services.now()))
        session.flush()


def pieces_of(tiles: Sequence[Tile], boxes: Boxes) -> Iterator[Boxes]:
    """Yield for each tile the boxes, shape (m, 4), that somebody who sees this tile alone would draw."""
    shown_whole = np.zeros(len(boxes), dtype=np.bool_)
    for tile in tiles:
        shown_whole |= tile.core.holds_centres_of(boxes) & (_visible(boxes, tile) > 1 - 1e-9)
    for tile in tiles:
        visible = _visible(boxes, tile)
        yield regions.clipped(boxes[(visible >= LEAST_VISIBLE) | ((visible > 0) & ~shown_whole)], tile.shown)


def _visible(boxes: Boxes, tile: Tile) -> NDArray[np.float64]:
    """Return the share of each box that the tile shows, shape (n,)."""
    areas = [np.prod(some[:, 2:] - some[:, :2], axis=1) for some in (regions.clipped(boxes, tile.shown), boxes)]
    share: NDArray[np.float64] = areas[0] / areas[1]
    return share


def _laid(session: Session, some: Sequence[Placed]) -> Mapping[str, list[Tile]]:
    """Return the tiles into which photos were once cut: their cores must go on partitioning them."""
    found: dict[str, list[Tile]] = defaultdict(list)
    rows = select(TileRow).where(col(TileRow.photo).in_([one.photo.id for one in some])).order_by(col(TileRow.id))
    for row in session.exec(rows):
        found[row.photo].append(row.word())
    return dict(found)


def _lay(services: Services, one: Placed) -> Sequence[Tile]:
    """Cut the photo by the file's own boxes."""
    most = services.settings.most_animals_per_tile
    return lay_tiles(PhotoId(one.photo.id), one.photo.width, one.photo.height, one.boxes[:, :4], None, most)


def _tasks(
    services: Services, session: Session, tiles: Sequence[Tile], laid: Mapping[str, list[Tile]]
) -> Mapping[str, TaskRow]:
    """Return the task about each tile by the tile's id; new tiles are stored, and tiles without one get a held task."""
    old = {tile.id for known in laid.values() for tile in known}
    session.add_all(TileRow.of(tile) for tile in tiles if tile.id not in old)
    session.flush()
    asked = select(TaskRow).where(TaskRow.question == Question.BOXES.value, TaskRow.gold == 0)
    known = session.exec(asked.where(col(TaskRow.subject).in_(old)))
    tasks = {task.subject: task for task in known}
    new = [_held(services, tile) for tile in tiles if tile.id not in tasks]
    session.add_all(new)
    session.flush()
    return tasks | {task.subject: task for task in new}


def _held(services: Services, tile: Tile) -> TaskRow:
    return TaskRow(
        question=Question.BOXES.value,
        subject=tile.id,
        key=f"{Question.BOXES.value}:{services.sealed(tile.id)}",
        state=HELD,
        overlap=services.settings.least_votes,
        created_at=services.now(),
    )


def _answer(services: Services, source: ImportRow, task: TaskRow, tile: Tile, drawn: Boxes, number: int) -> AnswerRow:
    result = box_question.write(drawn, None, tile, origins=[Origin.DRAWN] * len(drawn))
    return AnswerRow(
        task=task.id or 0,
        person=source.drawer,
        label_studio_annotation=number,
        digest=hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest(),
        result=result,
        given_at=source.at,
        received_at=services.now(),
    )
