"""What any file of boxes says, whatever its format: photos, and the boxes on each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from haulout.errors import BadImport
from labeling_configs.results import number, quoted
from labeling_configs.vocabulary import Boxes

ANIMAL, PERSON, VEHICLE = 0, 1, 2
"""Kinds of boxes, as the last column of `Listed.boxes` has them."""
MOST_ON_A_PHOTO = 5_000
"""No honest photo holds more boxes; the largest haulouts show some hundreds."""
_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)

Json = Mapping[str, object]


class Unusable(ValueError):
    """A part of the file that says nothing; the message is the reason."""


@dataclass
class Listed:
    """One photo as a file has it; `reason` says why it cannot be used, and is empty when it can."""

    where: str
    name: str = ""
    sha256: str | None = None
    size: tuple[int, int] | None = None
    reason: str = ""
    rows: dict[tuple[float, ...], None] = field(default_factory=dict)
    """x, y, width, height, score and kind of each box, in order."""

    def add(self, row: tuple[float, ...]) -> bool:
        """Add a box; return False when the very same one is there already."""
        if row in self.rows:
            return False
        if len(self.rows) >= MOST_ON_A_PHOTO:
            raise Unusable(f"holds more than {MOST_ON_A_PHOTO} boxes")
        self.rows[row] = None
        return True

    def boxes(self) -> Boxes:
        """Return the boxes, shape (n, 6): x, y, width, height, score, kind."""
        return np.array(list(self.rows), dtype=np.float64).reshape(-1, 6)


@dataclass
class Listing:
    """All that a file says; lengths are shares of the photo's sides when `relative`, else pixels."""

    kind: str
    relative: bool
    photos: list[Listed] = field(default_factory=list)
    repeated: int = 0
    """Boxes that the file has twice."""
    others: int = 0
    """Boxes of other kinds than are wanted."""
    stray: list[str] = field(default_factory=list)
    """Boxes on photos that the file does not list."""


def listed(where: str, entry: object, name: str) -> Listed:
    """Return a photo of the file, without its boxes; `name` is the field that holds the file's name."""
    if not isinstance(entry, dict):
        return Listed(where, reason=f"is {quoted(entry)}, not an object")
    found = entry.get(name)
    if not isinstance(found, str) or not found.strip():
        return Listed(where, reason=f"its {name} is {quoted(found)}, not a name")
    photo = Listed(where, found)
    try:
        photo.sha256, photo.size = _sha256(entry), _size(entry)
    except Unusable as error:
        photo.reason = str(error)
    return photo


def four(entry: Json) -> tuple[float, float, float, float]:
    """Return x, y, width and height of a box; raises Unusable unless they are numbers and enclose something."""
    bbox = entry.get("bbox")
    sides = [number(side) for side in bbox] if isinstance(bbox, list) and len(bbox) == 4 else []
    x, y, width, height = sides if sides and None not in sides else (None, None, None, None)
    if x is None or y is None or width is None or height is None:
        raise Unusable(f"its bbox is no list of four numbers but {quoted(bbox)}")
    if width <= 0 or height <= 0:
        raise Unusable("its bbox has no width or no height")
    return x, y, width, height


def entries(document: Json, name: str, where: str) -> Sequence[object]:
    """Return a list that the file must have; BadImport when it is missing or no list."""
    found = document.get(name)
    if not isinstance(found, list):
        raise BadImport(f"{where} has {quoted(found)} under {name!r}, not a list. Is it the right file?")
    return found


def _sha256(entry: Json) -> str | None:
    found = entry.get("sha256")
    if found is None:
        return None
    if not isinstance(found, str) or not _SHA256.fullmatch(found):
        raise Unusable("its sha256 is not one of 64 hexadecimal digits")
    return found.lower()


def _size(entry: Json) -> tuple[int, int] | None:
    sides = [entry.get("width"), entry.get("height")]
    if sides == [None, None]:
        return None
    numbers = [number(side) for side in sides]
    if any(side is None or side < 1 or not side.is_integer() for side in numbers):
        raise Unusable(f"its width and height are {quoted(sides[0])} and {quoted(sides[1])}, not whole numbers")
    return int(numbers[0] or 0), int(numbers[1] or 0)
