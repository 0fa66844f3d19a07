"""The addresses of the pages; what each one shows is read by the module of its name."""

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from sqlmodel import Session, col, select
from werkzeug.wrappers import Response

from haulout.aside import read_aside
from haulout.db import reading
from haulout.identify.disputed import count_disputes
from haulout.report import FEWEST, Retirement, exams, read_people, read_retirement, read_years, season_report, sites
from haulout.tables import BatchRow, CensusRow, DecisionRow, IndividualRow, ModelRow, PhotoRow, QuarantineRow, TileRow
from haulout.teaching import foresee, read_experiments, saved
from haulout.web import batches, decisions, individuals, overview, photos
from haulout.web.asking import asker_or_none, may
from haulout.web.here import here
from haulout.web.model import model_page
from haulout.web.people import person_page
from haulout.web.photo import photo_page
from haulout.web.portrait import portrait
from haulout.web.things import waiting_places
from haulout.web.tile import tile_page
from haulout.web.wanted import Filter
from haulout.web.written import about

QUARANTINE_SHOWN = 500

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def first() -> str | Response:
    """Show where the season is, what is running, and what waits for whom; send others to what is theirs."""
    if not may("pages.running"):
        return redirect(url_for(_theirs()))
    settings = here().services.settings
    with reading(here().services.database) as session:
        run = overview.latest_run(session)
        return render_template(
            "overview.html",
            overview=overview.overview(session),
            run=run,
            again=overview.tried_again(session, run),
            alarms=_retirement(session).alarms,
            teaching=foresee(session, settings),
            site=settings.site,
            aside=read_aside(session),
            places=waiting_places(session),
            disputes=count_disputes(session),
        )


@blueprint.get("/running")
def running() -> str:
    """Show how far the run is, as a part of the first page that is fetched again while the run goes on."""
    with reading(here().services.database) as session:
        run = overview.latest_run(session)
        return render_template("_running.html", run=run, again=overview.tried_again(session, run))


@blueprint.get("/photos")
def photo_list() -> str:
    """Show the photos that the filter wants."""
    wanted = Filter.of(request.args)
    with reading(here().services.database) as session:
        found = photos.find(session, wanted, _photo_id("after"), _photo_id("before"))
        return render_template("photos.html", wanted=wanted, found=found, cameras=photos.cameras(session))


@blueprint.get("/photos/<photo>")
def photo(photo: str) -> str:
    """Show one photo with its boxes."""
    with reading(here().services.database) as session:
        row = session.get(PhotoRow, photo) or abort(404)
        missing = not here().services.storage.has_photo(row.id, row.suffix)
        return render_template("photo.html", page=photo_page(session, row), missing=missing)


@blueprint.get("/tiles/<tile>")
def tile(tile: str) -> str:
    """Show who drew what on one tile, and what the votes say together."""
    with reading(here().services.database) as session:
        row = session.get(TileRow, tile) or abort(404)
        page = tile_page(session, row, session.get(PhotoRow, row.photo) or abort(404))
        return render_template("tile.html", page=page, wanted_risk=here().services.settings.wanted_risk)


@blueprint.get("/people")
def people_list() -> str:
    """Show how tiles are finished, and how everybody draws."""
    with reading(here().services.database) as session:
        people = read_people(session)
        return render_template("people.html", retirement=_retirement(session), people=people, fewest=FEWEST)


@blueprint.get("/people/<person>")
def person(person: str) -> str:
    """Show how one person draws, and what they can learn from."""
    with reading(here().services.database) as session:
        return render_template("person.html", page=person_page(session, person) or abort(404), fewest=FEWEST)


@blueprint.get("/batches")
def batch_list() -> str:
    """Show all batches."""
    with reading(here().services.database) as session:
        return render_template("batches.html", lines=batches.batch_lines(session))


@blueprint.get("/batches/<int(max=2147483647):batch>")
def batch(batch: int) -> str:
    """Show the tiles of one batch, why each was chosen, and what they cover together."""
    with reading(here().services.database) as session:
        row = session.get(BatchRow, batch) or abort(404)
        return render_template("batch.html", page=batches.batch_page(session, row, request.args.get("reason", "")))


