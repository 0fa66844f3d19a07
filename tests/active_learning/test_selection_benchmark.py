"""The replay of labelling runs on any labelled set, starts every strategy alike, and goes on where it was killed."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "benchmarks" / "selection.py"
STRATEGIES = ("random", "count-entropy", "modAL uncertainty", "modAL ranked batch", "k-center", "ours")


@pytest.fixture
def labelled_set(tmp_path):
    """Twenty pictures of dark beasts on light sand, some empty, taken on five days."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    with (tmp_path / "boxes.csv").open("w") as boxes, (tmp_path / "images.csv").open("w") as images:
        drawn, taken = csv.writer(boxes), csv.writer(images)
        drawn.writerow(["file", "class", "x1", "y1", "x2", "y2"])
        taken.writerow(["file", "taken_at"])
        for number in range(20):
            name = f"p{number:02}.png"
            picture = np.full((96, 96, 3), 200, dtype=np.uint8)
            for _ in range(number % 4):
                x, y = rng.integers(0, 70, 2)
                picture[y : y + 20, x : x + 24] = (90, 60, 40)
                drawn.writerow([name, "seal", x, y, x + 24, y + 20])
            Image.fromarray(picture).save(folder / name)
            taken.writerow([name, f"2026-08-{1 + number % 5:02}T12:{number:02}:00"])
    return tmp_path


def replay(folder: Path, out: Path) -> dict:
    small = ["--start", "4", "--batch", "3", "--rounds", "2", "--seeds", "2", "--pool", "14", "--exam", "4"]
    quick = ["--side", "96", "--steps", "3", "--jobs", "1"]
    data = ["--boxes", str(folder / "boxes.csv"), "--images", str(folder / "images")]
    command = [sys.executable, str(SCRIPT), *data, *small, *quick, "--json", str(out)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, capture_output=True)
    return json.loads(out.read_text())


def test_every_strategy_starts_alike_and_a_second_run_only_reads_what_the_first_one_played(labelled_set, tmp_path):
    out = tmp_path / "out.json"

    first = replay(labelled_set, out)
    partial = Path(f"{out}.partial")
    played = json.loads(partial.read_text())
    played["curves"]["ours:1"]["ours"][-1][3] = 0.987
    partial.write_text(json.dumps(played))
    second = replay(labelled_set, out)

    curves = {name: first["methods"][name]["curve"] for name in STRATEGIES}
    assert len({tuple(curve[0].values()) for curve in curves.values()}) == 1
    assert all([point["tiles"] for point in curve] == [4, 7] for curve in curves.values())
    assert all(curve[1]["minutes"] > curve[0]["minutes"] > 0 for curve in curves.values())
    assert (tmp_path / "out.png").stat().st_size > 1000
    ours = played["curves"]["ours:0"]["ours"][-1][3], 0.987
    assert second["methods"]["ours"]["curve"][1]["ap50"] == pytest.approx(np.mean(ours))
