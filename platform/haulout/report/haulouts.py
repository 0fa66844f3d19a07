"""When animals were ashore in one year, as the last run told it: day by day, event by event, and in one line."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from haulout.report.exams import Figure
from haulout.report.span import Span
from haulout.tables import EventRow, OccupancyRow, SeasonRow


@dataclass(frozen=True)
class Dated:
    """A day with its 95 % interval; `open` when the photos begin, or end, with animals ashore."""

    day: date
    low: date
    high: date
    open: bool = False

    @property
    def sure(self) -> bool:
        """Whether no other day comes into question."""
        return self.low == self.high == self.day


@dataclass(frozen=True)
class Haulouts:
    """What the last run told of a site's year; all empty before the first run."""

    days: tuple[OccupancyRow, ...]
    events: tuple[EventRow, ...]
    season: SeasonRow | None

    @property
    def arrival(self) -> Dated | None:
        """When the first animals of the year came."""
        first = min(self.events, key=lambda event: event.arrival, default=None)
        if first is None:
            return None
        return Dated(first.arrival, first.arrival_low, first.arrival_high, first.arrival_open)

    @property
    def departure(self) -> Dated | None:
        """The last day of the year with animals."""
        last = max(self.events, key=lambda event: event.departure, default=None)
        if last is None:
            return None
        return Dated(last.departure, last.departure_low, last.departure_high, last.departure_open)

    @property
    def peak(self) -> Dated | None:
        """The day with most animals at once."""
        fullest = max(self.events, key=lambda event: event.maximum, default=None)
        return Dated(fullest.peak, fullest.peak_low, fullest.peak_high) if fullest else None

    @property
    def maximum(self) -> Figure | None:
        """The most animals at once."""
        one = self.season
        return Figure(one.maximum, one.maximum_low, one.maximum_high) if one else None

    @property
    def index(self) -> Figure | None:
        """The mean number of animals ashore, see `SeasonRow.index`."""
        return Figure(self.season.index, self.season.index_low, self.season.index_high) if self.season else None

    @property
    def run(self) -> int | None:
        """The run that told all this."""
        return self.days[0].run if self.days else None

    @property
    def told_at(self) -> datetime | None:
        """When it was told, in UTC."""
        return self.days[0].at if self.days else None

    @property
    def data(self) -> str:
        """The version of the data that all this rests on; empty before the first run."""
        return self.season.data if self.season else ""


def read_haulouts(session: Session, span: Span) -> Haulouts:
    """Read the site's year."""
    if span.year is None:
        return Haulouts((), (), None)
    first, last = date(span.year, 1, 1), date(span.year, 12, 31)
    in_year = (OccupancyRow.site == span.site, col(OccupancyRow.day) >= first, col(OccupancyRow.day) <= last)
    days = session.exec(select(OccupancyRow).where(*in_year).order_by(col(OccupancyRow.day)))
    events = select(EventRow).where(EventRow.site == span.site, EventRow.year == span.year)
    return Haulouts(
        days=tuple(days),
        events=tuple(session.exec(events.order_by(col(EventRow.arrival), col(EventRow.number)))),
        season=session.get(SeasonRow, (span.site, span.year)),
    )
