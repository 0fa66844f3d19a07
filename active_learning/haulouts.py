"""Haulout events, daily figures and a season's index, read from the courses a season may have taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from active_learning.counts import Interval

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Bools = NDArray[np.bool_]

APART = 3
"""Days without an animal that end a haulout event."""
SURE = 0.95
"""An event is told when it is so likely that any animal was there on one of its days."""
TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class DayFigures:
    """One day: the chance of any animal, the largest number at its photos' hours, the mean of its 24 hours."""

    day: date
    present: float
    maximum: Interval
    mean: Interval


@dataclass(frozen=True)
class DateInterval:
    """A day with its 95 % interval."""

    day: date
    low: date
    high: date


@dataclass(frozen=True)
class Haulout:
    """Animals came, stayed and left. Open where they were there as soon as, or as long as, anybody looked."""

    arrival: DateInterval
    departure: DateInterval
    """The last day with animals."""
    peak: DateInterval
    maximum: Interval
    arrival_open: bool
    departure_open: bool


def daily(animals: NDArray[np.float32], first: date, watched: Bools) -> list[DayFigures]:
    """Return the figures of each day with a photo.

    `animals` are courses, shape (s, t), of hours from midnight of the first day on; `watched`, shape (t,), marks hours
    with a photo, visible or not.
    """
    courses, hours = animals.reshape(len(animals), -1, 24), watched.reshape(-1, 24)
    told = []
    for number in np.flatnonzero(hours.any(axis=1)):
        ashore = courses[:, number]
        largest = ashore[:, hours[number]].max(axis=1)
        present = float((ashore[:, hours[number]] > 0).any(axis=1).mean())
        told.append(DayFigures(first + timedelta(days=int(number)), present, _interval(largest), _mean(ashore)))
    return told


def haulouts(animals: NDArray[np.float32], first: date, seen: Bools) -> list[Haulout]:
    """Return the season's events, in order; `seen`, shape (t,), marks hours in which a camera or people could see."""
    courses = animals.reshape(len(animals), -1, 24)
    present = (courses > 0).any(axis=2)
    days_seen = np.flatnonzero(seen.reshape(-1, 24).any(axis=1))
    if not len(days_seen):
        return []
    spans = [span for span in _spans(present.mean(axis=0) > 0.5) if _sure(courses, span, seen)]
    edges = [0, *((one[1] + two[0]) // 2 + 1 for one, two in pairwise(spans)), present.shape[1]]
    return [_haulout(courses, present, (edges[i], edges[i + 1]), first, days_seen) for i in range(len(spans))]


def index(animals: NDArray[np.float32], chosen: Bools, rng: np.random.Generator) -> Interval:
    """Return the mean number of animals over the chosen days, shape (days,), each day weighing the same.

    The interval holds what is not known of these days and, by drawing whole weeks anew, that other days would have been
    as good: a moving block bootstrap (Künsch 1989).
    """
    means = animals.reshape(len(animals), -1, 24).mean(axis=2)[:, chosen]
    days = means.shape[1]
    if not days:
        return Interval(float("nan"), float("nan"), float("nan"))
    block = min(7, days)
    starts = rng.integers(0, days - block + 1, (len(means), -(-days // block)))
    drawn = (starts[:, :, None] + np.arange(block)).reshape(len(means), -1)[:, :days]
    return _around(float(means.mean()), np.take_along_axis(means, drawn, axis=1).mean(axis=1))


def _sure(courses: NDArray[np.float32], span: tuple[int, int], seen: Bools) -> bool:
    """Say whether animals were surely there in an hour that somebody saw."""
    start, end = span
    hours = seen.reshape(-1, 24)[start : end + 1]
    there = (courses[:, start : end + 1][:, hours] > 0).any(axis=1)
    return bool(there.mean() >= SURE)


def _spans(likely: Bools) -> list[tuple[int, int]]:
    """Return first and last day of each run of likely days; runs that are hardly apart are one."""
    spans: list[tuple[int, int]] = []
    for day in np.flatnonzero(likely):
        if spans and day - spans[-1][1] <= APART:
            spans[-1] = (spans[-1][0], int(day))
        else:
            spans.append((int(day), int(day)))
    return spans


def _haulout(
    courses: NDArray[np.float32], present: Bools, window: tuple[int, int], first: date, days_seen: Whole
) -> Haulout:
    start, end = window
    inside = present[:, start:end]
    kept = inside.any(axis=1)
    arrived = start + inside[kept].argmax(axis=1)
    left = end - 1 - inside[kept][:, ::-1].argmax(axis=1)
    largest = courses[:, start:end].max(axis=2)[kept]
    arrival, departure = _date_interval(arrived, first), _date_interval(left, first)
    return Haulout(
        arrival=arrival,
        departure=departure,
        peak=_date_interval(start + largest.argmax(axis=1), first),
        maximum=_interval(largest.max(axis=1)),
        arrival_open=arrival.day <= first + timedelta(days=int(days_seen[0])),
        departure_open=departure.day >= first + timedelta(days=int(days_seen[-1])),
    )


def _date_interval(days: Whole, first: date) -> DateInterval:
    low, value, high = (int(np.quantile(days, share, method="nearest")) for share in (TAILS[0], 0.5, TAILS[1]))
    return DateInterval(*(first + timedelta(days=day) for day in (value, low, high)))


def _mean(ashore: NDArray[np.float32]) -> Interval:
    return _interval(ashore.mean(axis=1))


def _interval(values: NDArray[np.float32] | Floats) -> Interval:
    return _around(float(np.median(values)), values)


def _around(value: float, values: NDArray[np.float32] | Floats) -> Interval:
    low, high = np.quantile(values, TAILS)
    return Interval(value, float(min(low, value)), float(max(high, value)))


def profile(animals: NDArray[np.float32], kind: Whole, seen: Bools, kinds: Sequence[int]) -> dict[int, Interval]:
    """Return how each kind of hour, shape (t,), compares with its day's mean: 1 is the mean, 2 twice as many.

    Only hours that somebody saw, of days with animals, are compared; a kind needs five days. The interval is that of
    the mean over days, of all courses.
    """
    courses = animals.reshape(len(animals), -1, 24).mean(axis=0)
    means = courses.mean(axis=1, keepdims=True)
    ratio = courses / np.where(means > 0.5, means, np.nan)
    usable = seen.reshape(-1, 24) & ~np.isnan(ratio)
    found: dict[int, Interval] = {}
    for one in kinds:
        own = usable & (kind.reshape(-1, 24) == one)
        by_day = [ratio[day][own[day]].mean() for day in np.flatnonzero(own.any(axis=1))]
        if len(by_day) >= 5:
            mean, error = float(np.mean(by_day)), float(np.std(by_day, ddof=1) / np.sqrt(len(by_day)))
            found[one] = Interval(mean, max(mean - 1.96 * error, 0.0), mean + 1.96 * error)
    return found
