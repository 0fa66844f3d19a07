import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import redis

from haulout.errors import BadConfiguration, ServiceUnavailable
from haulout.processes import Program, Supervisor, valkey_program

COUNTS = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
with open("lives", "a") as lives:
    lives.write(f"{os.getpid()} {child.pid} {os.environ['WORD']}\\n")
signal.pause()
"""

COMMAND = """
import pathlib, time
from haulout import embedded
from haulout.config import Settings
from haulout.processes import Program, Supervisor
supervisor = Supervisor(pathlib.Path("run"))
supervisor.start([Program("sleeper", ("sleep", "1000"), pathlib.Path("."))])
supervisor.wait_until_running(30, time.monotonic, time.sleep)
pathlib.Path("up").touch()
embedded.keep_running(Settings(home=pathlib.Path(".")))
"""


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.stop()


def counting(folder) -> Program:
    (folder / "counts.py").write_text(COUNTS)
    (folder / "lives").touch()
    return Program("counter", (sys.executable, "counts.py"), folder, {"WORD": "100% моржи; a=b, c"})


def test_a_program_killed_without_warning_comes_back_and_stopping_ends_it_with_its_children(supervisor, tmp_path):
    lives = lambda: [line.split(" ", 2) for line in (tmp_path / "lives").read_text().splitlines()]  # noqa: E731
    supervisor.start([counting(tmp_path)])
    supervisor.wait_until_running(30, time.monotonic, time.sleep)

    os.kill(supervisor.process_ids()["counter"], signal.SIGKILL)
    until(lambda: len(lives()) == 2 and supervisor.status() == {"counter": "RUNNING"})
    (_, _, word), (second, grandchild, _) = lives()
    supervisor.stop()

    assert word == "100% моржи; a=b, c"
    assert not alive(int(second)) and not alive(int(grandchild))
    assert supervisor.status() == {} and not supervisor.running()


def test_a_second_supervisor_of_a_folder_is_refused_and_another_process_sees_the_first(supervisor, tmp_path):
    supervisor.start([counting(tmp_path)])
    supervisor.wait_until_running(30, time.monotonic, time.sleep)
    other = Supervisor(tmp_path)

    assert other.status() == {"counter": "RUNNING"}
    with pytest.raises(ServiceUnavailable, match="already runs"):
        other.start([])


def test_a_program_that_cannot_start_is_named_with_the_end_of_its_log(supervisor, tmp_path):
    broken = Program("broken", (sys.executable, "-c", "1 / 0"), tmp_path)
    supervisor.start([broken])

    with pytest.raises(ServiceUnavailable, match=r"broken is (.|\n)*ZeroDivisionError"):
        supervisor.wait_until_running(4, time.monotonic, time.sleep)


def test_a_terminated_command_takes_its_programs_with_it(tmp_path):
    (tmp_path / "command.py").write_text(COMMAND)
    paths = os.pathsep.join(path for path in sys.path if path)
    command = subprocess.Popen([sys.executable, "command.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths})
    try:
        until((tmp_path / "up").exists)
        program = Supervisor(tmp_path / "run").process_ids()["sleeper"]
    finally:
        command.terminate()
        command.wait(30)

    assert program and not alive(program)
    assert not Supervisor(tmp_path / "run").running()


def test_values_that_the_supervisors_file_cannot_hold_are_refused(supervisor, tmp_path):
    for value in ("two\nlines", 'a "quote"', "a #comment"):
        with pytest.raises(BadConfiguration, match="cannot be given"):
            supervisor.start([Program("odd", ("true",), tmp_path, {"VALUE": value})])


def test_the_queue_server_keeps_what_it_was_given_through_a_kill(supervisor, tmp_path, free_port):
    port = free_port()
    supervisor.start([valkey_program(tmp_path, port, "a-password")])
    supervisor.wait_until_running(30, time.monotonic, time.sleep)
    client = redis.Redis(port=port, password="a-password")
    client.set("job", "propose")
    client.execute_command("WAITAOF", 1, 0, 5000)

    killed = supervisor.process_ids()["valkey"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: supervisor.process_ids()["valkey"] not in (0, killed))
    supervisor.wait_until_running(30, time.monotonic, time.sleep)

    assert client.get("job") == b"propose"
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).get("job")
    assert stat.S_IMODE((tmp_path / "valkey.conf").stat().st_mode) == 0o600
