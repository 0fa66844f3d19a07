"""What somebody did right and wrong on a tile that teaches, told as soon as they have answered it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from sqlmodel import Session

from active_learning.gold import GoldKind, GoldTile, mark
from active_learning.overlap import matched_iou
from haulout.tables import ConsensusRow, PhotoRow, TaskRow, TileRow
from labeling_configs import boxes
from labeling_configs.vocabulary import Boxes, Person, Question, Rectangle, TileId, Vote

MEANT = 0.1
"""From this overlap on a false box is meant for the animal that it touches, and lies badly."""

Percent = tuple[float, float, float, float]


class Verdict(StrEnum):
    """How one box compares with what an expert said."""

    FOUND = "found"
    MISSED = "missed"
    FALSE = "false"
    MISPLACED = "misplaced"


@dataclass(frozen=True)
class Judged:
    """One box: x, y, width and height in percent of the picture; a misplaced one also as it should be."""

    box: Percent
    verdict: Verdict
    right: Percent | None = None

    def told(self) -> dict[str, Any]:
        """Return what the page is sent."""
        plain = {"box": list(self.box), "verdict": self.verdict.value}
        return plain if self.right is None else plain | {"right": list(self.right)}


@dataclass(frozen=True)
class Feedback:
    """Every animal and every drawn box of a tile that teaches, judged."""

    boxes: tuple[Judged, ...]

    def told(self) -> dict[str, Any]:
        """Return what the page is sent."""
        counts = {verdict.value: sum(one.verdict is verdict for one in self.boxes) for verdict in Verdict}
        return {"boxes": [one.told() for one in self.boxes], "counts": counts}


def feedback(session: Session, task: TaskRow, vote: Vote) -> Feedback | None:
    """Judge the vote on a tile that teaches; None for every other task, above all for one that measures."""
    if task.question != Question.BOXES.value or not task.gold or vote.skipped:
        return None
    truth, tile = session.get(ConsensusRow, task.subject), session.get_one(TileRow, task.subject)
    photo = session.get_one(PhotoRow, tile.photo)
    if truth is None or not truth.by_expert or truth.state != "agreed":
        return None
    if GoldTile(TileId(tile.id), 0, photo.split == "exam").kind is not GoldKind.TEACHING:
        return None
    return Feedback(judge(vote, truth.accepted(), tile.word().shown))


def feedback_on(session: Session, task: TaskRow, result: Sequence[Any], account: str, now: datetime) -> Feedback | None:
    """Judge an answer as the browser sent it, before it is stored as anybody's vote."""
    if task.question != Question.BOXES.value or not task.gold:
        return None
    tile = session.get_one(TileRow, task.subject).word()
    vote = boxes.read(result, tile).to_vote(Person(account), tile, now, 0.0, blind=task.blind)
    return feedback(session, task, vote)


def judge(vote: Vote, truth: Boxes, shown: Rectangle) -> tuple[Judged, ...]:
    """Compare the vote with the true boxes, shape (n, 4): found ones first, then what to learn from."""
    marked = mark(vote, truth)
    wrong = {tuple(box) for box in marked.wrong.tolist()}
    found = [Judged(_percent(box, shown), Verdict.FOUND) for box in vote.boxes.tolist() if tuple(box) not in wrong]
    missed, false, misplaced = list(marked.missed.tolist()), [], []
    for box in marked.wrong.tolist():
        meant = _meant(box, missed)
        if meant is None:
            false.append(Judged(_percent(box, shown), Verdict.FALSE))
        else:
            right = _percent(missed.pop(meant), shown)
            misplaced.append(Judged(_percent(box, shown), Verdict.MISPLACED, right))
    return (*found, *misplaced, *(Judged(_percent(box, shown), Verdict.MISSED) for box in missed), *false)


def _meant(box: Sequence[float], missed: Sequence[Sequence[float]]) -> int | None:
    """Return which of the overlooked animals the box was meant for."""
    if not missed:
        return None
    there = np.array(missed, dtype=np.float64)
    shares = matched_iou(np.tile(np.array(box), (len(there), 1)), there)
    best = int(shares.argmax())
    return best if shares[best] >= MEANT else None


def _percent(box: Sequence[float], shown: Rectangle) -> Percent:
    x1, y1, x2, y2 = box
    wide, high = 100 / (shown.x2 - shown.x1), 100 / (shown.y2 - shown.y1)
    placed = (x1 - shown.x1) * wide, (y1 - shown.y1) * high, (x2 - x1) * wide, (y2 - y1) * high
    return tuple(round(side, 3) for side in placed)  # type: ignore[return-value]
