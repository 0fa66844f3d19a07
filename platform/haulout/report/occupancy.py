"""When animals were ashore and how many: told anew by each run for every site and year, kept for pages and exports."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, delete, select

from active_learning import haulouts
from active_learning.haulouts import Haulout
from active_learning.intervals import Interval
from active_learning.occupancy import Paths, smooth, together
from haulout.cameras import machine_found
from haulout.db import reading, writing
from haulout.report.detectors import shown_detector
from haulout.report.hours import Year, read_year
from haulout.report.span import Span, sites, years
from haulout.services import Services, Tell, silently
from haulout.spots import read_things
from haulout.tables import EventRow, OccupancyRow, SeasonRow, TideRow

Courses = NDArray[np.float32]

PURPOSE = 16
VERSION = 1
"""Of how the figures are told: another one tells all of them anew."""
STEPS_OF_TIDE = 2
"""Steps of the tide's height in a metre."""
TURNED = timedelta(days=1)
"""A camera that looks away for less is not called moved."""


def tell_occupancy(services: Services, run: int | None = None, tell: Tell = silently) -> int:
    """Tell the years whose data changed; return how many seasons were told anew.

    A year that nobody and nothing has looked at has no figures. The same data give the same figures.
    """
    with reading(services.database) as session:
        model, things = shown_detector(session), read_things(session)
        spans = [Span(site, year) for site in sites(session) for year in years(session, site)]
    told, kept = 0, set()
    for done, span in enumerate(spans):
        tell("Telling when animals were ashore", done, len(spans))
        with reading(services.database) as session:
            year = read_year(session, span, model, things)
            tides = _tides(session, span)
            known = session.get(SeasonRow, (span.site, span.year))
        if year is None:
            continue
        kept.add((span.site, span.year))
        data = _version(services, year, tides)
        if known is None or known.data != data:
            _tell(services, year, tides, data, run)
            told += 1
    with writing(services.database) as session:
        for row in session.exec(select(SeasonRow)).all():
            if (row.site, row.year) not in kept:
                _forget(session, Span(row.site, row.year))
    return told


def _tell(services: Services, year: Year, tides: Mapping[datetime, float], data: str, run: int | None) -> None:
    site, number = year.span.site, year.span.year or 0
    rng = services.rng(PURPOSE, zlib.crc32(site.encode()), number)
    paths = smooth([one.hours for one in year.cameras], rng)
    ashore = together(paths, [one.view for one in year.cameras])
    rows = [*_days(year, ashore, services.now(), run), *_events(year, ashore, paths)]
    season = _season(year, ashore, paths, tides, rng)
    season.data = data
    with writing(services.database) as session:
        _forget(session, year.span)
        session.add_all([*rows, season])
        for one, own in zip(year.cameras, paths, strict=True):
            machine_found(session, site, one.camera, _turned(own, year.first), year.span.year)


def _days(year: Year, ashore: Courses, now: datetime, run: int | None) -> Iterator[OccupancyRow]:
    photos, clear, checked = (year.total(name).reshape(-1, 24).sum(axis=1) for name in ("photos", "clear", "checked"))
    for one in haulouts.daily(ashore, year.first, year.total("photos") > 0):
        place = (one.day - year.first).days
        yield OccupancyRow(
            site=year.span.site,
            day=one.day,
            photos=int(photos[place]),
            visible=int(clear[place]),
            checked=int(checked[place]),
            present=one.present,
            **_named("maximum", one.maximum),
            **_named("mean", one.mean),
            run=run,
            at=now,
        )


def _events(year: Year, ashore: Courses, paths: list[Paths]) -> Iterator[EventRow]:
    for place, event in enumerate(haulouts.haulouts(ashore, year.first, _seen(year, paths))):
        number = (year.span.year or 0) * 100 + place
        yield EventRow(site=year.span.site, number=number, year=year.span.year or 0, **_dated(event))


def _dated(event: Haulout) -> dict[str, Any]:
    dates: dict[str, Any] = {"arrival_open": event.arrival_open, "departure_open": event.departure_open}
    for name in ("arrival", "departure", "peak"):
        one = getattr(event, name)
        dates |= {name: one.day, f"{name}_low": one.low, f"{name}_high": one.high}
    return dates | _named("maximum", event.maximum)


