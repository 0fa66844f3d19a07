"""What every command needs: the terminal, the settings, the services, and progress that can be watched."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from haulout import logs
from haulout.config import Settings, make_secrets
from haulout.errors import BadConfiguration, HauloutError

console = Console()
errors = Console(stderr=True)
_log = logging.getLogger("haulout")


def start_logging() -> None:
    """Log as the settings say; those that cannot be used are complained of by the command that needs them."""
    try:
        settings = Settings.from_env(os.environ)
    except BadConfiguration:
        logs.set_up("plain", ())
    else:
        logs.set_up(settings.log, settings.secret_values())


def complain(error: HauloutError) -> None:
    """Tell what the operator can mend: in a line on the terminal, as a record where logs are read by programs."""
    if logs.form() == "json":
        _log.error("%s: %s", type(error).__name__, error)
    else:
        errors.print(f"[bold red]{type(error).__name__}[/]: {error}", highlight=False)


def logged_as_json(mistake: Exception) -> bool:
    """Log a mistake of ours with its traceback where programs read the log; False where people read a terminal."""
    if logs.form() != "json":
        return False
    _log.critical("ended by a mistake of its own", exc_info=mistake)
    return True


def settings_here() -> Settings:
    """Return the settings that the environment gives."""
    return Settings.from_env(os.environ)


def services_here(*, visitors: bool = False) -> Any:
    """Return the services of the home that the environment names; visitors wait less for others who write."""
    from haulout.bootstrap import build
    from haulout.db import PATIENCE, VISITORS_PATIENCE

    return build(settings_here(), VISITORS_PATIENCE if visitors else PATIENCE)


@contextmanager
def watched() -> Iterator[Any]:
    """Give a Tell that draws a progress bar for each message; a terminal that is none gets plain lines."""
    if not console.is_terminal:
        yield _plainly()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars: dict[str, Any] = {}

        def tell(message: str, done: int, total: int) -> None:
            words = message.split(",")[0]
            if words not in bars:
                bars[words] = progress.add_task(message, total=total or None)
            progress.update(bars[words], description=message, completed=done, total=total or None)

        yield tell


def _plainly() -> Any:
    said: dict[str, int] = {}

    def tell(message: str, done: int, total: int) -> None:
        words, tenth = message.split(",")[0], 10 * done // total if total else 0
        if said.get(words) != tenth:
            said[words] = tenth
            console.print(f"{message}: {done} of {total}" if total else message, highlight=False)

    return tell


def ready_home(defaults: Mapping[str, str] | None = None) -> Settings:
    """Make the home folder when it is new, and read the settings again with its passwords."""
    environ = {**(defaults or {}), **os.environ}
    make_secrets(Settings.from_env(environ).home)
    settings = Settings.from_env(environ)
    logs.hide(settings.secret_values())
    return settings
