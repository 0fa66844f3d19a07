"""Cut crowded photos into tasks a volunteer can finish, and put the answers together again."""

from collections.abc import Iterable, Iterator
from math import ceil

import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import Boxes, PhotoId, Rectangle, Tile, TileId, no_boxes

LEAST_MARGIN = 16
LARGEST_MARGIN = 0.05
"""Of the photo's longer side."""


def lay_tiles(
    photo: PhotoId,
    width: int,
    height: int,
    boxes: Boxes,
    weights: NDArray[np.float64] | None = None,
    most_animals: float = 25,
) -> tuple[Tile, ...]:
    """Return tiles whose cores partition the photo and expect at most `most_animals` each.

    `weights`, shape (n,), is how many animals each proposed box stands for (its calibrated score), 1 when not given.
    A core is never cut below the length of one typical animal, so a heap drawn on one spot may stay over the limit.
    """
    whole = Rectangle(0, 0, width, height)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    weighed = np.ones(len(boxes)) if weights is None else weights
    animal = typical_animal(boxes)
    margin = round(np.clip(animal / 2, LEAST_MARGIN, max(LEAST_MARGIN, LARGEST_MARGIN * max(width, height))))
    cores = _split(whole, centres, weighed, most_animals, max(1, round(animal)))
    return tuple(Tile(tile_id(photo, core), photo, _widened(core, margin, whole), core) for core in cores)


def tile_id(photo: PhotoId, core: Rectangle) -> TileId:
    """Return the name of the tile: the same core of the same photo is the same task for ever."""
    return TileId(f"{photo}-{core.x1}-{core.y1}-{core.x2}-{core.y2}")


def stitch(answers: Iterable[tuple[Tile, Boxes]]) -> Boxes:
    """Return, shape (n, 4), the boxes of each tile whose centres lie in its own core; the neighbours own the others."""
    own = [boxes[tile.core.holds_centres_of(boxes)] for tile, boxes in answers]
    return np.concatenate(own) if own else no_boxes()


def typical_animal(boxes: Boxes) -> float:
    """Return the median of the boxes' longer sides in pixels, 0 without boxes."""
    return float(np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1))) if len(boxes) else 0.0


def _split(
    core: Rectangle,
    centres: NDArray[np.float64],
    weights: NDArray[np.float64],
    most: float,
    shortest: int,
) -> Iterator[Rectangle]:
    along = 0 if core.width >= core.height else 1
    start, stop = ((core.x1, core.x2), (core.y1, core.y2))[along]
    if weights.sum() <= most or stop - start < 2 * shortest or stop - start < 2:
        yield core
        return
    cut = _balanced_cut(centres[:, along], weights, start, stop, most, shortest)
    near = centres[:, along] < cut
    for half, inside in zip(_cut(core, along, cut), (near, ~near), strict=True):
        yield from _split(half, centres[inside], weights[inside], most, shortest)


def _balanced_cut(
    places: NDArray[np.float64], weights: NDArray[np.float64], start: int, stop: int, most: float, shortest: int
) -> int:
    """Leave whole tasks on both sides: five tasks' worth is cut 2:3, so that as few people as possible are asked.

    A cut stays in the middle half of the side and an animal's length from its ends, so that tiles are no slivers.
    """
    tasks = ceil(weights.sum() / most)
    order = np.argsort(places)
    before = np.cumsum(weights[order])
    wanted = before[-1] * (tasks // 2) / tasks
    last = min(int(np.searchsorted(before, wanted + 1e-9, side="right")), len(order) - 1)
    cut = places[order[last]] if last == 0 else places[order[last - 1 : last + 1]].mean()
    least = max(shortest, (stop - start) // 4)
    return int(np.clip(round(cut), start + least, stop - least))


def _cut(core: Rectangle, along: int, at: int) -> tuple[Rectangle, Rectangle]:
    if along == 0:
        return Rectangle(core.x1, core.y1, at, core.y2), Rectangle(at, core.y1, core.x2, core.y2)
    return Rectangle(core.x1, core.y1, core.x2, at), Rectangle(core.x1, at, core.x2, core.y2)


def _widened(core: Rectangle, margin: int, whole: Rectangle) -> Rectangle:
    return Rectangle(
        max(whole.x1, core.x1 - margin),
        max(whole.y1, core.y1 - margin),
        min(whole.x2, core.x2 + margin),
        min(whole.y2, core.y2 + margin),
    )
