"""Draws a year as a calendar, months by days, each day as dark as its largest number of animals."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, log10

from flask import Flask

from haulout.localisation import Language
from haulout.report import Haulouts
from haulout.tables import OccupancyRow

LEVELS = 5
"""Shades above that of none; neighbours differ by a fifth of the way from light to dark, in grey print too."""
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
LEFT, TOP, CELL, ROW = 74, 22, 27, 26


@dataclass(frozen=True)
class Cell:
    """One day; `row` is None when no photo was taken."""

    day: date
    x: float
    y: float
    row: OccupancyRow | None
    level: int | None
    """0 without animals, up to LEVELS; None when nobody could see."""

    @property
    def dark(self) -> bool:
        """Whether its number is written in white."""
        return self.level is not None and self.level >= 4


@dataclass(frozen=True)
class Month:
    """One row of the calendar."""

    first: date
    name: str
    y: float


@dataclass(frozen=True)
class Calendar:
    """The months from the first photo to the last."""

    months: tuple[Month, ...]
    cells: tuple[Cell, ...]
    bounds: tuple[int, ...]
    """The largest number of each shade, the lightest first."""
    left: int = LEFT
    top: int = TOP
    cell: int = CELL
    row: int = ROW

    @property
    def width(self) -> int:
        """Of the whole picture."""
        return LEFT + 31 * CELL + 2

    @property
    def height(self) -> int:
        """Of the whole picture."""
        return TOP + ROW * len(self.months) + 2


def calendar(haulouts: Haulouts, language: Language) -> Calendar | None:
    """Draw a season; None before a run has told it."""
    if not haulouts.days:
        return None
    known = {row.day: row for row in haulouts.days}
    first, last = haulouts.days[0].day, haulouts.days[-1].day
    bounds = shades([row.maximum for row in haulouts.days if row.visible])
    starts = _months(first, last)
    months = tuple(Month(start, language.month(start), TOP + ROW * n) for n, start in enumerate(starts))
    cells = [
        _cell(month.first.replace(day=number), month.y, known, bounds)
        for month in months
        for number in range(1, monthrange(month.first.year, month.first.month)[1] + 1)
        if first <= month.first.replace(day=number) <= last
    ]
    return Calendar(months, tuple(cells), bounds)


def shades(values: Sequence[float]) -> tuple[int, ...]:
    """Return the largest whole number of each shade: round ones, as many as there are shades or fewer."""
    most = max((round(value) for value in values), default=0)
    if most <= LEVELS:
        return tuple(range(1, most + 1))
    power = 10 ** int(log10(most / LEVELS))
    step = next(ceil(factor * power) for factor in ROUND if ceil(factor * power) * LEVELS >= most)
    return tuple(step * n for n in range(1, LEVELS + 1))


def level(value: float, bounds: Sequence[int]) -> int:
    """Return the shade of a number of animals: 0 for less than one half, else 1 up to LEVELS."""
    number = round(value)
    if number < 1:
        return 0
    at = next((n for n, bound in enumerate(bounds, 1) if number <= bound), len(bounds))
    return at + LEVELS - len(bounds) if len(bounds) < LEVELS else at


def teach(app: Flask) -> None:
    """Let templates draw the calendar."""
    app.jinja_env.globals.update(calendar=calendar, heat_levels=LEVELS)


def _months(first: date, last: date) -> list[date]:
    start, months = first.replace(day=1), []
    while start <= last:
        months.append(start)
        start = (start + timedelta(days=31)).replace(day=1)
    return months


def _cell(day: date, y: float, known: dict[date, OccupancyRow], bounds: Sequence[int]) -> Cell:
    row = known.get(day)
    shade = level(row.maximum, bounds) if row and row.visible else None
    return Cell(day, LEFT + CELL * (day.day - 1), y, row, shade)
