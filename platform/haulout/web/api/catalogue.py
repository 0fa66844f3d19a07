"""The catalogue: individuals, where each was seen, by which marks, and in what condition."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from haulout.tables import AnimalRow, ConditionRow, IndividualRow, PhotoRow, SightingRow
from haulout.tokens import Scope
from haulout.web import individuals as pages
from haulout.web.api.endpoint import Asked
from haulout.web.api.paging import Listed, paged
from haulout.web.api.parameters import Nothing, PagedOfSite
from haulout.web.api.problems import absent
from haulout.web.api.values import Clocks, Corners, Value, corners, utc


class Individual(Value):
    """A catalogued walrus."""

    id: str
    named_at: datetime
    sites: tuple[str, ...]
    first: datetime | None
    """When it was first seen, as far as the photos tell."""
    last: datetime | None
    days: int
    """Days on which it was seen."""
    sightings: int


class Mark(Value):
    """A mark that an expert pointed at."""

    kind: str
    x: float
    y: float
    """Pixels of the photo."""
    person: str | None
    """Who pointed at it; null without the scope `people`."""


class Condition(Value):
    """How the animal looked to an expert."""

    sign: str
    """thin, normal, fat, injury or disease."""
    at: datetime
    person: str | None
    """Who said so; null without the scope `people`."""


class Sighting(Value):
    """One animal that is this walrus."""

    animal: str
    photo: str
    site: str
    camera: str
    taken_at: datetime | None
    box: Corners
    """x1, y1, x2, y2 in pixels of the photo."""
    probability: float
    picture: str
    """Where the animal can be looked at."""
    marks: tuple[Mark, ...]
    conditions: tuple[Condition, ...]


class Dispute(Value):
    """Two animals on which the experts, or the evidence, contradict each other."""

    first: str
    second: str
    reason: str


class WholeIndividual(Value):
    """A catalogued walrus and its sightings, oldest first."""

    id: str
    named_at: datetime
    sightings: tuple[Sighting, ...]
    disputes: tuple[Dispute, ...]


def individuals(asked: Asked[PagedOfSite]) -> Listed[Individual]:
    """Tell everybody who has a sighting."""
    seen = select(SightingRow.individual).join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
    if asked.query.site:
        seen = seen.join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo).where(PhotoRow.site == asked.query.site)
    query = select(IndividualRow).where(col(IndividualRow.id).in_(seen))
    rows, following = paged(asked, query, (col(IndividualRow.id),), lambda row: (row.id,))
    photos, clocks = _photos(asked.session, [row.id for row in rows]), Clocks(asked.session)
    return Listed(items=tuple(_individual(row, photos[row.id], clocks) for row in rows), next=following)


def _photos(session: Session, individuals: Sequence[str]) -> dict[str, list[PhotoRow]]:
    query = (
        select(SightingRow.individual, PhotoRow)
        .join(AnimalRow, col(AnimalRow.photo) == PhotoRow.id)
        .join(SightingRow, col(SightingRow.animal) == AnimalRow.id)
        .where(col(SightingRow.individual).in_(individuals))
    )
    photos: dict[str, list[PhotoRow]] = defaultdict(list)
    for individual, photo in session.exec(query):
        photos[individual].append(photo)
    return photos


def _individual(row: IndividualRow, photos: Sequence[PhotoRow], clocks: Clocks) -> Individual:
    moments = sorted(moment for photo in photos if (moment := clocks.moment(photo.site, photo.taken_at)))
    return Individual(
        id=row.id,
        named_at=utc(row.named_at),
        sites=tuple(sorted({photo.site for photo in photos})),
        first=moments[0] if moments else None,
        last=moments[-1] if moments else None,
        days=len({moment.date() for moment in moments}),
        sightings=len(photos),
    )


def individual(asked: Asked[Nothing]) -> WholeIndividual:
    """Tell one walrus."""
    session, name = asked.session, asked.names["individual"]
    row = session.get(IndividualRow, name) or absent(f"individual {name!r}")
    known = pages.known(session, row)
    said, clocks = _conditions(session, [one.animal.id for one in known.sightings]), Clocks(session)
    who = asked.may(Scope.PEOPLE)
    return WholeIndividual(
        id=row.id,
        named_at=utc(row.named_at),
        sightings=tuple(_sighting(one, said[one.animal.id], clocks, who=who) for one in known.sightings),
        disputes=tuple(Dispute.of(one) for one in pages.disputes(session, known)),
    )


def _conditions(session: Session, animals: Sequence[str]) -> dict[str, list[ConditionRow]]:
    said: dict[str, list[ConditionRow]] = defaultdict(list)
    query = select(ConditionRow).where(col(ConditionRow.animal).in_(animals)).order_by(col(ConditionRow.id))
    for row in session.exec(query):
        said[row.animal].append(row)
    return said


def _sighting(one: pages.Sighting, said: Iterable[ConditionRow], clocks: Clocks, *, who: bool) -> Sighting:
    return Sighting(
        animal=one.animal.id,
        photo=one.photo.id,
        site=one.photo.site,
        camera=one.photo.camera,
        taken_at=clocks.moment(one.photo.site, one.photo.taken_at),
        box=corners(one.animal.box),
        probability=one.animal.probability,
        picture=f"/pictures/crops/{one.animal.id}.jpg",
        marks=tuple(Mark.of(mark, person=mark.person if who else None) for mark in one.marks),
        conditions=tuple(Condition.of(row, at=utc(row.at), person=row.person if who else None) for row in said),
    )
