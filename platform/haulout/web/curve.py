"""Draws how many animals were ashore day by day: a band, marks for what people checked, gaps, and the events below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from flask import Flask

from haulout.localisation import Language
from haulout.report import Haulouts
from haulout.tables import EventRow, OccupancyRow
from haulout.web.charts import round_top, round_values
from haulout.web.days import WIDTH, DayAxis, Tick

TOP, HEIGHT = 14, 250
"""Where the curve begins and ends, from above."""
ROW = 26
"""Below it, for each row of events."""
FOOT = 30
FINE = 2.4
"""Radius of a mark where there are many days."""


@dataclass(frozen=True)
class Mark:
    """One day that was seen."""

    row: OccupancyRow
    x: float
    y: float
    low: float
    high: float

    @property
    def checked(self) -> bool:
        """Whether people have settled a photo of the day."""
        return self.row.checked > 0


@dataclass(frozen=True)
class Gap:
    """Days in a row on which nobody could see anything, or no photo was taken."""

    first: date
    last: date
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """An event, with the intervals of its two ends."""

    event: EventRow
    x: float
    width: float
    y: float
    arrival: tuple[float, float]
    departure: tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """All that the template writes down, in lengths."""

    marks: tuple[Mark, ...]
    bands: tuple[str, ...]
    """Polygons between the lower and upper limits of neighbouring days."""
    lines: tuple[str, ...]
    gaps: tuple[Gap, ...]
    bars: tuple[Bar, ...]
    grid: tuple[tuple[float, float], ...]
    """Values and their heights."""
    ticks: tuple[Tick, ...]
    step: float
    width: int = WIDTH
    foot: float = HEIGHT
    """The height of 0."""

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return max([self.foot, *(bar.y + ROW for bar in self.bars)]) + FOOT

    @property
    def radius(self) -> float:
        """Of a mark."""
        return max(FINE, min(4.0, 0.3 * self.step))


def occupancy(haulouts: Haulouts, language: Language) -> Curve | None:
    """Draw a season; None before a run has told it."""
    if not haulouts.days:
        return None
    axis = DayAxis(haulouts.days[0].day, haulouts.days[-1].day)
    top = round_top(max(day.maximum_high for day in haulouts.days if day.visible) if _any(haulouts.days) else 1.0)
    marks = tuple(_mark(day, axis, top) for day in haulouts.days if day.visible)
    runs = [list(run) for run in _in_a_row(marks)]
    return Curve(
        marks=marks,
        bands=tuple(_band(run) for run in runs),
        lines=tuple(" ".join(f"{mark.x},{mark.y}" for mark in run) for run in runs),
        gaps=tuple(_gaps([mark.row.day for mark in marks], axis)),
        bars=tuple(_bars(haulouts.events, axis)),
        grid=tuple((value, _y(value, top)) for value in round_values(top)),
        ticks=tuple(axis.ticks(language)),
        step=axis.step,
    )


def teach(app: Flask) -> None:
    """Let templates draw the curve."""
    app.jinja_env.globals.update(occupancy=occupancy)


def _any(days: Sequence[OccupancyRow]) -> bool:
    return any(day.visible for day in days)


def _y(value: float, top: float) -> float:
    return round(HEIGHT - min(max(value / top, 0.0), 1.0) * (HEIGHT - TOP), 1)


def _mark(day: OccupancyRow, axis: DayAxis, top: float) -> Mark:
    value, low, high = (_y(one, top) for one in (day.maximum, day.maximum_low, day.maximum_high))
    return Mark(day, axis.x(day.day), value, low, high)


def _in_a_row(marks: Sequence[Mark]) -> Iterator[Iterator[Mark]]:
    """Part the days where at least one between them is missing."""
    numbered = enumerate(marks)
    for _, run in groupby(numbered, key=lambda pair: pair[1].row.day.toordinal() - pair[0]):
        yield (mark for _, mark in run)


def _band(run: Sequence[Mark]) -> str:
    """Return the outline of the interval; a day alone keeps a little width, so that it is seen."""
    edge = 3.0 if len(run) == 1 else 0.0
    there = [(mark.x + side, mark.high) for mark in run for side in sorted({-edge, edge})]
    back = [(mark.x + side, mark.low) for mark in reversed(run) for side in sorted({-edge, edge}, reverse=True)]
    return " ".join(f"{x},{y}" for x, y in [*there, *back])


def _gaps(seen: Sequence[date], axis: DayAxis) -> Iterator[Gap]:
    known, days = set(seen), (axis.last - axis.first).days + 1
    missing = [day for n in range(days) if (day := axis.first + timedelta(days=n)) not in known]
    for _, run in groupby(enumerate(missing), key=lambda pair: pair[1].toordinal() - pair[0]):
        days_in_run = [day for _, day in run]
        first, last = days_in_run[0], days_in_run[-1]
        start = axis.x(first, 0.0)
        yield Gap(first, last, start, round(axis.x(last, 1.0) - start, 1))


def _bars(events: Sequence[EventRow], axis: DayAxis) -> Iterator[Bar]:
    """Put each event into the first row in which its interval touches no other."""
    ends: list[date] = []
    for event in events:
        row = next((n for n, end in enumerate(ends) if end < event.arrival_low), len(ends))
        ends[row : row + 1] = [event.departure_high]
        start = axis.x(event.arrival, 0.0)
        yield Bar(
            event=event,
            x=start,
            width=round(max(axis.x(event.departure, 1.0) - start, 2.0), 1),
            y=HEIGHT + 14 + ROW * row,
            arrival=(axis.x(event.arrival_low, 0.0), axis.x(event.arrival_high, 0.0)),
            departure=(axis.x(event.departure_low, 1.0), axis.x(event.departure_high, 1.0)),
        )
