"""Sets aside a fixed camera's empty photos, and counts its days, by a detector trained on other days.

Days are cut into parts by a hash of the seed and the day: a detector learns from one part, triage from all but one of
the others, and the last is the test; each of the others is the test once. Run
`python tests/benchmarks/triage.py --images DIR --csv images.csv --boxes boxes.csv --json -`; the files hold
file, taken_at and file, x1, y1, x2, y2.
"""

import argparse
import csv
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(ROOT / "tests" / "benchmarks")]

import matching  # noqa: E402

from active_learning.emptiness import choose_cut, upper_limit  # noqa: E402
from active_learning.triage import Looked, learn  # noqa: E402
from haulout_models.backbone import describe  # noqa: E402
from haulout_models.calibration import Calibration, calibrate  # noqa: E402
from haulout_models.data import LabelledTile  # noqa: E402
from haulout_models.detector import Detector, DetectorSettings  # noqa: E402
from haulout_models.evaluation import counting_threshold, grade  # noqa: E402
from haulout_models.training import DetectorTraining, Progress, train_detector  # noqa: E402

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Photo:
    """One labelled photo and its day."""

    name: str
    day: str
    truth: LabelledTile


@dataclass(frozen=True)
class Seen:
    """Photos as one detector saw them, that learned from none of them: n rows."""

    photos: Sequence[Photo]
    found: Sequence[tuple[Floats, Floats]]
    looks: Sequence[Floats]
    part: NDArray[np.intp]

    def only(self, rows: Bools) -> "Seen":
        at = np.flatnonzero(rows)
        take = [[column[i] for i in at] for column in (self.photos, self.found, self.looks)]
        return Seen(take[0], take[1], take[2], self.part[at])

    @property
    def days(self) -> list[str]:
        return [photo.day for photo in self.photos]

    @property
    def names(self) -> list[str]:
        return [photo.name for photo in self.photos]

    @property
    def animals(self) -> NDArray[np.intp]:
        return np.array([len(photo.truth.boxes) for photo in self.photos])

    def best(self) -> Floats:
        return np.array([scores.max(initial=0.0) for _, scores in self.found])


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    photos = read(options.images, options.csv, options.boxes)
    looks = describe_all(photos, options.keep)
    tests: dict[str, list[dict[str, Any]]] = defaultdict(list)
    days: dict[str, dict[str, dict[str, Floats]]] = defaultdict(lambda: defaultdict(dict))
    for seed in range(options.seeds):
        part = parts(photos, seed, options.parts)
        for trained in options.train_on:
            seen = look(photos, looks, part, trained, seed, options)
            for tested in sorted(set(seen.part.tolist())):
                judge(seen.only(seen.part != tested), seen.only(seen.part == tested), options.wanted, tests)
            count_days(seen, f"{seed}-{trained}", days)
    methods = {name: summed(rows, options.wanted) for name, rows in tests.items()}
    for name, repeats in days.items():
        methods.setdefault(name, {}).update(of_days(repeats))
    write(options, photos, methods)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--csv", type=Path, required=True, help="photos: file, taken_at")
    parser.add_argument("--boxes", type=Path, required=True, help="animals: file, x1, y1, x2, y2")
    parser.add_argument("--wanted", type=float, default=0.01, help="share of photos with animals that may be missed")
    parser.add_argument("--seeds", type=int, default=1, help="ways of cutting the days into parts")
    parser.add_argument("--parts", type=int, default=6, help="parts the days are cut into; a detector learns from one")
    parser.add_argument("--train-on", type=int, nargs="+", default=[0, 3], help="parts that train a detector, one each")
    parser.add_argument("--steps", type=int, default=300, help="steps of four squares")
    parser.add_argument("--usual-size", type=float, default=25.0, help="median animal in pixels of the network's input")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=None, help="folder: what was found is kept there and used again")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def read(images: Path, listed: Path, drawn: Path) -> list[Photo]:
    boxes: dict[str, list[list[float]]] = defaultdict(list)
    with drawn.open(newline="") as file:
        for row in csv.DictReader(file):
            boxes[row["file"]].append([float(row[side]) for side in ("x1", "y1", "x2", "y2")])
    with listed.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    return [Photo(row["file"], row["taken_at"][:10], truth(images / row["file"], boxes[row["file"]])) for row in rows]


