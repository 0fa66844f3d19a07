"""The consensus benchmark takes any data in its documented format and reports in the common one."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "consensus.py"


def test_the_benchmark_scores_a_crowd_against_its_expert(tmp_path):
    ballots = [("i", "a", 0), ("i", "b", 2), ("i", "c", 300), ("j", "a", None), ("j", "b", None), ("j", "c", 5)]
    write(tmp_path, "crowd", ballots)
    write(tmp_path, "expert", [("i", "x", 1), ("j", "x", None)])

    subprocess.run(
        [
            sys.executable,
            BENCHMARK,
            "--data",
            tmp_path,
            "--votes",
            "3",
            "--seeds",
            "1",
            "--json",
            tmp_path / "out.json",
        ],
        check=True,
        env={"PYTHONPATH": str(BENCHMARK.parents[2])},
    )

    report = json.loads((tmp_path / "out.json").read_text())
    ours = report["methods"]["ours"]
    assert (report["benchmark"], report["data"]["images"]) == ("consensus", 2)
    assert (ours["precision"], ours["recall"], ours["loss"], ours["votes_per_image"]) == (1.0, 1.0, 0.0, 3.0)
    assert set(report["methods"]) >= {"ours", "greedy_majority", "dbscan_iou", "single_worker"}


def write(folder, who, ballots):
    asked = "".join(f"{image},{worker}\n" for image, worker, _ in ballots)
    drawn = "".join(f"{i},{w},{x},0,{x + 100},100\n" for i, w, x in ballots if x is not None)
    (folder / f"{who}_assignments.csv").write_text("image,worker\n" + asked)
    (folder / f"{who}_boxes.csv").write_text("image,worker,x1,y1,x2,y2\n" + drawn)
