"""How others tell when animals came and left and how many there were: all from the machine's counts, hour by hour."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import ruptures
from numpy.typing import NDArray
from occupancy_seasons import CLEAR, Drawn

Floats = NDArray[np.float64]
ANY = 0.5
"""Expected animals from which a photo counts as showing some."""


@dataclass(frozen=True)
class Told:
    """Events as first and last day, and of each day, shape (days,): the maximum and its interval, NaN if untold."""

    events: list[tuple[int, int]]
    maximum: Floats
    low: Floats
    high: Floats
    most: Sequence[tuple[float, float]] = ()
    """The interval of each event's maximum, if told."""


def first_and_last(season: Drawn) -> Told:
    """One event from the first to the last photo with a detection, as spreadsheets are read."""
    found = np.flatnonzero(detections(season))
    return Told([(int(found[0] // 24), int(found[-1] // 24))] if len(found) else [], *fullest(season))


def gaps(season: Drawn, apart: int = 24, least: int = 3) -> Told:
    """Events are detections less than a day apart, at least three of them: how camera-trap programs group photos."""
    runs: list[list[int]] = []
    for hour in np.flatnonzero(detections(season)):
        if runs and hour - runs[-1][-1] <= apart:
            runs[-1].append(int(hour))
        else:
            runs.append([int(hour)])
    return Told([(run[0] // 24, run[-1] // 24) for run in runs if len(run) >= least], *fullest(season))


def change_points(season: Drawn) -> Told:
    """PELT (Killick, Fearnhead and Eckley 2012; ruptures) on the roots of daily maxima; segments above 1 are events."""
    maximum, low, high = fullest(season)
    days = np.flatnonzero(~np.isnan(maximum))
    roots = np.sqrt(maximum[days])
    ends = ruptures.Pelt("l2", min_size=2, jump=1).fit(roots).predict(pen=3 * np.log(len(days)))
    segments = zip([0, *ends[:-1]], ends, strict=True)
    used = [(start, end - 1) for start, end in segments if roots[start:end].mean() > 1]
    joined: list[tuple[int, int]] = []
    for start, end in used:
        if joined and start - joined[-1][1] <= 1:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return Told([(int(days[start]), int(days[end])) for start, end in joined], maximum, low, high)


def people_alone(season: Drawn) -> Told:
    """First and last day on which people counted an animal, and their fullest photo, as Haulout told it before."""
    counts = season.counted.reshape(-1, 24)
    asked = ~np.isnan(counts).all(axis=1)
    maximum = np.full(len(counts), np.nan)
    maximum[asked] = np.nanmax(counts[asked], axis=1)
    occupied = np.flatnonzero(np.nan_to_num(maximum) > 0)
    events = [(int(occupied[0]), int(occupied[-1]))] if len(occupied) else []
    return Told(events, maximum, maximum, maximum)


def detections(season: Drawn) -> NDArray[np.bool_]:
    """Say for each hour whether the machine shows an animal; others do not leave out fog and night."""
    return np.nan_to_num(season.expected) >= ANY


def fullest(season: Drawn) -> tuple[Floats, Floats, Floats]:
    """Return each day's largest expectation with the limits of a Poisson count around it."""
    hours = np.where(season.photo == CLEAR, season.expected, np.nan).reshape(-1, 24)
    maximum = np.full(len(hours), np.nan)
    looked = ~np.isnan(hours).all(axis=1)
    maximum[looked] = np.nanmax(hours[looked], axis=1)
    half = 1.96 * np.sqrt(maximum + 1)
    return maximum, np.maximum(maximum - half, 0), maximum + half


PEERS: Mapping[str, Callable[[Drawn], Told]] = {
    "first and last detection": first_and_last,
    "detections a day apart": gaps,
    "change points (PELT)": change_points,
    "people's counts alone": people_alone,
}
