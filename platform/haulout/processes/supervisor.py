"""Keeps programs running with supervisord: restarts what dies, keeps the logs small, stops everything together."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import xmlrpc.client
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from haulout.errors import BadConfiguration, ServiceUnavailable
from haulout.processes.programs import Program

CANNOT_BE_WRITTEN = re.compile(r"[\n\r'\"]|\s[;#]")
LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes, and supervisord adds a suffix of its own while it binds."""


class Supervisor:
    """The programs of one home folder; every `haulout` command on this machine can ask it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._configuration = self.folder / "supervisord.conf"
        self._socket = _socket_of(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, programs: Sequence[Program]) -> None:
        """Start all programs; a second supervisor for one folder is refused."""
        if self.running():
            raise ServiceUnavailable(f"Haulout already runs in {self.folder}. `haulout status` shows what it does.")
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        text = configuration(self.folder, self._socket, programs)
        self._configuration.write_text(text)
        self._configuration.chmod(0o600)  # it holds the environment of the programs
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(self._configuration)]
        # In a session of its own: Ctrl-C must reach it through us once, not all programs at the same moment.
        with (self.folder / "logs" / "supervisord.out").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def running(self) -> bool:
        """Say whether a supervisor answers for this folder."""
        try:
            return bool(self._rpc().supervisor.getState()["statecode"] >= 0)
        except xmlrpc.client.Fault:  # it is shutting down
            return True
        except (OSError, http.client.HTTPException):
            return False

    def status(self) -> dict[str, str]:
        """Return the state of each program, such as RUNNING, STARTING or FATAL; empty when nothing runs."""
        try:
            return {p["name"]: p["statename"] for p in self._info()}
        except (OSError, http.client.HTTPException):
            return {}

    def process_ids(self) -> dict[str, int]:
        """Return the process id of each program, 0 while it does not run."""
        return {p["name"]: int(p["pid"]) for p in self._info()}

    def wait_until_running(self, deadline: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Wait until every program runs; ServiceUnavailable names those that do not, with the end of their logs."""
        end = clock() + deadline
        while set(states := self.status().values()) != {"RUNNING"}:
            if "FATAL" in states or clock() >= end or (self._process and self._process.poll() is not None):
                raise ServiceUnavailable(self._trouble())
            sleep(0.2)

    def stop(self) -> None:
        """Stop all programs and the supervisor; what this process did not start itself it does not wait for."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._process = None
        elif self.running():
            self._rpc().supervisor.shutdown()

    def _info(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self._rpc().supervisor.getAllProcessInfo()
        return told

    def _rpc(self) -> Any:
        return xmlrpc.client.ServerProxy("http://supervisor", transport=_UnixTransport(self._socket))

    def _trouble(self) -> str:
        states = self.status()
        if not states:
            return f"The supervisor in {self.folder} does not run:\n{_end_of(self.folder / 'logs' / 'supervisord.out')}"
        told = [
            f"{name} is {state}:\n{_end_of(self.folder / 'logs' / f'{name}.log')}"
            for name, state in states.items()
            if state != "RUNNING"
        ]
        return "\n".join(["Not everything could be started.", *told])


def configuration(folder: Path, socket_path: Path, programs: Sequence[Program]) -> str:
    """Return supervisord's configuration file."""
    head = f"""[supervisord]
logfile={_plain(folder / "logs" / "supervisord.log")}
logfile_maxbytes=5MB
logfile_backups=2
pidfile={_plain(folder / "supervisord.pid")}
[unix_http_server]
file={_plain(socket_path)}
chmod=0600
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(folder, program) for program in programs)


def _section(folder: Path, program: Program) -> str:
    """Return one program's part; its whole process group is stopped, or gunicorn's workers would outlive it."""
    command = " ".join(f"'{_plain(word)}'" if word else "''" for word in program.command)
    environment = ",".join(f'{name}="{_plain(value)}"' for name, value in program.environment.items())
    return f"""[program:{program.name}]
command={command}
directory={_plain(program.directory)}
environment={environment}
autostart=true
autorestart=true
startsecs={program.start_seconds}
startretries=5
stopwaitsecs={program.stop_seconds}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={_plain(folder / "logs" / f"{program.name}.log")}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def _plain(value: object) -> str:
    """Escape the percent sign, which begins an expansion, and refuse what supervisord's file cannot hold."""
    text = str(value)
    if CANNOT_BE_WRITTEN.search(text):
        raise BadConfiguration(
            f"{text!r} cannot be given to supervisord: it holds a quote, a line break or a comment sign. "
            "Choose another folder or value."
        )
    return text.replace("%", "%%")


def _socket_of(folder: Path) -> Path:
    """Return the socket's place: in the folder, or among the temporary files when that path is too long for one."""
    inside = folder / "supervisor.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    runtime = Path(os.path.realpath(tempfile.gettempdir()))
    return runtime / f"haulout-{os.getuid()}-{zlib.crc32(os.fsencode(folder)):08x}.sock"


def _end_of(log: Path, lines: int = 8) -> str:
    try:
        return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return f"  (no log at {log})"


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
