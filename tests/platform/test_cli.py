"""What the operator types, and what comes back: one line that says what to do, and an exit code."""

import logging
import sys
from datetime import datetime

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from haulout import cli
from haulout.db import connect as connect_database
from haulout.db import reading, writing
from haulout.tables import ExclusionRow, PersonRow, RunRow


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
