"""Looks for individuals by frozen features, fine-tuned features, local features, and all of it fused.

Needs labels.csv (file, individual; where known: frame, a date, and split with database and query). Frames of
consecutive numbers of one individual are one burst. Two exams: the published split, the network trained on its
database; and, for each seed, individuals it never saw. Probabilities and thresholds of the second are fitted on one
half of its individuals and measured on the other, both ways.

    python tests/benchmarks/reid.py --labels labels.csv --images DIR --train-individuals 0.5 --seeds 3 --json OUT
"""

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "models"), str(Path(__file__).parent)]

from reid_data import Labelled, read  # noqa: E402
from reid_methods import SHORTLIST, LocalTable, Method  # noqa: E402

from haulout_models.evaluation.recognition import best_threshold, open_set, probability_error, ranks  # noqa: E402
from haulout_models.fusion import Fusion  # noqa: E402
from haulout_models.reidentifier import FineTuning, Reidentifier, ReidentifierTraining, train_reidentifier  # noqa: E402
from labeling_configs.vocabulary import ModelVersion  # noqa: E402

PROTOCOLS = {"bursts included": True, "other bursts only": False}
Figures = dict[str, float]
Tables = dict[str, dict[str, Figures]]


def main() -> None:
    options = arguments()
    data = read(options.labels, options.images, options.date_column)
    training = ReidentifierTraining(fine=FineTuning(steps=options.steps, looks=0) if options.steps else FineTuning())
    began = time.process_time()
    result = {
        "benchmark": "reid",
        "settings": {"seeds": options.seeds, "training": repr(training), "shortlist": SHORTLIST},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "data": {
            "name": options.labels.resolve().parent.name,
            "crops": len(data.names),
            "individuals": len(set(data.names)),
            "bursts": len(set(data.bursts)),
            "dated": bool((data.dates != "").any()),
        },
    }
    if {"database", "query"} <= set(data.splits):
        result["database to query"] = published(data, training, options.seed)
    rounds: list[Tables] = []
    for seed in range(options.seeds):
        write(result | {"unseen individuals": over_seeds(rounds), "each seed": rounds}, options.json)
        rounds.append(unseen(data, training, options.train_individuals, seed))
    result |= {"unseen individuals": over_seeds(rounds), "each seed": rounds}
    write(result | {"processor_seconds": time.process_time() - began}, options.json)
    if options.json == "-":
        sys.stdout.write(json.dumps(result, indent=2) + "\n")


