"""Times the choice of a batch beside modAL's ranked batch and scikit-activeml, each in a process of its own.

All choose from the same made-up season: bursts of look-alikes, features in a half-precision file. Peers get the first
tiles of it, in memory and in single precision. Run
`python tests/benchmarks/selection_speed.py --pool 1000000 --growth 10000 100000 --batch 500 --json OUT`. The peers of
scikit-activeml want `pip install --no-deps --target DIR scikit-activeml==1.0.1 makefun`, and PYTHONPATH naming DIR.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

BURST = 8
"""Photos in a burst."""
CHUNK = 10_000
"""Tiles made at once, and written, not mapped: a child's peak memory begins at its parent's."""
SMALLER = 5
"""By how much a peer's pool shrinks when it does not finish in time."""


@dataclass(frozen=True)
class Season:
    """The first tiles of the made-up season, and those labelled before; features are mapped from the file."""

    features: NDArray[np.float16]
    doubt: NDArray[np.float64]
    minutes: NDArray[np.float64]
    known: NDArray[np.float32]
    labels: NDArray[np.intp]

    @classmethod
    def read(cls, folder: Path, pool: int, dim: int) -> "Season":
        features = np.memmap(folder / "pool.f16", dtype=np.float16, mode="r", shape=(pool, dim))
        doubt, minutes, known, labels = (np.load(folder / f"{n}.npy") for n in ("doubt", "minutes", "known", "labels"))
        return cls(features, doubt[:pool], minutes[:pool], known, labels)


def main() -> None:
    options = arguments()
    if options.only:
        sys.stdout.write(json.dumps(measure(options)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        make(Path(folder), options)
        methods = {"ours": timed("ours", folder, options, options.pool, options.batch)}
        for size in options.growth:
            methods[f"ours_of_{size}"] = timed("ours", folder, options, size, options.batch)
        for name in ("ours_in_modal", *options.peers):
            say(f"{name}, {options.peer_pool} tiles")
            methods[name] = timed(name, folder, options, options.peer_pool, options.peer_batch)
    report(options, methods)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=int, default=100_000, help="tiles that ours chooses from")
    parser.add_argument("--growth", type=int, nargs="*", default=[], help="other sizes of the pool, for ours alone")
    parser.add_argument("--dim", type=int, default=256, help="numbers that describe a tile")
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--known", type=int, default=500, help="tiles labelled before")
    parser.add_argument(
        "--peers", nargs="*", default=["modal_ranked_batch"], choices=[n for n in METHODS if n[0] != "o"]
    )
    parser.add_argument("--peer-pool", type=int, default=20_000, help="tiles for peers, and ours beside them")
    parser.add_argument("--peer-batch", type=int, default=100)
    parser.add_argument("--limit", type=float, default=150, help="seconds after which a peer gets a smaller pool")
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours, each in a new process; the median counts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="where the temporary file lies; by default where the system puts them")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    return parser.parse_args()


