"""How a network looks for animals in a photo: at its own scale, in batches of overlapping tiles, each animal once."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from haulout_models.backbone import STRIDES
from haulout_models.tiling import Found, MachineTile, machine_tiles, merge, suppress
from labeling_configs.vocabulary import Boxes

if TYPE_CHECKING:
    from haulout_models.detector import DetectorSettings

Image = NDArray[np.uint8]
Size = tuple[int, int]
"""Width and height in pixels."""
Look = Callable[[Image, float], list[Found]]
"""Looks at tiles of one size, (n, h, w, 3), and tells each one's boxes of at least this score, in its own pixels."""

TOGETHER = 4
"""Tiles per batch: larger ones are no faster on a CPU, and take more memory."""


def search(
    settings: "DetectorSettings", look: Look, image: Image, threshold: float | None = None, size: Size | None = None
) -> Found:
    """Find the animals in an RGB image, whatever their number, in pixels of a photo of this size.

    A size other than the image's says that the image is the photo decoded at reduced scale.
    """
    _check(image)
    size = size or (image.shape[1], image.shape[0])
    curve = settings.calibration
    least = curve.inverse(settings.threshold if threshold is None else threshold)
    scaled = _resize(image, settings.seen_size(size))
    tiles = machine_tiles(scaled.shape[1], scaled.shape[0], settings.tile, settings.overlap)
    boxes, scores = merge(_look_at(look, scaled, tiles, least, settings.overlap_allowed), settings.overlap_allowed)
    return _to_photo(boxes, scaled, size), curve(scores)


def _look_at(
    look: Look, scaled: Image, tiles: Sequence[MachineTile], least: float, overlap_allowed: float
) -> Iterator[tuple[MachineTile, Found]]:
    """The tiles of a photo are all of one size, so any of them fit in a batch."""
    for start in range(0, len(tiles), TOGETHER):
        batch = tiles[start : start + TOGETHER]
        stacked = np.stack([_pad(scaled[t.shown.y1 : t.shown.y2, t.shown.x1 : t.shown.x2]) for t in batch])
        for tile, found in zip(batch, look(stacked, least), strict=True):
            boxes, scores = suppress(found, overlap_allowed)
            yield tile, (boxes + np.array([tile.shown.x1, tile.shown.y1] * 2), scores)


def _check(image: Image) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"an image must be RGB bytes (h, w, 3); got {image.dtype} of shape {image.shape}")


def _resize(image: Image, size: Size) -> Image:
    if size == image.shape[1::-1]:
        return image
    shrinks = size[0] < image.shape[1]
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), dtype=np.uint8
    )


def _pad(image: Image) -> Image:
    """Fill up to multiples of 32 with mid grey, which is the backbone's zero."""
    bottom, right = (-side % STRIDES[-1] for side in image.shape[:2])
    return np.pad(image, ((0, bottom), (0, right), (0, 0)), constant_values=128)


def _to_photo(boxes: Boxes, scaled: Image, size: Size) -> Boxes:
    """Bring boxes to pixels of the photo and cut off what hangs over its edge."""
    factor = np.array([size[0] / scaled.shape[1], size[1] / scaled.shape[0]] * 2)
    inside: Boxes = np.clip(boxes * factor, 0.0, np.array([*size, *size], dtype=np.float64))
    return inside
