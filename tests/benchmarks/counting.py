"""Estimate a season's animals from a few checked tiles and three detectors, ours beside four other ways.

    python tests/benchmarks/counting.py --seasons 200 --budget 100 --seed 1000 --json OUT
    python tests/benchmarks/counting.py --coverage 1000 --budget 100 --seed 10000 --json OUT

Seasons are drawn (counting_seasons.py) with known truth, all methods check as many tiles of the same season; peers are
written anew from their papers (counting_peers.py). relative_rmse is the root of the mean squared (estimate - truth) /
truth, and its interval comes from blocks of seasons, as does that of the ratio to the best peer. `ours` checks in three
waves and knows each tile's day, photo and place in the picture, which peers do not use. Choices were made on seeds
0-999. With --coverage only ours and the random-sample-only interval are measured.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence

import counting_peers
import counting_seasons
import matching
import numpy as np
from counting_peers import Estimate, Floats, Rng
from counting_seasons import Season

from active_learning.calibration import Calibrated, Checked, Frame, calibrate
from active_learning.estimation import total
from active_learning.sampling import Rows, design, draw

WAVES = (0.3, 0.3, 0.4)
BLOCKS = 20
FLOORS = (0.02, 0.05, 0.1, 0.2, 0.5)
Method = Callable[[Season, int, Rng], Estimate]
Runs = dict[str, np.ndarray]


def frame_of(season: Season) -> Frame:
    """Return what is known without people; the context is what the detector usually says of the place."""
    tiles = counting_seasons.PHOTOS * counting_seasons.TILES
    usual = np.median(season.expected.reshape(-1, tiles), axis=0)
    context = np.tile(usual, len(season.expected) // tiles)[:, None]
    return Frame(season.expected, season.day, season.photo, context)


def ours(season: Season, budget: int, rng: Rng) -> Estimate:
    """Check in waves, each drawn by what the earlier ones taught."""
    frame, checked = frame_of(season), Checked(*(np.zeros(0, kind) for kind in (np.int64, float, float, np.int64)))
    fit: Calibrated | None = None
    for wave, size in enumerate(sizes(budget)):
        left = np.setdiff1d(np.arange(len(season.count)), checked.unit)
        expected = frame.expected[left] if fit is None else fit.expected[left]
        probability = design(expected, size) if fit is None else design(expected, size, fit.spread)
        picked = draw(probability, rng, (season.day[left],))
        checked = extend(checked, left[picked], season.count[left[picked]], probability[picked], wave)
        fit = calibrate(frame, checked)
    found = total(frame, checked, fit)
    return found.value, found.low, found.high


def extend(checked: Checked, unit: Rows, count: Floats, probability: Floats, wave: int) -> Checked:
    """Add a wave."""
    new = (unit, count, probability, np.full(len(unit), wave))
    old = (checked.unit, checked.count, checked.probability, checked.wave)
    return Checked(*(np.concatenate(both) for both in zip(old, new, strict=True)))


def sizes(budget: int) -> list[int]:
    """Share the budget among the waves."""
    ends = np.round(np.cumsum(WAVES) * budget).astype(int)
    return [int(size) for size in np.diff(ends, prepend=0)]


def methods(coverage: bool) -> Mapping[str, Method]:
    """Return what is measured."""
    names = ("simple_random",) if coverage else tuple(counting_peers.PEERS)
    return {"ours": ours} | {name: _peer(name) for name in names}


def _peer(name: str, **options: float) -> Method:
    method = counting_peers.PEERS[name]
    return lambda season, budget, rng: method(season.expected, season.count, budget, rng, **options)


def run(detector: str, seeds: Sequence[int], budget: int, compared: Mapping[str, Method]) -> dict[str, Runs]:
    """Return of each method each season's relative error, whether it was covered, and the interval's relative width."""
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in compared}
    for seed in seeds:
        season = counting_seasons.season(detector, seed)
        truth = season.count.sum()
        for number, (name, method) in enumerate(compared.items()):
            value, low, high = method(season, budget, np.random.default_rng([seed, 100 + number]))
            rows[name].append(((value - truth) / truth, float(low <= truth <= high), (high - low) / truth))
    columns = ("error", "covered", "width")
    return {name: dict(zip(columns, np.array(row).T, strict=True)) for name, row in rows.items()}


def measured(runs: Runs) -> dict[str, object]:
    """Return the metrics of a method."""
    return {
        "relative_rmse": spread(lambda rows: rmse(runs["error"][rows]), len(runs["error"])),
        "relative_bias": spread(lambda rows: float(runs["error"][rows].mean()), len(runs["error"])),
        "coverage": spread(lambda rows: float(runs["covered"][rows].mean()), len(runs["error"])),
        "relative_width": spread(lambda rows: float(runs["width"][rows].mean()), len(runs["error"])),
    }


def spread(figure: Callable[[Rows], float], seasons: int) -> dict[str, float]:
    """Return a figure of all seasons, and its 95 % interval by the jackknife over blocks of seasons."""
    blocks = np.array_split(np.arange(seasons), min(BLOCKS, seasons))
    middle = figure(np.arange(seasons))
    without = (
        np.array([figure(np.setdiff1d(np.arange(seasons), block)) for block in blocks]) if seasons > 1 else [middle]
    )
    half = 2.09 * np.sqrt((len(blocks) - 1) * np.var(without))
    return {"mean": middle, "low": middle - half, "high": middle + half}


def rmse(errors: Floats) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(errors**2)))


def ratio_to(ours_runs: Runs, other: Runs, column: str) -> dict[str, float]:
    """Return our figure over another's, seasons paired."""
    figure = rmse if column == "error" else lambda values: float(values.mean())
    return spread(lambda rows: figure(ours_runs[column][rows]) / figure(other[column][rows]), len(other[column]))


