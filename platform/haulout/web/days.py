"""The axis of days that the occupancy curve, its events and the years side by side share."""

from dataclasses import dataclass
from datetime import date, timedelta

from haulout.localisation import Language

WIDTH, LEFT, RIGHT = 900, 52, 16
LETTER = 7
"""How wide a letter of a label is, about."""
FEW_DAYS, MANY_DAYS = 12, 70
"""Up to so many days each is named, up to so many each Monday, above each month."""


@dataclass(frozen=True)
class Tick:
    """A name below the axis, and which end of it is at its place."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class DayAxis:
    """Days from left to right, each equally wide; a day's place is its middle."""

    first: date
    last: date
    left: float = LEFT

    @property
    def step(self) -> float:
        """How wide a day is."""
        return (WIDTH - self.left - RIGHT) / ((self.last - self.first).days + 1)

    def x(self, day: date, middle: float = 0.5) -> float:
        """Return where the day is drawn; `middle` is 0 for its beginning and 1 for its end, off the axis its edge."""
        days = min(max((day - self.first).days + middle, 0.0), (self.last - self.first).days + 1.0)
        return round(self.left + days * self.step, 1)

    def ticks(self, language: Language, *, months_only: bool = False) -> list[Tick]:
        """Return the names below the axis, few enough not to touch."""
        kept: list[Tick] = []
        end = 0.0
        for day in self._named(months_only):
            label = language.month(day) if months_only else language.short_day(day)
            x, half = self.x(day, 0.0 if months_only else 0.5), len(label) * LETTER / 2
            anchor = "start" if months_only else "end" if x + half > WIDTH else "middle"
            start = {"start": x, "middle": x - half, "end": x - 2 * half}[anchor]
            if start >= end:
                kept.append(Tick(x, label, anchor))
                end = start + 2 * half + LETTER
        return kept

    def _named(self, months_only: bool) -> list[date]:
        many = (self.last - self.first).days + 1
        days = [self.first + timedelta(days=n) for n in range(many)]
        if not months_only and many <= FEW_DAYS:
            return days
        if not months_only and many <= MANY_DAYS:
            return [day for day in days if day.weekday() == 0]
        return [day for day in days if day.day == 1 or day == self.first]
