"""What tests of every folder share: a real Label Studio and a real PostgreSQL, each started once."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Before anything imports torch: tests run side by side, and threads that wait for each other's core are no help.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LONGEST = (
    "look/test_pages_look.py",  # first, for it needs no Label Studio, whose database somebody makes meanwhile
    "end_to_end/test_loop.py",
    "active_learning/test_selection_benchmark.py",
    "look/test_handbook_pictures.py",
    "end_to_end/test_order.py",
    "end_to_end/test_browser.py",
    "faults/",
    "platform/test_crowd.py",
    "active_learning/test_suspicion.py",
    "test_docs.py",
    "active_learning/test_selection_speed_benchmark.py",
    "platform/test_challengers.py",
    "platform/test_label_studio",
    "platform/test_experiment.py",
)
"""What takes longest begins first, so that no process is left alone with it at the end."""
ALONE = ("active_learning/test_suspicion.py",)
"""Files whose tests share nothing that is dear to make, so that each may go to another process."""
REPOSITORY = Path(__file__).resolve().parents[1]
TOKEN = "0123456789abcdef" * 2 + "01234567"
EMAIL, PASSWORD = "operator@haulout.invalid", "a-password-for-tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file, and what its tests share, in one process under `pytest -n 2 --dist loadgroup`."""
    for item in items:
        file = item.path.as_posix()
        group = item.name if file.endswith(ALONE) else file.removeprefix(f"{REPOSITORY}/tests/")
        item.add_marker(pytest.mark.xdist_group(group.replace("@", " ")))
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, part in enumerate(LONGEST) if part in item.path.as_posix()), len(LONGEST))


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


@pytest.fixture(scope="session")
def new_postgres_database() -> Iterator[Callable[[], str]]:
    """Start a throw-away PostgreSQL on a socket of its own; each call gives the URL of a new, empty database."""
    binaries = _postgres_binaries()
    owner = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="haulout-postgres-"))  # a socket's path may have 107 bytes only
    if owner:
        shutil.chown(folder, **owner)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "cwd": folder, **owner}
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "haulout", "-A", "trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, check=True, **quiet)
    options = ["listen_addresses=", "fsync=off", f"unix_socket_directories={folder}"]
    command = [binaries / "postgres", "-D", folder / "data", *(part for option in options for part in ("-c", option))]
    server = subprocess.Popen(command, **{**quiet, "stderr": subprocess.DEVNULL})
    try:
        _wait_for_postgres(server, folder)
        made: list[str] = []

        def new() -> str:
            made.append(f"season_{len(made)}")
            with _postgres_connection(folder) as connection:
                connection.execute(f"CREATE DATABASE {made[-1]}")
            return f"postgresql://haulout@/{made[-1]}?host={folder}"

        yield new
    finally:
        server.send_signal(signal.SIGINT)  # SIGTERM would wait until everybody has hung up
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path:
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True), shutil.which("postgres")]
    if found[0] is None:
        reason = "no PostgreSQL server binaries; install the package postgresql"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return Path(found[0]).resolve().parent


def _postgres_connection(folder: Path):
    import psycopg

    return psycopg.connect(host=str(folder), user="haulout", dbname="postgres", autocommit=True)


def _wait_for_postgres(server: subprocess.Popen, folder: Path) -> None:
    import psycopg

    for _ in range(600):
        assert server.poll() is None, f"PostgreSQL stopped with {server.returncode}"
        try:
            _postgres_connection(folder).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    pytest.fail("PostgreSQL did not start in 30 seconds")


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """Start a Chromium of this machine, once; it can reach nothing but this machine."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no Chromium on this machine; install the Debian package chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    quiet = ["gpu", "quic", "background-networking", "component-update", "sync"]
    options = ["--no-sandbox", "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=[*options, *(f"--disable-{what}" for what in quiet)]
        )
        yield browser
        browser.close()
