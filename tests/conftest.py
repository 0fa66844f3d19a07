"""What tests of every folder share: a real Label Studio, started once."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TOKEN = "0123456789abcdef" * 2 + "01234567"
EMAIL, PASSWORD = "operator@haulout.invalid", "a-password-for-tests"


@dataclass(frozen=True)
class LabelStudioServer:
    """A running Label Studio; `documents` is its document root."""

    url: str
    token: str
    email: str
    password: str
    documents: Path


@pytest.fixture(scope="session")
def free_port():
    """Find a loopback port that nobody listens on."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def label_studio_python() -> Path:
    python = Path(os.environ.get("HAULOUT_LABEL_STUDIO_PYTHON", REPOSITORY / ".venv-label-studio" / "bin" / "python"))
    if not python.exists():
        reason = f"no Label Studio environment at {python}; make it with `make setup`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return python


@pytest.fixture(scope="session")
def label_studio_server(
    tmp_path_factory: pytest.TempPathFactory, free_port, label_studio_python
) -> Iterator[LabelStudioServer]:
    """Start Label Studio under the supervisor as `haulout up` does, on a copy of the migrated template."""
    from haulout.label_studio import LabelStudio
    from haulout.processes import Supervisor, label_studio_program, prepare_label_studio

    home = tmp_path_factory.mktemp("label-studio")
    cache = Path(os.environ.get("HAULOUT_CACHE", REPOSITORY / ".cache"))
    documents, port = home / "public", free_port()
    (documents / "tiles").mkdir(parents=True)
    prepare_label_studio(label_studio_python, home / "data", cache, EMAIL, PASSWORD, TOKEN, tell=lambda _: None)
    supervisor = Supervisor(home)
    supervisor.start([label_studio_program(label_studio_python, home / "data", documents, port, "127.0.0.1")])
    server = LabelStudioServer(f"http://127.0.0.1:{port}", TOKEN, EMAIL, PASSWORD, documents)
    try:
        LabelStudio(server.url, TOKEN).wait_until_ready(120, time.monotonic, time.sleep)
        yield server
    finally:
        supervisor.stop()
        shutil.rmtree(home / "data", ignore_errors=True)


@pytest.fixture(scope="session")
def label_studio(label_studio_server):
    """Use Label Studio as its administrator; projects are shared by all tests of a session, so make your own."""
    from haulout.label_studio import LabelStudio

    return LabelStudio(label_studio_server.url, label_studio_server.token)
