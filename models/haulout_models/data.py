"""Labelled tiles for the detector: read, cached, changed at random so that few labels go far."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from haulout_models.weather import CALM, Weather, expose
from labeling_configs.vocabulary import Boxes, Rectangle

ORIENTATION = 0x0112
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class LabelledTile:
    """A rectangle of a photo (None: all of it) whose animals are known, for training or for an exam."""

    image: Path
    rectangle: Rectangle | None
    boxes: Boxes
    """Shape (n, 4), pixels of the photo."""
    weights: Weights
    """Shape (n,): the probability that each box is an animal."""

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape != (len(self.weights), 4):
            raise ValueError(f"{self.image}: boxes {self.boxes.shape} and weights {self.weights.shape} do not match")
        if not (np.isfinite(self.boxes).all() and np.isfinite(self.weights).all()):
            raise ValueError(f"{self.image}: a box or weight is not a number; leave it out of the training set")

    def read(self) -> NDArray[np.uint8]:
        """Decode the rectangle as displayed, RGB (h, w, 3)."""
        with Image.open(self.image) as opened:
            photo = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
        if self.rectangle is None:
            return photo
        part = self.rectangle
        return photo[part.y1 : part.y2, part.x1 : part.x2]

    def size(self) -> tuple[int, int]:
        """Return width and height in pixels of the photo as displayed, reading no more than its header."""
        if self.rectangle is not None:
            return self.rectangle.width, self.rectangle.height
        with Image.open(self.image) as opened:
            turned = opened.getexif().get(ORIENTATION, 1) >= 5
            return (opened.height, opened.width) if turned else (opened.width, opened.height)

    def shifted_boxes(self) -> Boxes:
        """Return the boxes in pixels of the rectangle, shape (n, 4)."""
        if self.rectangle is None:
            return self.boxes
        shifted: Boxes = self.boxes - np.array([self.rectangle.x1, self.rectangle.y1] * 2)
        return shifted


@dataclass(frozen=True)
class Augmentation:
    """How much a training tile may be changed; zero everywhere leaves it as it is."""

    flip: float = 0.5
    """Share of tiles that are mirrored left to right."""
    upright: bool = True
    """False for views from above, where an animal may lie in any direction: flips top to bottom and transposes too."""
    scale: float = 0.3
    """Sizes vary by a factor exp(+-scale)."""
    whole: bool = False
    """Show whole tiles only, where people left out animals that a tile's edge cuts: the network learns to do so too."""
    weather: Weather = field(default_factory=Weather)
    """In what light and weather it is shown."""


NO_CHANGE = Augmentation(flip=0.0, scale=0.0, weather=CALM)


@dataclass(frozen=True)
class Example:
    """One square of training: RGB bytes (side, side, 3) and boxes (n, 4) in its pixels with weights (n,)."""

    image: NDArray[np.uint8]
    boxes: Boxes
    weights: Weights


@dataclass
class TileStore:
    """Decodes each tile once, as long as the memory given lasts: a 12-megapixel photo takes a fifth of a second."""

    tiles: Sequence[LabelledTile]
    scale: float
    limit_bytes: int = 1 << 30
    _held: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    _held_bytes: int = 0

    def __len__(self) -> int:
        return len(self.tiles)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return tile number index at the network's scale."""
        if index in self._held:
            return self._held[index]
        image = self._decode(index)
        if self._held_bytes + image.nbytes <= self.limit_bytes:
            self._held[index] = image
            self._held_bytes += image.nbytes
        return image

    def boxes(self, index: int) -> Boxes:
        """Return the boxes of tile number index at the network's scale."""
        return self.tiles[index].shifted_boxes() * self.scale

    def _decode(self, index: int) -> NDArray[np.uint8]:
        image = self.tiles[index].read()
        if self.scale == 1.0:
            return np.ascontiguousarray(image)
        how = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, None, fx=self.scale, fy=self.scale, interpolation=how), dtype=np.uint8)


class Squares(Protocol):
    """What of a training's settings says how its squares are drawn."""

    @property
    def batch(self) -> int:
        """So many at a time."""

    @property
    def side(self) -> int:
        """Pixels."""

    @property
    def augmentation(self) -> Augmentation:
        """How much they are changed."""


