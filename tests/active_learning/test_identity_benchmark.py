"""The benchmark of who is who measures what it says, on catalogues whose truth it knows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(BENCHMARKS))
    import identity

    yield identity
    sys.path.remove(str(BENCHMARKS))


def test_f1_is_that_of_the_books(benchmark):
    truth = np.array([0, 0, 0, 1, 1])
    split = np.array([0, 0, 2, 3, 3])

    assert benchmark.pairwise(truth, truth) == benchmark.bcubed(truth, truth) == 1
    assert benchmark.pairwise(split, truth) == pytest.approx(2 * 2 / (2 + 4))
    recall = (2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5
    assert benchmark.bcubed(split, truth) == pytest.approx(2 * recall / (1 + recall))


def test_drawn_animals_of_one_photo_are_never_one_individual(benchmark):
    catalogue = benchmark.catalogues.drawn(300, 20, 0)

    shown = {(photo, who) for photo, who in zip(catalogue.photo, catalogue.individual, strict=True)}

    assert len(shown) == 300 == len(catalogue.vectors)
    assert set(catalogue.individual) == set(range(20))


def test_experts_who_never_err_give_the_peers_what_they_should_know(benchmark):
    catalogue = benchmark.catalogues.drawn(200, 15, 1)
    known = benchmark.catalogues.drawn(200, 15, 2)
    calibrator = benchmark.catalogues.calibrated(known)

    def game():
        return benchmark.Game(catalogue, calibrator, 1e-9, 0.0, 0)

    reviewed, curated = game(), game()
    top = benchmark.peers.top_five(reviewed, False)
    label = benchmark.peers.curation(curated, known, 2.0, 5000)

    same = top[:, None] == top
    assert (catalogue.individual[:, None] == catalogue.individual)[same].all()
    assert reviewed.decisions <= 5 * 200
    assert benchmark.bcubed(label, catalogue.individual) > 0.5


def test_the_benchmark_reports_every_method_and_ours_needs_fewest_decisions(tmp_path):
    out = tmp_path / "out.json"
    size = ["--animals=150", "--individuals=15", "--seeds=1", "--seed=3", "--at-once=15"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    subprocess.run(
        [sys.executable, BENCHMARKS / "identity.py", *size, f"--json={out}"],
        check=True,
        env=environment,
        capture_output=True,
        timeout=300,
    )

    methods = json.loads(out.read_text())["methods"]
    assert {"ours", "top5", "threshold", "curation_1.0"} <= set(methods)
    assert methods["ours"]["decisions_as_top5"] < methods["top5"]["decisions"]
