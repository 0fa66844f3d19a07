"""The command line: everything the operator does by hand."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from haulout.config import Settings, make_secrets
from haulout.errors import HauloutError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""From photographs of walrus haulouts to counts, dates and a catalogue of individuals.

    A season goes like this:

        haulout init                     once, makes the home folder
        haulout up                       starts everything; leave it running
        haulout ingest /media/card       reads a memory card or a folder
        haulout run                      one pass of the loop; also happens weekly by itself
        haulout report                   the season's figures

    Everything lives in the folder HAULOUT_HOME (default: ./data). All settings are variables named HAULOUT_...,
    and DATABASE_URL, REDIS_URL, LABEL_STUDIO_URL for servers of your own.

    Exit codes: 0 done, 1 it could not be done, 2 wrong usage or settings, 3 a service does not answer.""",
)
console = Console()
errors = Console(stderr=True)


def main() -> None:
    """Run a command; what the operator can mend is told in one line, without a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for wish in (signal.SIGTERM, signal.SIGINT):  # a shell script's background commands would ignore Ctrl-C
        signal.signal(wish, signal.default_int_handler)
    try:
        app()
    except HauloutError as error:
        errors.print(f"[bold red]{type(error).__name__}[/]: {error}", highlight=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        errors.print("Interrupted. Nothing is lost; the same command goes on where it stopped.")
        sys.exit(130)


def _settings() -> Settings:
    return Settings.from_env(os.environ)


def _services() -> Any:
    from haulout.bootstrap import build

    return build(_settings())


@contextmanager
def _told() -> Iterator[Any]:
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


@app.command()
def init() -> None:
    """Make the home folder, its passwords and its database."""
    settings = _ready()
    _services()
    console.print(f"{settings.home.resolve()} is ready. Next: haulout up")


@app.command()
def ingest(
    folder: Annotated[Path, typer.Argument(help="A memory card or any folder; sub-folders are read too.")],
    site: Annotated[str | None, typer.Option(help="The haulout; HAULOUT_SITE when not given.")] = None,
    correction: Annotated[float, typer.Option(help="Minutes to add to the camera's clock; the original is kept.")] = 0,
) -> None:
    """Read photos. The same card twice adds nothing; broken files are put aside with a reason."""
    from haulout.ingest import ingest as read
    from haulout.ingest import told_of

    with _told() as tell:
        result = read(_services(), folder, site, tell, timedelta(minutes=correction))
    for line in told_of(result):
        console.print(line, highlight=False, markup=False)


@app.command()
def run() -> None:
    """Pass once through the loop: read answers, retrain, examine, promote, propose, select, send out."""
    from haulout.loop import run_week

    with _told() as tell:
        number = run_week(_services(), tell)
    console.print(f"Run {number} is done. See {_settings().pages} or `haulout status`.")


@app.command()
def listen() -> None:
    """Take in new answers now, instead of waiting for the minute."""
    from haulout.loop import listen as take_in

    with _told() as tell:
        console.print(f"{take_in(_services(), tell)} new answers.")


@app.command()
def status() -> None:
    """Say where the season is, what is running and which models serve."""
    from haulout.bootstrap import connected
    from haulout.status import season_status

    settings = _settings()
    table = Table(show_header=False, box=None)
    for name, value in season_status(connected(settings), settings):
        table.add_row(name, value)
    console.print(table)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="The model that shall serve, for instance det-0003.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision.")] = "the operator's decision",
) -> None:
    """Let a model serve, whatever its exam said; `rollback` undoes it."""
    from haulout.retrain import promote as let_serve

    let_serve(_services(), version, "operator", reason)
    console.print(f"{version} serves. Its boxes are drawn at the next `haulout run`.")


@app.command()
def rollback(
    kind: Annotated[str, typer.Argument(help="detector or reidentifier")] = "detector",
) -> None:
    """Let the model serve again that served before the present one."""
    from haulout.retrain import rollback as go_back

    console.print(f"{go_back(_services(), kind, 'operator')} serves again.")


@app.command()
def exclude(
    person: Annotated[str, typer.Argument(help="The pseudonym on the people page, for instance person-7.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision.")] = "the operator's decision",
) -> None:
    """Leave a person's votes out. None is deleted; `include` undoes it."""
    _count(person, reason, excluded=True)


@app.command()
def include(
    person: Annotated[str, typer.Argument(help="Somebody who was excluded.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision.")] = "the operator's decision",
) -> None:
    """Count a person's votes again."""
    _count(person, reason, excluded=False)


def _count(person: str, reason: str, *, excluded: bool) -> None:
    from haulout.settle import exclude_person, settle

    services = _services()
    with _told() as tell:
        exclude_person(services, person, excluded=excluded, reason=reason)
        settled = settle(services, tell)
    how = "without" if excluded else "with"
    console.print(f"{settled} tiles settled {how} {person}. Label Studio is told at the next `haulout listen`.")


