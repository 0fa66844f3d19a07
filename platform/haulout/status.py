"""Where the season is, in lines for a terminal; works also while nothing else runs."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from haulout.config import Settings
from haulout.db import reading
from haulout.embedded import service_states
from haulout.tables import ModelRow, PhotoRow, QuarantineRow, RunRow, TaskRow


def season_status(database: Engine, settings: Settings) -> Iterator[tuple[str, str]]:
    """Give names and values: services, photos, questions, runs, models."""
    yield from ((name, state) for name, state in sorted(service_states(settings).items()))
    with reading(database) as session:
        photos = session.exec(select(func.count()).select_from(PhotoRow)).one()
        aside = session.exec(select(func.count()).select_from(QuarantineRow)).one()
        yield "photos", f"{photos}, {aside} put aside"
        yield from _questions(session)
        yield from _last_run(session)
        for model in session.exec(select(ModelRow).where(ModelRow.state == "serving")):
            yield model.kind, f"{model.version} serves since its exam {_figures(model)}"


def last_run_began(database: Engine) -> datetime | None:
    """Return when the newest run began, None before the first."""
    with reading(database) as session:
        return session.exec(select(RunRow.started_at).order_by(col(RunRow.id).desc())).first()


def _questions(session: Session) -> Iterator[tuple[str, str]]:
    counted = select(TaskRow.question, TaskRow.state, func.count()).group_by(col(TaskRow.question), col(TaskRow.state))
    for question, state, number in session.exec(counted.order_by(TaskRow.question, TaskRow.state)):
        yield question.replace("_", " "), f"{number} {state}"


def _last_run(session: Session) -> Iterator[tuple[str, str]]:
    run = session.exec(select(RunRow).order_by(col(RunRow.id).desc())).first()
    if run is None:
        yield "runs", "none yet; `haulout run` starts one"
    elif run.state == "running":
        share = f" {run.done} of {run.total}" if run.total else ""
        yield f"run {run.id}", f"{run.stage}: {run.message}{share}, heard of at {run.heard_at:%H:%M:%S} UTC"
    else:
        yield f"run {run.id}", f"{run.state} {run.message}".strip()


def _figures(model: ModelRow) -> str:
    names = {"ap50": "AP50", "rank1": "rank-1"}
    return (
        ", ".join(f"{names[name]} {value:.3f}" for name, value in model.exam.items() if name in names) or "was skipped"
    )
