"""Haulout events, daily figures and a season's index, read from the courses a season may have taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from active_learning.intervals import Interval

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Bools = NDArray[np.bool_]

APART = 3
"""Days without an animal that end a haulout event."""
SURE = 0.95
"""An event is told when it is so likely that any animal was there on one of its days."""
LEAST_HOURS = 6
"""In fewer hours it may have been a rock, a bird or a passer-by; the day's figures tell of it all the same."""
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
    """Animals came, stayed and left. Open where they were there as soon as, or as long as, anybody looked.

    The maximum is that of hours in which somebody saw the haulout.
    """

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
        most = ashore[:, hours[number]].max(axis=1)
        present = float((ashore[:, hours[number]] > 0).any(axis=1).mean())
        told.append(
            DayFigures(first + timedelta(days=int(number)), present, _interval(most), _interval(ashore.mean(axis=1)))
        )
    return told


def haulouts(animals: NDArray[np.float32], first: date, seen: Bools) -> list[Haulout]:
    """Return the season's events, in order; `seen`, shape (t,), marks hours in which a camera or people could see."""
    courses = animals.reshape(len(animals), -1, 24)
    present: Bools = np.any(courses > 0, axis=2)
    days_seen = np.flatnonzero(seen.reshape(-1, 24).any(axis=1))
    if not len(days_seen):
        return []
    likely: Bools = present.mean(axis=0) > 0.5
    spans = [span for span in _spans(likely) if _sure(courses, span, seen)]
    shown = np.where(seen, animals, 0).reshape(courses.shape)
    return [_haulout(shown, present, span, first, days_seen) for span in spans]


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


def largest(animals: NDArray[np.float32], watched: Bools) -> Interval:
    """Return the largest number in any hour with a photo, shape (t,)."""
    return _interval(animals[:, watched].max(axis=1))


def _sure(courses: NDArray[np.float32], span: tuple[int, int], seen: Bools) -> bool:
    """Say whether animals were surely there in enough hours that somebody saw."""
    start, end = span
    hours = seen.reshape(-1, 24)[start : end + 1]
    there = (courses[:, start : end + 1][:, hours] > 0).sum(axis=1)
    return bool((there >= LEAST_HOURS).mean() >= SURE)


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
    shown: NDArray[np.float32], present: Bools, span: tuple[int, int], first: date, days_seen: Whole
) -> Haulout:
    kept = present[:, span[0] : span[1] + 1].any(axis=1)
    there = present[kept]
    last = len(there[0]) - 1
    first_in = span[0] + there[:, span[0] : span[1] + 1].argmax(axis=1)
    last_in = span[1] - there[:, span[0] : span[1] + 1][:, ::-1].argmax(axis=1)
    arrived, left = last - _reach(there[:, ::-1], last - first_in), _reach(there, last_in)
    day = np.arange(last + 1)
    in_event = (day >= arrived[:, None]) & (day <= left[:, None])
    most = np.where(in_event, shown.max(axis=2)[kept], 0)
    arrival, departure = _date_interval(arrived, first), _date_interval(left, first)
    return Haulout(
        arrival=arrival,
        departure=departure,
        peak=_date_interval(most.argmax(axis=1), first),
        maximum=_interval(most.max(axis=1)),
        arrival_open=arrival.day <= first + timedelta(days=int(days_seen[0])),
        departure_open=departure.day >= first + timedelta(days=int(days_seen[-1])),
    )


def _reach(there: Bools, day: Whole) -> Whole:
    """Return the last day of the stay that each course is in on its day, shape (s,), looking at later days."""
    for later in range(int(day.min()) + 1, there.shape[1]):
        day = np.where(there[:, later] & (later - day <= APART) & (later > day), later, day)
    return day


def _date_interval(days: Whole, first: date) -> DateInterval:
    low, value, high = (int(np.quantile(days, share, method="nearest")) for share in (TAILS[0], 0.5, TAILS[1]))
    return DateInterval(*(first + timedelta(days=day) for day in (value, low, high)))


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
