"""What the operator types, and what comes back: one line that says what to do, and an exit code."""

import json
import logging
import sys
from datetime import datetime

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from haulout import cli
from haulout.db import connect as connect_database
from haulout.db import reading, writing
from haulout.tables import ExclusionRow, IngestionRow, PersonRow, PhotoRow, RunRow


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own, and none of the settings of whoever runs the tests."""
    for name in ("DATABASE_URL", "REDIS_URL", "LABEL_STUDIO_URL", "LABEL_STUDIO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HAULOUT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HAULOUT_STARTER", "none")
    monkeypatch.setattr(logging, "basicConfig", lambda **_settings: None)
    return tmp_path / "home"


@pytest.fixture
def haulout(monkeypatch, capsys):
    """Return a function that runs a command and gives its exit code and what it said."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["haulout", *arguments])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return code, " ".join((said.out + said.err).split())

    return run


def test_help_teaches_a_whole_season_and_the_exit_codes():
    told = CliRunner().invoke(cli.app, ["--help"])

    assert told.exit_code == 0
    for word in ("haulout init", "haulout up", "haulout ingest", "haulout run", "haulout report", "Exit codes"):
        assert word in told.output


@pytest.mark.parametrize(
    "command", [command.name or command.callback.__name__ for command in cli.app.registered_commands]
)
def test_every_command_says_what_it_does(command):
    told = CliRunner().invoke(cli.app, [command, "--help"])

    assert told.exit_code == 0
    assert cli.app.registered_commands and told.output.count("\n") > 4


def test_init_makes_a_home_and_may_be_repeated(haulout, home):
    first, second = haulout("init"), haulout("init")

    assert first == second
    assert first[0] == 0 and "Next: haulout up" in first[1]
    assert (home / "secrets.json").exists() and (home / "haulout.sqlite").exists()


def test_status_of_an_empty_home_says_that_nothing_happened_yet(haulout):
    code, said = haulout("status")

    assert code == 0
    assert "0, 0 put aside" in said and "`haulout run` starts one" in said


def test_what_cannot_be_done_is_told_in_one_line_with_code_1(haulout):
    code, said = haulout("rollback")

    assert (code, said) == (
        1,
        "NoSuchModel: No detector was ever promoted, so there is nothing to go back from.",
    )
    assert haulout("promote", "det-0007")[0] == 1


def test_wrong_usage_and_wrong_settings_have_code_2(haulout, monkeypatch):
    assert haulout("fly")[0] == 2
    assert haulout("ingest")[0] == 2
    monkeypatch.setenv("HAULOUT_PORT", "none")

    code, said = haulout("status")

    assert code == 2 and "HAULOUT_PORT" in said and "Traceback" not in said


def test_a_service_that_does_not_answer_has_code_3_and_is_named(haulout, monkeypatch, free_port):
    port = free_port()
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
    monkeypatch.setenv("LABEL_STUDIO_URL", f"http://127.0.0.1:{port}")
    worker, listening = haulout("worker", "--burst"), haulout("listen")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody:password@127.0.0.1:{port}/none")
    database = haulout("status")

    for (code, said), name in ((worker, "REDIS_URL"), (listening, "Label Studio"), (database, "DATABASE_URL")):
        assert code == 3 and name in said and "Traceback" not in said
    assert "password" not in database[1]


def test_ingesting_a_folder_that_is_not_there_says_so(haulout, tmp_path):
    code, said = haulout("ingest", str(tmp_path / "no-card"))

    assert code == 2 and "no-card" in said


def test_a_run_that_fails_is_written_down_as_failed(haulout, home, monkeypatch, free_port):
    monkeypatch.setenv("LABEL_STUDIO_URL", f"http://127.0.0.1:{free_port()}")

    code, _ = haulout("run")

    with reading(connect_database(f"sqlite:///{home / 'haulout.sqlite'}")) as session:
        run = session.get_one(RunRow, 1)
    assert code == 3
    assert (run.state, run.stage) == ("failed", "dispatch") and "does not answer" in run.message


def test_nobody_can_be_excluded_who_never_answered(haulout):
    haulout("init")

    for command in ("exclude", "include"):
        code, said = haulout(command, "person-7")

        assert code == 1
        assert "UnknownPerson" in said and "person-7" in said and "nobody yet" in said


def test_a_person_can_be_excluded_and_taken_back(haulout, home):
    haulout("init")
    engine = connect_database(f"sqlite:///{home / 'haulout.sqlite'}")
    with writing(engine) as session:
        session.add(PersonRow(id="person-7", label_studio_user=7, joined_at=datetime(2026, 11, 23)))

    said = [haulout(command, "person-7", "--reason", "draws at random") for command in ("exclude", "include")]

    with reading(engine) as session:
        decisions = [(row.person, row.excluded, row.reason) for row in session.exec(select(ExclusionRow))]
    assert [code for code, _ in said] == [0, 0]
    assert "0 tiles settled without person-7" in said[0][1] and "0 tiles settled with person-7" in said[1][1]
    assert decisions == [("person-7", True, "draws at random"), ("person-7", False, "draws at random")]


def test_a_token_is_printed_once_listed_without_it_and_revoked(haulout):
    code, said = haulout("token", "make", "curve", "--scopes", "read,people", "--days", "30")
    token, advice = said.split(" ", 1)
    listed, revoked = haulout("token", "list"), haulout("token", "revoke", "curve")

    assert (code, listed[0], revoked[0]) == (0, 0, 0)
    assert token.startswith("haulout_") and "cannot be shown again" in advice
    assert "curve people, read" in listed[1] and "valid" in listed[1] and token not in listed[1]
    assert "revoked" in haulout("token", "list")[1]


