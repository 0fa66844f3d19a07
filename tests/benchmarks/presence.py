"""Measure what answers about whole pictures are worth once settled, and how many of them are needed.

    python tests/benchmarks/presence.py --answers steller_watch_presence_answers.csv \\
        --aggregate presence-or-absence-classifications-beta-aggregate.csv --simulated 100000 --seeds 5 --json -

ANSWERS has the columns item, worker, label (yes, no, null) and registered (0: anonymous, a newcomer each time).
AGGREGATE is the project's result: subject, number of answers, how many said yes, no, null (in columns named frac_), and
aggregate_result (Yes! or No.). Answers come in an order drawn by seed until the picture is settled; a null is an answer
used up that says nothing. --simulated also compares with crowd-kit on that many drawn answers, five a task.

Three things are agreed with. `published`: aggregate_result, which is Yes! as soon as one person said yes. `rule`: what
the project's script means, at least 80 % of the answers (zooniverse/Data-digging, stellerWatch/aggregate.py), from the
counts in AGGREGATE; the published column compared counts, not shares, with 0.8. `majority`: most yes and no answers.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from active_learning.presence import UNKNOWN, Choices, enough, learn_people, settle_choices

CROWD_KIT = "1.4.2"
NO, YES, NOTHING = 0, 1, -1
ANSWERS_A_TASK, TASKS_A_WORKER = 5, 200
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Watched:
    """All answers, a row each, and what each item is called by others: YES, NO or NOTHING."""

    items: Labels
    people: Labels
    labels: Labels
    called: Mapping[str, Labels]

    def choices(self, rows: NDArray[np.intp]) -> Choices:
        """Return those of these answers that say something."""
        said = rows[self.labels[rows] != NOTHING]
        n_items, n_people = len(self.called["majority"]), int(self.people.max()) + 1
        return Choices(self.items[said], self.people[said], self.labels[said], n_items, n_people, 2)


def read_answers(answers: Path, aggregate: Path) -> Watched:
    """Read both files; items are in the order of their names."""
    table = pd.read_csv(answers, dtype=str, keep_default_na=False)
    items, names = pd.factorize(table["item"], sort=True)
    workers, _ = pd.factorize(table["worker"], sort=True)
    people = np.where((table["registered"] == "1") & (table["worker"] != ""), workers, UNKNOWN)
    labels = table["label"].map({"no": NO, "yes": YES, "null": NOTHING}).to_numpy(np.intp)
    result = pd.read_csv(aggregate, dtype={0: str}).set_index("# subject_ids").loc[names]
    called = {
        "published": result["aggregate_result"].map({"No.": NO, "Yes!": YES}).fillna(NOTHING).to_numpy(np.intp),
        "rule": by_rule(*(result[column].to_numpy() for column in ("num_classifications", "frac_yes", "frac_no"))),
        "majority": majority(items, labels, len(names)),
    }
    return Watched(items, people, labels, called)


def by_rule(answered: NDArray[Any], yes: NDArray[Any], no: NDArray[Any]) -> Labels:
    """Return the label with at least 80 % of the answers; the columns named frac_ hold counts."""
    return np.where(yes / answered >= 0.8, YES, np.where(no / answered >= 0.8, NO, NOTHING))


def majority(items: Labels, labels: Labels, n_items: int, n_labels: int = 2) -> Labels:
    """Return each item's commonest label; a draw goes to the label that is commoner in all answers."""
    said = labels != NOTHING
    votes = np.bincount(items[said] * n_labels + labels[said], minlength=n_items * n_labels).reshape(-1, n_labels)
    commonest: Labels = (votes + votes.sum(axis=0) / (votes.sum() + 1.0)).argmax(axis=1)
    return commonest


def ask_until_settled(watched: Watched, order: NDArray[np.intp], risk: float, least: int) -> tuple[Labels, Labels]:
    """Reveal answers in this order while a picture needs more; return what each is found to be and the rows used."""
    queue = [order[watched.items[order] == item] for item in range(len(watched.called["majority"]))]
    used = np.array([min(least, len(rows)) for rows in queue])
    people = None
    while True:
        rows = np.concatenate([rows[:n] for rows, n in zip(queue, used, strict=True)])
        choices = watched.choices(rows)
        people = learn_people(choices, start=people)
        posterior = settle_choices(choices, people)
        answered = np.bincount(choices.items, minlength=len(queue))
        more = ~enough(posterior, risk, least, answered) & (used < [len(rows) for rows in queue])
        if not more.any():
            return posterior.argmax(axis=1), rows
        used += more


