"""Boxes that come back at one place of a fixed camera for weeks: rocks and logs, to be shown to a person.

Never over hours: walruses sleep. A place must come back on many days, in most photos in which anything can be seen, as
the same box, and people must have seen it without an animal. MegaDetector's repeat detections (Beery, Morris and Yang
2019) count photos alone; that is how a sleeping animal becomes a rock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from active_learning.overlap import areas, matched_iou
from labeling_configs.vocabulary import Boxes, Rectangle

SAME_PLACE = 0.5
"""IoU from which a box lies on a place."""
SAME_SIZE = 1.5
"""A box whose area differs by more than this factor shows something else."""
BETTER = 0.2
"""A box that scores so much more than the place ever did shows something else."""
EXAMPLES = 5
ON_IT = 0.3
"""IoU from which an animal that people drew lies on a place."""

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """When a place is worth a person's look."""

    weeks: float = 3.0
    """From the first to the last day on which a box was there."""
    days: int = 10
    """Different days with a box there."""
    share: float = 0.5
    """Of the photos between, those in which something can be seen, so many have the box."""
    steady: float = 0.7
    """The median IoU of the boxes with the place: what moves is alive."""
    empty_days: int = 2
    """Different days on which people looked there and found no animal."""
    occupied: float = 0.1
    """People found an animal there at most so often when they looked."""


@dataclass(frozen=True)
class Watched:
    """One camera's photos, n of them, with the machine's boxes, m of them, and what people settled."""

    day: Rows
    """Shape (n,), counted in days."""
    visible: Bools
    """Shape (n,); False at night and in fog."""
    photo: Rows
    """Shape (m,): the photo of each box."""
    boxes: Boxes
    scores: Floats
    settled: tuple[tuple[int, Rectangle, Boxes], ...] = ()
    """Photo, the part of it that people agree about, and the animals there."""

    def without(self, gone: Bools) -> "Watched":
        """Return the same without these boxes, shape (m,)."""
        kept = ~gone
        return Watched(self.day, self.visible, self.photo[kept], self.boxes[kept], self.scores[kept], self.settled)


@dataclass(frozen=True)
class Place:
    """Where boxes come back, and what speaks for a thing that is no animal; days are counted as they were given."""

    box: tuple[float, float, float, float]
    first: int
    last: int
    days: int
    photos: int
    visible: int
    """Photos between the first and the last day in which something can be seen."""
    best: float
    """The score that the place hardly ever exceeded."""
    emptied: int
    """How often people looked there and found no animal."""
    occupied: int
    """How often they found one."""
    examples: tuple[int, ...]
    """Photos to show to a person: spread over the time, and one in which people found the place empty."""


def find_recurring(watched: Watched, rules: Rules) -> tuple[Place, ...]:
    """Return the places of one camera that are worth a person's look, those that come back most first."""
    found = [place for place in (_judged(watched, rows, rules) for rows in _gathered(watched, rules)) if place]
    return tuple(sorted(found, key=lambda place: (-place.photos, place.box)))


def lying_on(boxes: Boxes, scores: Floats, place: Boxes, best: float) -> Bools:
    """Say which boxes, shape (n, 4), are the thing at the place, shape (4,): none much larger, smaller or surer."""
    return _same(boxes, place) & (scores <= best + BETTER)


def reaches(days: Rows, last: int, weeks: float) -> int:
    """Return the last day on which the thing is there when it was seen again on these days, without a gap of weeks."""
    for day in sorted(set(days.tolist())):
        if last < day <= last + 7 * weeks:
            last = day
    return last


def _same(boxes: Boxes, place: Boxes) -> Bools:
    there = np.broadcast_to(place, boxes.shape)
    size = areas(boxes) / np.maximum(areas(there), 1e-9)
    near: Bools = (matched_iou(boxes, there) >= SAME_PLACE) & (size <= SAME_SIZE) & (size >= 1 / SAME_SIZE)
    return near