def test_a_token_that_cannot_be_made_or_found_is_told_in_one_line(haulout):
    assert haulout("token", "make", "x", "--scopes", "all")[0] == 2
    assert haulout("token", "make", "x", "--days", "0")[0] == 2
    code, said = haulout("token", "revoke", "x")
    assert code == 1 and "UnknownToken" in said and "haulout token list" in said
    assert "haulout token make" in haulout("token", "list")[1]


@pytest.fixture
def beach(haulout, home):
    """Make a home with one photo of one camera, that nobody has looked at."""
    haulout("init")
    moment = datetime(2026, 8, 3, 12)
    photo = PhotoRow(id="a" * 64, name="DCIM/IMG_1.JPG", ingestion=1, site="Beach", camera="CAM1", burst="b", width=400)
    photo.height, photo.suffix, photo.size_bytes, photo.taken_at, photo.ingested_at = 300, ".jpg", 1, moment, moment
    with writing(connect_database(f"sqlite:///{home / 'haulout.sqlite'}")) as session:
        session.add(IngestionRow(id=1, folder="CARD", site="Beach", started_at=moment))
        session.flush()
        session.add(photo)


def test_the_place_of_a_site_is_told_kept_and_shown_to_the_operator_alone(haulout, beach):
    given = ("--latitude", "69.4567", "--longitude", "-58.4321", "--time-zone", "Asia/Kamchatka")

    code, said = haulout("site", "Beach", *given)

    assert code == 0 and haulout("site", "Beach") == (code, said)
    for told in ("Beach, 1 photos", "69.4567, -58.4321", "obscured", "69.45, -58.45, within 7872 m", "Asia/Kamchatka"):
        assert told in said
    code, said = haulout("site", "Beach", "--geoprivacy", "withheld")
    assert code == 0 and "others see: nothing" in said
    code, said = haulout("site", "Beach", "--latitude", "nan")
    assert code == 2 and "BadPlace: latitude nan" in said


def test_a_camera_gets_a_view_and_moves_that_can_be_denied(haulout, beach):
    code, said = haulout("camera", "Beach", "CAM1", "--view", "south", "--moved", "2026-08-03 14:00")
    assert (code, said) == (0, "CAM1: view south; moved 2026-08-03 14:00:00 (operator)")

    code, said = haulout("camera", "Beach", "CAM1", "--not-moved", "2026-08-03 14:00:00")
    assert (code, said) == (0, "CAM1: view south; moved never")

    code, said = haulout("camera", "Beach", "CAM2")
    assert code == 2 and "Known: CAM1" in said


def test_a_table_of_tides_is_read_once_and_its_bad_lines_are_named(haulout, beach, tmp_path):
    table = tmp_path / "tides.csv"
    table.write_text("time,metres\n2026-08-03 14:00,1.25\n2026-08-03 15:00,high\n")

    code, said = haulout("tide", "Beach", str(table))
    assert code == 1 and "line 3: 'high' is no number of metres" in said and "--skip-bad" in said

    code, said = haulout("tide", "Beach", str(table), "--skip-bad")
    assert code == 0 and "1 heights added, 0 corrected, 0 known before." in said and "left out: line 3" in said
    assert "0 heights added, 0 corrected, 1 known before." in haulout("tide", "Beach", str(table), "--skip-bad")[1]
    assert haulout("tide", "Beech", str(table))[0] == 2


def test_boxes_of_a_file_are_taken_in_and_status_knows_them(haulout, beach, tmp_path):
    file = tmp_path / "old boxes.json"
    annotation = {"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}
    images = [{"id": 1, "file_name": "img_1.jpg"}, {"id": 2, "file_name": "[bold]gone[/].jpg"}]
    categories = [{"id": 1, "name": "walrus"}]
    file.write_text(json.dumps({"images": images, "annotations": [annotation], "categories": categories}))

    code, said = haulout("import", str(file), "--site", "Beach")

    assert code == 0 and "import-old-boxes: boxes of 1 photos taken in, 1 in all" in said
    assert "images[1] '[bold]gone[/].jpg'" in said and "haulout exclude import-old-boxes" in said
    said = haulout("status")[1]
    assert "import-old-boxes 1 boxes on 1 photos, coco, 1 of its photos are not known here" in said
    assert "boxes 1 held" in said
    code, said = haulout("import", str(tmp_path / "nothing.json"))
    assert code == 1 and "There is no file" in said


def test_the_operator_lets_people_in_changes_their_role_and_erases_them(home, haulout):
    haulout("init")
    assert "/enter?link=" in haulout("sign-in")[1]
    invited, told = haulout("invite", "--role", "expert", "--uses", "3", "--days", "2")
    assert invited == 0 and "http://127.0.0.1:8300/sign-up?invite=" in told
    assert "operator operator" in haulout("account", "list")[1]

    assert "from the next sign-in on" in haulout("account", "role", "operator", "volunteer")[1]
    assert "/enter?link=" in haulout("account", "reset", "Operator")[1]
    assert "The votes stay under" in haulout("account", "erase", "operator", "--yes")[1]
    code, told = haulout("account", "role", "operator", "expert")
    assert code == 1 and "UnknownAccount" in told and "haulout account list" in told


def test_pages_are_not_served_with_keys_that_anybody_could_compute(home, haulout):
    code, said = haulout("serve")

    assert code == 2 and "holds no keys yet" in said and "haulout init" in said
