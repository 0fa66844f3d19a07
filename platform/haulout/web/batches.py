"""What each batch asked, why, and how far people are with it."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from haulout.tables import AnswerRow, BatchRow, ChosenRow, ConsensusRow, PhotoRow, TaskRow, TileRow
from labeling_configs.vocabulary import Question


@dataclass(frozen=True)
class BatchLine:
    """One batch in the list of batches."""

    batch: BatchRow
    tiles: int
    settled: int


@dataclass(frozen=True)
class Asked:
    """One tile of a batch: why it was chosen, and what became of it."""

    chosen: ChosenRow
    photo: PhotoRow
    state: str
    votes: int


def batch_lines(session: Session) -> list[BatchLine]:
    """Return all batches, newest first."""
    tiles = dict(session.exec(select(ChosenRow.batch, func.count()).group_by(col(ChosenRow.batch))).all())
    done = (
        select(ChosenRow.batch, func.count())
        .join(ConsensusRow, col(ConsensusRow.tile) == ChosenRow.tile)
        .where(ConsensusRow.state != "open")
        .group_by(col(ChosenRow.batch))
    )
    settled = dict(session.exec(done).all())
    batches = session.exec(select(BatchRow).order_by(col(BatchRow.id).desc()))
    return [BatchLine(row, tiles.get(row.id or 0, 0), settled.get(row.id or 0, 0)) for row in batches]


def asked_in(session: Session, batch: int) -> list[Asked]:
    """Return the tiles of the batch, the most worth first."""
    query = (
        select(ChosenRow, PhotoRow, ConsensusRow)
        .join(TileRow, col(TileRow.id) == ChosenRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .join(ConsensusRow, col(ConsensusRow.tile) == ChosenRow.tile, isouter=True)
        .where(ChosenRow.batch == batch)
        .order_by(col(ChosenRow.value).desc(), ChosenRow.tile)
    )
    votes = _votes(session)
    return [
        Asked(chosen, photo, consensus.state if consensus else "open", votes.get(chosen.tile, 0))
        for chosen, photo, consensus in session.exec(query)
    ]


def _votes(session: Session) -> dict[str, int]:
    """Return how many standing votes each tile has; a changed vote counts once, a skipped one not at all."""
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    query = (
        select(TaskRow.subject, func.count())
        .join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        .where(
            TaskRow.question == Question.BOXES.value,
            TaskRow.gold == 0,
            col(AnswerRow.id).in_(newest),
            col(AnswerRow.gone).is_(False),
            col(AnswerRow.skipped).is_(False),
        )
        .group_by(TaskRow.subject)
    )
    return dict(session.exec(query).all())