def truth(image: Path, boxes: list[list[float]]) -> LabelledTile:
    return LabelledTile(image, None, np.array(boxes, dtype=np.float64).reshape(-1, 4), np.ones(len(boxes)))


def parts(photos: Sequence[Photo], seed: int, count: int) -> dict[str, int]:
    """Deal the days, in the order of their hash, to the parts."""
    days = {photo.day for photo in photos}
    order = sorted(days, key=lambda day: hashlib.sha256(f"{seed}:{day}".encode()).hexdigest())
    return {day: place % count for place, day in enumerate(order)}


def look(
    photos: Sequence[Photo],
    looks: dict[str, Floats],
    part: dict[str, int],
    trained: int,
    seed: int,
    options: argparse.Namespace,
) -> Seen:
    """Train on one part and look at the others."""
    others = [photo for photo in photos if part[photo.day] != trained]
    lesson = [photo.truth for photo in photos if part[photo.day] == trained]
    stored = kept(options.keep, f"seed{seed}-part{trained}", lambda: find(train(lesson, seed, options), others))
    return Seen(
        others,
        [(stored[photo.name][:, :4], stored[photo.name][:, 4]) for photo in others],
        [looks[photo.name] for photo in others],
        np.array([part[photo.day] for photo in others]),
    )


def find(detector: Detector, photos: Sequence[Photo]) -> dict[str, Floats]:
    found = {}
    for number, photo in enumerate(photos):
        found[photo.name] = np.column_stack(detector.detect(photo.truth.read()))
        if number % 50 == 0:
            sys.stderr.write(f"looked at {number} of {len(photos)} photos\n")
    return found


def train(tiles: list[LabelledTile], seed: int, options: argparse.Namespace) -> Detector:
    settings = DetectorTraining(
        steps=options.steps,
        side=384,
        usual_size=options.usual_size,
        detector=DetectorSettings(threshold=0.02, tile=832),
    )
    return train_detector(tiles, settings, seed, progress=tell).detector


def tell(progress: Progress) -> None:
    sys.stderr.write(f"step {progress.step}, loss {progress.loss:.3f}\n")


def describe_all(photos: Sequence[Photo], keep: Path | None) -> dict[str, Floats]:
    return kept(keep, "looks", lambda: {photo.name: describe(photo.truth.read()) for photo in photos})


def kept(folder: Path | None, name: str, make: Callable[[], dict[str, Floats]]) -> dict[str, Floats]:
    """Return what is kept under the name, made first where it is missing."""
    file = folder / f"{name}.npz" if folder else None
    if file and file.exists():
        made = dict(np.load(file))
    else:
        made = make()
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, **made)
    return {key: value.astype(np.float64) for key, value in made.items()}


def judge(lesson: Seen, test: Seen, wanted: float, tests: dict[str, list[dict[str, Any]]]) -> None:
    """Learn triage from some days and use it on others, by each method; the peers cut where 1 % of the lesson lies."""
    occupied = lesson.animals > 0
    curve = calibrated(lesson)
    seen = [Looked.of([curve(scores) for _, scores in one.found], one.looks) for one in (lesson, test)]
    triage, held_out = learn(seen[0], occupied, lesson.days)
    chances = triage.chances(seen[1])
    cut = choose_cut(held_out, occupied, lesson.names, wanted)
    tests["ours"].append(outcome(chances, cut.chance, test) | {"positives": cut.positives, "bound": cut.bound})
    tests["ours"][-1]["brier"] = float(np.mean((chances - (test.animals > 0)) ** 2))
    tests["ours, cut as usual"].append(outcome(chances, usual_cut(held_out, occupied, wanted), test))
    blind = [Looked(one.boxes, one.looks[:, :0]) for one in seen]
    boxes_only, out_of_day = learn(blind[0], occupied, lesson.days)
    said = boxes_only.chances(blind[1])
    tests["ours, boxes alone"].append(
        outcome(said, choose_cut(out_of_day, occupied, lesson.names, wanted).chance, test)
    )
    tests["best raw score"].append(outcome(test.best(), usual_cut(lesson.best(), occupied, wanted), test))
    looks, unseen = features_alone(lesson, test, occupied)
    tests["frozen features, logistic"].append(outcome(unseen, usual_cut(looks, occupied, wanted), test))


