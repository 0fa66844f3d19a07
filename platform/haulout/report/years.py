"""A site's years side by side, and the individuals that were seen in several of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, func, select

from haulout.report.catalogue import read_sightings
from haulout.report.haulouts import Haulouts, read_haulouts
from haulout.report.span import Span, years
from haulout.tables import PhotoRow


@dataclass(frozen=True)
class YearLine:
    """One year of a site."""

    span: Span
    photos: int
    haulouts: Haulouts
    seen: int
    """Individuals seen at the site this year."""
    new: int
    """Those among them that were seen at the site in no earlier year."""

    @property
    def year(self) -> int:
        """The year."""
        return self.span.year or 0

    @property
    def returned(self) -> int:
        """Those that were seen at the site in an earlier year."""
        return self.seen - self.new


@dataclass(frozen=True)
class History:
    """On how many days of each year an individual was seen at the site; years without a sighting are left out."""

    individual: str
    days: Mapping[int, int]


@dataclass(frozen=True)
class Years:
    """All years of a site that have photos, the earliest first, and the individuals, those of most years first."""

    site: str
    lines: tuple[YearLine, ...]
    histories: tuple[History, ...]

    @property
    def returned(self) -> tuple[History, ...]:
        """Those seen in two years or more."""
        return tuple(one for one in self.histories if len(one.days) > 1)


def read_years(session: Session, site: str) -> Years:
    """Read what the last run told of each year, and who was seen when."""
    histories = _histories(session, site)
    firsts = Counter(min(one.days) for one in histories)
    seen = Counter(year for one in histories for year in one.days)
    lines = [_line(session, Span(site, year), seen[year], firsts[year]) for year in years(session, site)]
    return Years(site, tuple(lines), tuple(sorted(histories, key=_most_years)))


def _line(session: Session, span: Span, seen: int, new: int) -> YearLine:
    photos = session.exec(select(func.count()).select_from(PhotoRow).where(*span.photos())).one()
    return YearLine(span, photos, read_haulouts(session, span), seen, new)


def _histories(session: Session, site: str) -> list[History]:
    found = []
    for individual, sightings in read_sightings(session).items():
        days = {one.day for one in sightings if one.site == site and one.day}
        if days:
            found.append(History(individual, Counter(day.year for day in days)))
    return found


def _most_years(one: History) -> tuple[int, int, str]:
    return -len(one.days), -sum(one.days.values()), one.individual
