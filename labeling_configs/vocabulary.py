"""The words of the domain, one per idea; every other package borrows them from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

import numpy as np
from numpy.typing import NDArray

PhotoId = NewType("PhotoId", str)
"""The lower-case hexadecimal SHA-256 of the photo's bytes."""
TileId = NewType("TileId", str)
AnimalId = NewType("AnimalId", str)
IndividualId = NewType("IndividualId", str)
ModelVersion = NewType("ModelVersion", str)
COLD = ModelVersion("cold-start")
"""Stands for having no detector yet: nothing was drawn because nothing looked."""
BatchId = NewType("BatchId", int)
Person = NewType("Person", str)
"""A pseudonym; e-mails and real names never leave the platform's people table."""

Boxes = NDArray[np.float64]
"""Shape (n, 4): x1, y1, x2, y2 in pixels of the photo as displayed (EXIF orientation applied)."""


def no_boxes() -> Boxes:
    """Return the empty set of boxes, shape (0, 4)."""
    return np.zeros((0, 4), dtype=np.float64)


class Question(StrEnum):
    """What people can be asked; each has an .xml and a reader of the same name."""

    BOXES = "boxes"
    BOX_DISPUTE = "box_dispute"
    PAIR = "pair"
    GALLERY = "gallery"


ABOUT_TILES = frozenset({Question.BOXES.value, Question.BOX_DISPUTE.value})
"""The questions that show a tile, by their names; the others show animals."""
FOR_EXPERTS = (Question.BOX_DISPUTE, Question.PAIR, Question.GALLERY)
"""The questions that volunteers are not asked."""


class Role(StrEnum):
    """What a person may do."""

    VOLUNTEER = "volunteer"
    EXPERT = "expert"
    OPERATOR = "operator"
    IMPORT = "import"
    """Nobody who is asked: the boxes of a file that the reserve already had."""


class Side(StrEnum):
    """Which flank of the animal the camera saw, as the expert says."""

    LEFT = "left"
    RIGHT = "right"
    FRONT = "front"
    BACK = "back"
    UNCLEAR = "unclear"


class MarkKind(StrEnum):
    """The marks by which a walrus is recognised."""

    TUSK_TIP = "tusk_tip"
    CHIP = "chip"
    CRACK = "crack"
    SCAR = "scar"
    WRINKLE = "wrinkle"
    SCRATCH = "scratch"
    SPOT = "spot"


class Same(StrEnum):
    """An expert's answer on two animals."""

    SAME = "same"
    DIFFERENT = "different"
    CANNOT_TELL = "cannot_tell"


class Condition(StrEnum):
    """What an expert sees of an animal's condition."""

    THIN = "thin"
    NORMAL = "normal"
    FAT = "fat"
    INJURY = "injury"
    DISEASE = "disease"


FATNESS = (Condition.THIN, Condition.NORMAL, Condition.FAT)
"""The conditions that exclude each other, from thin to fat; the others may be added to any."""


class Disturbance(StrEnum):
    """What may disturb the animals in a picture, besides themselves."""

    PEOPLE = "people"
    BOAT = "boat"
    BEAR = "bear"
    AIRCRAFT = "aircraft"


