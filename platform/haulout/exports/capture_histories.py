"""Capture histories: who was seen when, for MARK, RMark and secr.

An occasion is a day, or a year, with photos. 0 means that nobody recognised the individual then, not that it was away:
experts are asked about a part of all animals only.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select

from haulout.exports.catalogue import read_sightings
from haulout.exports.contents import Blob, Cell, Column, Content, Table, printable
from haulout.exports.source import CannotExport, Source
from haulout.tables import PhotoRow

CAPTURES = (
    Column("session", "integer", "The year"),
    Column("individualID", "string", "The individual"),
    Column("occasion", "integer", "The number of the day within the session, from 1, see occasions"),
    Column("detector", "string", "Site and camera"),
    Column("day", "date", "The day on the camera's clock"),
    Column("photos", "integer", "Photos of that day and camera in which it was recognised", "photos"),
)
OCCASIONS = (
    Column("session", "integer", "The year"),
    Column("occasion", "integer", "The number of the day within the session, from 1"),
    Column("day", "date", "The day on the camera's clock"),
    Column("photos", "integer", "Photos taken on that day: the effort", "photos"),
)


@dataclass(frozen=True)
class Captures:
    """All dated sightings, and the days with photos in order, with how many."""

    sightings: Mapping[str, Mapping[tuple[date, str], int]]
    """Photos by individual, and by day and detector."""
    effort: Mapping[date, int]

    def days(self, individual: str) -> set[date]:
        """Return the days on which the individual was recognised."""
        return {day for day, _ in self.sightings[individual]}


def capture_histories(source: Source) -> Iterator[Content]:
    """Give matrices of individuals by days and by years, MARK's files and a long table; CannotExport without any."""
    captures = Captures(_sightings(source), _effort(source))
    if not captures.sightings:
        raise CannotExport("no individual was seen on a known date; experts have to say first who is who")
    return _files(captures)


def _files(captures: Captures) -> Iterator[Content]:
    days = list(captures.effort)
    years = sorted({day.year for day in days})
    by_day = {one: _history(captures.days(one), days) for one in sorted(captures.sightings)}
    by_year = {one: _history({day.year for day in captures.days(one)}, years) for one in by_day}
    yield Table("captures.csv", CAPTURES, _captures(captures))
    yield Table("occasions.csv", OCCASIONS, _occasions(captures))
    yield _matrix("history-by-day.csv", [day.isoformat() for day in days], by_day)
    yield _matrix("history-by-year.csv", [str(year) for year in years], by_year)
    yield _mark("history-by-day.inp", by_day)
    yield _mark("history-by-year.inp", by_year)


def _sightings(source: Source) -> Mapping[str, Mapping[tuple[date, str], int]]:
    found: dict[str, dict[tuple[date, str], int]] = defaultdict(lambda: defaultdict(int))
    for individual, _, photo in read_sightings(source):
        if photo.taken_at:
            found[individual][photo.taken_at.date(), f"{photo.site}/{photo.camera}"] += 1
    return found


def _effort(source: Source) -> dict[date, int]:
    effort: dict[date, int] = defaultdict(int)
    query = select(PhotoRow.taken_at).where(col(PhotoRow.site).in_(source.sites), col(PhotoRow.taken_at).is_not(None))
    for at in source.session.exec(query.execution_options(yield_per=10_000)):
        if at:
            effort[at.date()] += 1
    return dict(sorted(effort.items()))


def _history(seen: Collection[object], occasions: Iterable[object]) -> str:
    return "".join("1" if occasion in seen else "0" for occasion in occasions)


def _numbers(captures: Captures) -> dict[date, int]:
    """Return the number of each day within its year."""
    last: dict[int, int] = defaultdict(int)
    numbers = {}
    for day in captures.effort:
        last[day.year] += 1
        numbers[day] = last[day.year]
    return numbers


def _captures(captures: Captures) -> Iterator[Sequence[str | int]]:
    numbers = _numbers(captures)
    for individual, seen in sorted(captures.sightings.items()):
        for (day, detector), photos in sorted(seen.items()):
            yield (day.year, individual, numbers[day], detector, day.isoformat(), photos)


def _occasions(captures: Captures) -> Iterator[Sequence[str | int]]:
    for day, number in _numbers(captures).items():
        yield (day.year, number, day.isoformat(), captures.effort[day])


def _matrix(name: str, occasions: Iterable[str], histories: Mapping[str, str]) -> Table:
    columns = [Column(occasion, "integer", "1 where the individual was recognised, else 0") for occasion in occasions]
    rows: Iterator[list[Cell]] = ([individual, *map(int, history)] for individual, history in histories.items())
    return Table(name, [Column("individualID", "string", "The individual"), *columns], rows)


def _mark(name: str, histories: Mapping[str, str]) -> Blob:
    lines = (f"/* {_comment(individual)} */ {history} 1;\n".encode() for individual, history in histories.items())
    return Blob(name, lines, len(histories))


def _comment(text: str) -> str:
    return printable(text).replace("*/", "* /")
