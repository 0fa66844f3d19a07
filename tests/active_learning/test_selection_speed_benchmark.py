"""The benchmark of speed puts a peer beside ours and says what it only foretold."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "selection_speed.py"


@pytest.fixture(scope="module")
def speed():
    spec = spec_from_file_location("selection_speed", SCRIPT)
    module = module_from_spec(spec)
    sys.modules["selection_speed"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["selection_speed"]


def test_the_benchmark_times_ours_and_modal_on_the_same_season(tmp_path):
    sizes = ["--pool=600", "--growth", "300", "--dim=16", "--batch=20", "--known=40", "--peer-pool=200"]
    command = [sys.executable, SCRIPT, *sizes, "--peer-batch=10", "--repeats=1", "--json", tmp_path / "out.json"]

    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, timeout=120)

    report = json.loads((tmp_path / "out.json").read_text())
    methods = report["methods"]
    assert report["benchmark"] == "selection_speed"
    assert {name: one["pool"] for name, one in methods.items()} == {
        "ours": 600,
        "ours_of_300": 300,
        "ours_in_modal": 200,
        "modal_ranked_batch": 200,
    }
    assert all(one["seconds"] > 0 and one["peak_mib"] > 0 for one in methods.values())


def test_a_time_that_was_foretold_says_from_what(speed):
    small = {"pool": 100, "batch": 5, "seconds": 2.0, "cpu_seconds": 1.0, "peak_mib": 7.0}

    foretold = speed.scaled(speed.scaled(small, 500), 2500)

    assert (foretold["seconds"], foretold["cpu_seconds"], foretold["peak_mib"]) == (50.0, 25.0, None)
    assert foretold["extrapolated_from"] == small