def write(result: dict[str, object], file: str) -> None:
    """Keep what is known so far: a seed takes minutes."""
    if file != "-":
        Path(file).write_text(json.dumps(result, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="the folder that the file column is relative to")
    parser.add_argument("--date-column", help="crops of one date are never compared")
    parser.add_argument("--train-individuals", type=float, default=0.5, help="share of individuals that is learned")
    parser.add_argument("--seeds", type=int, default=3, help="how often individuals are drawn, 0 for the split only")
    parser.add_argument("--seed", type=int, default=0, help="of the training on the published split")
    parser.add_argument("--steps", type=int, help="of the fine-tuning, if not its usual number")
    parser.add_argument("--json", default="-", help="file for the result, - for standard output")
    return parser.parse_args()


def published(data: Labelled, training: ReidentifierTraining, seed: int) -> dict[str, object]:
    """Learn the database, look for each query in it; weights of the fusion come from pairs within the database."""
    database, query = data.splits == "database", data.splits == "query"
    began = time.process_time()
    vectors = networks(data, database, training, seed)
    seconds = time.process_time() - began
    table = LocalTable(data.crops)
    tables: Tables = {}
    judged = methods(vectors, table, data.elsewhere(data, True))
    for protocol, bursts_too in PROTOCOLS.items():
        allowed = data.elsewhere(data, bursts_too)
        tables[protocol] = {}
        for method, known in zip(methods(vectors, table, allowed), judged, strict=True):
            fusion = known.fitted(data.names, upper(database[:, None] & database[None]))
            scores = method.ranked(fusion)[np.ix_(query, database)]
            found = ranks(scores, data.names[query], data.names[database], allowed[np.ix_(query, database)])
            tables[protocol][method.name] = asdict(found)
    return {"training_seconds": seconds, "first_day": first_day(vectors["frozen"], data, table).stored(), **tables}


def first_day(frozen: np.ndarray, data: Labelled, table: LocalTable) -> Fusion:
    """What the fusion shipped for the first day was made of, before it was softened."""
    everywhere = ~np.eye(len(data.names), dtype=bool)
    return Method.of("", frozen, table, everywhere, len(data.names)).fitted(data.names, upper(everywhere))


def unseen(data: Labelled, training: ReidentifierTraining, share: float, seed: int) -> Tables:
    """Learn some individuals, look for the others among themselves."""
    names = np.random.default_rng(seed).permutation(sorted(set(data.names)))
    learned = np.isin(data.names, names[: round(len(names) * share)])
    vectors = {name: found[~learned] for name, found in networks(data, learned, training, seed).items()}
    exam = data.rows(~learned)
    halves = np.isin(exam.names, names[round(len(names) * share) :: 2])
    table = LocalTable(exam.crops)
    tables: Tables = {}
    judged = methods(vectors, table, exam.elsewhere(exam, True))
    for protocol, bursts_too in PROTOCOLS.items():
        allowed = exam.elsewhere(exam, bursts_too)
        examined = zip(methods(vectors, table, allowed), judged, strict=True)
        tables[protocol] = {method.name: grade(method, known, exam, allowed, halves) for method, known in examined}
    return tables


def grade(method: Method, judged: Method, exam: Labelled, allowed: np.ndarray, halves: np.ndarray) -> Figures:
    """Fit on one half of the individuals, measure on the other, both ways; ranks are among all of them.

    Fitted are pairs within bursts too, since so few individuals come back, whichever pairs are examined.
    """
    sides = [measured(method, judged, exam, allowed, half) for half in (halves, ~halves)]
    figures = {name: float(np.mean([side[name] for side in sides])) for name in sides[0]}
    one, other = (method.ranked(judged.fitted(exam.names, upper(half))) for half in squares(halves))
    scores = np.where(halves[:, None], other, one)  # each half by what the other half taught
    return asdict(ranks(scores, exam.names, exam.names, allowed)) | figures


def squares(halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs inside the one half of the individuals, and inside the other."""
    return halves[:, None] & halves[None], ~halves[:, None] & ~halves[None]


def measured(method: Method, judged: Method, exam: Labelled, allowed: np.ndarray, fit: np.ndarray) -> Figures:
    fusion = judged.fitted(exam.names, upper(fit[:, None] & fit[None]))
    scores = method.ranked(fusion)
    inside, outside = np.ix_(fit, fit), np.ix_(~fit, ~fit)
    threshold = best_threshold(scores[inside], exam.names[fit], allowed[inside])
    result = open_set(scores[outside], exam.names[~fit], allowed[outside], threshold)
    where = upper(allowed & ~fit[:, None] & ~fit[None])
    same = (exam.names[:, None] == exam.names[None])[where]
    return {
        "known": result.known,
        "new": result.new,
        "balanced": result.balanced,
        "calibration_error": probability_error(fusion(method.pairs(where)), same),
        "share_same": float(same.mean()),
    }


def networks(data: Labelled, learned: np.ndarray, training: ReidentifierTraining, seed: int) -> dict[str, np.ndarray]:
    """Embed all crops by the frozen network, the linear map, and the fine-tuned backbone."""
    known = data.rows(learned)
    frozen = Reidentifier.frozen(ModelVersion("frozen"))
    mapped, tuned = (
        train_reidentifier(known.crops, list(known.names), settings, seed)
        for settings in (replace(training, fine=None), training)
    )
    features = frozen.features(data.crops)
    return {"frozen": frozen.project(features), "map": mapped.project(features), "tuned": tuned.embed(data.crops)}


def methods(vectors: dict[str, np.ndarray], table: LocalTable, allowed: np.ndarray) -> list[Method]:
    return [
        Method.of("frozen backbone", vectors["frozen"], None, allowed),
        Method.of("linear map", vectors["map"], None, allowed),
        Method.of("fine-tuned", vectors["tuned"], None, allowed),
        Method.of("frozen, with local features", vectors["frozen"], table, allowed),
        Method.of("fine-tuned and local features, fused", vectors["tuned"], table, allowed),
        Method.of("frozen and local features of every pair, fused", vectors["frozen"], table, allowed, len(allowed)),
    ]


def upper(where: np.ndarray) -> np.ndarray:
    """Each pair once."""
    return np.triu(where, 1)


def over_seeds(rounds: list[Tables]) -> dict[str, object]:
    """Mean and 95 % interval of the mean over seeds (normal approximation) of every figure."""
    if not rounds:
        return {}
    return {
        protocol: {
            method: {figure: interval([one[protocol][method][figure] for one in rounds]) for figure in figures}
            for method, figures in table.items()
        }
        for protocol, table in rounds[0].items()
    }


def interval(values: list[float]) -> dict[str, float] | float:
    if len(values) < 2:
        return values[0]
    mean, half = float(np.mean(values)), float(1.96 * np.std(values, ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "low": mean - half, "high": mean + half}


if __name__ == "__main__":
    main()
