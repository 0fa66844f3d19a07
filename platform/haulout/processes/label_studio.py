"""Label Studio as a program: its command line, its environment, and its database before the first start."""

import hashlib
import ipaddress
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from haulout.errors import ServiceUnavailable
from haulout.locks import alone
from haulout.processes.programs import Program

SERVER = Path(__file__).resolve().parents[2] / "label_studio_server"
DATABASE = "label_studio.sqlite3"
MARK = "prepared"
"""The file that says for which version a database was prepared."""
LOCK_SECONDS = 900
"""How long a task waits for the person it was shown to, before it is shown to others."""
RESERVED = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
    "233.252.0.0/24 255.255.255.255/32 ::/128 ::1/128 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 "
    "100::/64 2001::/32 2001:20::/28 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 ff00::/8"
)
"""Networks that Label Studio may not be made to call, as it would forbid by itself were the list not replaced."""

Progress = Callable[[str], None]


def label_studio_program(python: Path, folder: Path, documents: Path, port: int, coordinator: str) -> Program:
    """Return Label Studio on loopback; its data lie in `folder`, and it serves the subfolders of `documents`.

    `coordinator` is the IP address its webhooks may call. One process with threads, because SQLite takes one writer.
    """
    command = [str(python), "-m", "gunicorn", "haulout_wsgi:application", "--chdir", str(SERVER)]
    command += ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "8"]
    command += ["--timeout", "300", "--limit-request-line", "8190", "--no-control-socket"]
    environment = _environment(folder, documents, coordinator)
    return Program("label_studio", tuple(command), folder, environment, start_seconds=5)


def prepare_label_studio(
    python: Path, folder: Path, cache: Path, email: str, password: str, token: str, tell: Progress
) -> None:
    """Make the database of a new Label Studio with its first user; an existing one is only brought up to date.

    A migrated template in `cache` saves all but the first installation the one to two minutes of migrations, and a
    database that this version prepared before is left alone: coming back after a power cut saves seconds.
    """
    if (folder / DATABASE).exists() and _mark(folder) == _marked(folder):
        return
    if not (folder / DATABASE).exists():
        template = _template(python, cache, tell)
        tell("Copying the prepared database of Label Studio")
        _copy(template, folder)
    tell("Preparing Label Studio (about 5 seconds)")
    user = {
        "LABEL_STUDIO_USERNAME": email,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
    }
    _prepare(python, folder, user)
    (folder / MARK).write_text(_mark(folder))


def _mark(folder: Path) -> str:
    """Name the version of Label Studio and the state of its database: one that was restored may be older."""
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        try:
            migrations = database.execute("SELECT count(*) FROM django_migrations").fetchone()[0]
        except sqlite3.DatabaseError:  # preparing it says what is wrong
            migrations = "none"
    return f"{_version()} {migrations}"


def _marked(folder: Path) -> str:
    mark = folder / MARK
    return mark.read_text() if mark.exists() else ""


def _version() -> str:
    """Name the locked version of Label Studio and what prepares its database."""
    lock = (SERVER / "uv.lock").read_bytes() + (SERVER / "prepare.py").read_bytes()
    return hashlib.sha256(lock).hexdigest()[:16]


def _environment(folder: Path, documents: Path, coordinator: str) -> dict[str, str]:
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_DJANGO_DB": "sqlite",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(documents),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_TASK_LOCK_TTL": str(LOCK_SECONDS),
        # Nothing may be told to anybody outside.
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        # Protection against forged requests stays on, with a hole of one address for our webhook.
        "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS": "false",
        "LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS": ",".join(_banned(coordinator)),
        # Otherwise each import of predictions counts all tasks of the project anew.
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "true",
    }


def _banned(allowed: str) -> Iterator[str]:
    hole = ipaddress.ip_network(allowed)
    for network in map(ipaddress.ip_network, RESERVED.split()):
        if hole.version == network.version and hole.subnet_of(network):  # type: ignore[arg-type]
            yield from map(str, network.address_exclude(hole))  # type: ignore[arg-type]
        else:
            yield str(network)


def _template(python: Path, cache: Path, tell: Progress) -> Path:
    """Return the folder of a migrated database for the locked version of Label Studio, made when missing."""
    template = cache / "label-studio-template" / _version()
    template.parent.mkdir(parents=True, exist_ok=True)
    with alone(template.with_suffix(".lock")):
        if not template.exists():
            tell("First start of Label Studio: making its database takes one to two minutes, this time only")
            part = template.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            _prepare(python, part, {})
            part.rename(template)
    return template


def _copy(template: Path, folder: Path) -> None:
    """Copy the database under another name first, so that a broken copy is not taken for a whole one."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "label_studio.sqlite3.part"
    part.unlink(missing_ok=True)
    # Not a copy of the file: what is still in the write-ahead log belongs to the database too.
    with closing(sqlite3.connect(template / DATABASE)) as source, closing(sqlite3.connect(part)) as target:
        source.backup(target)
    part.rename(folder / DATABASE)


def _prepare(python: Path, folder: Path, user: Mapping[str, str]) -> None:
    if not python.exists():
        raise ServiceUnavailable(f"No Python of Label Studio at {python}. Make it with `make setup`.")
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **_environment(folder, folder, "127.0.0.1"), **user}
    done = subprocess.run([python, SERVER / "prepare.py"], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise ServiceUnavailable(f"Label Studio's database in {folder} could not be prepared:\n{last}")
