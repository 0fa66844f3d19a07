"""The benchmark of counting measures peers that do what their papers say, and reports in the common form."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def peers():
    spec = spec_from_file_location("counting_peers", BENCHMARKS / "counting_peers.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["simple_random", "ppi", "discount", "lure"])
def test_every_peer_is_unbiased(peers, name):
    rng = np.random.default_rng(0)
    count = rng.poisson(rng.gamma(0.5, 6, 300)).astype(float)
    expected = rng.binomial(count.astype(int), 0.7) + rng.gamma(0.5, 1, 300)

    errors = [peers.PEERS[name](expected, count, 30, rng)[0] / count.sum() - 1 for _ in range(600)]

    assert abs(np.mean(errors)) < 3.5 * np.std(errors) / np.sqrt(600)


def test_a_perfect_machine_leaves_the_peers_that_trust_it_no_error(peers):
    count = np.arange(50.0)

    assert peers.ppi(count, count, 10, np.random.default_rng(0)) == pytest.approx((count.sum(),) * 3)
    exact = peers.discount(count, count, 10, np.random.default_rng(0), floor=1e-12)
    assert exact[0] == pytest.approx(count.sum())


@pytest.mark.parametrize("mode", ["--seasons=4", "--coverage=4"])
def test_the_benchmark_reports_every_detector_and_compares_with_what_was_asked_for(tmp_path, mode):
    out = tmp_path / "out.json"
    command = [sys.executable, BENCHMARKS / "counting.py", mode, "--budget=60", "--seed=5", f"--json={out}"]
    environment = os.environ | {"PYTHONPATH": str(BENCHMARKS.parents[1]), "OMP_NUM_THREADS": "1"}

    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=120)

    report = json.loads(out.read_text())
    assert report["benchmark"] == "counting" and set(report["goals"]) == {"good", "mediocre", "useless"}
    ours, random = (report["methods"][f"good_{name}"]["relative_rmse"]["mean"] for name in ("ours", "simple_random"))
    assert 0 < ours < random
