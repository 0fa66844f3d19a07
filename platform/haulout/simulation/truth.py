"""What is really in the photos of a drawn season, kept beside them for examining people and networks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from labeling_configs.vocabulary import (
    Boxes,
    Condition,
    Disturbance,
    IndividualId,
    Mark,
    MarkKind,
    PhotoId,
    Rectangle,
    Side,
    no_boxes,
)

from ..errors import HauloutError

COUNTED = 0.25
"""An animal of which less than this share can be seen is not expected to be drawn by anyone."""


class BrokenTruth(HauloutError):
    """A truth.json cannot be read."""


@dataclass(frozen=True)
class TrueAnimal:
    """One drawn animal: the box x1, y1, x2, y2 around what can be seen of it, in pixels, and its visible share."""

    box: tuple[float, float, float, float]
    visible: float
    individual: IndividualId
    side: Side
    marks: tuple[Mark, ...]
    conditions: tuple[Condition, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether enough of it shows for people to be asked about it."""
        return self.visible >= COUNTED

    @property
    def length(self) -> float:
        """Longer side of its box in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


@dataclass(frozen=True)
class Visitor:
    """What disturbs the animals, and where it is, in pixels of the photo; it is not drawn."""

    kind: Disturbance
    x: float
    y: float


@dataclass(frozen=True)
class TruePhoto:
    """One drawn photo; `file` is relative to the season's folder, `rocks` are boxes of what may pass for animals."""

    file: str
    camera: str
    taken_at: datetime
    width: int
    height: int
    weather: str
    animals: tuple[TrueAnimal, ...]
    rocks: tuple[tuple[float, float, float, float], ...] = ()
    visitors: tuple[Visitor, ...] = ()

    @property
    def counted(self) -> tuple[TrueAnimal, ...]:
        """The animals that show enough to be counted."""
        return tuple(animal for animal in self.animals if animal.counted)


@dataclass(frozen=True)
class Truth:
    """All photos of a drawn season by the SHA-256 of their bytes, in the order they were taken."""

    site: str
    photos: Mapping[PhotoId, TruePhoto]

    def boxes_in(self, photo: PhotoId, rectangle: Rectangle, min_visible: float = COUNTED) -> Boxes:
        """Return the boxes, shape (n, 4), whose centres lie in the rectangle; KeyError for a photo not drawn here."""
        return boxes_of(self.animals_in(photo, rectangle, min_visible))

    def animals_in(self, photo: PhotoId, rectangle: Rectangle, min_visible: float = COUNTED) -> tuple[TrueAnimal, ...]:
        """Return the animals whose box centres lie in the rectangle."""
        shown = [animal for animal in self.photos[photo].animals if animal.visible >= min_visible]
        inside = rectangle.holds_centres_of(boxes_of(tuple(shown)))
        return tuple(animal for animal, held in zip(shown, inside, strict=True) if held)

    def rocks_in(self, photo: PhotoId, rectangle: Rectangle) -> Boxes:
        """Return the boxes, shape (n, 4), of rocks and logs whose centres lie in the rectangle."""
        boxes = np.array(self.photos[photo].rocks, dtype=np.float64).reshape(-1, 4)
        return boxes[rectangle.holds_centres_of(boxes)]

    def disturbances_in(self, photo: PhotoId, rectangle: Rectangle) -> tuple[Disturbance, ...]:
        """Return what disturbs the animals within the rectangle."""
        visitors = self.photos[photo].visitors
        places = np.array([(one.x, one.y, one.x, one.y) for one in visitors], dtype=np.float64).reshape(-1, 4)
        inside = rectangle.holds_centres_of(places)
        return tuple(one.kind for one, held in zip(visitors, inside, strict=True) if held)

    def sightings(self) -> Iterator[tuple[PhotoId, TrueAnimal]]:
        """Yield every counted animal with its photo."""
        for photo, drawn in self.photos.items():
            for animal in drawn.counted:
                yield photo, animal


def boxes_of(animals: tuple[TrueAnimal, ...]) -> Boxes:
    """Return the animals' boxes, shape (n, 4)."""
    if not animals:
        return no_boxes()
    return np.array([animal.box for animal in animals], dtype=np.float64)


def save_truth(path: Path, truth: Truth) -> None:
    """Write a truth as JSON; dates in ISO 8601, local time of the camera."""
    photos = {photo: {**asdict(drawn), "taken_at": drawn.taken_at.isoformat()} for photo, drawn in truth.photos.items()}
    path.write_text(json.dumps({"site": truth.site, "photos": photos}, indent=1) + "\n", encoding="utf-8")


def read_truth(path: Path) -> Truth:
    """Read what save_truth wrote; raises BrokenTruth when the file is missing or is something else."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        photos = {PhotoId(photo): _photo(drawn) for photo, drawn in raw["photos"].items()}
        return Truth(site=raw["site"], photos=photos)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenTruth(f"cannot read the truth {path}: {error!r}; draw the season again") from error


def _photo(raw: Mapping[str, Any]) -> TruePhoto:
    fields = dict(raw)
    fields["taken_at"] = datetime.fromisoformat(raw["taken_at"])
    fields["animals"] = tuple(_animal(animal) for animal in raw["animals"])
    fields["rocks"] = tuple(tuple(box) for box in raw["rocks"])
    # Seasons drawn before there were visitors tell none.
    fields["visitors"] = tuple(Visitor(Disturbance(v["kind"]), v["x"], v["y"]) for v in raw.get("visitors", ()))
    return TruePhoto(**fields)


def _animal(raw: Mapping[str, Any]) -> TrueAnimal:
    marks = tuple(Mark(MarkKind(m["kind"]), m["x"], m["y"]) for m in raw["marks"])
    return TrueAnimal(
        box=tuple(raw["box"]),
        visible=raw["visible"],
        individual=IndividualId(raw["individual"]),
        side=Side(raw["side"]),
        marks=marks,
        conditions=tuple(Condition(sign) for sign in raw.get("conditions", ())),
    )