def best_peer(runs: Mapping[str, Runs]) -> str:
    """Return the peer with the least error on these very seasons."""
    return min((name for name in runs if name != "ours"), key=lambda name: rmse(runs[name]["error"]))


def judged(detector: str, runs: Mapping[str, Runs], coverage: bool) -> dict[str, object]:
    """Compare with what was asked for."""
    useful, mine = detector != "useless", runs["ours"]
    if coverage:
        covered, width = float(mine["covered"].mean()), ratio_to(mine, runs["simple_random"], "width")
        return {
            "coverage": matching.goal("0.93 to 0.97", 0.93 <= covered <= 0.97, ours=covered),
            "width": matching.goal("at most 1/2 of the random-sample-only interval", width["mean"] <= 0.5, **width),
        }
    rival = best_peer(runs) if useful else "simple_random"
    limit, ratio = (2 / 3 if useful else 1.0), ratio_to(mine, runs[rival], "error")
    return {"relative_rmse": matching.goal(f"at most {limit:.3f} of {rival}", ratio["mean"] <= limit, **ratio)}


def best_floors(detector: str, seeds: Sequence[int], budget: int, mine: Runs) -> dict[str, object]:
    """Compare with the importance samplers at the floor that turns out best for this detector on these very seasons."""
    tuned = {f"{name}_{floor}": _peer(name, floor=floor) for name in ("discount", "lure") for floor in FLOORS}
    runs = run(detector, seeds, budget, tuned)
    best = best_peer(runs)
    return {"peer": best, "relative_rmse": rmse(runs[best]["error"]), "ratio": ratio_to(mine, runs[best], "error")}


def main() -> None:
    """Measure every detector and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seasons", type=int, default=200)
    parser.add_argument("--coverage", type=int, default=0, help="measure intervals only, in so many seasons")
    parser.add_argument("--budget", type=int, default=100, help="tiles checked")
    parser.add_argument("--seed", type=int, default=1000, help="the first season's; the others follow")
    parser.add_argument("--json", default="-")
    given = parser.parse_args()
    seeds, coverage = range(given.seed, given.seed + (given.coverage or given.seasons)), given.coverage > 0
    results = {name: run(name, seeds, given.budget, methods(coverage)) for name in counting_seasons.DETECTORS}
    report = {
        "benchmark": "counting",
        "settings": {"seeds": [seeds[0], seeds[-1]], "budget": given.budget, "waves": sizes(given.budget)},
        "data": {"simulated": True, "tiles": counting_seasons.DAYS * counting_seasons.PHOTOS * counting_seasons.TILES},
        "methods": {f"{one}_{name}": measured(runs) for one, every in results.items() for name, runs in every.items()},
        "goals": {name: judged(name, runs, coverage) for name, runs in results.items()},
    }
    if not coverage:
        report["best_floor"] = {n: best_floors(n, seeds, given.budget, r["ours"]) for n, r in results.items()}
    matching.write(report, given.json)


if __name__ == "__main__":
    main()
