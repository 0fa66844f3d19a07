"""The command line: everything the operator does by hand."""

import signal
import sys
import time
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import typer
from rich.table import Table

from haulout.cli import people, safekeeping, truth
from haulout.cli.terminal import (
    complain,
    console,
    errors,
    logged_as_json,
    ready_home,
    services_here,
    settings_here,
    start_logging,
    watched,
)
from haulout.config import Settings
from haulout.errors import BadConfiguration, HauloutError
from haulout.stopping import stop_when_told

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

    Exit codes: 0 done, 1 it could not be done, 2 wrong usage or settings, 3 a service does not answer,
    4 the disk is full.""",
)
token_app = typer.Typer(no_args_is_help=True, help="Keys for programs that read this Haulout, see /api on the pages.")
app.add_typer(token_app, name="token")
truth.teach(app)
safekeeping.teach(app)
people.teach(app)
MOMENTS = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]


def main() -> None:
    """Run a command; what the operator can mend is told in one line, without a traceback."""
    start_logging()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell script's background commands would ignore it
    stop_when_told()
    try:
        app()
    except HauloutError as error:
        complain(error)
        sys.exit(error.exit_code)
    except Exception as mistake:
        if not logged_as_json(mistake):
            raise
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Interrupted. Nothing is lost; the same command goes on where it stopped.")
        sys.exit(130)


@app.command()
def init() -> None:
    """Make the home folder, its passwords and its database."""
    settings = ready_home()
    services_here()
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

    with watched() as tell:
        result = read(services_here(), folder, site, tell, timedelta(minutes=correction))
    for line in told_of(result):
        console.print(line, highlight=False, markup=False)


@app.command()
def run() -> None:
    """Pass once through the loop: read answers, retrain, examine, promote, propose, select, send out."""
    from haulout.jobs import run_here

    with watched() as tell:
        number = run_here(services_here(), tell)
    console.print(f"Run {number} is done. See {settings_here().pages} or `haulout status`.")


@app.command()
def listen() -> None:
    """Take in new answers now, instead of waiting for the minute."""
    from haulout.loop import listen as take_in

    with watched() as tell:
        console.print(f"{take_in(services_here(), tell)} new answers.")


@app.command()
def status() -> None:
    """Say where the season is, what is running and which models serve."""
    from haulout.bootstrap import connected
    from haulout.status import season_status

    settings = settings_here()
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

    let_serve(services_here(), version, "operator", reason)
    console.print(f"{version} serves. Its boxes are drawn at the next `haulout run`.")


@app.command()
def rollback(
    kind: Annotated[str, typer.Argument(help="detector or reidentifier")] = "detector",
) -> None:
    """Let the model serve again that served before the present one."""
    from haulout.retrain import rollback as go_back

    console.print(f"{go_back(services_here(), kind, 'operator')} serves again.")


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

    services = services_here()
    with watched() as tell:
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
    with watched() as tell:
        found = ask_for(services_here(), wanted, to / 100, tiles, tell, site)
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
    out: Annotated[Path | None, typer.Option(help="Where to write the page; report.html if there is no PDF.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Where to write the same as a PDF for A4 paper.")] = None,
    year: Annotated[int | None, typer.Option(help="The season's year; each site's latest one when not given.")] = None,
    language: Annotated[str | None, typer.Option(help="en or ru; HAULOUT_LANGUAGE when not given.")] = None,
) -> None:
    """Write the season's report as one page that opens anywhere, as a PDF, or as both."""
    from haulout.report import tell_occupancy
    from haulout.web.standalone import write_pdf, write_report

    services, spoken = services_here(), _language(language)
    with watched() as tell:
        tell_occupancy(services, tell=tell)
    page = out or (None if pdf else Path("report.html"))
    for write, to in ((write_report, page), (write_pdf, pdf)):
        if to is not None:
            write(services, to, spoken, year)
            console.print(f"Written: {to.resolve()}", highlight=False, markup=False)