def watch(watched: Watched, risk: float, least: int, seed: int) -> dict[str, dict[str, float]]:
    """Measure sequential asking, majority votes on the same and on equally many answers, and all answers."""
    order = np.random.default_rng(seed).permutation(len(watched.items))
    began = time.process_time()
    settled, rows = ask_until_settled(watched, order, risk, least)
    seconds = time.process_time() - began
    n_items, every = len(settled), np.arange(len(order))
    evenly = fixed(watched, order, round(len(rows) / n_items))
    whole = watched.choices(every)
    found = {
        "ours": (settled, rows),
        "majority_same_answers": (majority(watched.items[rows], watched.labels[rows], n_items), rows),
        "majority_fixed_number": (majority(watched.items[evenly], watched.labels[evenly], n_items), evenly),
        "majority_all_answers": (watched.called["majority"], every),
        "ours_all_answers": (settle_choices(whole, learn_people(whole)).argmax(axis=1), every),
    }
    results = {name: {**usage(watched, rows), **agreement(watched, label)} for name, (label, rows) in found.items()}
    results["ours"]["seconds"] = seconds
    return results


def fixed(watched: Watched, order: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """Return the first answers about each item, as many for each."""
    rank = pd.Series(order).groupby(watched.items[order]).cumcount().to_numpy()
    return order[rank < number]


def usage(watched: Watched, rows: NDArray[np.intp]) -> dict[str, float]:
    """Return the share of all answers used, the mean and largest share of an item's, and answers per image.

    The first flatters whoever stops early where there were hundreds of answers; the second does not.
    """
    given, used = (np.bincount(watched.items[which]) for which in (np.arange(len(watched.items)), rows))
    return {
        "share_of_answers": len(rows) / len(watched.items),
        "share_of_an_images_answers": float(np.mean(used / given)),
        "answers_per_image": float(used.mean()),
    }


def agreement(watched: Watched, label: Labels) -> dict[str, float]:
    """Return the share of items found to be what others call them, of those they call anything."""
    return {
        f"agreement_{name}": float(np.mean(label[called != NOTHING] == called[called != NOTHING]))
        for name, called in watched.called.items()
    }


def simulate(n_answers: int, n_labels: int, beta: tuple[float, float], seed: int) -> tuple[Choices, Labels]:
    """Draw answers and truth: labels equally common, accuracies Beta distributed, every mistake as likely as any."""
    rng = np.random.default_rng(seed)
    tasks, workers = n_answers // ANSWERS_A_TASK, max(2 * ANSWERS_A_TASK, n_answers // TASKS_A_WORKER)
    truth, accuracy = rng.integers(n_labels, size=tasks), rng.beta(*beta, size=workers)
    items = np.repeat(np.arange(tasks), ANSWERS_A_TASK)
    people = rng.random((tasks, workers)).argpartition(ANSWERS_A_TASK, axis=1)[:, :ANSWERS_A_TASK].ravel()
    wrong = (truth[items] + rng.integers(1, n_labels, size=len(items))) % n_labels
    labels = np.where(rng.random(len(items)) < accuracy[people], truth[items], wrong)
    return Choices(items, people, labels, tasks, workers, n_labels), truth


def settle_all(drawn: Choices) -> Labels:
    """Settle as the platform does, from plain columns, checks included."""
    choices = Choices(drawn.items, drawn.people, drawn.labels, drawn.n_items, drawn.n_people, drawn.n_labels)
    found: Labels = settle_choices(choices, learn_people(choices)).argmax(axis=1)
    return found


def compare(
    n_answers: int, beta: tuple[float, float], repeats: int, seed: int, crowd_kit: Callable[..., Any]
) -> dict[str, dict[str, float]]:
    """Measure accuracy and median CPU seconds for two and for five labels, on the same answers."""
    results: dict[str, dict[str, float]] = {"ours": {}, "crowdkit_dawid_skene": {}, "majority": {}}
    for n_labels in (2, 5):
        drawn, truth = simulate(n_answers, n_labels, beta, seed)
        for name, method in rivals(drawn, crowd_kit).items():
            found, seconds = timed(method, repeats)
            results[name] |= {
                f"k{n_labels}_accuracy": float(np.mean(found == truth)),
                f"k{n_labels}_cpu_seconds": seconds,
            }
        ours, theirs = (results[name][f"k{n_labels}_cpu_seconds"] for name in ("ours", "crowdkit_dawid_skene"))
        results["ours"][f"k{n_labels}_times_as_fast"] = theirs / ours
    return results


def rivals(drawn: Choices, crowd_kit: Callable[..., Any]) -> dict[str, Callable[[], Labels]]:
    """Return how each method labels these answers; each begins with plain columns of numbers."""
    table = pd.DataFrame({"task": drawn.items, "worker": drawn.people, "label": drawn.labels})
    return {
        "ours": lambda: settle_all(drawn),
        "crowdkit_dawid_skene": lambda: crowd_kit().fit_predict(table).sort_index().to_numpy(),
        "majority": lambda: majority(drawn.items, drawn.labels, drawn.n_items, drawn.n_labels),
    }


def timed(method: Callable[[], Labels], repeats: int) -> tuple[Labels, float]:
    """Return what the method finds and its median CPU seconds."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        found = method()
        seconds.append(time.process_time() - began)
    return found, float(np.median(seconds))


def find_crowd_kit() -> Callable[..., Any]:
    """Import crowd-kit, which is no dependency of ours."""
    try:
        from crowdkit.aggregation import DawidSkene
    except ImportError:
        sys.exit(f"--simulated compares with crowd-kit, which is not installed; pip install crowd-kit=={CROWD_KIT}")
    return DawidSkene


def summary(values: Sequence[float]) -> float | dict[str, float]:
    """Return the mean and its 95 % interval (Student's t over seeds), or the only value."""
    if len(set(values)) == 1:
        return values[0]
    mean, half = float(np.mean(values)), float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def gather(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Any]]:
    """Return for each method each metric over all seeds."""
    return {
        name: {metric: summary([run[name][metric] for run in runs]) for metric in runs[0][name]} for name in runs[0]
    }


def main() -> None:
    """Read the arguments, measure, write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--aggregate", type=Path, required=True)
    parser.add_argument("--risk", type=float, default=0.02, help="chance of being wrong at which asking ends")
    parser.add_argument("--least", type=int, default=2, help="yes or no answers every picture gets")
    parser.add_argument("--simulated", type=int, default=0, help="answers to draw; 0 leaves crowd-kit out")
    parser.add_argument("--beta", type=float, nargs=2, default=(8.0, 2.0), help="of the drawn workers' accuracies")
    parser.add_argument("--repeats", type=int, default=3, help="timings of which the median counts")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", default="-")
    given = parser.parse_args()
    crowd_kit = find_crowd_kit() if given.simulated else None
    watched = read_answers(given.answers, given.aggregate)
    methods = gather([watch(watched, given.risk, given.least, seed) for seed in range(given.seeds)])
    if crowd_kit:
        drawn = [compare(given.simulated, tuple(given.beta), given.repeats, s, crowd_kit) for s in range(given.seeds)]
        methods |= {name: methods.get(name, {}) | metrics for name, metrics in gather(drawn).items()}
    settings = {"risk": given.risk, "least": given.least, "seeds": given.seeds, "simulated": given.simulated}
    report = {
        "benchmark": "presence",
        "settings": {**settings, "beta": list(given.beta), "repeats": given.repeats, "crowd_kit": CROWD_KIT},
        "machine": {"python": platform.python_version(), "system": platform.platform(), "cpus": os.cpu_count()},
        "data": {
            "answers": given.answers.name,
            "rows": len(watched.items),
            "images": len(watched.called["majority"]),
            "anonymous": int(np.sum(watched.people == UNKNOWN)),
            "called": {name: int(np.sum(called != NOTHING)) for name, called in watched.called.items()},
        },
        "methods": methods,
    }
    text = json.dumps(report, indent=2) + "\n"
    if given.json == "-":
        sys.stdout.write(text)
    else:
        Path(given.json).write_text(text)


if __name__ == "__main__":
    main()
