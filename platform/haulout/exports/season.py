"""The figures of days, events and seasons as tables, just as the report tells them."""

from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import inspect
from sqlmodel import col, select

from haulout.exports.contents import Cell, Column, Table
from haulout.exports.source import Source
from haulout.tables import EventRow, OccupancyRow, SeasonRow

SITE = Column("site", "string", "The haulout")


def _with_interval(name: str, kind: str, meaning: str, unit: str = "") -> tuple[Column, ...]:
    return (
        Column(name, kind, meaning, unit),
        Column(f"{name}_low", kind, f"Lower bound of {name}, 95 %", unit),
        Column(f"{name}_high", kind, f"Upper bound of {name}, 95 %", unit),
    )


DAYS = (
    SITE,
    Column("day", "date", "The day on the cameras' clock"),
    Column("photos", "integer", "Photos taken", "photos"),
    Column("visible", "integer", "Photos in which animals could be seen: neither dark nor foggy", "photos"),
    Column("checked", "integer", "Photos that people have settled as a whole", "photos"),
    Column("present", "number", "Probability that any animal was ashore, from 0 to 1"),
    *_with_interval("maximum", "number", "The largest number at once", "animals"),
    *_with_interval("mean", "number", "The mean number through the day", "animals"),
)
EVENTS = (
    SITE,
    Column("number", "integer", "The haulout event's number at the site"),
    Column("year", "integer", "The year"),
    *_with_interval("arrival", "date", "The first day with animals"),
    *_with_interval("departure", "date", "The last day with animals"),
    Column("arrival_open", "boolean", "Whether they were there as soon as anybody looked"),
    Column("departure_open", "boolean", "Whether they were still there when the photos end"),
    *_with_interval("peak", "date", "The day with most animals"),
    *_with_interval("maximum", "number", "The largest number at once", "animals"),
)
SEASONS = (
    SITE,
    Column("year", "integer", "The year"),
    *_with_interval("index", "number", "Mean number ashore from first to last, each day weighing the same", "animals"),
    *_with_interval("maximum", "number", "The largest number at once", "animals"),
    Column("days", "integer", "Days with photos", "days"),
    Column("occupied", "integer", "Days with animals", "days"),
    Column("unseen", "integer", "Days on which nobody could see anything", "days"),
    Column("first", "date", "The first day"),
    Column("last", "date", "The last day"),
    Column("data", "string", "SHA-256 of all that the figures rest on"),
)


def season_tables(source: Source) -> list[Table]:
    """Return days.csv, events.csv and seasons.csv."""
    return [
        Table("days.csv", DAYS, _rows(source, OccupancyRow, DAYS)),
        Table("events.csv", EVENTS, _rows(source, EventRow, EVENTS)),
        Table("seasons.csv", SEASONS, _rows(source, SeasonRow, SEASONS)),
    ]


def _rows(
    source: Source, table: type[OccupancyRow | EventRow | SeasonRow], columns: Sequence[Column]
) -> Iterator[Sequence[Cell]]:
    """Give the table's rows by its key; every column is a field of that name."""
    query = select(table).where(col(table.site).in_(source.sites)).order_by(*inspect(table).primary_key)
    for row in source.session.exec(query):
        yield [_cell(getattr(row, column.name)) for column in columns]


def _cell(value: Cell | date) -> Cell:
    if isinstance(value, date):
        return value.isoformat()
    return round(value, 4) if isinstance(value, float) else value
