"""Simulated experts say who is who: decisions against F1, ours beside top-5 review, a threshold and graph curation.

    python tests/benchmarks/identity.py --labels labels.csv --images DIR --expert-error 0.03 --cannot-tell 0.05 \\
        --seeds 3 --json OUT
    python tests/benchmarks/identity.py --animals 4000 --individuals 300 --seeds 3 --json OUT
    python tests/benchmarks/identity.py --scale 1000,10000,100000 --json OUT

With --labels (file, individual) one half of the individuals calibrates the machine and the other half is settled; every
seed deals other halves. Without, catalogues are drawn (identity_catalogues.py). A decision is one comparison of two
animals, in a gallery as well. Choices were made on seeds below 100; reported seeds begin at --seed, 100 by default.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / part) for part in (".", "models", "tests/benchmarks")]

import identity_catalogues as catalogues  # noqa: E402
import identity_peers as peers  # noqa: E402
import matching  # noqa: E402
import numpy as np  # noqa: E402
from identity_catalogues import Calibrator, Catalogue  # noqa: E402
from identity_peers import Game  # noqa: E402

from active_learning.boundaries import boundaries, more_across, odds_without_experts, unscored  # noqa: E402
from active_learning.census import count_individuals  # noqa: E402
from active_learning.doubts import Cost, expected_wrong  # noqa: E402
from active_learning.evidence import Scores, gather  # noqa: E402
from active_learning.expertise import Reliability, learn_reliability  # noqa: E402
from active_learning.inquiry import audit, plan  # noqa: E402
from active_learning.partition import Settled, settle  # noqa: E402
from active_learning.posterior import sample  # noqa: E402
from active_learning.tempering import (  # noqa: E402
    LARGEST,
    KnownBoundaries,
    Tempering,
    broken_up,
    fit_tempering,
    known_boundaries,
)
from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same  # noqa: E402

AUDIT = 0.02
"""Share of questions that are drawn at random."""
OUTSIDE = 3
"""Animals outside its own cluster that an animal is compared with when we look further."""
ON_POLICY = 1
"""Times that tempering is learned again from the clusters it makes of known animals."""
ACROSS = 12
"""Pairs that are scored across an open boundary."""
FURTHER = 5
"""Rounds of questions after which we look further."""
SAMPLES = 100
"""Partitions drawn for the interval of the number of individuals."""
SAYS = {1: Same.SAME, -1: Same.DIFFERENT, 0: Same.CANNOT_TELL}
MULTIPLIERS = (0.5, 1.0, 2.0, 4.0)
Curve = list[tuple[int, float]]


class Ours:
    """Plays a game with the package's own evidence, partition and questions."""

    def __init__(self, game: Game, known: Catalogue, at_once: int) -> None:
        self.game, self.at_once = game, at_once
        self.rng = np.random.default_rng([game.seed, 7])
        catalogue, self.calibrator = game.catalogue, game.calibrator
        self.names = [AnimalId(f"a{row:06}") for row in range(len(catalogue.individual))]
        self.animals = [
            Animal(name, PhotoId(f"p{photo}"), (0, 0, 1, 1), 1.0)
            for name, photo in zip(self.names, catalogue.photo.tolist(), strict=True)
        ]
        self.pairs, self.cosine = catalogues.listed(catalogue, fitting(catalogue))
        self.ids = [(self.names[a], self.names[b]) for a, b in self.pairs.tolist()]
        self.prior = catalogues.learned_prior(catalogue, self.calibrator, game.seed)
        self.tempering = tempered(known, self.calibrator, game.seed)
        self.answers: dict[tuple[AnimalId, AnimalId], dict[Person, Same]] = {}
        self.rates: dict[Person, Reliability] = {}
        self.settled: Settled | None = None
        self.seconds = 0.0

    def look(self) -> Settled:
        """Settle everything that is known by now."""
        scores = Scores(self.ids, self.calibrator(self.cosine), self.calibrator.prior)
        evidence = gather(self.animals, scores, self.answers, self.rates, prior=self.prior, tempering=self.tempering)
        self.settled = settle(evidence, self.settled)
        return self.settled

    def look_further(self) -> None:
        """List each animal's nearest outside its own cluster, and score more pairs across doubtful boundaries."""
        assert self.settled is not None
        catalogue = self.game.catalogue
        outside, _ = catalogues.listed(catalogue, min(OUTSIDE, len(self.names) - 1), self.settled.label)
        free = unscored(self.settled, boundaries(self.settled), self.rng, most=ACROSS)
        apart = free[catalogue.photo[free[:, 0]] != catalogue.photo[free[:, 1]]]
        more = np.unique(np.concatenate([outside, apart]), axis=0)
        keys = self.pairs[:, 0] * len(self.names) + self.pairs[:, 1]
        more = more[~np.isin(more[:, 0] * len(self.names) + more[:, 1], keys)]
        more = more[self.settled.label[more[:, 0]] != self.settled.label[more[:, 1]]]
        self.pairs = np.concatenate([self.pairs, more])
        self.cosine = np.concatenate([self.cosine, catalogues.cosines(catalogue, more)])
        self.ids += [(self.names[a], self.names[b]) for a, b in more.tolist()]

    def ask(self, turn: int, least: float) -> int:
        """Ask one expert what is worth most; return how many questions there were."""
        assert self.settled is not None
        expert = turn % self.game.experts
        person, cost = Person(f"e{expert}"), Cost()
        asked = plan(self.settled, person, self.answers, self.at_once, cost, least)
        drawn = audit(self.settled, person, self.answers, self.rng.binomial(len(asked), AUDIT), cost, self.rng)
        for inquiry in (*asked, *drawn):
            self.seconds += inquiry.seconds
            for first, second in inquiry.pairs:
                said = self.game.ask(int(first[1:]), int(second[1:]), expert)
                self.answers.setdefault((first, second), {})[person] = SAYS[said]
        if turn % 5 == 4:
            odds = odds_without_experts(self.settled, boundaries(self.settled)).tolist()
            evidence = self.settled.evidence
            rows = zip(evidence.first.tolist(), evidence.second.tolist(), strict=True)
            before = {(self.names[a], self.names[b]): value for (a, b), value in zip(rows, odds, strict=True)}
            self.rates = learn_reliability(self.answers, before)
        return len(asked)


