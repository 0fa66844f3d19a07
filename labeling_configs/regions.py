"""Label Studio's percentages of an image to pixels of the photo and back; no other module knows percentages.

Label Studio measures regions in percent of the image it displays. That image shows one rectangle of a photo, scaled or
not, so `pixel = shown.x1 + percent / 100 * shown.width` whatever the size of the file that was sent.
"""

import hashlib
import math

import numpy as np

from labeling_configs.results import Item, Json, number, quoted
from labeling_configs.vocabulary import Boxes, Mark, Rectangle

TOLERANCE = 0.5
"""Per cent of the image by which a region may stick out, from rounding in the browser; it is clipped to the image."""

SMALLEST = 1.0
"""Pixels of the photo: whatever is narrower is a slip of the mouse, not an animal."""

_LOST = 1e-6  # pixels that a box may lose on its way to percent and back

Box = tuple[float, float, float, float]


class Unreadable(ValueError):
    """A region that says nothing about the photo; the message is the reason."""


def box(item: Item, shown: Rectangle) -> Box:
    """Return x1, y1, x2, y2 in pixels of the photo, clipped to `shown`; a turned box becomes the upright one round it.

    Raises Unreadable when a number is missing or not finite, and when the box is empty, off the image or too large.
    """
    x, y, width, height = (_percent(item, name) for name in ("x", "y", "width", "height"))
    _refuse_turned_image(item)
    if width <= 0 or height <= 0:
        raise Unreadable("width and height must be positive")
    angle = 0.0 if "rotation" not in item.value else _percent(item, "rotation")
    corners = _upright(x, y, width, height, angle, shown)
    # Finite numbers may still add up to infinity or to NaN, for which no comparison holds.
    if not all(-TOLERANCE <= corner <= 100 + TOLERANCE for corner in corners):
        raise Unreadable("reaches off the image or is larger than it")
    left, top = _to_pixels(corners[0], corners[1], shown)
    right, bottom = _to_pixels(corners[2], corners[3], shown)
    if min(right - left, bottom - top) < SMALLEST - _LOST:
        raise Unreadable(f"is less than {SMALLEST:g} pixel of the photo wide or high")
    return left, top, right, bottom


def point(item: Item, shown: Rectangle) -> tuple[float, float]:
    """Return x, y in pixels of the photo, clipped to `shown`; raises Unreadable when missing, not finite or off it."""
    x, y = _percent(item, "x"), _percent(item, "y")
    _refuse_turned_image(item)
    if min(x, y) < -TOLERANCE or max(x, y) > 100 + TOLERANCE:
        raise Unreadable("lies off the image")
    return _to_pixels(x, y, shown)


def label(item: Item) -> str:
    """Return the one label of a region; raises Unreadable when there is none or more than one."""
    found = item.value.get(item.type) if isinstance(item.type, str) else None
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        return found[0]
    raise Unreadable(f"needs exactly one label, found {quoted(found)}")


def clipped(boxes: Boxes, shown: Rectangle) -> Boxes:
    """Return the boxes, shape (n, 4), cut off at the borders of `shown`; some may be left with no area."""
    low = np.array([shown.x1, shown.y1] * 2, dtype=np.float64)
    high = np.array([shown.x2, shown.y2] * 2, dtype=np.float64)
    return np.clip(boxes, low, high)


def box_region(name: str, pixels: Box, shown: Rectangle, *, control: str, image: str, label: str) -> Json:
    """Return Label Studio's region for a box in pixels of the photo that lies inside `shown`."""
    x, y = _to_percent(pixels[0], pixels[1], shown)
    right, bottom = _to_percent(pixels[2], pixels[3], shown)
    value: Json = {"x": x, "y": y, "width": right - x, "height": bottom - y, "rotation": 0, "rectanglelabels": [label]}
    return _region(name, "rectanglelabels", shown, control, image, value)


def point_region(name: str, mark: Mark, shown: Rectangle, *, control: str, image: str) -> Json:
    """Return Label Studio's key point for a mark in pixels of the photo that lies inside `shown`."""
    x, y = _to_percent(mark.x, mark.y, shown)
    value: Json = {"x": x, "y": y, "width": 0.5, "keypointlabels": [mark.kind.value]}
    return _region(name, "keypointlabels", shown, control, image, value)


def region_id(*parts: object) -> str:
    """Return an id that is always the same for the same parts, as short as Label Studio's own."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:10]


def _region(name: str, type_: str, shown: Rectangle, control: str, image: str, value: Json) -> Json:
    return {
        "id": name,
        "type": type_,
        "from_name": control,
        "to_name": image,
        "original_width": shown.width,
        "original_height": shown.height,
        "image_rotation": 0,
        "value": value,
    }


def _percent(item: Item, name: str) -> float:
    found = number(item.value.get(name))
    if found is None:
        raise Unreadable(f"{name} must be a finite number, found {quoted(item.value.get(name))}")
    return found


def _refuse_turned_image(item: Item) -> None:
    if "image_rotation" in item.fields and number(item.fields["image_rotation"]) != 0:
        raise Unreadable("was drawn on a turned image")


def _upright(x: float, y: float, width: float, height: float, angle: float, shown: Rectangle) -> Box:
    """Return left, top, right, bottom of the turned box in percent; Label Studio turns clockwise round the top left."""
    if angle == 0:
        return x, y, x + width, y + height
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    shape = max(shown.width, 1) / max(shown.height, 1)  # turning happens in pixels, not in percent
    across = (0.0, width * cos, width * cos - height / shape * sin, -height / shape * sin)
    down = (0.0, width * shape * sin, width * shape * sin + height * cos, height * cos)
    return x + min(across), y + min(down), x + max(across), y + max(down)


def _to_pixels(x: float, y: float, shown: Rectangle) -> tuple[float, float]:
    right, down = min(max(x, 0.0), 100.0) / 100, min(max(y, 0.0), 100.0) / 100
    # The last addition may round past the border by one bit.
    return min(shown.x1 + right * shown.width, shown.x2), min(shown.y1 + down * shown.height, shown.y2)


def _to_percent(x: float, y: float, shown: Rectangle) -> tuple[float, float]:
    return 100 * (x - shown.x1) / shown.width, 100 * (y - shown.y1) / shown.height
