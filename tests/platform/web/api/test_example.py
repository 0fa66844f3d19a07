"""The example that people copy from works against a real server, and says what is wrong when it cannot."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from PIL import Image
from waitress.server import create_server

SCRIPT = Path(__file__).resolve().parents[4] / "platform" / "examples" / "occupancy_curve.py"
INK, BAND, GAP, EVENT = (11, 92, 122), (194, 214, 222), (224, 224, 224), (213, 89, 10)


@pytest.fixture
def address(interface: Flask) -> Iterator[str]:
    server = create_server(interface, host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


def draw(address: str, token: str, folder: Path, *wishes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HAULOUT_TOKEN": token}
    command = [sys.executable, str(SCRIPT), "--address", address, "--out", str(folder / "curve.png"), *wishes]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_example_draws_line_band_gaps_and_events(address, make_header, tmp_path) -> None:
    token = make_header("read")["Authorization"].removeprefix("Bearer ")

    done = draw(address, token, tmp_path, "--from", "2026-08-01")

    assert done.returncode == 0, done.stderr
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB")).astype(int)
    assert picture.shape[0] > 500 and picture.shape[1] > 1000
    drawn = {colour: (abs(picture - colour).max(axis=2) <= 2).sum() for colour in (INK, BAND, GAP, EVENT)}
    assert min(drawn.values()) > 200, drawn
    gaps = (abs(picture - GAP).max(axis=2) <= 2)[picture.shape[0] // 2]
    assert (np.diff(gaps.astype(int)) == 1).sum() == 3, "fog for two days, two days without photos, fog for one"


@pytest.mark.parametrize(
    ("token", "wishes", "said"),
    [
        ("rubbish", (), "unknown, expired or revoked"),
        (None, ("--site", "Atlantis"), "haulout run"),
    ],
)
def test_the_example_says_what_is_wrong_in_one_line(address, make_header, tmp_path, token, wishes, said) -> None:
    good = make_header("read")["Authorization"].removeprefix("Bearer ")

    done = draw(address, good if token is None else token, tmp_path, *wishes)

    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
