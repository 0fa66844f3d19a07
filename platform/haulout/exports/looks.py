"""What is in each photo: animals as people settled them where they did, the machine's boxes elsewhere."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor

import numpy as np
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from active_learning.tiling import outside
from haulout.answers import SHOWN_ABOVE
from haulout.exports.source import Source
from haulout.report import read_disturbances, shown_detector
from haulout.spots import Things, read_things
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    ConsensusRow,
    PhotoRow,
    ProposalRow,
    SightingRow,
    TaskRow,
    TileRow,
)
from labeling_configs.vocabulary import COLD, Disturbance, Question, Rectangle


@dataclass(frozen=True)
class Found:
    """One animal in a photo; `box` is in pixels, and `model` is empty where people found it.

    What people agree on is told to one decimal only: an expert's word is one fixed number, and would show which tiles
    volunteers are tested on.
    """

    id: str
    box: tuple[float, float, float, float]
    probability: float
    model: str = ""
    individual: str | None = None


@dataclass(frozen=True)
class Look:
    """One photo and all that is known to be in it."""

    photo: PhotoRow
    animals: tuple[Found, ...]
    """Those that people found come first."""
    model: str
    """The detector that looked at what people have not settled, empty when none did."""
    expected: float
    """Animals that the machine expects there: the sum of its scores."""
    settled: int
    unusable: int
    """Pixels in which people agree on what is there, and that it cannot be told."""
    answered_at: datetime | None
    """When a volunteer answered last about the photo, in UTC."""
    disturbances: tuple[Disturbance, ...]

    @property
    def checked(self) -> bool:
        """Whether people have settled every part of the photo."""
        return self.settled >= self.photo.width * self.photo.height

    @property
    def looked_at(self) -> bool:
        """Whether anybody, or a machine, has looked for animals in all that can be seen."""
        return bool(self.model) or self.settled + self.unusable >= self.photo.width * self.photo.height

    def people(self) -> int:
        """Return how many animals people found."""
        return sum(not animal.model for animal in self.animals)


def read_looks(source: Source) -> Iterator[Look]:
    """Look at all photos of the source in its order, some hundred at a time."""
    machine = _Machine(shown_detector(source.session) or COLD, read_things(source.session))
    disturbed = _disturbed(source)
    for photos in source.photos():
        people, models = _people(source.session, photos), machine.boxes(source.session, photos)
        for photo in photos:
            yield _look(photo, people[photo.id], models.get(photo.id), machine.version, disturbed.get(photo.id, ()))


@dataclass
class _People:
    """What people say of one photo."""

    animals: list[Found]
    settled: list[Rectangle]
    unusable: int = 0
    answered_at: datetime | None = None


@dataclass(frozen=True)
class _Machine:
    version: str
    things: Things

    def boxes(
        self, session: Session, photos: Sequence[PhotoRow]
    ) -> Mapping[str, tuple[list[list[float]], list[float]]]:
        """Return the boxes and scores of photos that the detector has seen, without things."""
        if self.version == COLD:
            return {}
        wanted = (col(ProposalRow.photo).in_([photo.id for photo in photos]), ProposalRow.model == self.version)
        rows = session.exec(select(ProposalRow).where(*wanted).options(defer(ProposalRow.features)))  # type: ignore[arg-type]
        drawn = {row.photo: row for row in rows if row.looked}
        read = {photo.id: self.things.read(photo, drawn[photo.id]) for photo in photos if photo.id in drawn}
        return {photo: (boxes.tolist(), scores.tolist()) for photo, (boxes, scores) in read.items()}


def _disturbed(source: Source) -> Mapping[str, tuple[Disturbance, ...]]:
    found: dict[str, set[Disturbance]] = defaultdict(set)
    for site in source.sites:
        for disturbed in read_disturbances(source.session, site):
            for photo in disturbed.photos:
                found[photo].add(disturbed.kind)
    return {photo: tuple(sorted(kinds)) for photo, kinds in found.items()}


def _people(session: Session, photos: Sequence[PhotoRow]) -> Mapping[str, _People]:
    said = {photo.id: _People([], []) for photo in photos}
    tiles = select(TileRow, ConsensusRow.state).join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
    asked: dict[str, str] = {}
    for tile, state in session.exec(tiles.where(col(TileRow.photo).in_(said))):
        asked[tile.id] = tile.photo
        core = Rectangle(*tile.core)
        if state == "agreed":
            said[tile.photo].settled.append(core)
        elif state == "unusable":
            said[tile.photo].unusable += core.width * core.height
    for tile_id, at in _last_answers(session, list(asked)):
        one = said[asked[tile_id]]
        one.answered_at = max(one.answered_at or at, at)
    for photo, animal in _animals(session, list(said)):
        said[photo].animals.append(animal)
    return said


def _last_answers(session: Session, tiles: Sequence[str]) -> Iterable[tuple[str, datetime]]:
    """Return when volunteers answered last; an expert's answer would show which tiles they are tested on."""
    last = (
        select(TaskRow.subject, func.max(AnswerRow.given_at))
        .join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        .where(col(TaskRow.subject).in_(tiles), TaskRow.question == Question.BOXES.value, TaskRow.gold == 0)
        .group_by(TaskRow.subject)
    )
    return session.exec(last) if tiles else []


def _animals(session: Session, photos: Sequence[str]) -> Iterator[tuple[str, Found]]:
    columns = (AnimalRow.id, AnimalRow.photo, AnimalRow.box, AnimalRow.probability, SightingRow.individual)
    query = select(*columns).outerjoin(SightingRow, col(SightingRow.animal) == AnimalRow.id)  # type: ignore[call-overload]
    for name, photo, box, probability, individual in session.exec(
        query.where(col(AnimalRow.photo).in_(photos)).order_by(AnimalRow.id)
    ):
        x1, y1, x2, y2 = box
        yield photo, Found(name, (x1, y1, x2, y2), floor(10 * probability + 0.5) / 10, "", individual)


def _look(
    photo: PhotoRow,
    people: _People,
    machine: tuple[list[list[float]], list[float]] | None,
    version: str,
    disturbances: tuple[Disturbance, ...],
) -> Look:
    boxes, scores = machine or ([], [])
    elsewhere = outside(people.settled, np.array(boxes, dtype=np.float64).reshape(-1, 4))
    shown = [
        Found(f"{photo.id}-{version}-{row}", (x1, y1, x2, y2), round(scores[row], 4), version)
        for row, (x1, y1, x2, y2) in enumerate(boxes)
        if elsewhere[row] and scores[row] >= SHOWN_ABOVE
    ]
    return Look(
        photo=photo,
        animals=(*people.animals, *shown),
        model=version if machine is not None else "",
        expected=sum(score for row, score in enumerate(scores) if elsewhere[row]),
        settled=sum(core.width * core.height for core in people.settled),
        unusable=people.unusable,
        answered_at=people.answered_at,
        disturbances=disturbances,
    )
