"""Which walruses were seen in a season, who of them is new, and who came back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from haulout.report.span import Span
from haulout.tables import AnimalRow, DisputeRow, MarkRow, PhotoRow, SightingRow


@dataclass(frozen=True)
class Returned:
    """An individual seen in the season, with the crop that shows it best: most marks, else the largest box."""

    individual: str
    sightings: int
    days: tuple[date, ...]
    """The days of the season on which it was seen, in order; none when no photo tells its time."""
    best: str
    """The animal whose crop is shown."""
    earlier: tuple[int, ...]
    """Earlier years in which it was seen at any site; empty for one that is new in the catalogue."""

    @property
    def again(self) -> bool:
        """Whether it was seen on two days of the season or more."""
        return len(self.days) > 1


@dataclass(frozen=True)
class Catalogue:
    """The individuals seen at the site in the season, those seen on most days first."""

    seen: tuple[Returned, ...]
    sightings: int
    disputes: int
    """Pairs of animals on which experts contradict each other, the first of the two seen in the season."""

    @property
    def individuals(self) -> int:
        """How many individuals were seen."""
        return len(self.seen)

    @property
    def seen_again(self) -> int:
        """How many of them were seen on two days or more."""
        return sum(one.again for one in self.seen)

    @property
    def from_earlier(self) -> int:
        """How many of them were known from earlier years."""
        return sum(bool(one.earlier) for one in self.seen)


@dataclass(frozen=True)
class Sighted:
    """One sighting, as `read_sightings` finds it."""

    individual: str
    animal: str
    box: Sequence[float]
    site: str
    taken_at: datetime | None

    @property
    def day(self) -> date | None:
        """The day, None when the photo does not tell its time."""
        return self.taken_at.date() if self.taken_at else None

    @property
    def area(self) -> float:
        """The area of the box in square pixels."""
        x1, y1, x2, y2 = self.box
        return (x2 - x1) * (y2 - y1)


def read_sightings(session: Session) -> Mapping[str, Sequence[Sighted]]:
    """Return the sightings of each individual at all sites, oldest first."""
    columns = (SightingRow.individual, AnimalRow.id, AnimalRow.box, PhotoRow.site, PhotoRow.taken_at)
    query = (
        select(*columns)  # type: ignore[call-overload]
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .order_by(col(PhotoRow.taken_at), AnimalRow.id)
    )
    sightings: dict[str, list[Sighted]] = defaultdict(list)
    for row in session.exec(query):
        sightings[row[0]].append(Sighted(*row))
    return sightings


def read_catalogue(session: Session, span: Span) -> Catalogue:
    """Find who was seen at the site in the season."""
    marks = dict(session.exec(select(MarkRow.animal, func.count()).group_by(MarkRow.animal)).all())
    all_sightings = read_sightings(session)
    here = {name: [one for one in found if _in(span, one)] for name, found in all_sightings.items()}
    seen = [_returned(name, found, all_sightings[name], span, marks) for name, found in here.items() if found]
    return Catalogue(
        seen=tuple(sorted(seen, key=lambda one: (-len(one.days), -one.sightings, one.individual))),
        sightings=sum(one.sightings for one in seen),
        disputes=_disputes(session, span),
    )


def _in(span: Span, one: Sighted) -> bool:
    return one.site == span.site and span.holds(one.day)


def _returned(
    name: str, here: Sequence[Sighted], everywhere: Iterable[Sighted], span: Span, marks: Mapping[str, int]
) -> Returned:
    best = max(here, key=lambda one: (marks.get(one.animal, 0), one.area))
    years = {one.day.year for one in everywhere if one.day and span.year and one.day.year < span.year}
    days = tuple(sorted({one.day for one in here if one.day}))
    return Returned(name, len(here), days, best.animal, tuple(sorted(years)))


def _disputes(session: Session, span: Span) -> int:
    query = (
        select(func.count())
        .select_from(DisputeRow)
        .join(AnimalRow, col(AnimalRow.id) == DisputeRow.first)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(*span.photos())
    )
    return session.exec(query).one()