def _language(given: str | None) -> str:
    from haulout.localisation import NAMES

    spoken = given or settings_here().language
    if spoken not in NAMES:
        raise BadConfiguration(f"language {spoken!r} is not spoken here; choose {' or '.join(NAMES)}")
    return spoken


@app.command()
def site(
    name: Annotated[str, typer.Argument(help="The haulout, as in `haulout ingest --site`.")],
    latitude: Annotated[float | None, typer.Option(help="Degrees, south negative.")] = None,
    longitude: Annotated[float | None, typer.Option(help="Degrees, west negative.")] = None,
    geoprivacy: Annotated[
        str | None, typer.Option(help="What others may know: withheld, obscured (.1°), approximate (.01°) or exact.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Of the cameras' clocks, as in Asia/Kamchatka.")] = None,
) -> None:
    """Say where a haulout is and who may know, or show what is known. Only here true coordinates are shown."""
    from haulout.db import writing
    from haulout.places import place
    from haulout.status import site_facts

    services = services_here()
    given = {"latitude": latitude, "longitude": longitude, "geoprivacy": geoprivacy, "time_zone": time_zone}
    with writing(services.database) as session:
        if any(value is not None for value in given.values()):
            row = place(
                session, name, latitude=latitude, longitude=longitude, geoprivacy=geoprivacy, time_zone=time_zone
            )
            row.changed_at = services.now()
            session.add(row)
            session.flush()
        for fact, value in site_facts(session, name):
            console.print(f"{fact}: {value}", highlight=False, markup=False)


@app.command()
def camera(
    site: Annotated[str, typer.Argument(help="The haulout.")],
    camera: Annotated[str, typer.Argument(help="The camera, as `haulout site` lists it.")],
    view: Annotated[str | None, typer.Option(help="What it shows; animals of one view are not added up.")] = None,
    moved: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="It was turned or moved then, by its corrected clock.")
    ] = None,
    not_moved: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="It was not moved then, whatever a machine found.")
    ] = None,
) -> None:
    """Say what a camera shows, and when it was moved or was not: before and after it shows different places."""
    from haulout import cameras
    from haulout.db import writing
    from haulout.status import camera_facts

    services = services_here()
    with writing(services.database) as session:
        if view is not None:
            cameras.set_view(session, site, camera, view)
        if moved is not None:
            cameras.moved(session, site, camera, moved)
        if not_moved is not None:
            cameras.not_moved(session, site, camera, not_moved, services.now())
        cameras.check_camera(session, site, camera)
        console.print(camera_facts(session, site, camera), highlight=False, markup=False)


@app.command()
def tide(
    site: Annotated[str, typer.Argument(help="The haulout.")],
    file: Annotated[Path, typer.Argument(help="A CSV file with the columns time and metres.")],
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read.")] = False,
) -> None:
    """Read a table of tides. Times are on the cameras' clock, or name their zone. Twice adds nothing."""
    from haulout.cameras import known_cameras
    from haulout.db import writing
    from haulout.places import time_zone
    from haulout.tides import read_tides, store_tides

    services = services_here()
    with writing(services.database) as session:
        known_cameras(session, site)
        read = read_tides(file, time_zone(session, site), skip_bad=skip_bad)
        stored = store_tides(session, site, read)
    told = f"{stored.added} heights added, {stored.changed} corrected, {stored.known} known before."
    console.print(told, highlight=False)
    for line in read.bad:
        console.print(f"  left out: {line}", highlight=False, markup=False)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="COCO JSON of somebody's boxes, or the JSON of a MegaDetector batch.")],
    name: Annotated[str | None, typer.Option(help="How the boxes shall be known; default: the file's name.")] = None,
    site: Annotated[str | None, typer.Option(help="Of photos known by name only; HAULOUT_SITE when not given.")] = None,
    category: Annotated[str | None, typer.Option(help="The category of a COCO file that means walruses.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Name every photo that is left out, not only ten.")] = False,
) -> None:
    """Take in boxes that you already have: a person's as one voice, a detector's as what people correct at first."""
    from haulout.imports import import_boxes, told_of

    with watched() as tell:
        found = import_boxes(services_here(), file, name, site, category, tell)
    for line in told_of(found, everything=everything):
        console.print(line, highlight=False, markup=False)