def _season(
    year: Year, ashore: Courses, paths: list[Paths], tides: Mapping[datetime, float], rng: np.random.Generator
) -> SeasonRow:
    watched, seen = year.total("photos") > 0, _seen(year, paths)
    days, clear = (np.any(hours.reshape(-1, 24), axis=1) for hours in (watched, seen))
    present = (ashore.reshape(len(ashore), -1, 24) > 0).any(axis=2).mean(axis=0) > 0.5
    return SeasonRow(
        site=year.span.site,
        year=year.span.year or 0,
        **_named("index", haulouts.index(ashore, days, rng)),
        **_named("maximum", haulouts.largest(ashore, watched)),
        days=int(days.sum()),
        occupied=int((days & present).sum()),
        unseen=int((days & ~clear).sum()),
        first=year.first,
        last=year.first + timedelta(days=int(np.flatnonzero(days)[-1])),
        profile=_profile(year, ashore, seen, tides),
    )


def _profile(
    year: Year, ashore: Courses, seen: NDArray[np.bool_], tides: Mapping[datetime, float]
) -> dict[str, dict[str, list[float]]]:
    """Return how hours of the day and heights of the tide compare with their day's mean."""
    hour = np.arange(ashore.shape[1]) % 24
    start = datetime.combine(year.first, datetime.min.time())
    height = np.array([tides.get(start + timedelta(hours=place), np.nan) for place in range(ashore.shape[1])])
    step = np.where(np.isnan(height), -10_000, np.round(np.nan_to_num(height) * STEPS_OF_TIDE)).astype(np.int64)
    known = sorted(set(step.tolist()) - {-10_000})
    told = {
        "hours": haulouts.profile(ashore, hour, seen, range(24)),
        "tides": haulouts.profile(ashore, step, seen, known),
    }
    unit = {"hours": 1, "tides": STEPS_OF_TIDE}
    return {
        name: {f"{kind / unit[name]:g}": [one.value, one.low, one.high] for kind, one in kinds.items()}
        for name, kinds in told.items()
    }


def _seen(year: Year, paths: list[Paths]) -> NDArray[np.bool_]:
    """Say in which hours some camera showed the haulout, shape (t,)."""
    sights = [(one.clear > 0) & (own.blind.sum(axis=1) < 0.5) for one, own in zip(year.cameras, paths, strict=True)]
    seen: NDArray[np.bool_] = np.any(sights, axis=0)
    return seen


def _turned(paths: Paths, first: date) -> list[datetime]:
    """Return when a camera began to look away for a day or more, and when it looked back."""
    away = np.concatenate([[False], paths.blind[:, 1] > 0.5, [False]])
    edges = np.flatnonzero(np.diff(away.astype(int))).reshape(-1, 2)
    start = datetime.combine(first, datetime.min.time())
    hours = len(paths.blind)
    long = [edge for edge in edges if timedelta(hours=int(edge[1] - edge[0])) >= TURNED]
    return [start + timedelta(hours=int(hour)) for edge in long for hour in edge if 0 < hour < hours]


def _tides(session: Session, span: Span) -> dict[datetime, float]:
    """Return the tide's height at the full hours, between the heights of the table."""
    rows = session.exec(select(TideRow).where(TideRow.site == span.site).order_by(col(TideRow.at))).all()
    heights: dict[datetime, float] = {}
    for before, after in pairwise(rows):
        if after.at - before.at > timedelta(hours=13):
            continue
        hour = before.at.replace(minute=0, second=0, microsecond=0)
        while hour <= after.at:
            if hour >= before.at and hour.year == span.year:
                share = (hour - before.at) / (after.at - before.at)
                heights[hour] = before.metres + share * (after.metres - before.metres)
            hour += timedelta(hours=1)
    return heights


def _version(services: Services, year: Year, tides: Mapping[datetime, float]) -> str:
    rest = repr((VERSION, services.settings.seed, sorted(tides.items())))
    return hashlib.sha256(f"{year.digest} {rest}".encode()).hexdigest()


def _forget(session: Session, span: Span) -> None:
    year = span.year or 1
    days = col(OccupancyRow.day).between(date(year, 1, 1), date(year, 12, 31))
    session.exec(delete(OccupancyRow).where(col(OccupancyRow.site) == span.site, days))
    session.exec(delete(EventRow).where(col(EventRow.site) == span.site, col(EventRow.year) == year))
    session.exec(delete(SeasonRow).where(col(SeasonRow.site) == span.site, col(SeasonRow.year) == year))


def _named(name: str, interval: Interval) -> dict[str, Any]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