@blueprint.get("/models")
def model_list() -> str:
    """Show the networks, their exams, and who decided what about them."""
    with reading(here().services.database) as session:
        examined, experiments = exams(session), read_experiments(session)
        decisions = session.exec(select(DecisionRow).order_by(col(DecisionRow.at).desc(), col(DecisionRow.id).desc()))
        return render_template(
            "models.html",
            exams=examined,
            decisions=list(decisions),
            experiments=experiments,
            saved=saved(experiments),
            teaching=foresee(session, here().services.settings),
        )


@blueprint.get("/models/<version>")
def model(version: str) -> str:
    """Show one network: its exam beside the champion's, and what both drew."""
    with reading(here().services.database) as session:
        row = session.get(ModelRow, version) or abort(404)
        return render_template("model.html", page=model_page(session, row, request.args.get("page", 1, type=int)))


@blueprint.get("/individuals")
def individual_list() -> str:
    """Show the catalogue."""
    with reading(here().services.database) as session:
        known, disputed = individuals.catalogue(session), individuals.disputes(session)
        census = session.get(CensusRow, 1)
        return render_template("individuals.html", catalogue=known, disputes=disputed, census=census)


@blueprint.get("/individuals/<individual>")
def individual(individual: str) -> str:
    """Show one walrus: where it was seen, and by which marks it is known."""
    with reading(here().services.database) as session:
        row = session.get(IndividualRow, individual) or abort(404)
        known = individuals.known(session, row)
        return render_template(
            "individual.html",
            known=known,
            portrait=portrait(session, known),
            disputes=individuals.disputes(session, known),
            history=decisions.history(session, row.id),
            successors=() if known.sightings else decisions.successors(session, row),
            seal=decisions.seal(session),
        )


@blueprint.get("/individuals/<individual>/table")
def walrus_table(individual: str) -> str:
    """Show what is known of one walrus on one page of paper."""
    with reading(here().services.database) as session:
        row = session.get(IndividualRow, individual) or abort(404)
        known = individuals.known(session, row)
        if not known.sightings:
            abort(404)
        told = portrait(session, known)
        today = here().services.now().date()
        return render_template("walrus_table.html", known=known, portrait=told, today=today)


@blueprint.get("/quarantine")
def quarantine() -> str:
    """Show the files that could not be used, and why; the newest ones when there are many."""
    with reading(here().services.database) as session:
        rows = session.exec(select(QuarantineRow).order_by(col(QuarantineRow.id).desc()).limit(QUARANTINE_SHOWN))
        return render_template("quarantine.html", rows=list(rows))


@blueprint.get("/report")
def report() -> str:
    """Show the figures of one site's season: the latest one unless a year is asked for."""
    services = here().services
    with reading(services.database) as session:
        places = sites(session)
        site, year = request.args.get("site") or _first_site(places), request.args.get("year", type=int)
        told = season_report(session, site, year, services.settings.most_animals_per_tile)
        years = read_years(session, site)
        return render_template("report.html", report=told, years=years, sites=places, **about(session, services))


@blueprint.get("/years")
def year_list() -> str:
    """Show the years of one site side by side."""
    with reading(here().services.database) as session:
        places = sites(session)
        years = read_years(session, request.args.get("site") or _first_site(places))
        return render_template("years.html", years=years, sites=places, **about(session, here().services))


def _theirs() -> str:
    """Return the first page of who is no expert."""
    who = asker_or_none()
    if who is None:
        return "welcome.page" if "welcome.page" in current_app.view_functions else "entry.sign_in"
    if not who.complete:
        return "second_factor.code"
    return "desk.page" if may("desk.page") else "account.page"


def _photo_id(name: str) -> str:
    return request.args.get(name, "").replace("\0", "")


def _retirement(session: Session) -> Retirement:
    services = here().services
    return read_retirement(session, services.settings.most_votes, services.now())


def _first_site(sites: list[str]) -> str:
    configured = here().services.settings.site
    return configured if configured in sites or not sites else sites[0]
