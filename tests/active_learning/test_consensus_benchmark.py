"""The benchmarks of merging take data in their documented format and report in the common one."""

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
def matching():
    """What the benchmarks share; they are scripts and no package."""
    spec = spec_from_file_location("matching", BENCHMARKS / "matching.py")
    module = module_from_spec(spec)
    sys.modules["matching"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["matching"]


def test_the_benchmark_scores_a_crowd_against_its_expert(tmp_path):
    write(tmp_path, "crowd", [("i", "a", 0), ("i", "b", 2), ("i", "c", 300)] + [("j", w, None) for w in "abc"])
    write(tmp_path, "expert", [("i", "x", 1), ("j", "x", None)])
    (tmp_path / "images.csv").write_text("image,width,height\ni,1280,720\nj,1280,720\n")
    files = {"boxes": "crowd_boxes", "assignments": "crowd_assignments", "images": "images"}
    files |= {"experts": "expert_boxes", "expert-assignments": "expert_assignments"}

    report = run(
        "consensus", tmp_path, "--orders=2", *(f"--{name}={tmp_path / file}.csv" for name, file in files.items())
    )

    majority = report["methods"]["majority_median"]
    assert (report["benchmark"], report["data"]["images"]) == ("consensus", 2)
    assert (majority["precision"]["mean"], majority["recall"]["mean"], majority["loss"]["mean"]) == (1.0, 1.0, 0.0)
    assert report["methods"]["single_worker"]["votes_per_image"]["mean"] == 1.0
    assert 2.0 <= report["methods"]["ours_sequential_all"]["votes_per_image"]["mean"] <= 3.0
    assert set(report["goals"]) == {"f1_at_7_votes", "f1_at_few_votes", "loss", "calibration"}
    assert {file.name for file in tmp_path.glob("*.png")} == {"out_votes.png", "out_reliability.png"}


def test_the_benchmark_draws_haulouts_spammers_and_crowds(tmp_path):
    small = "--photos=1 --animals=30 --people=10 --crowd=20 --seeds=1 --growth 50 100".split()

    report = run("haulouts", tmp_path, *small)

    assert report["methods"]["ours"]["recall"] > 0.5
    assert report["methods"]["ours"]["votes_per_tile"] >= 2.0
    assert report["methods"]["crowd_ours"]["found"] > 0.5
    assert report["methods"]["growth_100"]["votes"] == 100
    assert all(isinstance(goal["met"], bool) for goal in report["goals"].values())


def test_the_published_loss_forgives_what_is_small(matching):
    wide, small = [0, 0, 100, 100], [200, 0, 220, 60]

    missed = matching.published_loss(boxes([300, 0, 400, 100]), boxes(wide, small))

    assert missed == 2
    assert matching.published_loss(boxes(wide), boxes(wide, small)) == 0
    assert matching.published_loss(boxes(wide, [190, 0, 250, 60]), boxes(wide, small)) == 0


def test_boxes_are_matched_so_that_the_most_find_a_partner(matching):
    greedy = boxes([0, 0, 100, 100], [-30, 0, 70, 100])

    matched = matching.match(greedy, boxes([10, 0, 110, 100], [-5, 0, 95, 100]))

    assert matched.tolist() == [0, 1]


def boxes(*rows):
    return np.array(rows, dtype=np.float64)


def run(name, folder, *arguments):
    command = [sys.executable, BENCHMARKS / f"{name}.py", *arguments, "--json", folder / "out.json"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parents[1])})
    return json.loads((folder / "out.json").read_text())


def write(folder, who, ballots):
    asked = "".join(f"{image},{worker}\n" for image, worker, _ in ballots)
    drawn = "".join(f"{i},{w},{x},0,{x + 100},100\n" for i, w, x in ballots if x is not None)
    (folder / f"{who}_assignments.csv").write_text("image,worker\n" + asked)
    (folder / f"{who}_boxes.csv").write_text("image,worker,x1,y1,x2,y2\n" + drawn)
