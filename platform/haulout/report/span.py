"""Which photos a season's report is about: those that one site's cameras took in one calendar year."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, extract
from sqlmodel import Session, col, select

from haulout.tables import PhotoRow


@dataclass(frozen=True)
class Span:
    """A site and a year; without a year all photos of the site are meant, as where no photo tells its time."""

    site: str
    year: int | None

    def photos(self) -> list[ColumnElement[bool]]:
        """Return the conditions on `PhotoRow` under which a photo belongs to it."""
        of_site = [col(PhotoRow.site) == self.site]
        if self.year is None:
            return of_site
        taken = col(PhotoRow.taken_at)
        return [*of_site, taken >= datetime(self.year, 1, 1), taken < datetime(self.year + 1, 1, 1)]

    def holds(self, day: date | None) -> bool:
        """Say whether the day is one of the year's; photos without a day belong to no year."""
        return self.year is None or (day is not None and day.year == self.year)


def sites(session: Session) -> list[str]:
    """Return the sites that have photos."""
    return list(session.exec(select(PhotoRow.site).distinct().order_by(PhotoRow.site)))


def years(session: Session, site: str) -> tuple[int, ...]:
    """Return the years in which the site's photos were taken, the earliest first."""
    year = extract("year", col(PhotoRow.taken_at))
    taken = select(year).where(PhotoRow.site == site, col(PhotoRow.taken_at).is_not(None)).distinct()
    return tuple(sorted(int(one) for one in session.exec(taken)))