@token_app.command("make")
def make_token(
    name: Annotated[str, typer.Argument(help="Whose or what for; no two tokens ever share a name.")],
    scopes: Annotated[str, typer.Option(help="read, people (pseudonyms, votes), places (true coordinates).")] = "read",
    days: Annotated[int, typer.Option(help="For how many days it is valid.")] = 365,
) -> None:
    """Make a token and print it, this once: only its SHA-256 is kept."""
    from haulout import tokens

    token = tokens.make_token(services_here(), name, scopes.split(","), days)
    sys.stdout.write(f"{token}\n")
    errors.print("Keep it now, it cannot be shown again. `haulout token revoke` ends it.", highlight=False)


@token_app.command("list")
def list_tokens() -> None:
    """Show all tokens: what each opens, until when, and whether it still does."""
    from haulout import tokens

    table = Table("name", "scopes", "made", "valid until", "state", box=None)
    for row, state in tokens.list_tokens(services_here()):
        until = f"{row.expires_at:%Y-%m-%d}" if row.expires_at else ""
        table.add_row(row.name, ", ".join(row.scopes), f"{row.created_at:%Y-%m-%d}", until, state.value)
    console.print(table if table.row_count else "No token was made yet; `haulout token make NAME` makes one.")


@token_app.command("revoke")
def revoke_token(name: Annotated[str, typer.Argument(help="The token's name.")]) -> None:
    """Let a token open nothing any more."""
    from haulout import tokens

    tokens.revoke_token(services_here(), name)
    console.print(f"{name} opens nothing any more.", highlight=False, markup=False)


@app.command()
def export(
    format_: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT", help="camtrap-dp, darwin-core, wildbook, csv, captures, coco, or all of them: all"
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The folder to make.")] = None,
    site: Annotated[str | None, typer.Option(help="One haulout; all when not given.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of an older export.")] = False,
    wildbook_user: Annotated[str | None, typer.Option(help="To whom a Wildbook assigns what is imported.")] = None,
    verify: Annotated[Path | None, typer.Option(help="Check an export against its manifest instead.")] = None,
) -> None:
    """Write the season for others to use: a folder that is complete, with checksums, or not there at all."""
    from haulout.exports.manifest import verify as check

    if verify is not None:
        _say_what_is_in(check(verify), f"Whole: {verify.resolve()}")
        return
    if not format_ or out is None:
        raise typer.BadParameter("give a format and --out FOLDER, or --verify FOLDER")
    from haulout.bootstrap import connected
    from haulout.exports.formats import export as write
    from haulout.room import require_room

    with watched() as tell:
        settings = settings_here()
        require_room(settings, "the export", out)
        database = connected(settings)
        written = write(database, format_, out, site, replace=replace, tell=tell, wildbook_user=wildbook_user)
    _say_what_is_in(written, f"Written: {out.resolve()}")
    if "wildbook" in (format_, *{file.name.split("/")[0] for file in written.files}):
        console.print(f"Pictures that Wildbook's sheets name: {settings_here().public / 'crops'}", highlight=False)


def _say_what_is_in(manifest: Any, where: str) -> None:
    counts = manifest.counts
    console.print(where, highlight=False, markup=False)
    console.print(f"{counts['files']} files, {counts['records']} records, {counts['bytes']} bytes", highlight=False)
    console.print(f"Data version {manifest.data_version}", highlight=False)
    for name, reason in manifest.left_out.items():
        console.print(f"Left out: {name}: {reason}", highlight=False, markup=False)


@app.command()
def up(
    background: Annotated[bool, typer.Option(help="Return when everything runs; stop it with `haulout down`.")] = False,
) -> None:
    """Start everything that is not configured elsewhere, and keep it running: pages, queue, worker, Label Studio."""
    from haulout.embedded import keep_running, start

    settings = ready_home()
    with watched() as tell:
        start(settings, tell)
    _say_addresses(settings)
    if not background:
        console.print("Ctrl-C stops everything.")
        keep_running(settings)


