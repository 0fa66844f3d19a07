"""Volunteers draw a box round every walrus in a tile; an empty answer says that there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from labeling_configs import regions
from labeling_configs.results import Item, Json, Reading, choice, chosen, opened, quoted, ticked
from labeling_configs.vocabulary import Boxes, Broken, Disturbance, Origin, Person, Tile, Vote

CONTROL, IMAGE, LABEL = "walrus", "photo", "walrus"
STATE, UNUSABLE = "tile_state", "unusable"
DISTURBANCE = "disturbance"


@dataclass(frozen=True)
class BoxAnswer:
    """What one person answered about one tile: boxes, shape (n, 4), in pixels of the photo, one origin per box."""

    boxes: Boxes
    origins: tuple[Origin, ...]
    unusable: bool
    broken: tuple[Broken, ...]
    disturbances: tuple[Disturbance, ...] = ()

    def said_of(self, *, skipped: bool) -> tuple[Disturbance, ...]:
        """Return what the vote says of disturbance: nothing when it was skipped or calls the picture unusable."""
        return () if skipped or self.unusable else self.disturbances

    def to_vote(
        self, person: Person, tile: Tile, given_at: datetime, seconds: float, *, blind: bool, skipped: bool = False
    ) -> Vote:
        """Return the vote that this answer is, given who gave it, when, and after how many seconds of work."""
        disturbances = self.said_of(skipped=skipped)
        drawn = (self.boxes, self.origins)
        return Vote(person, tile.id, *drawn, given_at, seconds, blind, skipped, self.unusable, disturbances)


def task_data(image_url: str, tile: Tile, extra: Mapping[str, object] | None = None) -> Json:
    """Return the data of one task; `extra` may not rename the image or the tile."""
    return {**(extra or {}), "image": image_url, "tile": str(tile.id)}


def write(
    boxes: Boxes,
    scores: NDArray[np.float64] | None,
    tile: Tile,
    *,
    origins: Sequence[Origin] | None = None,
    unusable: bool = False,
    disturbances: Sequence[Disturbance] = (),
) -> list[Json]:
    """Return a `result`, good as a prediction and as an annotation, of the parts of the boxes that the tile shows.

    Boxes have shape (n, 4), scores, if any, shape (n,); a box of which the tile shows less than a pixel is left out.
    """
    cut = regions.clipped(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), tile.shown)
    sides = np.minimum(cut[:, 2] - cut[:, 0], cut[:, 3] - cut[:, 1])
    result: list[Json] = []
    for row in np.flatnonzero(sides >= regions.SMALLEST):
        x1, y1, x2, y2 = cut[row].tolist()
        name = regions.region_id(tile.id, len(result), x1, y1, x2, y2)
        region = regions.box_region(name, (x1, y1, x2, y2), tile.shown, control=CONTROL, image=IMAGE, label=LABEL)
        if scores is not None:
            region["score"] = float(scores[row])
        if origins is not None:
            region["origin"] = origins[row].value
        result.append(region)
    result += [choice(STATE, IMAGE, UNUSABLE)] if unusable else []
    return [*result, choice(DISTURBANCE, IMAGE, *disturbances)] if disturbances else result


def read(result: object, tile: Tile) -> BoxAnswer:
    """Return what can be read of any JSON value in place of a `result`; what cannot is listed in `broken`."""
    reading = opened(result)
    boxes: list[regions.Box] = []
    origins: list[Origin] = []
    for item in reading.items:
        if not item.is_from("rectanglelabels", CONTROL, IMAGE):
            continue
        try:
            boxes.append(_box(item, tile))
        except regions.Unreadable as error:
            reading.reject(item.where, str(error))
            continue
        origins.append(_origin(item, reading))
    unusable = chosen(reading, STATE, IMAGE, {UNUSABLE}) == UNUSABLE
    disturbances = tuple(map(Disturbance, ticked(reading, DISTURBANCE, IMAGE, list(Disturbance))))
    choices = {("choices", STATE, IMAGE), ("choices", DISTURBANCE, IMAGE)}
    reading.reject_strange({("rectanglelabels", CONTROL, IMAGE), *choices})
    found = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return BoxAnswer(found, tuple(origins), unusable, tuple(reading.broken), disturbances)


def _box(item: Item, tile: Tile) -> regions.Box:
    if (found := regions.label(item)) != LABEL:
        raise regions.Unreadable(f"{quoted(found)} is no label of this question")
    return regions.box(item, tile.shown)


def _origin(item: Item, reading: Reading) -> Origin:
    """Return how the box came about; one posted without an origin, or with a strange one, counts as drawn."""
    found = item.fields.get("origin", Origin.DRAWN.value)
    if isinstance(found, str) and found in {origin.value for origin in Origin}:
        return Origin(found)
    reading.reject(item.where, f"unknown origin {quoted(found)}; the box counts as drawn")
    return Origin.DRAWN