@app.command()
def narrow(
    figure: Annotated[str, typer.Argument(help='mean, total or maximum, of a month or a day: "maximum 2026-08"')],
    to: Annotated[float, typer.Option(min=0.1, max=100, help="Wanted half-width of the interval, in % of the value.")],
    tiles: Annotated[int | None, typer.Option(min=1, help="Ask so many now, instead of filling the queue.")] = None,
    site: Annotated[str | None, typer.Option(help="The haulout; HAULOUT_SITE when not given.")] = None,
) -> None:
    """Ask people for the tiles that shrink the interval of one figure, instead of those that teach most."""
    from haulout.figures import Figure
    from haulout.selection import narrow as ask_for

    wanted = Figure.of(figure)
    with _told() as tell:
        found = ask_for(_services(), wanted, to / 100, tiles, tell, site)
    now = found.estimate
    console.print(f"{wanted}: {now.value:.1f}, interval {now.low:.1f} to {now.high:.1f}", highlight=False)
    if not found.needed:
        console.print(f"That is within {to:g} % already. Nobody is asked.", highlight=False)
        return
    told = f"About {found.needed} more tiles would bring it to {to:g} %; {found.asked} are asked now."
    console.print(told, highlight=False)
    console.print("They are sent at the next `haulout listen`; run the same command again when they are answered.")


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("report.html"),
    language: Annotated[str | None, typer.Option(help="en or ru; HAULOUT_LANGUAGE when not given.")] = None,
) -> None:
    """Write the season's report as one page that opens anywhere."""
    from haulout.web.standalone import write_report

    write_report(_services(), out, language or _settings().language)
    console.print(f"Written: {out.resolve()}")


@app.command()
def up(
    background: Annotated[bool, typer.Option(help="Return when everything runs; stop it with `haulout down`.")] = False,
) -> None:
    """Start everything that is not configured elsewhere, and keep it running: pages, queue, worker, Label Studio."""
    from haulout.embedded import keep_running, start

    settings = _ready()
    with _told() as tell:
        start(settings, tell)
    console.print(_addresses(settings))
    if not background:
        console.print("Ctrl-C stops everything.")
        keep_running(settings)


@app.command()
def down() -> None:
    """Stop what `haulout up` started."""
    from haulout.embedded import stop

    stop(_settings())
    console.print("Everything is stopped. `haulout up` goes on in seconds.")


def _ready(defaults: Mapping[str, str] | None = None) -> Settings:
    """Make the home folder when it is new, and read the settings again with its passwords."""
    environ = {**(defaults or {}), **os.environ}
    make_secrets(Settings.from_env(environ).home)
    return Settings.from_env(environ)


def _addresses(settings: Settings) -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("Pages", settings.pages)
    table.add_row("Label Studio", settings.label_studio)
    table.add_row("  log-in", f"{settings.admin_email}  {settings.admin_password}")
    return table


@app.command()
def worker(
    burst: Annotated[bool, typer.Option(help="Stop when nothing waits.")] = False,
) -> None:
    """Do the queued jobs. As many workers as you like, on as many machines as see the same database and files."""
    from haulout.work_queue import WorkQueue, connect

    WorkQueue(connect(_settings().redis)).work(burst=burst)


@app.command()
def scheduler() -> None:
    """Start the weekly run when it is due; run one of these only."""
    from haulout import jobs
    from haulout.bootstrap import connected, utc_now
    from haulout.status import last_run_began
    from haulout.work_queue import WorkQueue, connect, was_missed

    settings = _settings()
    queue = WorkQueue(connect(settings.redis))
    if was_missed(settings.weekly, last_run_began(connected(settings)), utc_now()):
        queue.wake(jobs.run_week)
    queue.keep_time(settings.weekly, jobs.run_week, jobs.listen)


@app.command()
def serve() -> None:
    """Serve the coordinator's pages."""
    from haulout import jobs
    from haulout.web import create_app
    from haulout.web.server import serve as listen_on
    from haulout.work_queue import WorkQueue, connect

    settings = _settings()
    queue = WorkQueue(connect(settings.redis))
    listen_on(create_app(_services(), ring=lambda _project: queue.wake(jobs.listen)), settings.host, settings.port)


@app.command()
def demo(
    photos: Annotated[Path | None, typer.Option(help="Your own photos instead of the drawn season.")] = None,
    stay: Annotated[bool | None, typer.Option(help="Wait for Ctrl-C at the end; default: when in a terminal.")] = None,
) -> None:
    """Show the whole of Haulout work: on a drawn season with simulated people, or on photos of yours."""
    console.print("Loading ...")
    from haulout import embedded
    from haulout.bootstrap import build
    from haulout.demo import DEFAULTS, play_season, show_photos

    settings = _ready({} if photos else DEFAULTS)
    try:
        with _told() as tell:
            embedded.start(settings, tell)
            services = build(settings)
            lines = show_photos(services, photos, tell) if photos else play_season(services, tell)
    except BaseException:
        console.print("Stopping everything ...")
        embedded.stop(settings)
        raise
    for line in lines:
        console.print(line, highlight=False, markup=False)
    console.print(_addresses(settings))
    console.print(f"Other commands see this season with HAULOUT_HOME={settings.home}", highlight=False)
    if stay if stay is not None else sys.stdin.isatty():
        console.print("The pages stay open. Ctrl-C stops everything.")
        embedded.keep_running(settings)
    else:
        console.print("Everything goes on running; `make stop` stops it.")
