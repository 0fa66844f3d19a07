"""What the README tells people to type works."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text()
TYPED = [line.strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [re.sub(r"\s+#.*", "", line).removeprefix(".venv/bin/") for line in TYPED]


def run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(str(REPOSITORY / part) for part in (".", "models", "platform"))
    environment = os.environ | {"HAULOUT_HOME": str(home), "PYTHONPATH": paths}
    return subprocess.run(command, cwd=home.parent, env=environment, capture_output=True, text=True, check=False)


def haulout(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "haulout", *words], home)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_every_make_command_of_the_readme_is_a_target(command: str) -> None:
    target = shlex.split(command)[1]

    told = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("haulout ")])
def test_every_haulout_command_of_the_readme_explains_itself(command: str, tmp_path: Path) -> None:
    name = shlex.split(command)[1]

    told = haulout(tmp_path / "home", name, "--help")

    assert told.returncode == 0, told.stderr
    assert f"haulout {name}" in " ".join(told.stdout.split())


def test_a_first_season_can_be_begun_and_reported_without_any_service(tmp_path: Path) -> None:
    home, card = tmp_path / "home", tmp_path / "card"
    card.mkdir()
    Image.new("RGB", (640, 480), "grey").save(card / "IMG_0001.JPG")
    (card / "IMG_0002.JPG").write_bytes(b"not a photo")

    begun = [
        haulout(home, "init"),
        haulout(home, "ingest", str(card)),
        haulout(home, "status"),
        haulout(home, "report", "--out", str(tmp_path / "report.html")),
    ]

    assert [told.returncode for told in begun] == [0, 0, 0, 0], [told.stderr for told in begun]
    assert "1 new photos" in begun[1].stdout
    assert "IMG_0002.JPG" in begun[1].stdout
    assert "<html" in (tmp_path / "report.html").read_text()


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "models/README.md"):
        here = REPOSITORY / document
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", here.read_text()):
            assert (here.parent / target).exists(), f"{document} links to {target}"
