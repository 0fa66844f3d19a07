"""The whole report: each part is read by the module of its name."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from haulout.aside import Aside, read_aside
from haulout.report.catalogue import Catalogue, read_catalogue
from haulout.report.condition import ConditionChange, read_condition_changes
from haulout.report.disturbance import Disturbed, read_disturbances
from haulout.report.effort import Effort, read_effort
from haulout.report.estimates import Figures, read_figures
from haulout.report.exams import Exam, exams
from haulout.report.fullest import Pictures, read_pictures
from haulout.report.haulouts import Haulouts, read_haulouts
from haulout.report.savings import Savings, read_savings
from haulout.report.span import Span, years
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
    undated: int
    """Photos of the site that do not tell their time, and belong to no season."""


@dataclass(frozen=True)
class Report:
    """The figures of one site's year; empty for a site that has no photos."""

    span: Span
    years: tuple[int, ...]
    """All years in which the site's photos were taken."""
    material: Material
    haulouts: Haulouts
    pictures: Pictures
    catalogue: Catalogue
    changes: tuple[ConditionChange, ...]
    disturbances: tuple[Disturbed, ...]
    effort: Effort
    savings: Savings | None
    exams: tuple[Exam, ...]
    figures: Figures
    """Of all years of the site, but months and days of this one only."""
    aside: Aside | None
    """What triage says of the site's photos; None before it was learned."""

    @property
    def site(self) -> str:
        """Which site it is about."""
        return self.span.site

    @property
    def year(self) -> int | None:
        """Which year it is about; None when no photo tells its time."""
        return self.span.year


def season_report(session: Session, site: str, year: int | None = None, most_animals: int = 25) -> Report:
    """Read the figures of the site's year, or of its latest one when that has no photos or none is given.

    `most_animals` is how many a tile holds, see `Settings.most_animals_per_tile`.
    """
    known = years(session, site)
    span = Span(site, year if year in known else max(known, default=None))
    haulouts = read_haulouts(session, span)
    edges = [dated.day for dated in (haulouts.arrival, haulouts.departure) if dated]
    return Report(
        span=span,
        years=known,
        material=_material(session, span),
        haulouts=haulouts,
        pictures=read_pictures(session, span, edges),
        catalogue=read_catalogue(session, span),
        changes=tuple(one for one in read_condition_changes(session, site) if span.holds(one.after_day)),
        disturbances=tuple(one for one in read_disturbances(session, site) if span.holds(one.day)),
        effort=read_effort(session, span),
        savings=read_savings(session, span, most_animals),
        exams=exams(session),
        figures=read_figures(session, span),
        aside=read_aside(session, site),
    )


def _material(session: Session, span: Span) -> Material:
    different = func.count(func.distinct(col(PhotoRow.camera)))
    count, cameras, first, last = session.exec(
        select(func.count(), different, func.min(PhotoRow.taken_at), func.max(PhotoRow.taken_at)).where(*span.photos())
    ).one()
    undated = select(func.count()).select_from(PhotoRow).where(PhotoRow.site == span.site)
    return Material(
        photos=count,
        cameras=cameras,
        quarantined=session.exec(select(func.count()).select_from(QuarantineRow)).one(),
        first=_day(first),
        last=_day(last),
        undated=session.exec(undated.where(col(PhotoRow.taken_at).is_(None))).one(),
    )


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None
