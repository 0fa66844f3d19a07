"""What the README and the handbooks tell people to type works."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from haulout.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text()
TYPED = [line.strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [re.sub(r"\s+#.*", "", line).removeprefix(".venv/bin/") for line in TYPED]
HANDBOOKS = REPOSITORY / "platform" / "haulout" / "handbook"
READERS = ("operator", "volunteer", "expert")
NEEDS_PEOPLE = {"up", "down", "run", "rollback", "narrow", "exclude", "include"}
"""Commands that want Label Studio, a trained network or somebody's votes; tests of their own run them."""


def handbook(who: str, language: str) -> str:
    return (HANDBOOKS / f"{who}.{language}.md").read_text(encoding="utf-8")


def typed(text: str) -> list[str]:
    """Return the lines to be typed, whole, without the folder of the program."""
    return [line.strip().removeprefix(".venv/bin/") for line in text.splitlines() if line.startswith("    ")]


def mentioned(text: str) -> list[str]:
    """Return the commands that are named within sentences."""
    return [told.removeprefix(".venv/bin/") for told in re.findall(r"`((?:\.venv/bin/)?haulout [^`]+)`", text)]


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


@pytest.mark.parametrize("who", READERS)
def test_a_handbook_says_the_same_in_both_languages(who: str) -> None:
    def shape(text: str) -> list[str]:
        """Return what must be alike: levels of headings, what is typed, pictures, lists, quotations and tables."""
        lines = [line for line in text.splitlines() if re.match(r"#|    \S|!\[|- |> |\|", line)]
        kinds = [line if line.startswith("    ") else line.split(" ")[0].split("[")[0] for line in lines]
        return [
            kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before or kind in ("-", "##")
        ]

    english, russian = handbook(who, "en"), handbook(who, "ru")

    assert shape(english) == shape(russian)
    assert typed(english) == typed(russian)
    assert mentioned(english) == mentioned(russian)


@pytest.mark.parametrize("who", READERS)
def test_every_command_of_a_handbook_exists_with_its_options(who: str) -> None:
    text = handbook(who, "en")
    commands = [line for line in (*typed(text), *mentioned(text)) if line.startswith("haulout ")]

    for line in commands:
        group, words = get_command(app), shlex.split(line)[1:]
        while hasattr(group, "commands"):
            assert words and words[0] in group.commands, line
            group, words = group.commands[words[0]], words[1:]
        spelt = [word.partition("=")[0] for word in words if word.startswith("-")]
        assert set(spelt) <= {option for parameter in group.params for option in parameter.opts}, line
        if line in typed(text):
            group.make_context(group.name, words)

    assert bool(commands) == (who == "operator")


def test_every_other_command_of_the_operators_handbook_is_there() -> None:
    lines = typed(handbook("operator", "en"))
    makes = [line for line in lines if line.startswith("make ")]

    told = subprocess.run(["make", "-n", *shlex.split(makes[0])[1:]], cwd=REPOSITORY, capture_output=True, check=False)

    assert told.returncode == 0, told.stderr
    assert {line.split()[0] for line in lines} == {"haulout", "make", "cp"}


def _here(word: str, folder: Path) -> str:
    """Return a path of the handbook as it is on the test's machine; a backup's name says when it was made."""
    if word.startswith("/media/backup/"):
        return str(max((folder / "backup").iterdir()))
    return word.replace("/media", str(folder)) if word.startswith("/media") else word


def test_the_operators_handbook_can_be_followed_from_the_card_to_the_key(tmp_path: Path, monkeypatch) -> None:
    card = tmp_path / "card"
    card.mkdir()
    for number in range(3):
        exif = Image.Exif()
        exif[0x0110] = "HP2X"
        exif.get_ifd(0x8769).update({0x9003: f"2026:08:1{number} 12:00:00", 0xA431: "00217"})
        Image.new("RGB", (640, 480), (90 + number, 100, 110)).save(card / f"IMG_000{number}.JPG", exif=exif)
    (tmp_path / "tides.csv").write_text("time,metres\n2026-08-12 09:00,0.4\n2026-08-12 15:00,-0.3\n")
    image, box = {"id": 1, "file_name": "IMG_0001.JPG"}, {"image_id": 1, "category_id": 1, "bbox": [10, 20, 90, 60]}
    document = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "walrus"}]}
    (tmp_path / "boxes.json").write_text(json.dumps(document))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAULOUT_HOME", str(tmp_path / "data"))
    lines = [shlex.split(line)[1:] for line in typed(handbook("operator", "en")) if line.startswith("haulout ")]

    told = {}
    for line in lines:
        words = [_here(word, tmp_path) for word in line]
        if words[0] == "restore":
            words.append("--replace")  # the home is not empty
        if words[0] not in NEEDS_PEOPLE:
            answer = CliRunner().invoke(app, words)
            assert answer.exit_code == 0, f"{words}: {answer.output} {answer.exception!r}"
            told[" ".join(words[:2])] = answer.output

    assert "3 new photos" in told[f"ingest {card}"]
    assert "HP2X 00217" in told["site Matveyev Island"]
    assert "2 heights added" in told["tide Matveyev Island"] and "1 in all" in told["import boxes.json"]
    assert Path("report.html").exists() and Path("report-ru.pdf").read_bytes().startswith(b"%PDF")
    assert Path("season-2026/manifest.json").exists() or any(Path("season-2026").iterdir())
    assert "3 photos" in told["backup --to"] and " is as it was on " in next(
        answer for words, answer in told.items() if words.startswith("restore")
    )
    assert "revoked" in CliRunner().invoke(app, ["token", "list"]).output
