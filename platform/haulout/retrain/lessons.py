"""Which tiles the standing experiment may learn from: chosen and random ones of the same batches at the same price."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from sqlmodel import Session, col, select

from active_learning.equal_effort import cut_equal, without_help
from active_learning.pool import Reason
from haulout.answers import FOR_GOLD, live_answers
from haulout.retrain.material import labelled_tiles
from haulout.storage import Storage
from haulout.tables import BatchRow, ChosenRow, ConsensusRow, PhotoRow, TaskRow, TileRow
from haulout_models.data import LabelledTile
from labeling_configs.vocabulary import COLD, Question

FINISHED = ("agreed", "disputed", "unusable")


@dataclass(frozen=True)
class Asked:
    """A tile that people have finished with; one that taught nothing, `truth` None, has cost its minutes too."""

    tile: str
    batch: int
    random: bool
    seconds: float
    truth: LabelledTile | None


@dataclass(frozen=True)
class Lesson:
    """What one detector of the experiment learns from, and what that has cost people."""

    tiles: tuple[LabelledTile, ...]
    minutes: float

    @property
    def boxes(self) -> int:
        """Animals that a detector can learn from for certain."""
        return sum(int(np.count_nonzero(tile.weights > 0.5)) for tile in self.tiles)

    def __add__(self, other: "Lesson") -> "Lesson":
        return Lesson(self.tiles + other.tiles, self.minutes + other.minutes)


def read_lessons(session: Session, storage: Storage) -> tuple[Lesson, Lesson]:
    """Return the chosen and the random tiles of the training photos, cut batch by batch to equal human minutes."""
    asked = _asked(session, storage)
    batches = [list(group) for _, group in groupby(asked, key=lambda one: one.batch)]
    sides = [([a for a in batch if not a.random], [a for a in batch if a.random]) for batch in batches]
    costs = [([a.seconds for a in chosen], [a.seconds for a in random]) for chosen, random in sides]
    cuts = list(zip(sides, cut_equal(costs), strict=True))
    chosen = _lesson(one for (side, _), (count, _) in cuts for one in side[:count])
    random = _lesson(one for (_, side), (_, count) in cuts for one in side[:count])
    return chosen, random


def _lesson(asked: Iterable[Asked]) -> Lesson:
    taken = list(asked)
    return Lesson(tuple(a.truth for a in taken if a.truth is not None), sum(a.seconds for a in taken) / 60)


def _asked(session: Session, storage: Storage) -> list[Asked]:
    """Return the finished tiles of training photos that were asked to teach, in the order people were asked."""
    truths = {one.tile: one.truth for one in labelled_tiles(session, storage, "train")}
    seconds = _seconds(session)
    query = (
        select(TaskRow.subject, TaskRow.batch, ChosenRow.reason)
        .join(ChosenRow, (col(ChosenRow.tile) == TaskRow.subject) & (col(ChosenRow.batch) == TaskRow.batch))
        .join(BatchRow, col(BatchRow.id) == TaskRow.batch)
        .join(ConsensusRow, col(ConsensusRow.tile) == TaskRow.subject)
        .join(TileRow, col(TileRow.id) == TaskRow.subject)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(TaskRow.question == Question.BOXES.value, TaskRow.gold == 0, PhotoRow.split == "train")
        .where(BatchRow.goal == "teach", col(ConsensusRow.state).in_(FINISHED))
        .where((col(ChosenRow.reason) == Reason.RANDOM.value) | col(ChosenRow.probability).is_(None))
        .order_by(col(TaskRow.batch), col(TaskRow.priority).desc(), TaskRow.subject)
    )
    return [
        Asked(tile, batch, reason == Reason.RANDOM.value, seconds[tile], truths.get(tile))
        for tile, batch, reason in session.exec(query)
        if batch is not None
    ]


def _seconds(session: Session) -> dict[str, float]:
    """Return what each tile has cost volunteers and experts, as if nobody had been shown the machine's boxes."""
    given = live_answers(session, Question.BOXES, gold=False)
    given += [pair for pair in live_answers(session, Question.BOX_DISPUTE) if pair[1].details.get("why") != FOR_GOLD]
    boxes = {row.tile: len(row.accepted()) for row in session.exec(select(ConsensusRow))}
    costs = without_help(
        np.array([answer.seconds for answer, _ in given], dtype=np.float64),
        np.array([boxes.get(task.subject, 0) for _, task in given], dtype=np.float64),
        np.array([answer.model_shown not in ("", COLD) for answer, _ in given], dtype=np.bool_),
    )
    total: dict[str, float] = defaultdict(float)
    for (_, task), cost in zip(given, costs, strict=True):
        total[task.subject] += float(cost)
    return total
