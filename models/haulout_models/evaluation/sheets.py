"""What a detector drew on a tile of its exam, matched with what is there: every measure follows from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from haulout_models.evaluation.precision import Graded, grade, lying_on, match
from haulout_models.tiling import Found
from labeling_configs.vocabulary import Boxes

FALSE, DOUBTED = -1, -2
"""A box that hit nothing, and one that hit what people doubt: that counts neither for nor against anybody."""


@dataclass(frozen=True)
class Sheet:
    """One tile's answers, the best box first; boxes in pixels of the tile."""

    truth: Boxes
    """What must be found, shape (n, 4)."""
    doubted: Boxes
    """What may be found, shape (k, 4)."""
    boxes: Boxes
    scores: NDArray[np.float64]
    hit: NDArray[np.int64]
    """For each box the row of `truth` that it hit at half overlap, FALSE or DOUBTED."""

    @classmethod
    def of(cls, truth: Boxes, doubted: Boxes, found: Found) -> "Sheet":
        """Match boxes with animals, the best box first; boxes and scores that are no numbers are worth nothing."""
        boxes, scores = found
        scores = np.where(np.isfinite(scores), scores, 0.0)
        order = np.argsort(-scores, kind="stable")
        boxes, scores = boxes[order], scores[order]
        hit = match(truth, boxes)
        hit[(hit == FALSE) & lying_on(boxes, doubted)] = DOUBTED
        return cls(truth, doubted, boxes, scores, hit)

    def graded(self, iou: float = 0.5) -> Graded:
        """Return what average precision at this overlap needs."""
        if iou != 0.5:
            return grade(self.truth, (self.boxes, self.scores), iou, self.doubted)
        counts = self.hit != DOUBTED
        return Graded(self.scores[counts], self.hit[counts] >= 0, len(self.truth))

    def told(self, threshold: float) -> "Sheet":
        """Return the sheet with the boxes that score at least so much; matching best first, they hit the same."""
        kept = self.scores >= threshold
        return Sheet(self.truth, self.doubted, self.boxes[kept], self.scores[kept], self.hit[kept])

    def found(self) -> NDArray[np.bool_]:
        """Say for each animal that must be found, shape (n,), whether a box hit it."""
        found = np.zeros(len(self.truth), dtype=np.bool_)
        found[self.hit[self.hit >= 0]] = True
        return found
