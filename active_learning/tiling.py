"""Cut crowded photos into tasks a volunteer can finish, and put the answers together again."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from active_learning.grouping import SAME_ANIMAL, join
from active_learning.overlap import Indices, matched_iou, overlapping_pairs
from labeling_configs.vocabulary import Boxes, PhotoId, Rectangle, Tile, TileId, no_boxes

LEAST_MARGIN = 16
LARGEST_MARGIN = 0.05
"""Of the photo's longer side."""
NEAR_EDGE, NEAR_EDGE_PIXELS = 0.1, 4.0
"""How near to the picture's end an edge counts as cut, as a share of the box's side and in pixels at least."""


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


@dataclass(frozen=True)
class Stitched:
    """The animals of one photo, each once: boxes, shape (n, 4), probabilities and rows of the owning tiles, (n,)."""

    boxes: Boxes
    probabilities: NDArray[np.float64]
    tiles: Indices


def stitch(answers: Sequence[tuple[Tile, Boxes, NDArray[np.float64]]]) -> Stitched:
    """Put together what is drawn on each tile of a photo, with probabilities, so that every animal is there once.

    People see no farther than `shown`, so an animal across an edge has a box in each tile, cut where the picture ends.
    Boxes that agree on the part that both tiles show become one: the whole box where a tile shows the whole animal,
    else all cut pieces together. It belongs to the tile whose core holds its centre. A box that stays alone counts only
    where its own tile owns it: elsewhere those who answered for the owner saw it and drew nothing.
    """
    tiles = [tile for tile, _, _ in answers]
    boxes = np.concatenate([no_boxes(), *(drawn for _, drawn, _ in answers)])
    probabilities = np.concatenate([np.zeros(0), *(chances for _, _, chances in answers)])
    tile = np.repeat(np.arange(len(answers)), [len(drawn) for _, drawn, _ in answers]).astype(np.intp)
    animal = join(*_same_animals(boxes, tile, tiles), tile)
    joined = _joined(boxes, tile, animal, tiles)
    likeliest = np.zeros(len(joined))
    np.maximum.at(likeliest, animal, probabilities)
    owner = _owners(joined, tiles)
    alone = np.bincount(animal, minlength=len(joined)) == 1
    drawn_in = np.zeros(len(joined), dtype=np.intp)
    drawn_in[animal] = tile
    kept = np.where(alone, owner == drawn_in, owner >= 0)
    return Stitched(joined[kept], likeliest[kept], owner[kept])


def _same_animals(boxes: Boxes, tile: Indices, tiles: Sequence[Tile]) -> tuple[Indices, Indices, NDArray[np.float64]]:
    """Return the pairs of boxes from two tiles that look alike in the part which both tiles show."""
    shown = _edges([tile.shown for tile in tiles])
    left, right, _ = overlapping_pairs(shown, 1e-9)
    rows, pair = _boxes_of_either(tile, left, right)
    common = np.hstack([np.maximum(shown[left, :2], shown[right, :2]), np.minimum(shown[left, 2:], shown[right, 2:])])
    low, high = common[pair][:, [0, 1, 0, 1]], common[pair][:, [2, 3, 2, 3]]
    first, second, share = overlapping_pairs(np.clip(boxes[rows], low, high), SAME_ANIMAL, pair)
    first, second = rows[first], rows[second]
    cut = _cut_off(boxes, tile, tiles)
    alike = cut[first] | cut[second] | (matched_iou(boxes[first], boxes[second]) >= SAME_ANIMAL)
    return first[alike], second[alike], share[alike]


def _boxes_of_either(tile: Indices, left: Indices, right: Indices) -> tuple[Indices, Indices]:
    """Return the rows of all boxes in each pair of tiles, and the number of the pair beside each."""
    order = np.argsort(tile, kind="stable")
    member, pair = np.concatenate([left, right]), np.tile(np.arange(len(left)), 2)
    start, stop = np.searchsorted(tile[order], member), np.searchsorted(tile[order], member, side="right")
    spans = [order[a:b] for a, b in zip(start.tolist(), stop.tolist(), strict=True)]
    rows = np.concatenate([np.zeros(0, dtype=np.intp), *spans])
    return rows, np.repeat(pair, stop - start).astype(np.intp)


def _cut_off(boxes: Boxes, tile: Indices, tiles: Sequence[Tile]) -> NDArray[np.bool_]:
    """Say of each box, shape (n,), whether it reaches to where the picture ends but the photo goes on."""
    shown, core = _edges([tile.shown for tile in tiles]), _edges([tile.core for tile in tiles])
    inner = (shown != core)[tile]
    near = np.maximum(NEAR_EDGE * (boxes[:, [2, 3, 2, 3]] - boxes[:, [0, 1, 0, 1]]), NEAR_EDGE_PIXELS)
    cut: NDArray[np.bool_] = np.any(inner & (np.abs(boxes - shown[tile]) <= near), axis=1)
    return cut


def _joined(boxes: Boxes, tile: Indices, animal: Indices, tiles: Sequence[Tile]) -> Boxes:
    """Return the mean of each animal's whole boxes; the hull of its pieces where no tile shows it whole."""
    many = animal.max(initial=-1) + 1
    hull = np.tile([np.inf, np.inf, -np.inf, -np.inf], (many, 1))
    np.minimum.at(hull[:, :2], animal, boxes[:, :2])
    np.maximum.at(hull[:, 2:], animal, boxes[:, 2:])
    shown = _edges([tile.shown for tile in tiles])[tile]
    beyond = np.hstack([hull[animal, :2] < shown[:, :2], hull[animal, 2:] > shown[:, 2:]])
    whole = ~(np.any(beyond, axis=1) | _cut_off(boxes, tile, tiles))
    count = np.bincount(animal, whole, many)
    sums = np.stack([np.bincount(animal, whole * boxes[:, edge], many) for edge in range(4)], axis=1)
    return np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], hull)


def _owners(boxes: Boxes, tiles: Sequence[Tile]) -> Indices:
    """Return the row of the tile whose core holds each box's centre, -1 where none of them does."""
    owner = np.full(len(boxes), -1, dtype=np.intp)
    for row, tile in enumerate(tiles):
        owner[tile.core.holds_centres_of(boxes)] = row
    return owner


def _edges(rectangles: Sequence[Rectangle]) -> Boxes:
    return np.array([(r.x1, r.y1, r.x2, r.y2) for r in rectangles], dtype=np.float64).reshape(-1, 4)


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


def outside(cores: Iterable[Rectangle], boxes: Boxes) -> NDArray[np.bool_]:
    """Say for each box, shape (n, 4), whether its centre lies in none of the cores."""
    inside = np.zeros(len(boxes), dtype=np.bool_)
    for core in cores:
        inside |= core.holds_centres_of(boxes)
    return ~inside
