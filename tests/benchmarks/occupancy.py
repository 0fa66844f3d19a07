"""Tell when animals came and left and how many there were, beside how others tell it.

    python tests/benchmarks/occupancy.py --seasons 200 --seed 1000 --json OUT
    python tests/benchmarks/occupancy.py --images DIR --csv images.csv --boxes boxes.csv --keep FOLDER --json OUT

Seasons are drawn (occupancy_seasons.py) with known truth; choices were made on seeds below 1000. An event that nobody
could see, because the camera looked elsewhere all the time, is left out; `dates_within_a_day` is the share of other
events' arrivals and departures. `invented` counts told events in which nobody was ashore. A maximum counts as covered
within half an animal. The second form takes a fixed camera's photos with true boxes: a detector learns from one part of
the days (triage.py), people count so many photos of the others, and the daily maxima are compared with the true ones.
"""

import argparse
from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import matching
import numpy as np
import occupancy_peers
from numpy.typing import NDArray
from occupancy_peers import Told
from occupancy_seasons import CLEAR, DAYS, NO_PHOTO, Drawn, draw

from active_learning.haulouts import APART, daily, haulouts
from active_learning.occupancy import Hours, Paths, smooth
from active_learning.scene import strangeness

FIRST = date(2026, 6, 15)
Rows = dict[str, list[float]]


def ours(season: Drawn, seed: int) -> Told:
    """Read events and days from the courses that the season may have taken."""
    hours = Hours(season.expected, season.counted, season.strange)
    paths = smooth([hours], np.random.default_rng([seed, 1]))[0]
    events = haulouts(paths.animals, FIRST, (season.photo == CLEAR) & (paths.blind.sum(axis=1) < 0.5))
    return Told(
        [((one.arrival.day - FIRST).days, (one.departure.day - FIRST).days) for one in events],
        *of_days(paths, season.photo != NO_PHOTO, DAYS),
        [(one.maximum.low, one.maximum.high) for one in events],
    )


def of_days(paths: Paths, watched: NDArray[np.bool_], days: int) -> tuple[NDArray[np.float64], ...]:
    """Return the days' maxima with their limits; NaN where there was no photo."""
    told = np.full((3, days), np.nan)
    for one in daily(paths.animals, FIRST, watched):
        told[:, (one.day - FIRST).days] = one.maximum.value, one.maximum.low, one.maximum.high
    return tuple(told)


def run(seeds: range) -> dict[str, Rows]:
    """Measure every method on every season."""
    rows: dict[str, Rows] = defaultdict(lambda: defaultdict(list))
    for seed in seeds:
        season = draw(np.random.default_rng(seed))
        judge(ours(season, seed), season, rows["ours"])
        for name, peer in occupancy_peers.PEERS.items():
            judge(peer(season), season, rows[name])
    return rows


def judge(told: Told, season: Drawn, rows: Rows) -> None:
    """Compare with the truth: one row for each date, each season, each day."""
    there = season.animals.reshape(-1, 24)
    seen = ((season.photo == CLEAR) & ~season.turned).reshape(-1, 24)
    used: set[tuple[int, int]] = set()
    for start, end in spans((there > 0).any(axis=1)):
        if not ((there > 0) & seen)[start : end + 1].any():
            continue
        own = [one for one in told.events if one[0] <= end and one[1] >= start]
        used.update(own)
        rows["found"].append(float(bool(own)))
        rows["arrival_off"].append(abs(own[0][0] - start) if own else DAYS)
        rows["departure_off"].append(abs(own[-1][1] - end) if own else DAYS)
        if told.most and len(own) == 1:
            low, high = told.most[told.events.index(own[0])]
            most = (there * seen)[start : end + 1].max()
            rows["event_maximum_covered"].append(float(low - 0.5 <= most <= high + 0.5))
    invented = [one for one in told.events if not (there[one[0] : one[1] + 1] > 0).any()]
    rows["invented"].append(len(invented))
    for day in np.flatnonzero((season.photo != NO_PHOTO).reshape(-1, 24).any(axis=1)):
        largest = there[day][season.photo.reshape(-1, 24)[day] != NO_PHOTO].max()
        judge_day(told, int(day), float(largest), rows)