def _gathered(watched: Watched, rules: Rules) -> Iterator[Rows]:
    """Give for each place the rows of its boxes; a box belongs to one place.

    Boxes fall into cells of position and size; only cells that many days share are looked at, so a camera's year takes
    seconds, and no pair of boxes is compared.
    """
    order = np.argsort(watched.boxes[:, 0] + watched.boxes[:, 2], kind="stable")
    boxes, day = watched.boxes[order], watched.day[watched.photo[order]]
    middle = (boxes[:, 0] + boxes[:, 2]) / 2
    free = np.ones(len(boxes), dtype=bool)
    for cell in _crowded_cells(boxes, day, rules.days / 4):
        cell = cell[free[cell]]
        if not len(cell):
            continue
        rows = cell
        for _ in range(2):
            rows = _around(boxes, middle, np.median(boxes[rows], axis=0), free)
            if not len(rows):
                break
        free[cell] = False
        free[rows] = False
        if len(rows):
            yield order[rows]


def _crowded_cells(boxes: Boxes, day: Rows, least: float) -> list[Rows]:
    """Return the rows of each cell that boxes of enough days fall into, the most visited first."""
    if not len(boxes):
        return []
    side = np.sqrt(np.maximum(areas(boxes), 1.0))
    level = np.round(2 * np.log2(side))
    step = 2 ** (level / 2) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / step[:, None]
    keys = np.column_stack([level, np.floor(middle)]).astype(np.int64)
    _, cell = np.unique(keys, axis=0, return_inverse=True)
    cell = cell.ravel()
    visits = np.unique(np.column_stack([cell, day]), axis=0)[:, 0]
    days = np.bincount(visits, minlength=cell.max() + 1)
    rows = np.split(np.argsort(cell, kind="stable"), np.cumsum(np.bincount(cell))[:-1])
    return [rows[number] for number in np.argsort(-days, kind="stable") if days[number] >= least]


def _around(boxes: Boxes, middle: Floats, place: Boxes, free: Bools) -> Rows:
    """Return the free rows that lie on the place; rows are sorted by the middle of their boxes."""
    centre, reach = (place[0] + place[2]) / 2, place[2] - place[0]
    start, stop = np.searchsorted(middle, [centre - reach, centre + reach])
    near = np.arange(start, stop)[free[start:stop]]
    return near[_same(boxes[near], place)]


def _judged(watched: Watched, rows: Rows, rules: Rules) -> Place | None:
    """Return the place of these boxes, or None when it may be alive."""
    seen = rows[watched.visible[watched.photo[rows]]]
    days = np.unique(watched.day[watched.photo[seen]])
    if len(days) < rules.days or days[-1] - days[0] < 7 * rules.weeks:
        return None
    box = np.median(watched.boxes[seen], axis=0)
    photos = len(np.unique(watched.photo[seen]))
    between = watched.visible & (watched.day >= days[0]) & (watched.day <= days[-1])
    steady = float(np.median(matched_iou(watched.boxes[seen], np.broadcast_to(box, (len(seen), 4)))))
    if photos < rules.share * between.sum() or steady < rules.steady:
        return None
    empty, occupied = _looked(watched, box)
    if len(set(watched.day[empty].tolist())) < rules.empty_days:
        return None
    if len(occupied) > rules.occupied * (len(empty) + len(occupied)):
        return None
    x1, y1, x2, y2 = (round(float(side), 1) for side in box)
    best = float(np.quantile(watched.scores[seen], 0.95))
    first, last = int(days[0]), int(days[-1])
    return Place(
        box=(x1, y1, x2, y2),
        first=first,
        last=last,
        days=len(days),
        photos=photos,
        visible=int(between.sum()),
        best=best,
        emptied=len(empty),
        occupied=len(occupied),
        examples=_examples(np.unique(watched.photo[seen]), empty),
    )


def _examples(photos: Rows, empty: Rows) -> tuple[int, ...]:
    """Return some photos from the first to the last, and the latest that people found empty."""
    spread = photos[np.unique(np.linspace(0, len(photos) - 1, EXAMPLES).round().astype(int))]
    return tuple(sorted({*spread.tolist(), *empty[-1:].tolist()}))


def _looked(watched: Watched, box: Boxes) -> tuple[Rows, Rows]:
    """Return the photos in which people looked at the place and found no animal, and those in which they found one."""
    empty: set[int] = set()
    occupied: set[int] = set()
    for photo, part, animals in watched.settled:
        if not part.holds_centres_of(box[None])[0]:
            continue
        there = matched_iou(animals, np.broadcast_to(box, animals.shape)) >= ON_IT
        (occupied if there.any() else empty).add(photo)
    return np.array(sorted(empty - occupied), dtype=np.intp), np.array(sorted(occupied), dtype=np.intp)
