"""Where the season is, in lines for a terminal; works also while nothing else runs."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from haulout.cameras import moves
from haulout.config import Settings
from haulout.db import reading
from haulout.embedded import service_states
from haulout.holds import HELD, open_holds
from haulout.ledger import MOST_ATTEMPTS, failed, late, tried_again
from haulout.places import Geoprivacy, public_place, time_zone, true_place
from haulout.tables import CameraRow, ImportRow, ModelRow, PhotoRow, QuarantineRow, RunRow, SiteRow, TaskRow, TideRow


def season_status(database: Engine, settings: Settings) -> Iterator[tuple[str, str]]:
    """Give names and values: services, photos, questions, runs, models."""
    yield from ((name, state) for name, state in sorted(service_states(settings).items()))
    with reading(database) as session:
        photos = session.exec(select(func.count()).select_from(PhotoRow)).one()
        aside = session.exec(select(func.count()).select_from(QuarantineRow)).one()
        yield "photos", f"{photos}, {aside} put aside"
        yield from _imports(session)
        yield from _questions(session)
        yield from _last_run(session)
        yield from _jobs(session)
        for hold in open_holds(session):
            yield "held back", f"{hold.answers} answers to {hold.question}. {HELD}"
        for model in session.exec(select(ModelRow).where(ModelRow.state == "serving")):
            yield model.kind, f"{model.version} serves since its exam {_figures(model)}"


def site_facts(session: Session, site: str) -> Iterator[tuple[str, str]]:
    """Give names and values of all that is known of a site, its true coordinates too: for the operator alone."""
    photos = session.exec(select(func.count()).select_from(PhotoRow).where(PhotoRow.site == site)).one()
    row, true, told = session.get(SiteRow, site), true_place(session, site), public_place(session, site)
    yield "site", f"{site}, {photos} photos" + ("" if photos else "; sites with photos: " + _sites(session))
    yield "place", f"{true.latitude:g}, {true.longitude:g}" if true else "unknown; give --latitude and --longitude"
    yield "geoprivacy", row.geoprivacy if row else Geoprivacy.OBSCURED.value
    yield "others see", f"{told.latitude:g}, {told.longitude:g}, within {told.uncertainty:g} m" if told else "nothing"
    yield "time zone", time_zone(session, site).key
    heights = session.exec(select(func.count()).select_from(TideRow).where(TideRow.site == site)).one()
    yield "heights of the tide", str(heights)
    named = select(PhotoRow.camera).where(PhotoRow.site == site).distinct().order_by(PhotoRow.camera)
    for camera in session.exec(named):
        yield "camera", camera_facts(session, site, camera)


def camera_facts(session: Session, site: str, camera: str) -> str:
    """Return what is known of a camera, in a line."""
    row = session.get(CameraRow, (site, camera))
    found = [f"{move.at:%Y-%m-%d %H:%M:%S} ({move.by})" for move in moves(session, site, camera)]
    view = f"view {row.view}" if row and row.view else "no view named, shares one with all such cameras"
    return f"{camera}: {view}; moved {', '.join(found) or 'never'}"


def _sites(session: Session) -> str:
    return ", ".join(session.exec(select(PhotoRow.site).distinct().order_by(PhotoRow.site))) or "none yet"


def last_run_began(database: Engine) -> datetime | None:
    """Return when the newest run began, None before the first."""
    with reading(database) as session:
        return session.exec(select(RunRow.started_at).order_by(col(RunRow.id).desc())).first()


def _questions(session: Session) -> Iterator[tuple[str, str]]:
    counted = select(TaskRow.question, TaskRow.state, func.count()).group_by(col(TaskRow.question), col(TaskRow.state))
    for question, state, number in session.exec(counted.order_by(TaskRow.question, TaskRow.state)):
        yield question.replace("_", " "), f"{number} {state}"


def _imports(session: Session) -> Iterator[tuple[str, str]]:
    for row in session.exec(select(ImportRow).order_by(col(ImportRow.id))):
        unknown = f", {row.unknown} of its photos are not known here" if row.unknown else ""
        yield row.drawer, f"{row.boxes} boxes on {row.photos} photos, {row.kind}{unknown}"


def _last_run(session: Session) -> Iterator[tuple[str, str]]:
    run = session.exec(select(RunRow).order_by(col(RunRow.id).desc())).first()
    if run is None:
        yield "runs", "none yet; `haulout run` starts one"
    elif run.state == "running":
        share = f" {run.done} of {run.total}" if run.total else ""
        yield f"run {run.id}", f"{run.stage}: {run.message}{share}, heard of at {run.heard_at:%H:%M:%S} UTC"
    else:
        yield f"run {run.id}", f"{run.state} {run.message}".strip()


def _jobs(session: Session) -> Iterator[tuple[str, str]]:
    for job in tried_again(session):
        begun = f"{job.kind}, {job.state}, begun {job.attempts} times of at most {MOST_ATTEMPTS}"
        yield f"job {job.id}", f"{begun}. {job.message}".rstrip(". ")
    for job in late(session):
        yield f"job {job.id}", f"{job.kind}, waits for a worker since {job.heard_at:%Y-%m-%d %H:%M} UTC"
    for job in failed(session):
        yield f"job {job.id}", f"{job.kind}, failed: {job.message}"


def _figures(model: ModelRow) -> str:
    names = {"ap50": "AP50", "rank1": "rank-1"}
    return (
        ", ".join(f"{names[name]} {value:.3f}" for name, value in model.exam.items() if name in names) or "was skipped"
    )