def fitting(catalogue: Catalogue) -> int:
    return min(catalogues.NEAREST, len(catalogue.individual) - 1)


def tempered(known: Catalogue, calibrator: Calibrator, seed: int) -> Tempering:
    rng = np.random.default_rng([seed, 8])
    groups = [broken_up(known.individual, rng, size) for size in LARGEST]
    seen = [across_known(known, calibrator, group, further, rng) for group in groups for further in (False, True)]
    tempering = fit_tempering(seen, calibrator.prior)
    for _ in range(ON_POLICY):
        label = settled_alone(known, calibrator, tempering)
        seen += [across_known(known, calibrator, label, further, rng) for further in (False, True)]
        tempering = fit_tempering(seen[-2 * ON_POLICY :], calibrator.prior)
    return tempering


def settled_alone(known: Catalogue, calibrator: Calibrator, tempering: Tempering) -> np.ndarray:
    """Settle the known animals by the machine alone: the boundaries that are left are those experts will be asked."""
    pairs, cosine = catalogues.listed(known, fitting(known))
    names = [AnimalId(f"a{row:06}") for row in range(len(known.individual))]
    animals = [Animal(name, PhotoId(f"p{at}"), (0, 0, 1, 1), 1.0) for name, at in zip(names, known.photo, strict=True)]
    scores = Scores([(names[a], names[b]) for a, b in pairs.tolist()], calibrator(cosine), calibrator.prior)
    return settle(gather(animals, scores, tempering=tempering)).label


def across_known(
    known: Catalogue, calibrator: Calibrator, group: np.ndarray, further: bool, rng: np.random.Generator
) -> KnownBoundaries:
    """List and score pairs of known animals as is done first or, `further`, as `look_further` does."""
    pairs, cosine = catalogues.listed(known, fitting(known))
    if not further:
        return known_boundaries(pairs, calibrator.ratios(cosine), known.individual, known.photo, group)
    outside, _ = catalogues.listed(known, min(OUTSIDE, len(group) - 1), group)
    pairs = np.unique(np.concatenate([pairs, outside]), axis=0)
    ends = np.sort(group[pairs], axis=1)
    between = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0)
    pairs = np.concatenate([pairs, more_across(group, between, pairs, rng, ACROSS)])
    ratios = calibrator.ratios(catalogues.cosines(known, pairs))
    return known_boundaries(pairs, ratios, known.individual, known.photo, group)