def judge_day(told: Told, day: int, largest: float, rows: Rows) -> None:
    """Days without animals are judged too, apart: many methods are right about them."""
    rows["untold"].append(float(np.isnan(told.maximum[day])))
    if np.isnan(told.maximum[day]):
        return
    covered = told.low[day] - 0.5 <= largest <= told.high[day] + 0.5
    kind = "occupied" if largest else "empty"
    rows[f"covered_{kind}"].append(float(covered))
    rows["covered"].append(float(covered))
    rows["error"].append(abs(told.maximum[day] - largest))
    if largest:
        rows["relative_width"].append((told.high[day] - told.low[day]) / max(largest, 5))
        rows["relative_error"].append(abs(told.maximum[day] - largest) / max(largest, 5))


def spans(used: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return true events by the same rule: more than so many days without an animal end one."""
    found: list[tuple[int, int]] = []
    for day in np.flatnonzero(used):
        if found and day - found[-1][1] <= APART:
            found[-1] = (found[-1][0], int(day))
        else:
            found.append((int(day), int(day)))
    return found


def measured(rows: Rows) -> dict[str, Any]:
    """Sum up; an event that was not told counts as told with wrong dates."""
    off = np.array(rows["arrival_off"] + rows["departure_off"])
    return {
        "dates_within_a_day": float((off <= 1).mean()),
        "arrivals_within_a_day": float((np.array(rows["arrival_off"]) <= 1).mean()),
        "departures_within_a_day": float((np.array(rows["departure_off"]) <= 1).mean()),
        "events": len(rows["found"]),
        "events_found": float(np.mean(rows["found"])),
        "invented": float(np.sum(rows["invented"])),
        "maximum_covered": float(np.mean(rows["covered"])),
        "maximum_covered_occupied": float(np.mean(rows["covered_occupied"])),
        "maximum_covered_empty": float(np.mean(rows["covered_empty"])) if rows["covered_empty"] else None,
        "maximum_relative_error": float(np.mean(rows["relative_error"])),
        "maximum_median_relative_width": float(np.median(rows["relative_width"])),
        "event_maximum_covered": float(np.mean(rows["event_maximum_covered"]))
        if rows["event_maximum_covered"]
        else None,
        "days_untold": float(np.mean(rows["untold"])),
    }


def judged(mine: dict[str, Any]) -> dict[str, Any]:
    """Compare with what was asked for."""
    dates, covered = mine["dates_within_a_day"], mine["maximum_covered_occupied"]
    return {
        "dates": matching.goal("at least .95 within a day", dates >= 0.95, ours=dates),
        "maxima": matching.goal(
            "intervals of days with animals hold .93 to .97", 0.93 <= covered <= 0.97, ours=covered
        ),
        "invented": matching.goal("none", mine["invented"] == 0, ours=mine["invented"]),
    }


def real(options: argparse.Namespace) -> dict[str, Any]:
    """Count a fixed camera's days by the model, by the machine's fullest photo, and by people's counts alone."""
    import triage

    photos = triage.read(options.images, options.csv, options.boxes)
    part = triage.parts(photos, 0, options.parts)
    seen = triage.look(photos, triage.describe_all(photos, options.keep), part, options.train_on[0], 0, options)
    expected = out_of_part(seen)
    taken = taken_at(options.csv)
    times = [taken[photo.name] for photo in seen.photos]
    first = min(times).date()
    hour = np.array([(t.date() - first).days * 24 + t.hour for t in times])
    length = (int(hour.max()) // 24 + 1) * 24
    true, machine, strange = (np.full(length, np.nan) for _ in range(3))
    odd = strangeness(np.array(seen.looks))
    for at, value, animals, look in zip(hour, expected, seen.animals, odd, strict=True):
        machine[at], true[at] = np.nanmax([machine[at], value]), np.nanmax([true[at], animals])
        strange[at] = look
    rng = np.random.default_rng(options.seed)
    asked = rng.choice(np.flatnonzero(~np.isnan(true)), options.checked, replace=False)
    counted = np.full(length, np.nan)
    counted[asked] = true[asked]
    paths = smooth([Hours(machine, counted, strange)], rng)[0]
    told = of_days(paths, ~np.isnan(true), length // 24)
    methods = compared(true, machine, counted, told)
    if options.json != "-":
        plot(true, told, first, Path(options.json).with_suffix(".png"))
    return {"data": {"photos": len(seen.photos), "days": int((~np.isnan(told[0])).sum())}, "methods": methods}


def out_of_part(seen: Any) -> NDArray[np.float64]:
    """Return the animals expected in each photo: calibration comes from the other parts."""
    import triage

    expected = np.zeros(len(seen.photos))
    for tested in sorted(set(seen.part.tolist())):
        lesson, own = seen.only(seen.part != tested), seen.part == tested
        curve = triage.calibrated(lesson)
        expected[own] = triage.summed_chances(curve, seen.only(own)) / triage.found_share(curve, lesson)
    return expected


def taken_at(listed: Path) -> dict[str, datetime]:
    """Read when each photo was taken."""
    import csv

    with listed.open(newline="") as file:
        return {row["file"]: datetime.fromisoformat(row["taken_at"]) for row in csv.DictReader(file)}


def compared(
    true: NDArray[np.float64],
    machine: NDArray[np.float64],
    counted: NDArray[np.float64],
    told: tuple[NDArray[np.float64], ...],
) -> dict[str, Any]:
    """Compare each way's daily maxima with the true ones, on days that it tells."""
    largest = fullest(true)
    days = {"ours": told[0], "machine's fullest photo": fullest(machine), "people's counts alone": fullest(counted)}
    methods: dict[str, Any] = {}
    for name, values in days.items():
        both = ~np.isnan(values) & ~np.isnan(largest)
        off = values[both] - largest[both]
        methods[name] = {
            "days": int(both.sum()),
            "correlation": float(np.corrcoef(values[both], largest[both])[0, 1]),
            "mean_absolute_error": float(np.abs(off).mean()),
            "mean_error": float(off.mean()),
        }
    both = ~np.isnan(told[0])
    inside = (told[1] - 0.5 <= largest) & (largest <= told[2] + 0.5)
    methods["ours"]["covered"] = float(inside[both].mean())
    methods["ours"]["median_width"] = float(np.median((told[2] - told[1])[both]))
    return methods


def fullest(hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest of each day's hours, NaN for days without any."""
    days = hours.reshape(-1, 24)
    some = ~np.isnan(days).all(axis=1)
    largest = np.full(len(days), np.nan)
    largest[some] = np.nanmax(days[some], axis=1)
    return largest


def plot(true: NDArray[np.float64], told: tuple[NDArray[np.float64], ...], first: date, out: Path) -> None:
    """Draw the daily curve with its band over the true maxima."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    days = [first + timedelta(days=day) for day in range(len(told[0]))]
    figure, axes = pyplot.subplots(figsize=(11, 4))
    axes.fill_between(days, told[1], told[2], color="#9ecae1", label="95 % interval")
    axes.plot(days, told[0], color="#08519c", label="told")
    axes.plot(days, fullest(true), "o", color="#d94801", markersize=3, label="true")
    axes.set_ylabel("largest number of the day")
    axes.legend()
    figure.tight_layout()
    figure.savefig(out, dpi=120)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seasons", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1000, help="the first season's; the others follow")
    parser.add_argument("--images", type=Path, help="a fixed camera's photos instead of drawn seasons")
    parser.add_argument("--csv", type=Path, help="photos: file, taken_at")
    parser.add_argument("--boxes", type=Path, help="animals: file, x1, y1, x2, y2")
    parser.add_argument("--checked", type=int, default=60, help="photos that people count")
    parser.add_argument("--parts", type=int, default=6)
    parser.add_argument("--train-on", type=int, nargs="+", default=[3])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--usual-size", type=float, default=25.0)
    parser.add_argument("--keep", type=Path, default=None, help="folder: what was found is kept there and used again")
    parser.add_argument("--json", default="-")
    return parser.parse_args()


def main() -> None:
    """Measure and write."""
    options = arguments()
    settings = {key: str(value) for key, value in vars(options).items() if value is not None and key != "json"}
    report: dict[str, Any] = {"benchmark": "occupancy", "settings": settings}
    if options.images:
        report |= real(options)
    else:
        rows = run(range(options.seed, options.seed + options.seasons))
        report["data"] = {"simulated": True, "days": DAYS}
        report["methods"] = {name: measured(own) for name, own in rows.items()}
        report["goals"] = judged(report["methods"]["ours"])
    matching.write(report, options.json)


if __name__ == "__main__":
    main()