def calibrated(seen: Seen) -> Calibration:
    graded = [grade(photo.truth.boxes, found) for photo, found in zip(seen.photos, seen.found, strict=True)]
    return calibrate(np.concatenate([one.scores for one in graded]), np.concatenate([one.hits for one in graded]))


def features_alone(lesson: Seen, test: Seen, occupied: Bools) -> tuple[Floats, Floats]:
    """A logistic regression on the frozen backbone's description; its own chances for the lesson are held out."""
    seen = [np.array(one.looks) * np.sqrt(len(one.looks[0])) for one in (lesson, test)]
    held_out = np.empty(len(occupied))
    for part in set(lesson.part.tolist()):
        here = lesson.part == part
        fitted = LogisticRegression(max_iter=2000).fit(seen[0][~here], occupied[~here])
        held_out[here] = fitted.predict_proba(seen[0][here])[:, 1]
    return held_out, LogisticRegression(max_iter=2000).fit(seen[0], occupied).predict_proba(seen[1])[:, 1]


def usual_cut(chances: Floats, occupied: Bools, wanted: float) -> float:
    """The greatest cut that misses no more than the wanted share of the lesson itself: no word about other photos."""
    positives = np.sort(chances[occupied])
    return float(positives[int(wanted * len(positives))])


def outcome(chances: Floats, cut: float, test: Seen) -> dict[str, Any]:
    occupied = test.animals > 0
    gone = chances < cut
    return {
        "empty": float((~occupied).sum()),
        "removed": float((gone & ~occupied).sum()),
        "with_animals": float(occupied.sum()),
        "missed": float((gone & occupied).sum()),
        "animals_missed": float(test.animals[gone].sum()),
        "ranked": ranked(chances, occupied),
        "of_animals": chances[occupied],
        "of_empty": chances[~occupied],
    }


def ranked(chances: Floats, occupied: Bools) -> float:
    """The chance that a photo with animals is ranked above an empty one; NaN without either."""
    if occupied.all() or not occupied.any():
        return float("nan")
    above = (chances[occupied][:, None] > chances[~occupied]) + 0.5 * (chances[occupied][:, None] == chances[~occupied])
    return float(above.mean())


def summed(rows: Sequence[dict[str, Any]], wanted: float) -> dict[str, object]:
    """Shares over all tests, with intervals over tests: a bootstrap of whole tests, which are days together.

    In hindsight one cut of all tests misses just what was wanted: what the ranking alone is worth.
    """
    told: dict[str, object] = {}
    for name, part, whole in (
        ("empty_removed", "removed", "empty"),
        ("photos_missed", "missed", "with_animals"),
    ):
        told[name] = share([row[part] for row in rows], [row[whole] for row in rows])
    told["photos_missed_counts"] = f"{sum(r['missed'] for r in rows):.0f} of {sum(r['with_animals'] for r in rows):.0f}"
    told["photos_missed_limit"] = upper_limit(
        int(sum(row["missed"] for row in rows)), int(sum(row["with_animals"] for row in rows))
    )
    positives = np.sort(np.concatenate([row["of_animals"] for row in rows]))
    hindsight = positives[int(wanted * len(positives))]
    told["empty_removed_in_hindsight"] = float((np.concatenate([row["of_empty"] for row in rows]) < hindsight).mean())
    told["auroc"] = float(np.nanmean([row["ranked"] for row in rows]))
    for name in ("positives", "bound", "brier"):
        if name in rows[0]:
            told[name] = float(np.mean([row[name] for row in rows]))
    return told


