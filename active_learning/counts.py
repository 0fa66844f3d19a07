"""How many animals hauled out and when they came and went, with what the figures do and do not cover."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from scipy.stats import beta

from labeling_configs.vocabulary import PhotoId

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class PhotoCount:
    """The animals accepted in one photo, stitched from its tiles."""

    photo: PhotoId
    site: str
    burst: str
    taken_at: datetime | None
    animals: int


@dataclass(frozen=True)
class Interval:
    """A share or a count and its two-sided confidence limits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DailyCount:
    """One site's day: the largest count of any photo, a lower bound of the animals that used the site that day.

    `presence` is the share of bursts with animals. Its interval covers which moments the camera happened to see, as if
    bursts were independent; it covers neither missed animals nor hours without photos.
    """

    site: str
    day: date
    photos: int
    maximum: int
    presence: Interval


@dataclass(frozen=True)
class Season:
    """When a site was used; None where no counted day answers.

    The true arrival lies after `last_empty_before` and not after `arrival`, the departure from `departure` up to
    `first_empty_after`: days without photos between them leave it open.
    """

    site: str
    days_watched: int
    days_occupied: int
    last_empty_before: date | None
    arrival: date | None
    departure: date | None
    first_empty_after: date | None


def daily_counts(counts: Iterable[PhotoCount], level: float = 0.95) -> tuple[DailyCount, ...]:
    """Return one entry for each site and day with photos, in order; undated photos belong to no day."""
    days: dict[tuple[str, date], list[PhotoCount]] = defaultdict(list)
    for count in counts:
        if count.taken_at is not None:
            days[count.site, count.taken_at.date()].append(count)
    return tuple(_daily(site, day, days[site, day], level) for site, day in sorted(days))


def seasons(days: Iterable[DailyCount]) -> Mapping[str, Season]:
    """Return each site's arrival and departure: the first and the last day on which any photo shows animals."""
    sites = _grouped((day.site, day) for day in days)
    return {site: _season(site, sorted(sites[site], key=lambda day: day.day)) for site in sorted(sites)}


def share_interval(hits: int, trials: int, level: float = 0.95) -> Interval:
    """Return hits / trials with the exact limits of Clopper and Pearson (1934); with no trials anything is possible."""
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0)
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return Interval(hits / trials, low, high)


def _daily(site: str, day: date, counts: Sequence[PhotoCount], level: float) -> DailyCount:
    bursts = _grouped((count.burst, count.animals > 0) for count in counts)
    presence = share_interval(sum(any(seen) for seen in bursts.values()), len(bursts), level)
    return DailyCount(site, day, len(counts), max(count.animals for count in counts), presence)


def _season(site: str, days: Sequence[DailyCount]) -> Season:
    occupied = [day.day for day in days if day.maximum > 0]
    if not occupied:
        return Season(site, len(days), 0, None, None, None, None)
    arrival, departure = occupied[0], occupied[-1]
    before = [day.day for day in days if day.day < arrival]
    after = [day.day for day in days if day.day > departure]
    return Season(
        site, len(days), len(occupied), max(before, default=None), arrival, departure, min(after, default=None)
    )


_Value = TypeVar("_Value")


def _grouped(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, list[_Value]]:
    groups: dict[_Key, list[_Value]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups
