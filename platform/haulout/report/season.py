"""The whole report: each part is read by the module of its name."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func
from sqlmodel import Session, col, select

from active_learning.counts import DailyCount, Season, seasons
from haulout.aside import Aside, read_aside
from haulout.report.catalogue import Catalogue, read_catalogue
from haulout.report.effort import Effort, read_effort
from haulout.report.estimates import Figures, read_figures
from haulout.report.exams import Exam, exams
from haulout.report.occupancy import Day, read_days
from haulout.tables import PhotoRow, QuarantineRow


@dataclass(frozen=True)
class Material:
    """What the cameras brought home."""

    photos: int
    cameras: int
    quarantined: int
    """Files set aside, of all sites: a broken file does not tell its site."""
    first: date | None
    last: date | None


@dataclass(frozen=True)
class Report:
    """The figures of one site's season; empty for a site that has no photos."""

    site: str
    material: Material
    days: tuple[Day, ...]
    season: Season | None
    """Arrival and departure as people saw them; None before people have counted a photo."""
    catalogue: Catalogue
    effort: Effort
    exams: tuple[Exam, ...]
    figures: Figures
    aside: Aside | None
    """What triage says of the photos; None before it was learned."""

    @property
    def peak(self) -> DailyCount | None:
        """The day with the largest count by people."""
        counted = [day.counted for day in self.days if day.counted]
        return max(counted, key=lambda day: day.maximum, default=None)


def sites(session: Session) -> list[str]:
    """Return the sites that have photos."""
    return list(session.exec(select(PhotoRow.site).distinct().order_by(PhotoRow.site)))


def season_report(session: Session, site: str) -> Report:
    """Read the figures of the site's season."""
    days = read_days(session, site)
    return Report(
        site=site,
        material=_material(session, site),
        days=days,
        season=seasons(day.counted for day in days if day.counted).get(site),
        catalogue=read_catalogue(session, site),
        effort=read_effort(session, site),
        exams=exams(session),
        figures=read_figures(session, site),
        aside=read_aside(session, site),
    )


def _material(session: Session, site: str) -> Material:
    count, cameras, first, last = session.exec(
        select(
            func.count(),
            func.count(func.distinct(col(PhotoRow.camera))),
            func.min(PhotoRow.taken_at),
            func.max(PhotoRow.taken_at),
        ).where(PhotoRow.site == site)
    ).one()
    quarantined = session.exec(select(func.count()).select_from(QuarantineRow)).one()
    return Material(count, cameras, quarantined, first and first.date(), last and last.date())