class Origin(StrEnum):
    """What the person did with the machine's box, as Label Studio records it."""

    KEPT = "prediction"
    MOVED = "prediction-changed"
    DRAWN = "manual"


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of a photo in pixels of that photo, x2 and y2 exclusive."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.y2 - self.y1

    def holds_centres_of(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Say for each box, shape (n, 4), whether its centre lies inside."""
        x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        return (self.x1 <= x) & (x < self.x2) & (self.y1 <= y) & (y < self.y2)


@dataclass(frozen=True)
class Photo:
    """One image file; `taken_at` is the corrected time, None when the file does not tell it."""

    id: PhotoId
    site: str
    camera: str
    taken_at: datetime | None
    burst: str
    width: int
    height: int


@dataclass(frozen=True)
class Tile:
    """A rectangle of a photo given to people as one task.

    `shown` is what people see; the `core` rectangles of a photo's tiles partition the photo, and an animal belongs to
    the tile whose core holds its centre, so overlapping tiles never count one animal twice.
    """

    id: TileId
    photo: PhotoId
    shown: Rectangle
    core: Rectangle


@dataclass(frozen=True)
class Proposal:
    """The boxes, shape (n, 4), that a detector version drew on one photo, with scores in [0, 1], shape (n,)."""

    photo: PhotoId
    model: ModelVersion
    boxes: Boxes
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Mark:
    """A point on an animal, in pixels of the crop's photo."""

    kind: MarkKind
    x: float
    y: float


@dataclass(frozen=True)
class MarkLink:
    """Two marks, one on each photo of a pair, that the expert says are the same mark."""

    left: Mark
    right: Mark


@dataclass(frozen=True)
class Vote:
    """All that one person answered about one tile, in pixels of the photo."""

    person: Person
    tile: TileId
    boxes: Boxes
    origins: tuple[Origin, ...]
    given_at: datetime
    seconds: float
    blind: bool
    skipped: bool = False
    unusable: bool = False
    disturbances: tuple[Disturbance, ...] = ()
    deleted: Boxes = field(default_factory=no_boxes)
    """The machine's boxes, shape (m, 4), that were shown and that the person removed."""
    machine: Boxes = field(default_factory=no_boxes)
    """All that the machine drew on the tile, shape (m, 4); people saw it unless the vote is blind."""


@dataclass(frozen=True)
class Verdict:
    """One expert's answer on two animals; a gallery answer is several of these."""

    expert: Person
    first: AnimalId
    second: AnimalId
    answer: Same
    given_at: datetime
    seconds: float
    marks: tuple[tuple[AnimalId, Mark], ...] = ()
    links: tuple[MarkLink, ...] = ()
    confidence: int | None = None
    conditions: tuple[tuple[AnimalId, Condition], ...] = ()
    sides: tuple[tuple[AnimalId, Side], ...] = ()


@dataclass(frozen=True)
class ConsensusBox:
    """One animal as the votes see it: the box x1, y1, x2, y2, the probability that it is an animal, who drew it.

    `misplaced` is the probability that the box meets its animal at less than half, in intersection over union.
    """

    box: tuple[float, float, float, float]
    probability: float
    drawn_by: tuple[Person, ...]
    misplaced: float = 0.0


@dataclass(frozen=True)
class Consensus:
    """What the votes say about one tile."""

    tile: TileId
    boxes: tuple[ConsensusBox, ...]
    voters: int
    agreement: float
    """Mean over boxes of the share of voters on the majority's side; 1.0 when nobody disagrees."""
    missed: float = 0.0
    """Animals that are expected to be there though nobody drew them."""

    def accepted(self, threshold: float = 0.5) -> Boxes:
        """Return the boxes believed to be animals, shape (n, 4)."""
        chosen = [b.box for b in self.boxes if b.probability > threshold]
        return np.array(chosen, dtype=np.float64).reshape(-1, 4)


@dataclass(frozen=True)
class Animal:
    """One accepted box in one photo; identity hangs on this, never on the photo."""

    id: AnimalId
    photo: PhotoId
    box: tuple[float, float, float, float]
    probability: float


@dataclass(frozen=True)
class Individual:
    """A catalogued walrus and the animals that are sightings of it, oldest first."""

    id: IndividualId
    sightings: tuple[AnimalId, ...]


@dataclass(frozen=True)
class Broken:
    """A part of an answer that could not be read, and why; the raw answer is kept."""

    what: str
    reason: str


@dataclass(frozen=True)
class ModelCard:
    """What is known of a trained network, stored as JSON beside its tensors."""

    version: ModelVersion
    kind: str
    seed: int
    settings: Mapping[str, object] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    code: str = ""
    """Version and digest of the code that trained it."""