def pairwise(label: np.ndarray, truth: np.ndarray) -> float:
    """Return the F1 of pairs called one."""
    pairs = lambda of: sum(n * (n - 1) / 2 for n in np.unique(of, return_counts=True, axis=0)[1].tolist())  # noqa: E731
    found, there, both = pairs(label), pairs(truth), pairs(np.column_stack([label, truth]))
    return 2 * both / (found + there) if found + there else 1.0


def bcubed(label: np.ndarray, truth: np.ndarray) -> float:
    """Return the F1 of the animals' mean precision and recall (Bagga and Baldwin 1998)."""
    size = lambda of: (lambda u: u[2][u[1].ravel()])(  # noqa: E731
        np.unique(of, return_inverse=True, return_counts=True, axis=0)
    )
    both = size(np.column_stack([label, truth]))
    precision, recall = float(np.mean(both / size(label))), float(np.mean(both / size(truth)))
    return 2 * precision * recall / (precision + recall)


def measured(game: Game, label: np.ndarray, seconds: float) -> dict[str, float]:
    truth = game.catalogue.individual
    return {
        "decisions": game.decisions,
        "pairwise_f1": pairwise(label, truth),
        "bcubed_f1": bcubed(label, truth),
        "individuals_true": len(np.unique(truth)),
        "individuals_estimated": len(np.unique(label)),
        "seconds": seconds,
    }


def timed(work: Callable[[], object]) -> tuple[object, float]:
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def play(game: Game, known: Catalogue, allowed: float, most: int, at_once: int) -> tuple[Ours, Curve]:
    """Ask until the expected wrong identities are few enough; return the decisions and F1 after every round."""
    ours, curve = Ours(game, known, at_once), []
    for turn in range(10_000):
        settled = ours.look()
        if turn % FURTHER == 0:
            ours.look_further()
            settled = ours.look()
        curve.append((game.decisions, bcubed(settled.label, game.catalogue.individual)))
        if expected_wrong(settled) <= allowed or game.decisions >= most or not ours.ask(turn, 1e-4):
            return ours, curve
    return ours, curve


def reached(curve: Curve, f1: float) -> float:
    """Return after how many decisions the F1 was reached for good; all of them if never."""
    below = [place for place, (_, value) in enumerate(curve) if value < f1]
    return float(curve[min(below[-1] + 1 if below else 0, len(curve) - 1)][0])


def one_seed(options: argparse.Namespace, known: Catalogue, catalogue: Catalogue, seed: int) -> dict[str, dict]:
    calibrator = catalogues.calibrated(known)

    def game() -> Game:
        return Game(catalogue, calibrator, options.expert_error, options.cannot_tell, seed)

    rows: dict[str, dict] = {}
    tasks: dict[str, Callable[[Game], np.ndarray]] = {
        "top5": lambda one: peers.top_five(one, False),
        "top5_until_match": lambda one: peers.top_five(one, True),
        "threshold": lambda one: peers.threshold(one, known, bcubed),
    }
    most = 5 * len(catalogue.individual)
    for multiplier in MULTIPLIERS:
        tasks[f"curation_{multiplier}"] = lambda one, m=multiplier: peers.curation(one, known, m, most)
    for name, task in tasks.items():
        played = game()
        label, seconds = timed(lambda task=task, played=played: task(played))
        rows[name] = measured(played, label, seconds)
    played, began = game(), time.process_time()
    ours, curve = play(
        played, known, options.allowed * len(catalogue.individual), ours_at_most(options, catalogue), options.at_once
    )
    assert ours.settled is not None
    rows["ours"] = measured(played, ours.settled.label, time.process_time() - began)
    rows["ours"] |= {"expert_seconds": ours.seconds, "decisions_to_97": reached(curve, 0.97)}
    rows["ours"] |= {"reached_97": float(curve[-1][1] >= 0.97)}
    rows["ours"] |= {"expected_wrong": expected_wrong(ours.settled)} | counted(ours)
    rows["ours"] |= {f"decisions_as_{name}": reached(curve, rows[name]["bcubed_f1"]) for name in tasks}
    rows["ours"] |= {"curve": curve, "tempering": vars(ours.tempering), "prior": ours.prior}
    return rows


