"""What the first page tells: where the season is, what is running, what waits for whom."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from haulout.ledger import MOST_ATTEMPTS, attempt_at
from haulout.tables import BatchRow, ChosenRow, ModelRow, PhotoRow, ProjectRow, QuarantineRow, RunRow, TaskRow
from labeling_configs.vocabulary import Question


@dataclass(frozen=True)
class Camera:
    """What one camera brought home."""

    site: str
    camera: str
    photos: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Waiting:
    """A question with open tasks, and the Label Studio project in which people find them."""

    question: str
    role: str
    tasks: int
    project: int | None


@dataclass(frozen=True)
class Overview:
    """Everything on the first page."""

    photos: int
    cameras: tuple[Camera, ...]
    quarantined: int
    waiting: tuple[Waiting, ...]
    serving: tuple[ModelRow, ...]
    batch: BatchRow | None
    batch_tiles: int


def overview(session: Session) -> Overview:
    """Read the first page."""
    cameras = _cameras(session)
    batch = session.exec(select(BatchRow).order_by(col(BatchRow.id).desc()).limit(1)).first()
    tiles = select(func.count()).select_from(ChosenRow).where(ChosenRow.batch == (batch.id if batch else None))
    serving = select(ModelRow).where(ModelRow.state == "serving").order_by(ModelRow.kind)
    return Overview(
        photos=sum(camera.photos for camera in cameras),
        cameras=cameras,
        quarantined=session.exec(select(func.count()).select_from(QuarantineRow)).one(),
        waiting=_waiting(session),
        serving=tuple(session.exec(serving)),
        batch=batch,
        batch_tiles=session.exec(tiles).one(),
    )


@dataclass(frozen=True)
class Again:
    """The next attempt at what was interrupted, which nobody has to ask for."""

    attempt: int
    most: int


def tried_again(session: Session, run: RunRow | None) -> Again | None:
    """Say whether the run, if it is over, is tried again by itself."""
    job = attempt_at(session, run)
    if run is None or run.state == "running" or job is None:
        return None
    return Again(job.attempts + (job.state == "wanted"), MOST_ATTEMPTS)


def latest_run(session: Session) -> RunRow | None:
    """Return the run that goes on, or the last one that did."""
    return session.exec(select(RunRow).order_by(col(RunRow.id).desc()).limit(1)).first()


def _cameras(session: Session) -> tuple[Camera, ...]:
    """Return how many photos each camera took, and when; all of it is read from the index `photo_of_camera`."""
    camera, taken = (PhotoRow.site, PhotoRow.camera), PhotoRow.taken_at
    columns = (*camera, func.count(), func.min(taken), func.max(taken))
    rows = session.exec(select(*columns).group_by(*camera).order_by(*camera))  # type: ignore[call-overload]
    return tuple(Camera(*row) for row in rows)


def _waiting(session: Session) -> tuple[Waiting, ...]:
    projects = {row.question: row.label_studio_project for row in session.exec(select(ProjectRow))}
    open_tasks = select(TaskRow.question, func.count()).where(TaskRow.state == "open").group_by(TaskRow.question)
    counts = dict(session.exec(open_tasks).all())
    return tuple(
        Waiting(
            question=question.value,
            role="volunteers" if question is Question.BOXES else "experts",
            tasks=counts.get(question.value, 0),
            project=projects.get(question.value),
        )
        for question in Question
    )
