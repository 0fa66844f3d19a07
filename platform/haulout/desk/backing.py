"""How many people drew each box of a dispute, as experts see it at the box."""

from collections.abc import Sequence

import numpy as np
from sqlmodel import Session

from haulout.tables import ConsensusRow, TaskRow, TileRow
from labeling_configs import box_dispute
from labeling_configs.regions import SMALLEST, clipped
from labeling_configs.vocabulary import Question


def drawn_by(session: Session, task: TaskRow, shown: Sequence[object]) -> list[tuple[int, int]]:
    """Return for each box that an expert is shown how many people drew it, and how many could have.

    Empty for other questions, and when the votes have changed since the boxes were shown.
    """
    tile, votes = session.get(TileRow, task.subject), session.get(ConsensusRow, task.subject)
    if task.question != Question.BOX_DISPUTE.value or tile is None or votes is None:
        return []
    rows = [row for row in votes.boxes if row[4] > 0]
    all_boxes = clipped(np.array([row[:4] for row in rows], dtype=np.float64).reshape(-1, 4), tile.word().shown)
    seen = box_dispute.read(list(shown), tile.word()).boxes
    large = np.min(all_boxes[:, 2:] - all_boxes[:, :2], axis=1, initial=np.inf) >= SMALLEST
    if large.sum() != len(seen) or not np.allclose(all_boxes[large], seen, atol=0.01):
        return []
    return [(len(row[5]), votes.voters) for row, is_large in zip(rows, large, strict=True) if is_large]