def ours_at_most(options: argparse.Namespace, catalogue: Catalogue) -> int:
    return round(options.most * len(catalogue.individual))


def counted(ours: Ours) -> dict[str, float]:
    """Say how many individuals there are, with the interval, and whether it holds the truth."""
    assert ours.settled is not None
    drawn = sample(ours.settled, SAMPLES, ours.rng)
    found = count_individuals(drawn, ours.rng, ours.settled.label).individuals
    truth = len(np.unique(ours.game.catalogue.individual))
    return {
        "individuals_low": found.low,
        "individuals_high": found.high,
        "individuals_error": found.value / truth - 1,
        "individuals_covered": float(found.low <= truth <= found.high),
    }


def scaled(options: argparse.Namespace) -> dict[str, object]:
    """Time gathering and settling catalogues of growing size, and settling again after ten answers."""
    known = catalogues.drawn(2000, 150, 10_000 + options.seed)
    calibrator, methods = catalogues.calibrated(known), {}
    for animals in map(int, options.scale.split(",")):
        catalogue = catalogues.drawn(animals, animals * 3 // 40, options.seed)
        ours = Ours(Game(catalogue, calibrator, options.expert_error, options.cannot_tell, options.seed), known, 10)
        _, first = timed(ours.look)
        settled = ours.settled
        assert settled is not None
        _, asking = timed(lambda ours=ours: ours.ask(0, 0.0))
        _, again = timed(ours.look)
        methods[f"ours_{animals}"] = {
            "animals": animals,
            "pairs": len(ours.pairs),
            "seconds": first,
            "seconds_to_ask": asking,
            "seconds_again": again,
            "animals_redone": ours.settled.redone,
            "individuals_estimated": len(settled.members),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        sys.stderr.write(f"{animals} animals: {methods[f'ours_{animals}']}\n")
    settings = {name: str(value) for name, value in vars(options).items()}
    return {"benchmark": "identity", "settings": settings, "data": {"drawn": True}, "methods": methods}


def main() -> None:
    options = arguments()
    if options.scale:
        matching.write(scaled(options), options.json)
        return
    runs, data = [], []
    for seed in range(options.seed, options.seed + options.seeds):
        known, catalogue = given(options, seed)
        data.append(catalogues.described(catalogue))
        runs.append(one_seed(options, known, catalogue, seed))
        sys.stderr.write(f"seed {seed} done\n")
    curves = [run["ours"].pop("curve") for run in runs]
    tempering = [run["ours"].pop("tempering") for run in runs]
    report = {
        "benchmark": "identity",
        "settings": {name: str(value) for name, value in vars(options).items()} | {"parts": catalogues.PARTS},
        "data": {"catalogues": data, "tempering": tempering},
        "methods": matching.gather(runs),
        "curves": [curve[:: max(1, len(curve) // 40)] for curve in curves],
    }
    matching.write(report, options.json)


def given(options: argparse.Namespace, seed: int) -> tuple[Catalogue, Catalogue]:
    """Return the known half and the one to settle."""
    if options.labels:
        return catalogues.halves(catalogues.read(options.labels, options.images), seed)
    known = catalogues.drawn(options.animals // 2, options.individuals // 2, 10_000 + seed)
    return known, catalogues.drawn(options.animals, options.individuals, seed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, help="labels.csv with the columns file and individual")
    parser.add_argument("--images", type=Path, help="the folder of the files")
    parser.add_argument("--scale", help="numbers of animals, with commas: measure time only")
    parser.add_argument("--animals", type=int, default=4000)
    parser.add_argument("--individuals", type=int, default=300)
    parser.add_argument("--expert-error", type=float, default=0.03)
    parser.add_argument("--cannot-tell", type=float, default=0.05)
    parser.add_argument("--most", type=float, default=1.0, help="decisions of ours at most, for each animal")
    parser.add_argument("--allowed", type=float, default=0.002, help="share of animals that may be wrong when we stop")
    parser.add_argument("--at-once", type=int, default=40, help="questions between two settlings")
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", default="-")
    return parser.parse_args()


if __name__ == "__main__":
    main()
