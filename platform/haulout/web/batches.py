"""What each batch asked, why, and how far people are with it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from haulout.tables import AnswerRow, BatchRow, ChosenRow, ConsensusRow, PhotoRow, TaskRow, TileRow
from haulout.web.looks import Looks, look
from haulout.web.spread import Spread, spread
from labeling_configs.vocabulary import Question

NEW, RATHER_NEW = 0.5, 0.2
"""From which share of a tile's worth being left it looks new, or somewhat new."""


@dataclass(frozen=True)
class Why:
    """The tiles of a batch that were chosen for one reason."""

    reason: str
    tiles: int
    minutes: float
    """People's time that one answer to each was expected to take; 0 in batches from before it was written down."""
    settled: int


@dataclass(frozen=True)
class BatchLine:
    """One batch, and why its tiles are in it: the commonest reason first."""

    batch: BatchRow
    whys: tuple[Why, ...]

    @property
    def tiles(self) -> int:
        """How many tiles it has."""
        return sum(why.tiles for why in self.whys)

    @property
    def minutes(self) -> float:
        """People's time that one answer to each tile was expected to take."""
        return sum(why.minutes for why in self.whys)

    @property
    def settled(self) -> int:
        """How many of its tiles need no more votes."""
        return sum(why.settled for why in self.whys)


@dataclass(frozen=True)
class Doubt:
    """What a label would teach, of one kind; `share` is that of the tile's greatest doubt."""

    kind: str
    value: float
    share: float


@dataclass(frozen=True)
class Asked:
    """One tile of a batch: why it was chosen, and what became of it."""

    chosen: ChosenRow
    photo: PhotoRow
    state: str
    votes: int

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What its label would teach, the most first; none in batches from before it was written down."""
        found = {kind: float(value) for kind, value in self.chosen.doubts.items() if value >= 0.005}
        greatest = max(found.values(), default=1.0)
        ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple(Doubt(kind, value, value / greatest) for kind, value in ranked)


@dataclass(frozen=True)
class BatchPage:
    """One batch; `reason` is the one whose tiles alone are wanted, or empty."""

    line: BatchLine
    asked: tuple[Asked, ...]
    reason: str
    spread: Spread
    looks: Looks

    @property
    def shown(self) -> tuple[Asked, ...]:
        """The tiles that are wanted."""
        return tuple(one for one in self.asked if self.reason in ("", one.chosen.reason))

    @property
    def photos(self) -> int:
        """How many photos the tiles are of."""
        return len({one.photo.id for one in self.asked})

    def novelty(self, one: Asked) -> str:
        """Return how new the tile looked, as a word; none for tiles that were not chosen by their worth."""
        left = one.chosen.novelty
        if left is None:
            return ""
        return "new" if left >= NEW else "somewhat new" if left >= RATHER_NEW else "familiar"


def batch_lines(session: Session) -> list[BatchLine]:
    """Return all batches, newest first."""
    whys = _whys(session)
    batches = session.exec(select(BatchRow).order_by(col(BatchRow.id).desc()))
    return [BatchLine(row, whys[row.id or 0]) for row in batches]


def batch_page(session: Session, batch: BatchRow, reason: str) -> BatchPage:
    """Read one batch; a reason that no tile of it has is not heeded."""
    number = batch.id or 0
    line, asked = BatchLine(batch, _whys(session, number)[number]), _asked_in(session, number)
    return BatchPage(
        line=line,
        asked=asked,
        reason=reason if reason in {why.reason for why in line.whys} else "",
        spread=spread(session, [one.photo for one in asked]),
        looks=look(session, batch.model, {one.chosen.tile: one.photo.id for one in asked}),
    )


def _whys(session: Session, batch: int | None = None) -> dict[int, tuple[Why, ...]]:
    """Return the reasons of each batch, or of one; a batch without tiles has none."""
    chosen = (
        select(ChosenRow.batch, ChosenRow.reason, func.count(), func.sum(ChosenRow.minutes))
        .group_by(col(ChosenRow.batch), ChosenRow.reason)
        .order_by(func.count().desc(), ChosenRow.reason)
    )
    done = (
        select(ChosenRow.batch, ChosenRow.reason, func.count())
        .join(ConsensusRow, col(ConsensusRow.tile) == ChosenRow.tile)
        .where(ConsensusRow.state != "open")
        .group_by(col(ChosenRow.batch), ChosenRow.reason)
    )
    if batch is not None:
        chosen, done = chosen.where(ChosenRow.batch == batch), done.where(ChosenRow.batch == batch)
    settled = {(number, reason): many for number, reason, many in session.exec(done)}
    whys: dict[int, tuple[Why, ...]] = defaultdict(tuple)
    for number, reason, tiles, minutes in session.exec(chosen):
        whys[number] += (Why(reason, tiles, minutes, settled.get((number, reason), 0)),)
    return whys


def _asked_in(session: Session, batch: int) -> tuple[Asked, ...]:
    """Return the tiles of the batch, the most worth first."""
    query = (
        select(ChosenRow, PhotoRow, ConsensusRow)
        .join(TileRow, col(TileRow.id) == ChosenRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .join(ConsensusRow, col(ConsensusRow.tile) == ChosenRow.tile, isouter=True)
        .where(ChosenRow.batch == batch)
        .order_by(col(ChosenRow.value).desc(), ChosenRow.tile)
    )
    found = session.exec(query).all()
    votes = _votes(session, [chosen.tile for chosen, _, _ in found])
    return tuple(
        Asked(chosen, photo, consensus.state if consensus else "open", votes.get(chosen.tile, 0))
        for chosen, photo, consensus in found
    )


def _votes(session: Session, tiles: Sequence[str]) -> dict[str, int]:
    """Return how many standing votes each tile has; a changed vote counts once, a skipped one not at all."""
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    query = (
        select(TaskRow.subject, func.count())
        .join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        .where(
            TaskRow.question == Question.BOXES.value,
            TaskRow.gold == 0,
            col(TaskRow.subject).in_(tiles),
            col(AnswerRow.id).in_(newest),
            col(AnswerRow.gone).is_(False),
            col(AnswerRow.skipped).is_(False),
        )
        .group_by(TaskRow.subject)
    )
    return dict(session.exec(query).all())