class Drawing:
    """The squares of every step of a training, the next step's being drawn while the network learns from these.

    Every tile comes once an epoch; all chance hangs on the seed and the step, so a resumed training is the same.
    """

    def __init__(self, store: TileStore, how: Squares, seed: int, rank: int = 0, size: int = 1) -> None:
        """Draw for process number rank of so many that share each step's squares."""
        self._store, self._how, self._seed, self._rank, self._size = store, how, seed, rank, size
        self._ahead: dict[int, Future[list[Example]]] = {}
        self._painter = ThreadPoolExecutor(1)

    def squares(self, step: int) -> list[Example]:
        """Return the squares of this step."""
        drawn = self._ahead.pop(step, None) or self._painter.submit(self._draw, step)
        self._ahead = {step + 1: self._painter.submit(self._draw, step + 1)}
        return drawn.result()

    def _draw(self, step: int) -> list[Example]:
        count, batch, number = len(self._store), self._how.batch, step * self._size + self._rank
        places = range(number * batch, (number + 1) * batch)
        orders = {n: np.random.default_rng([self._seed, 0, n]).permutation(count) for n in {p // count for p in places}}
        rng = np.random.default_rng([self._seed, 1, number])
        chosen = [int(orders[place // count][place % count]) for place in places]
        return [example(self._store, index, self._how.side, self._how.augmentation, rng) for index in chosen]


def example(store: TileStore, index: int, side: int, change: Augmentation, rng: np.random.Generator) -> Example:
    """Draw a training square of tile number index: a random cut at a random size, mirrored, in other light."""
    image, boxes, weights = store.image(index), store.boxes(index), store.tiles[index].weights
    largest = np.log(side / max(image.shape[:2])) if change.whole else np.inf
    zoom = float(np.exp(rng.uniform(-change.scale, np.clip(largest, -change.scale, change.scale))))
    image, boxes = _cut(image, boxes, zoom, side, rng)
    image, boxes = _turn(image, boxes, change, rng)
    boxes, weights = _visible(boxes, weights, side)
    return Example(expose(image, change.weather, rng), boxes, weights)


def _cut(
    image: NDArray[np.uint8], boxes: Boxes, zoom: float, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Boxes]:
    """Scale by zoom and take a square of side pixels at random; what lies outside the tile is mid grey."""
    height, width = image.shape[:2]
    spare_x, spare_y = width * zoom - side, height * zoom - side
    left = rng.uniform(min(0.0, spare_x), max(0.0, spare_x))
    top = rng.uniform(min(0.0, spare_y), max(0.0, spare_y))
    move = np.array([[zoom, 0.0, -left], [0.0, zoom, -top]])
    cut = cv2.warpAffine(image, move, (side, side), flags=cv2.INTER_LINEAR, borderValue=(128, 128, 128))
    return np.asarray(cut, dtype=np.uint8), boxes * zoom - np.array([left, top, left, top])


def _turn(
    image: NDArray[np.uint8], boxes: Boxes, change: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Boxes]:
    side = image.shape[0]
    if rng.random() < change.flip:
        image, boxes = image[:, ::-1], np.stack([side - boxes[:, 2], boxes[:, 1], side - boxes[:, 0], boxes[:, 3]], 1)
    if not change.upright and rng.random() < change.flip:
        image, boxes = image[::-1], np.stack([boxes[:, 0], side - boxes[:, 3], boxes[:, 2], side - boxes[:, 1]], 1)
    if not change.upright and rng.random() < change.flip:
        image, boxes = image.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]
    return image, boxes


def _visible(boxes: Boxes, weights: Weights, side: int) -> tuple[Boxes, Weights]:
    """Cut boxes at the edge; of an animal less than 40 % visible nobody can say where it ends, so it is ignored."""
    inside = np.clip(boxes, 0, side)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    seen = np.prod(inside[:, 2:] - inside[:, :2], axis=1) / np.maximum(area, 1e-9)
    keep = (seen > 0.02) & (area > 4)
    doubtful = np.where(seen < 0.4, np.minimum(weights, 0.5), weights)
    return inside[keep], doubtful[keep]
