"""What is logged can be read by people or by programs, and never holds a secret or a true place."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from haulout import logs
from haulout.config import Settings
from haulout.db import connect
from haulout.embedded import programs

PASSWORD, KEY = 'pass "word" с ключом', "0f" * 20


@pytest.fixture
def logged() -> Iterator[Callable[..., io.StringIO]]:
    """Log into memory for a test, and put the root logger back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def begin(form: str = "json", secrets: tuple[str, ...] = ()) -> io.StringIO:
        stream = io.StringIO()
        logs.set_up(form, secrets, stream)
        return stream

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)


def records(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_program_reads_time_level_logger_message_and_fields(logged):
    stream = logged()

    with logs.about(run=3):
        logging.getLogger("haulout.loop").warning("took %d steps", 7, extra={"seconds": 1.5, "project": "boxes"})
    logging.getLogger("haulout").info("two\nlines")

    first, second = records(stream)
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "warning",
        "logger": "haulout.loop",
        "message": "took 7 steps",
        "run": 3,
        "seconds": 1.5,
        "project": "boxes",
    }
    assert second["message"] == "two\nlines" and "run" not in second


def test_a_traceback_is_part_of_its_record(logged):
    stream = logged()
    try:
        raise LookupError(f"no {KEY}")
    except LookupError:
        logging.getLogger("haulout").exception("it broke")

    (record,) = records(stream)
    assert "LookupError" in record["exception"] and record["level"] == "error"


def test_people_read_lines(logged):
    stream = logged("plain")

    logging.getLogger("haulout.web").info("answered", extra={"status": 200})

    assert stream.getvalue().endswith("INFO haulout.web: answered [status=200]\n")


@pytest.mark.parametrize("form", ["plain", "json"])
@pytest.mark.parametrize(
    "told",
    [
        f"the password is {PASSWORD}!",
        "as an address: pass%20%22word%22%20%D1%81%20%D0%BA%D0%BB%D1%8E%D1%87%D0%BE%D0%BC",
        f"header Authorization: Token {KEY}",
        "header Authorization: Bearer abc.def-ghi",
        "header Authorization: Basic b3BlcmF0b3I6c2VjcmV0",
        "token haulout_Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9v",
        "at postgresql://haulout:hunter22@db/season",
        "the site lies at 69.456712, 58.543210",
        "latitude=69.4567 longitude=58.5432",
        "{'latitude': 69.4567}",
    ],
)
def test_no_secret_and_no_true_place_is_logged_however_it_comes(logged, form, told):
    stream = logged(form, (PASSWORD, KEY))
    logger = logging.getLogger("haulout")

    logger.info(told)
    logger.info("%s", told, extra={"project": told, "told": {"deep": [told]}})
    try:
        raise ValueError(told)
    except ValueError:
        logger.exception("it broke")

    shown = stream.getvalue()
    for secret in ("ключом", "%D0%BA", KEY, "abc.def", "b3Blc", "Zm9v", "hunter22", "456712", "69.4567", "58.54"):
        assert secret not in shown
    assert logs.HIDDEN in shown


def test_what_is_no_secret_stays_readable(logged):
    stream = logged("json", ("on",))

    logging.getLogger("haulout").info("AP50 0.512, 0.634 on 120.5 tiles at 12.5, 3.25; token made")

    assert records(stream)[0]["message"] == "AP50 0.512, 0.634 on 120.5 tiles at 12.5, 3.25; token made"


def test_passwords_made_after_the_log_was_set_up_are_hidden_too(logged):
    stream = logged()
    logs.hide((KEY,))

    logging.getLogger("haulout").info("key %s", KEY)

    assert KEY not in stream.getvalue()


def test_the_settings_know_their_secrets_also_those_inside_addresses():
    settings = Settings(
        secret_key="a-key",
        admin_password="a-password",
        redis_url="redis://:p%40ss@host/0",
        database_url="postgresql://u:pw@h/d",
    )

    assert settings.secret_values() == {"a-key", "a-password", "p@ss", "pw"}


def test_an_error_of_the_database_names_no_value():
    engine = connect("sqlite://")

    with pytest.raises(Exception, match="no such table") as caught, engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("69.4567, 58.5432",))

    assert "69.4567" not in str(caught.value)


def test_what_the_supervisor_starts_logs_for_programs(tmp_path):
    ours = [program for program in programs(Settings(home=tmp_path)) if program.command[1:3] == ("-m", "haulout")]

    assert {program.environment["HAULOUT_LOG"] for program in ours} == {"json"} and len(ours) >= 3


def test_a_command_that_fails_tells_people_a_line_and_programs_a_record(tmp_path):
    def failing(form: str) -> str:
        environment = {**os.environ, "HAULOUT_HOME": str(tmp_path), "HAULOUT_LOG": form}
        command = [sys.executable, "-m", "haulout", "report", "--language", "la"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 2
        return done.stderr

    assert failing("plain").startswith("BadConfiguration: ")
    told = json.loads(failing("json").splitlines()[-1])
    assert told["level"] == "error" and told["message"].startswith("BadConfiguration: ")
