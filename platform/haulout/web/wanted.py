"""Which photos somebody wants to see, as it stands in an address."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

from haulout.aside import ANIMALS, EMPTY, LOOK
from labeling_configs.vocabulary import Disturbance

SHOWS = ("animals", "nothing", "unseen")
SPLITS = ("train", "exam")
TRIAGE = (EMPTY, ANIMALS, LOOK)


@dataclass(frozen=True)
class Filter:
    """Which photos are wanted; empty fields want all.

    An address says so by `site`, `camera`, `first` and `last` (days as 2026-08-01, both included), `day` or `month`
    (2026-08) instead of both, `shows`, `split`, `triage`, `disturbed` and `individual`. All that is said must hold:
    a day outside the month finds nothing.
    """

    site: str = ""
    camera: str = ""
    first: date | None = None
    last: date | None = None
    """Days on the cameras' clocks; a photo without a time was taken on none."""
    shows: str = ""
    """animals, nothing, or unseen: no machine has looked yet."""
    split: str = ""
    """train or exam."""
    triage: str = ""
    """empty, animals or look: what triage says of the photo."""
    disturbed: str = ""
    """A `vocabulary.Disturbance` that somebody ticked on one of the photo's tiles."""
    individual: str = ""
    """The name of a catalogued walrus."""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Self:
        """Read the filter from a page's address; what makes no sense there is left out."""
        first, last = _days(arguments)
        return cls(
            site=_name(arguments, "site"),
            camera=_name(arguments, "camera"),
            first=first,
            last=last,
            shows=_one_of(arguments, "shows", SHOWS),
            split=_one_of(arguments, "split", SPLITS),
            triage=_one_of(arguments, "triage", TRIAGE),
            disturbed=_one_of(arguments, "disturbed", tuple(Disturbance)),
            individual=_name(arguments, "individual"),
        )

    def arguments(self) -> dict[str, str]:
        """Return the filter as it is written in an address."""
        return {name: str(value) for name, value in (vars(self) | self._shorter()).items() if value}

    def _shorter(self) -> dict[str, object]:
        if self.first is None or self.last is None:
            return {}
        if self.first == self.last:
            return {"first": "", "last": "", "day": self.first}
        if _month(self.first) == {"first": self.first, "last": self.last}:
            return {"first": "", "last": "", "month": self.first.isoformat()[:7]}
        return {}


def _days(arguments: Mapping[str, str]) -> tuple[date | None, date | None]:
    """Return the first and last day on which everything holds that the address says of days."""
    day, some = _date(arguments.get("day", "")), _date(f"{arguments.get('month', '')}-01")
    month = _month(some) if some else {}
    firsts = [_date(arguments.get("first", "")), day, month.get("first")]
    lasts = [_date(arguments.get("last", "")), day, month.get("last")]
    first = max((one for one in firsts if one), default=None)
    return first, min((one for one in lasts if one), default=None)


def _month(day: date) -> dict[str, date]:
    return {"first": day.replace(day=1), "last": day.replace(day=monthrange(day.year, day.month)[1])}


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _one_of(arguments: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    said = arguments.get(name, "")
    return said if said in known else ""


def _name(arguments: Mapping[str, str], name: str) -> str:
    """No name holds a NUL, and PostgreSQL breaks off over it."""
    said = arguments.get(name, "")
    return "" if "\0" in said else said
