"""The catalogue: who is known, where each was seen, by which marks, how it looked, and what is disputed."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from haulout.report import Seen, conditions_of
from haulout.tables import AnimalRow, DisputeRow, IndividualRow, MarkRow, PhotoRow, SideRow, SightingRow
from labeling_configs.vocabulary import Side


@dataclass(frozen=True)
class Sighting:
    """One animal of an individual, in its photo, with the marks that experts pointed at."""

    animal: AnimalRow
    photo: PhotoRow
    marks: tuple[MarkRow, ...] = ()
    side: Side = Side.UNCLEAR
    """As most experts saw it."""


@dataclass(frozen=True)
class Known:
    """An individual with its sightings and how it looked, oldest first."""

    individual: IndividualRow
    sightings: tuple[Sighting, ...]
    looks: tuple[Seen, ...] = ()

    @property
    def first(self) -> datetime | None:
        """When it was first seen, as far as the photos tell."""
        return min(self._moments(), default=None)

    @property
    def last(self) -> datetime | None:
        """When it was last seen, as far as the photos tell."""
        return max(self._moments(), default=None)

    @property
    def days(self) -> int:
        """On how many days it was seen."""
        return len({moment.date() for moment in self._moments()})

    def _moments(self) -> list[datetime]:
        return [sighting.photo.taken_at for sighting in self.sightings if sighting.photo.taken_at]


def catalogue(session: Session) -> list[Known]:
    """Return everybody who has a sighting, the most often seen first."""
    query = (
        select(SightingRow.individual, AnimalRow, PhotoRow)
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .order_by(col(PhotoRow.taken_at), AnimalRow.id)
    )
    sightings: dict[str, list[Sighting]] = defaultdict(list)
    for individual, animal, photo in session.exec(query):
        sightings[individual].append(Sighting(animal, photo))
    rows = session.exec(select(IndividualRow).order_by(IndividualRow.id))
    known = [Known(row, tuple(sightings[row.id])) for row in rows if row.id in sightings]
    return sorted(known, key=lambda one: (-one.days, -len(one.sightings), one.individual.id))


def known(session: Session, individual: IndividualRow) -> Known:
    """Return the individual with its sightings and their marks, and what experts said of its condition."""
    query = (
        select(AnimalRow, PhotoRow)
        .join(SightingRow, col(SightingRow.animal) == AnimalRow.id)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(SightingRow.individual == individual.id)
        .order_by(col(PhotoRow.taken_at), AnimalRow.id)
    )
    pairs = list(session.exec(query))
    marks: dict[str, list[MarkRow]] = defaultdict(list)
    ids = [animal.id for animal, _ in pairs]
    for mark in session.exec(select(MarkRow).where(col(MarkRow.animal).in_(ids)).order_by(col(MarkRow.id))):
        marks[mark.animal].append(mark)
    sides: dict[str, Counter[str]] = defaultdict(Counter)
    for said in session.exec(select(SideRow).where(col(SideRow.animal).in_(ids)).order_by(col(SideRow.person))):
        sides[said.animal][said.side] += 1
    sightings = tuple(
        Sighting(animal, photo, tuple(marks[animal.id]), _most_said(sides[animal.id])) for animal, photo in pairs
    )
    return Known(individual, sightings, conditions_of(session, individual.id))


def _most_said(sides: Counter[str]) -> Side:
    """Return what more experts said than anything else, unclear when nothing is."""
    ranked = [*sides.most_common(2), ("", 0), ("", 0)]
    return Side(ranked[0][0]) if ranked[0][1] > ranked[1][1] else Side.UNCLEAR


def disputes(session: Session, of: Known | None = None) -> list[DisputeRow]:
    """Return the open contradictions, all of them or those about one individual's animals."""
    query = select(DisputeRow).order_by(DisputeRow.first, DisputeRow.second)
    if of is not None:
        animals = [sighting.animal.id for sighting in of.sightings]
        query = query.where(or_(col(DisputeRow.first).in_(animals), col(DisputeRow.second).in_(animals)))
    return list(session.exec(query))
