"""Which of our photos a file means, and where its boxes lie on them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlmodel import Session, select

from haulout.imports.listing import Listed, Listing, Unusable
from haulout.tables import PhotoRow
from labeling_configs import regions
from labeling_configs.results import quoted
from labeling_configs.vocabulary import Boxes

TOLERANCE = regions.TOLERANCE / 100
"""Share of the photo's side by which a box may stick out, from rounding; it is cut off there."""


@dataclass(frozen=True)
class Placed:
    """A photo of ours with the file's boxes, shape (n, 6): x1, y1, x2, y2 in pixels, score, kind."""

    photo: PhotoRow
    boxes: Boxes


@dataclass
class Matched:
    """What of a file can be used, and what cannot, in lines for the operator."""

    placed: list[Placed] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    tiny: int = 0
    """Boxes of less than a pixel, which are left out."""


def match(session: Session, listing: Listing, site: str) -> Matched:
    """Find the photos of a file by SHA-256 wherever they are, else by name at the site, and place its boxes.

    A name finds the photo whose path ends most like it, and no other does as well. A photo that the file lists twice is
    left out.
    """
    found, shelf = Matched(), _Shelf(session, site)
    chosen: dict[str, list[tuple[Listed, PhotoRow]]] = defaultdict(list)
    for one in listing.photos:
        if one.reason:
            found.unusable.append(f"{one.where} {quoted(one.name)}: {one.reason}")
            continue
        photos = shelf.find(one)
        if len(photos) == 1:
            chosen[photos[0].id].append((one, photos[0]))
        elif photos:
            paths = ", ".join(quoted(photo.name) for photo in photos[:3])
            found.ambiguous.append(f"{one.where} {quoted(one.name)} may be any of {len(photos)} photos: {paths}")
        else:
            found.unknown.append(f"{one.where} {quoted(one.name)}")
    for same in chosen.values():
        _take(found, listing, same)
    return found


def _take(found: Matched, listing: Listing, same: Sequence[tuple[Listed, PhotoRow]]) -> None:
    for one, photo in same:
        try:
            if len(same) > 1:
                raise Unusable(f"is listed {len(same)} times")
            if one.size not in (None, (photo.width, photo.height)):
                told = f"{one.size[0]} x {one.size[1]}" if one.size else ""
                raise Unusable(f"is {told} pixels there and {photo.width} x {photo.height} as displayed here")
            boxes = _in_pixels(one.boxes(), photo, relative=listing.relative)
        except Unusable as error:
            found.unusable.append(f"{one.where} {quoted(one.name)}: {error}")
            continue
        large = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) >= regions.SMALLEST
        found.tiny += int(np.count_nonzero(~large))
        found.placed.append(Placed(photo, boxes[large]))


def _in_pixels(rows: Boxes, photo: PhotoRow, *, relative: bool) -> Boxes:
    """Return boxes as corners, cut off at the photo's border; raises Unusable when one reaches far off the photo."""
    sides = np.array([photo.width, photo.height], dtype=np.float64)
    scale = sides if relative else np.ones(2)
    with np.errstate(over="ignore"):  # what is infinite reaches off the photo as well
        low, high = rows[:, :2] * scale, (rows[:, :2] + rows[:, 2:4]) * scale
    off = np.any((low < -TOLERANCE * sides) | (high > (1 + TOLERANCE) * sides), axis=1)
    if off.any():
        place = int(off.argmax())
        raise Unusable(f"its box {[round(float(side), 4) for side in rows[place, :4]]} reaches off the photo")
    return np.hstack([np.clip(low, 0, sides), np.clip(high, 0, sides), rows[:, 4:]])


class _Shelf:
    """Our photos, by what a file may call them."""

    def __init__(self, session: Session, site: str) -> None:
        self._session = session
        self._by_name: dict[str, list[PhotoRow]] = defaultdict(list)
        for photo in session.exec(select(PhotoRow).where(PhotoRow.site == site).order_by(PhotoRow.id)):
            self._by_name[_parts(photo.name)[-1]].append(photo)

    def find(self, one: Listed) -> Sequence[PhotoRow]:
        """Return the photos that may be meant: one, none, or several that fit as well."""
        if one.sha256 is not None:
            photo = self._session.get(PhotoRow, one.sha256)
            return [photo] if photo else []
        wanted = _parts(one.name)
        same = self._by_name.get(wanted[-1], [])
        alike = [_shared_end(wanted, _parts(photo.name)) for photo in same]
        return [photo for photo, length in zip(same, alike, strict=True) if length == max(alike)]


def _parts(path: str) -> list[str]:
    """Return folders and name of a path of any system; letters' case differs between systems."""
    return path.replace("\\", "/").casefold().split("/")


def _shared_end(first: Iterable[str], second: Iterable[str]) -> int:
    length = 0
    for one, other in zip(reversed([*first]), reversed([*second]), strict=False):
        if one != other:
            break
        length += 1
    return length