def share(parts: Sequence[float], wholes: Sequence[float]) -> dict[str, float]:
    part, whole, rng = np.array(parts), np.array(wholes), np.random.default_rng(0)
    drawn = [part[i].sum() / max(whole[i].sum(), 1) for i in rng.integers(len(part), size=(2000, len(part)))]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"mean": float(part.sum() / max(whole.sum(), 1)), "low": float(low), "high": float(high)}


def count_days(seen: Seen, repeat: str, days: dict[str, dict[str, dict[str, Floats]]]) -> None:
    """Add up each day's animals: what calibration and threshold need comes from the other parts."""
    sums: dict[str, list[Floats]] = defaultdict(list)
    for tested in sorted(set(seen.part.tolist())):
        lesson, test = seen.only(seen.part != tested), seen.only(seen.part == tested)
        curve = calibrated(lesson)
        least = counting_threshold([photo.truth.boxes for photo in lesson.photos], lesson.found)
        at = np.array(test.days)
        counts = {
            "truth": test.animals.astype(np.float64),
            "ours": summed_chances(curve, test) / found_share(curve, lesson),
            "calibrated scores alone": summed_chances(curve, test),
            "best raw score": np.array([float((scores >= least).sum()) for _, scores in test.found]),
        }
        for name, values in counts.items():
            sums[name].append(np.array([values[at == day].sum() for day in sorted(set(at.tolist()))]))
            sums[f"{name} photo"].append(values)
    true = {kind: np.concatenate(sums[f"truth{kind}"]) for kind in ("", " photo")}
    for name in ("ours", "calibrated scores alone", "best raw score"):
        for kind in ("", " photo"):
            days[name][repeat][kind] = np.stack([np.concatenate(sums[name + kind]), true[kind]])


def summed_chances(curve: Calibration, seen: Seen) -> Floats:
    return np.array([curve(scores).sum() for _, scores in seen.found])


def found_share(curve: Calibration, lesson: Seen) -> float:
    """The share of animals that get a box of any score at all: calibrated scores count no others."""
    return float(summed_chances(curve, lesson).sum() / lesson.animals.sum())


def of_days(repeats: dict[str, dict[str, Floats]]) -> dict[str, object]:
    """Compare day by day and photo by photo; every detector is one repeat."""
    told: dict[str, object] = {}
    for kind, label in (("", "day"), (" photo", "photo")):
        pairs = [repeat[kind] for repeat in repeats.values()]
        told[f"{label}_correlation"] = spread(np.corrcoef(pair)[0, 1] for pair in pairs)
        told[f"{label}_mae"] = spread(np.abs(pair[0] - pair[1]).mean() for pair in pairs)
        told[f"{label}_mae_relative"] = spread(np.abs(pair[0] - pair[1]).sum() / pair[1].sum() for pair in pairs)
        told[f"{label}_total_error"] = spread(pair[0].sum() / pair[1].sum() - 1 for pair in pairs)
    return told


def spread(values: Iterator[float]) -> dict[str, float]:
    got = np.array(list(values))
    return {"mean": float(got.mean()), "low": float(got.min()), "high": float(got.max())}


def write(options: argparse.Namespace, photos: Sequence[Photo], methods: dict[str, dict[str, object]]) -> None:
    empty = sum(not len(photo.truth.boxes) for photo in photos)
    days = {photo.day for photo in photos}
    result = {
        "benchmark": "triage",
        "settings": {name: str(value) for name, value in vars(options).items()},
        "data": {"folder": options.images.parent.name, "photos": len(photos), "empty": empty, "days": len(days)},
        "methods": methods,
    }
    matching.write(result, options.json)


if __name__ == "__main__":
    main()
