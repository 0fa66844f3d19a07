"""The operator's table of tides, read line by line: what is wrong is named, nothing is guessed."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from haulout.errors import HauloutError
from haulout.tables import TideRow

LARGEST = 32 * 2**20
"""Bytes; ten years of a height every ten minutes take half of it."""
HIGHEST = 30.0
"""Metres; no tide on Earth reaches 20."""
TIME, METRES = "time", "metres"
LONGEST_FIELD = 10_000
TOLD = 10
"""How many bad lines are named."""


class BadTides(HauloutError):
    """A table of tides that cannot be read."""


@dataclass(frozen=True)
class BadLine:
    """A line of the table that says nothing, by its number in the file."""

    line: int
    reason: str

    def __str__(self) -> str:
        """Return what the operator is told."""
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Tides:
    """What a table holds: metres by time on the cameras' clock, and the lines that could not be read."""

    heights: dict[datetime, float]
    bad: tuple[BadLine, ...]


@dataclass(frozen=True)
class Stored:
    """How many heights were new, corrected, and known already."""

    added: int
    changed: int
    known: int


def read_tides(path: Path, zone: ZoneInfo, *, skip_bad: bool = False) -> Tides:
    """Return the heights of a CSV file with the columns time and metres; BadTides names the lines that are wrong.

    Times without a zone are on the cameras' clock, others are put into its zone. `skip_bad` leaves bad lines out.
    """
    heights: dict[datetime, float] = {}
    bad: list[BadLine] = []
    for number, row in _rows(path):
        try:
            at, metres = _time(row.get(TIME), zone), _metres(row.get(METRES))
            if heights.setdefault(at, metres) != metres:
                raise ValueError(f"another line has {heights[at]:g} metres for {at}")
        except ValueError as error:
            bad.append(BadLine(number, str(error)))
    if bad and not skip_bad:
        told = "; ".join(str(one) for one in bad[:TOLD]) + (f"; and {len(bad) - TOLD} more" if len(bad) > TOLD else "")
        raise BadTides(f"{path} has {len(bad)} bad lines, so none was taken in: {told}. Mend them, or give --skip-bad.")
    if not heights:
        raise BadTides(f"{path} holds no height of the tide. It needs lines under the columns {TIME},{METRES}.")
    return Tides(heights, tuple(bad))


def store_tides(session: Session, site: str, tides: Tides) -> Stored:
    """Store what is new or corrected; the same table twice adds nothing."""
    first, last = min(tides.heights), max(tides.heights)
    during = select(TideRow).where(TideRow.site == site, col(TideRow.at).between(first, last))
    known = {row.at: row for row in session.exec(during)}
    changed = 0
    for at, metres in tides.heights.items():
        row = known.get(at)
        if row is None:
            session.add(TideRow(site=site, at=at, metres=metres))
        elif row.metres != metres:
            row.metres, changed = metres, changed + 1
            session.add(row)
    new = len(tides.heights.keys() - known.keys())
    return Stored(new, changed, len(tides.heights) - new - changed)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row under its column names, with the number of its last line in the file."""
    text = _text(path)
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = [name.strip().casefold() for name in next(reader, [])]
        if missing := [name for name in (TIME, METRES) if names.count(name) != 1]:
            raise BadTides(f"{path} needs one column {' and one column '.join(missing)} in its first line.")
        for row in reader:
            if any(len(field) > LONGEST_FIELD for field in row):  # csv's own limit may have been lifted by a library
                raise csv.Error(f"line {reader.line_num} has a field of more than {LONGEST_FIELD} characters")
            if any(field.strip() for field in row):
                yield reader.line_num, dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise BadTides(f"{path} is no CSV: {error} at line {reader.line_num}. Save it as CSV again.") from error


def _text(path: Path) -> str:
    if not path.is_file():
        raise BadTides(f"There is no file {path}. Give a CSV file with the columns {TIME} and {METRES}.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadTides(f"{path} is larger than {LARGEST // 2**20} MiB. Cut it into years.")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTides(f"{path} is no UTF-8 text: byte {error.start}. Save it as CSV in UTF-8.") from error
    except OSError as error:
        raise BadTides(f"{path} cannot be read: {error.strerror}.") from error


def _time(text: str | None, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat((text or "").strip())
        if ":" not in (text or ""):
            raise ValueError("a day has no height of the tide")
        # Near the ends of the calendar a zone may lead out of it.
        return (at.astimezone(zone) if at.tzinfo else at).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{(text or '')[:40]!r} is no time as in 2026-08-03 14:00") from error


def _metres(text: str | None) -> float:
    try:
        metres = float((text or "").strip().replace(",", "."))
    except ValueError as error:
        raise ValueError(f"{(text or '')[:40]!r} is no number of metres") from error
    if not isfinite(metres) or abs(metres) > HIGHEST:
        raise ValueError(f"{metres:g} metres is no height of a tide")
    return metres
