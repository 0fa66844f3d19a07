"""Everything that runs on one machine by itself: which programs these are, and starting and stopping them."""

import signal
import sys
import time
from pathlib import Path

from haulout.config import Settings
from haulout.label_studio import LabelStudio
from haulout.processes import Program, Supervisor, label_studio_program, prepare_label_studio, valkey_program
from haulout.services import Tell

START_SECONDS = 180
"""How long all services together may take to start; Label Studio takes 10 to 40 of them."""


def start(settings: Settings, tell: Tell) -> None:
    """Start what is not configured elsewhere and wait until it answers; what runs already is left alone."""
    supervisor = Supervisor(_folder(settings))
    if not supervisor.running():
        if not settings.label_studio_url:
            _prepare_label_studio(settings, tell)
        tell("Starting the services (10 to 40 seconds)", 0, 0)
        supervisor.start(programs(settings))
    supervisor.wait_until_running(START_SECONDS, time.monotonic, time.sleep)
    label_studio = LabelStudio(settings.label_studio, settings.label_studio_token)
    label_studio.wait_until_ready(START_SECONDS, time.monotonic, time.sleep)


def stop(settings: Settings) -> None:
    """Stop what was started for this home, and wait until it has ended."""
    supervisor = Supervisor(_folder(settings))
    supervisor.stop()
    while supervisor.running():
        time.sleep(0.2)


def keep_running(settings: Settings) -> None:
    """Wait until somebody presses Ctrl-C or ends this process, then stop everything."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while Supervisor(_folder(settings)).running():
            time.sleep(1)
    finally:
        stop(settings)


def service_states(settings: Settings) -> dict[str, str]:
    """Return the state of each program of this home; empty when nothing runs."""
    return Supervisor(_folder(settings)).status()


def programs(settings: Settings) -> list[Program]:
    """Return the programs that these settings ask for on this machine."""
    folder = _folder(settings)
    wanted = [_haulout(settings, name) for name in ("serve", "worker", "scheduler")]
    if not settings.redis_url:
        (folder / "valkey").mkdir(parents=True, exist_ok=True)
        wanted.insert(0, valkey_program(folder / "valkey", settings.redis_port, settings.redis_password))
    if not settings.label_studio_url:
        wanted.append(
            label_studio_program(
                settings.label_studio_python,
                _label_studio_folder(settings),
                settings.public,
                settings.label_studio_port,
                "127.0.0.1",
            )
        )
    return wanted


def _haulout(settings: Settings, command: str) -> Program:
    """A command of our own; its threads wait instead of spinning, or two busy processes slow each other tenfold."""
    environment = settings.to_env() | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "2", "HAULOUT_LOG": "json"}
    return Program(
        command, (sys.executable, "-m", "haulout", command), settings.home.resolve(), environment, stop_seconds=20
    )


def _prepare_label_studio(settings: Settings, tell: Tell) -> None:
    prepare_label_studio(
        settings.label_studio_python,
        _label_studio_folder(settings),
        settings.cache,
        settings.admin_email,
        settings.admin_password,
        settings.label_studio_token,
        lambda message: tell(message, 0, 0),
    )


def _folder(settings: Settings) -> Path:
    return settings.home.resolve() / "run"


def _label_studio_folder(settings: Settings) -> Path:
    return settings.home.resolve() / "label_studio"
