"""What two detectors drew on the tiles of an exam, as pictures: where they were right, what they missed and made up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from haulout.tables import ExaminedRow, PhotoRow, TileRow
from haulout.web.drawn import Drawn, drawn
from labeling_configs.vocabulary import Boxes, Rectangle

SHOWN = 12
"""Misses, and false boxes, that a page shows."""
MOST_OF_ONE_PHOTO = 3
"""So that one bad photo does not hide all others."""
AROUND = 0.8
"""How much of a box's longer side is shown around it."""
DOUBTED = -2
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """What one detector told of a tile, judged by what is there."""

    hit: tuple[Drawn, ...]
    missed: tuple[Drawn, ...]
    false: tuple[Drawn, ...]
    doubted: tuple[Drawn, ...]
    """On what people doubt: neither right nor wrong."""

    @property
    def errors(self) -> int:
        """How many animals it missed and made up."""
        return len(self.missed) + len(self.false)


@dataclass(frozen=True)
class Looked:
    """One tile of the exam, and what both detectors told of it."""

    tile: TileRow
    photo: PhotoRow
    animals: int
    new: Answer
    champion: Answer


@dataclass(frozen=True)
class Closeup:
    """A box with its surroundings, all in pixels of the photo; `seen` is the best score given to it."""

    tile: TileRow
    photo: PhotoRow
    view: Rectangle
    box: Drawn
    seen: float
    by_champion: bool
    """Whether the champion erred here as well."""


@dataclass(frozen=True)
class Sheet:
    """A stored tile of an exam, unpacked; see `ExaminedRow`."""

    row: ExaminedRow
    tile: TileRow
    photo: PhotoRow

    @property
    def animals(self) -> Boxes:
        """Return what must be found, shape (n, 4)."""
        there = _unpacked(self.row.there)
        return there[there[:, 5] > 0, :4]

    def looked(self, threshold: float) -> Looked:
        """Judge what both told with at least this score."""
        answers = [_answer(self.animals, _unpacked(one), threshold) for one in (self.row.drawn, self.row.champion)]
        return Looked(self.tile, self.photo, len(self.animals), *answers)

    def misses(self, threshold: float) -> Iterator[Closeup]:
        """Return the animals that the detector did not tell."""
        seen, by_champion = (_seen(len(self.animals), _unpacked(one)) for one in (self.row.drawn, self.row.champion))
        for number, box in enumerate(drawn(self.animals, seen)):
            if seen[number] < threshold:
                yield self._closeup(box, float(seen[number]), bool(by_champion[number] < threshold))

    def inventions(self, threshold: float) -> Iterator[Closeup]:
        """Return the boxes with nothing below them."""
        false, theirs = (_false(_unpacked(one), threshold) for one in (self.row.drawn, self.row.champion))
        for box, whole in zip(drawn(false[:, :4], false[:, 4]), false, strict=True):
            yield self._closeup(box, float(whole[4]), _meets(whole[:4], theirs[:, :4]))

    def _closeup(self, box: Drawn, seen: float, by_champion: bool) -> Closeup:
        return Closeup(self.tile, self.photo, _around(box, Rectangle(*self.tile.shown)), box, seen, by_champion)


def read_sheets(session: Session, model: str) -> list[Sheet]:
    """Read the exam of one detector; nothing when it sat none, or an older exam that kept figures only."""
    query = (
        select(ExaminedRow, TileRow, PhotoRow)
        .join(TileRow, col(TileRow.id) == ExaminedRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ExaminedRow.model == model)
        .order_by(col(ExaminedRow.tile))
    )
    return [Sheet(*found) for found in session.exec(query)]


def most_telling(sheets: Iterable[Sheet], threshold: float) -> list[Looked]:
    """Return all tiles, first those on which the two detectors differ most, then those with most errors."""
    looked = [sheet.looked(threshold) for sheet in sheets]
    return sorted(looked, key=lambda one: (-abs(one.new.errors - one.champion.errors), -one.new.errors, one.tile.id))


def worst_misses(sheets: Iterable[Sheet], threshold: float) -> list[Closeup]:
    """Return missed animals: those nothing was seen of first, and of these the largest."""
    found = [one for sheet in sheets for one in sheet.misses(threshold)]
    return _varied(sorted(found, key=lambda one: (one.seen, -one.box.width * one.box.height, one.tile.id)))


def worst_inventions(sheets: Iterable[Sheet], threshold: float) -> list[Closeup]:
    """Return false boxes, the surest first."""
    found = [one for sheet in sheets for one in sheet.inventions(threshold)]
    return _varied(sorted(found, key=lambda one: (-one.seen, one.tile.id)))


def _varied(closeups: Sequence[Closeup]) -> list[Closeup]:
    of_photo: dict[str, int] = {}
    kept = []
    for one in closeups:
        of_photo[one.photo.id] = of_photo.get(one.photo.id, 0) + 1
        if of_photo[one.photo.id] <= MOST_OF_ONE_PHOTO:
            kept.append(one)
    return kept[:SHOWN]


def _unpacked(packed: bytes) -> Numbers:
    return np.frombuffer(packed, dtype=np.float32).reshape(-1, 6).astype(np.float64)


def _answer(animals: Boxes, boxes: Numbers, threshold: float) -> Answer:
    told = boxes[boxes[:, 4] >= threshold]
    hit, doubted = told[:, 5] >= 0, told[:, 5] == DOUBTED
    missed = _seen(len(animals), boxes) < threshold
    parts = [drawn(told[kept, :4], told[kept, 4]) for kept in (hit, ~hit & ~doubted, doubted)]
    return Answer(parts[0], drawn(animals[missed]), parts[1], parts[2])


def _seen(animals: int, boxes: Numbers) -> Numbers:
    """Return the best score with which each animal was hit, 0 for none."""
    seen = np.zeros(animals)
    hits = boxes[boxes[:, 5] >= 0]
    np.maximum.at(seen, hits[:, 5].astype(int), hits[:, 4])
    return seen


def _false(boxes: Numbers, threshold: float) -> Numbers:
    false: Numbers = boxes[(boxes[:, 4] >= threshold) & (boxes[:, 5] < 0) & (boxes[:, 5] != DOUBTED)]
    return false


def _meets(box: Numbers, others: Boxes) -> bool:
    """Say whether the box's centre lies in one of the others."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = (others[:, 0] <= x) & (x <= others[:, 2]) & (others[:, 1] <= y) & (y <= others[:, 3])
    return bool(inside.any())


def _around(box: Drawn, shown: Rectangle) -> Rectangle:
    """Return a view of 4 : 3 about the box; it may hang over the edge of the tile, where there is nothing to see."""
    height = max(box.height, 0.75 * box.width) + 2 * AROUND * max(box.width, box.height)
    width, height = min(4 / 3 * height, shown.width), min(height, shown.height)
    x = min(max(box.x + box.width / 2 - width / 2, shown.x1), shown.x2 - width)
    y = min(max(box.y + box.height / 2 - height / 2, shown.y1), shown.y2 - height)
    return Rectangle(round(x), round(y), round(x + width), round(y + height))
