"""The boxes on photos: animals that people agreed on, and what the machine drew."""

from collections import defaultdict
from collections.abc import Sequence

from sqlmodel import Session, col, select

from haulout.spots import read_things
from haulout.tables import AnimalRow, PhotoRow, ProposalRow, SightingRow
from haulout.web.api.values import Corners, Value, corners


class AnimalBox(Value):
    """An animal that people agreed on."""

    animal: str
    """What the animal is known by."""
    box: Corners
    """x1, y1, x2, y2 in pixels of the photo as displayed."""
    probability: float
    individual: str | None
    """Which walrus it is, where experts have said so."""


class MachineBox(Value):
    """A box that the detector drew."""

    box: Corners
    """x1, y1, x2, y2 in pixels of the photo as displayed."""
    score: float
    thing: bool
    """True where a person said that the place holds a rock or a log."""


def animal_boxes(session: Session, photos: Sequence[PhotoRow]) -> dict[str, tuple[AnimalBox, ...]]:
    """Return the animals of each photo."""
    query = (
        select(AnimalRow, SightingRow.individual)
        .join(SightingRow, col(SightingRow.animal) == AnimalRow.id, isouter=True)
        .where(col(AnimalRow.photo).in_([photo.id for photo in photos]))
        .order_by(AnimalRow.id)
    )
    found: dict[str, list[AnimalBox]] = defaultdict(list)
    for row, individual in session.exec(query):
        box = AnimalBox(animal=row.id, box=corners(row.box), probability=row.probability, individual=individual)
        found[row.photo].append(box)
    return {photo: tuple(boxes) for photo, boxes in found.items()}


def machine_boxes(session: Session, photos: Sequence[PhotoRow], model: str | None) -> dict[str, tuple[MachineBox, ...]]:
    """Return what the detector drew on each photo that it has looked at."""
    rows = {photo.id: photo for photo in photos}
    query = select(ProposalRow).where(ProposalRow.model == model, col(ProposalRow.photo).in_(rows))
    things = read_things(session)
    found: dict[str, tuple[MachineBox, ...]] = {}
    for row in session.exec(query):
        boxes, scores = row.boxes(), row.scores()
        marked = things.on(rows[row.photo], boxes, scores)
        found[row.photo] = tuple(
            MachineBox(box=corners(box), score=round(score, 4), thing=thing)
            for box, score, thing in zip(boxes.tolist(), scores.tolist(), marked.tolist(), strict=True)
        )
    return found
