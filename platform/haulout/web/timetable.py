"""Draws the years of a site side by side: when animals were ashore in each, and how many."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Flask

from haulout.localisation import Language
from haulout.report import Figure, Years
from haulout.tables import EventRow
from haulout.web.charts import ASIDE, Chart, Point, Series, chart, close_together
from haulout.web.days import WIDTH, DayAxis, Tick

LEAP = 2000
"""A year with a 29 February, on which the days of all years find their place."""
LEFT, TOP, ROW = 60, 8, 34
FOOT = 30


@dataclass(frozen=True)
class Stay:
    """An event of a year, with the intervals of its two ends."""

    event: EventRow
    x: float
    width: float
    arrival: tuple[float, float]
    departure: tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One year: when its photos begin and end, and its events."""

    year: int
    y: float
    watched: tuple[float, float] | None
    stays: tuple[Stay, ...]


@dataclass(frozen=True)
class Timetable:
    """The years below each other on one axis of days."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    width: int = WIDTH
    left: int = LEFT

    @property
    def foot(self) -> float:
        """The height of the axis."""
        return TOP + ROW * len(self.lines)

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return self.foot + FOOT


def timetable(years: Years, language: Language) -> Timetable | None:
    """Draw when animals were ashore; None before a run has told it."""
    told = [day.day for line in years.lines for day in line.haulouts.days]
    if not told:
        return None
    days = sorted(_common(day) for day in told)
    after = (days[-1].replace(day=1) + timedelta(days=31)).replace(day=1)
    axis = DayAxis(days[0].replace(day=1), after - timedelta(days=1), LEFT)
    return Timetable(tuple(_lines(years, axis)), tuple(axis.ticks(language, months_only=True)))


def by_year(years: Years, language: Language) -> Chart:
    """Draw each year's index and its largest number, with their intervals."""
    told = [line for line in years.lines if line.haulouts.season]
    index = tuple(Point(line.year, str(line.year), line.haulouts.index or Figure(0.0)) for line in told)
    most = tuple(Point(line.year, str(line.year), line.haulouts.maximum or Figure(0.0)) for line in told)
    drawn = chart(
        language.gettext("Most animals at once, and the index, year by year"),
        [
            Series(language.gettext("most at once"), "expected", most, ASIDE),
            Series(language.gettext("index: mean number ashore"), "counted", index, -ASIDE),
        ],
    )
    return close_together(drawn, closest=1)


def teach(app: Flask) -> None:
    """Let templates draw the years."""
    app.jinja_env.globals.update(timetable=timetable, by_year=by_year)


def _lines(years: Years, axis: DayAxis) -> Iterator[Line]:
    for row, line in enumerate(years.lines):
        days = line.haulouts.days
        watched = (axis.x(_common(days[0].day), 0.0), axis.x(_common(days[-1].day), 1.0)) if days else None
        yield Line(line.year, TOP + ROW * row, watched, tuple(_stay(event, axis) for event in line.haulouts.events))


def _stay(event: EventRow, axis: DayAxis) -> Stay:
    start = axis.x(_common(event.arrival), 0.0)
    return Stay(
        event=event,
        x=start,
        width=round(max(axis.x(_common(event.departure), 1.0) - start, 2.0), 1),
        arrival=(axis.x(_common(event.arrival_low), 0.0), axis.x(_common(event.arrival_high), 0.0)),
        departure=(axis.x(_common(event.departure_low), 1.0), axis.x(_common(event.departure_high), 1.0)),
    )


def _common(day: date) -> date:
    return day.replace(year=LEAP)