def make(folder: Path, options: argparse.Namespace) -> None:
    """Draw the season: every burst is one scene, seen with a little noise."""
    rng = np.random.default_rng(options.seed)
    many, dim = max(options.pool, options.peer_pool, *options.growth, 0), options.dim
    with (folder / "pool.f16").open("wb") as file:
        for start in range(0, many, CHUNK):
            size = min(CHUNK, many - start)
            scenes = rng.standard_normal((size // BURST + 1, dim), dtype=np.float32)
            noise = rng.standard_normal((size, dim), dtype=np.float32)
            features = np.repeat(scenes, BURST, axis=0)[:size] + np.float32(0.3) * noise
            features.astype(np.float16).tofile(file)
    known = rng.standard_normal((options.known, dim), dtype=np.float32)
    columns = {"doubt": rng.random(many), "minutes": rng.uniform(0.2, 2, many), "known": known}
    columns["labels"] = (known[:, 0] > 0).astype(np.intp)
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)


def timed(name: str, folder: str, options: argparse.Namespace, pool: int, batch: int) -> dict[str, object]:
    """Run in processes of its own; a peer that does not finish gets a smaller pool, and its time is scaled up."""
    repeats = options.repeats if name.startswith("ours") else 1
    limit = None if name.startswith("ours") else options.limit
    run = [sys.executable, __file__, "--only", name, "--folder", folder, "--dim", str(options.dim)]
    run += ["--seed", str(options.seed), "--pool", str(pool), "--batch", str(batch)]
    try:
        runs = [
            json.loads(subprocess.run(run, stdout=subprocess.PIPE, check=True, timeout=limit).stdout)
            for _ in range(repeats)
        ]
    except subprocess.TimeoutExpired:
        say(f"{name}: not done with {pool} tiles in {limit} s")
        return scaled(timed(name, folder, options, pool // SMALLER, batch), pool)
    return sorted(runs, key=lambda one: one["seconds"])[len(runs) // 2]


def scaled(small: dict[str, object], pool: int) -> dict[str, object]:
    """Foretell a larger pool's time as if it grew with the tiles alone, the least it can; say what was measured."""
    measured = small.get("extrapolated_from", small)
    times = pool / measured["pool"]
    foretold = {name: measured[name] * times for name in ("seconds", "cpu_seconds")}
    return {"pool": pool, "batch": measured["batch"], **foretold, "peak_mib": None, "extrapolated_from": measured}


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Prepare one method, then time its choice alone; the peak is that of the whole process, mapped pages included."""
    season = Season.read(Path(options.folder), options.pool, options.dim)
    choose = METHODS[options.only](season, options.batch, options.seed)
    before = peak()
    wall, cpu = time.perf_counter(), time.process_time()
    rows = choose()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if len(set(rows)) != options.batch:
        raise SystemExit(f"{options.only} chose {len(set(rows))} tiles instead of {options.batch}; enlarge the pool")
    took = {"seconds": wall, "cpu_seconds": cpu, "peak_mib": peak(), "peak_mib_before": before}
    return {"pool": options.pool, "batch": options.batch, **took, "load": os.getloadavg()[0]}


def ours(season: Season, batch: int, seed: int) -> Callable[[], list[int]]:
    """The batch as Haulout chooses it, from columns and the mapped file."""
    from active_learning.pool import Pool, Reason
    from active_learning.selection import Shares, select
    from labeling_configs.vocabulary import TileId

    count = len(season.doubt)
    tiles, bursts = [TileId(f"{i:09}") for i in range(count)], [f"{i // BURST}" for i in range(count)]
    exam = np.zeros(count, dtype=np.bool_)

    def choose() -> list[int]:
        doubts = {Reason.UNCERTAIN: season.doubt}
        pool = Pool(tiles, bursts, doubts, season.minutes, np.zeros(count), exam, features=season.features)
        chosen = select(pool, batch, np.random.default_rng(seed), Shares(0, 0, 0, 0, 0), season.known)
        return [int(one.tile) for one in chosen]

    return choose


def ours_in_modal(season: Season, batch: int, seed: int) -> Callable[[], list[int]]:
    """Our strategy in modAL's learner: the same learner and arrays as for modAL's own."""
    from active_learning.strategies import informative_and_diverse

    return learner(season, batch, informative_and_diverse)


def modal_ranked_batch(season: Season, batch: int, seed: int) -> Callable[[], list[int]]:
    from modAL.batch import uncertainty_batch_sampling

    return learner(season, batch, uncertainty_batch_sampling)


def learner(season: Season, batch: int, strategy: Callable[..., object]) -> Callable[[], list[int]]:
    from modAL.models import ActiveLearner
    from sklearn.linear_model import LogisticRegression

    taught = ActiveLearner(LogisticRegression(), strategy, season.known, season.labels)
    pool = np.array(season.features, dtype=np.float32)
    return lambda: taught.query(pool, n_instances=batch)[0].tolist()


def coreset(season: Season, batch: int, seed: int) -> Callable[[], list[int]]:
    from skactiveml.pool import CoreSet

    samples, labels = together(season)
    return lambda: CoreSet(random_state=seed).query(samples, labels, batch_size=batch).tolist()


def typiclust(season: Season, batch: int, seed: int) -> Callable[[], list[int]]:
    from skactiveml.pool import TypiClust

    samples, labels = together(season)
    return lambda: TypiClust(random_state=seed).query(samples, labels, batch_size=batch).tolist()


def badge(season: Season, batch: int, seed: int) -> Callable[[], list[int]]:
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge
    from sklearn.linear_model import LogisticRegression

    samples, labels = together(season)
    taught = SklearnClassifier(LogisticRegression(), classes=[0, 1]).fit(samples, labels)
    return lambda: list(Badge(random_state=seed).query(samples, labels, taught, fit_clf=False, batch_size=batch))


def together(season: Season) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return known tiles and pool in one array, with NaN for the labels that are not known."""
    samples = np.concatenate([season.known, np.asarray(season.features, dtype=np.float32)])
    return samples, np.concatenate([season.labels, np.full(len(season.features), np.nan)])


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(options: argparse.Namespace, methods: dict[str, dict[str, object]]) -> None:
    from matching import write

    settings = {name: value for name, value in vars(options).items() if name not in ("only", "folder", "json")}
    settings["threads"] = os.environ.get("OMP_NUM_THREADS", "all")
    data = {"made_up": True, "burst": BURST, "load_after": os.getloadavg()}
    write({"benchmark": "selection_speed", "settings": settings, "data": data, "methods": methods}, options.json)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


METHODS: Mapping[str, Callable[[Season, int, int], Callable[[], list[int]]]] = {
    "ours": ours,
    "ours_in_modal": ours_in_modal,
    "modal_ranked_batch": modal_ranked_batch,
    "coreset": coreset,
    "badge": badge,
    "typiclust": typiclust,
}

if __name__ == "__main__":
    main()
