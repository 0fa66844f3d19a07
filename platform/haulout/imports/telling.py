"""What one reading of a file found, in lines for the operator."""

from collections.abc import Iterator, Sequence

from haulout.imports.coco import KIND as COCO
from haulout.imports.taking import Imported

SHOWN = 10
"""How many photos of a kind are named unless all are wanted."""


def told_of(found: Imported, *, everything: bool = False) -> list[str]:
    """Return what was taken in, what was not and why, and what to do next."""
    most = None if everything else SHOWN
    return [*_taken(found), *_left_out(found, most), *_next(found)]


def _taken(found: Imported) -> Iterator[str]:
    source, boxes = found.source, sum(len(one.boxes) for one in found.new)
    known = len(found.matched.placed) - len(found.new)
    yield f"{source.drawer}: boxes of {len(found.new)} photos taken in, {boxes} in all; {known} photos known before."
    if source.kind == COCO:
        yield f"It is heard as one person on {found.voiced} photos."


def _left_out(found: Imported, most: int | None) -> Iterator[str]:
    matched, listing = found.matched, found.listing
    yield from _some(matched.unknown, "photos are not known here; import the file again when they are ingested", most)
    yield from _some(matched.ambiguous, "names fit several photos; add sha256 to the file, or longer paths", most)
    yield from _some(matched.unusable, "photos are left out; mend them and import the file with another --name", most)
    yield from _some(listing.stray, "boxes are on photos that the file does not list", most)
    repeated, crowded = ([one.photo.name for one in some] for some in (found.repeated, found.crowded))
    yield from _some(repeated, "photos only repeat what an earlier file or people here told: no second voice", most)
    yield from _some(crowded, "photos have too many boxes on one tile to be heard as an answer", most)
    for many, what in (
        (listing.repeated, "boxes are in the file twice and count once"),
        (listing.others, "boxes of other categories are not read"),
        (matched.tiny, "boxes of less than a pixel are left out"),
    ):
        if many:
            yield f"{many} {what}."


def _some(lines: Sequence[str], what: str, most: int | None) -> Iterator[str]:
    if lines:
        yield f"{len(lines)} {what}:"
        yield from (f"  {line}" for line in lines[:most])
        if most is not None and len(lines) > most:
            yield f"  and {len(lines) - most} more; --all lists them."


def _next(found: Imported) -> Iterator[str]:
    if found.source.kind == COCO:
        yield "They count at the next `haulout run`; where one voice is not enough, others are asked first of all."
        yield f"`haulout exclude {found.source.drawer}` leaves them out again."
    elif found.serves:
        yield "People are shown these boxes until a detector of this Haulout is trained."
    else:
        yield "The boxes are kept. They are shown while HAULOUT_STARTER is none and no trained detector serves."