@app.command()
def down() -> None:
    """Stop what `haulout up` started."""
    from haulout.embedded import stop

    stop(settings_here())
    console.print("Everything is stopped. `haulout up` goes on in seconds.")


def _say_addresses(settings: Settings) -> None:
    from haulout.accounts.managing import reached_at, way_in
    from haulout.bootstrap import build

    table = Table(show_header=False, box=None)
    table.add_row("Pages", reached_at(settings))
    table.add_row("Label Studio", f"{settings.label_studio} (nobody needs it but to look behind the scenes)")
    table.add_row("  log-in", f"{settings.admin_email}  {settings.admin_password}")
    console.print(table)
    console.print("Come in as the operator, once and within ten minutes (`haulout sign-in` makes another link):")
    console.print(way_in(build(settings)), highlight=False, markup=False, soft_wrap=True)  # can be copied


@app.command()
def worker(
    burst: Annotated[bool, typer.Option(help="Stop when nothing waits.")] = False,
) -> None:
    """Do the queued jobs. As many workers as you like, on as many machines as see the same database and files."""
    from haulout.work_queue import WorkQueue, client_of, connect

    reach = connect if burst else client_of  # who works on and on may wait for a queue that is away
    WorkQueue(reach(settings_here().redis)).work(burst=burst)


@app.command()
def scheduler() -> None:
    """Start the weekly run when it is due, and again what a dead worker left; more than one do no harm."""
    from haulout.bootstrap import connected
    from haulout.desk.deliverer import STEPS_IN_AFTER, Deliverer
    from haulout.jobs import keep_time
    from haulout.watch import keep_looking
    from haulout.work_queue import WorkQueue, client_of

    settings = settings_here()
    queue = WorkQueue(client_of(settings.redis))
    # In a thread of its own: a Label Studio that hangs must keep nobody from noticing a worker that died.
    Thread(target=keep_looking, args=(services_here, queue.answers, time.sleep), daemon=True).start()
    Deliverer(cache(services_here), STEPS_IN_AFTER).start()
    keep_time(settings, cache(lambda: connected(settings)), queue, time.sleep)


@app.command()
def serve() -> None:
    """Serve the coordinator's pages."""
    from haulout import jobs
    from haulout.desk.deliverer import Deliverer
    from haulout.web import create_app
    from haulout.web.server import serve as listen_on
    from haulout.work_queue import WorkQueue, client_of

    settings = settings_here()
    if not settings.secret_key:
        raise BadConfiguration(f"{settings.home.resolve()} holds no keys yet. Make them with `haulout init`.")
    queue = WorkQueue(client_of(settings.redis))  # the pages need no queue: answers are polled for as well
    deliverer = Deliverer(cache(services_here))
    services = services_here(visitors=True)
    pages = create_app(services, lambda _project: queue.wake(jobs.listen), deliverer.wake, deliverer.is_away)
    deliverer.start()
    try:
        listen_on(pages, settings.host, settings.port, proxied=bool(settings.public_url))
    finally:
        deliverer.stop()


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

    settings = ready_home({} if photos else DEFAULTS)
    try:
        with watched() as tell:
            embedded.start(settings, tell)
            services = build(settings)
            lines = show_photos(services, photos, tell) if photos else play_season(services, tell)
    except BaseException:
        console.print("Stopping everything ...")
        embedded.stop(settings)
        raise
    for line in lines:
        console.print(line, highlight=False, markup=False)
    _say_addresses(settings)
    console.print(f"Other commands see this season with HAULOUT_HOME={settings.home}", highlight=False)
    if stay if stay is not None else sys.stdin.isatty():
        console.print("The pages stay open. Ctrl-C stops everything.")
        embedded.keep_running(settings)
    else:
        console.print("Everything goes on running; `make stop` stops it.")
