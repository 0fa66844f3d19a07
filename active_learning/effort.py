"""How long a tile will take people: learned from how long their answers took, by what there was to do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from labeling_configs.vocabulary import Origin, Vote

Numbers = NDArray[np.float64]

LONGEST = 1800.0
"""Seconds above which nobody was at work: the browser was left open."""
WEIGHT = 20.0
"""Answers' worth of what is assumed before anybody answered."""


@dataclass(frozen=True)
class Effort:
    """Seconds for opening a tile, for each box drawn, moved or removed, and for each machine box left as it is.

    The first two are the means of 8,100 images and 3,522 further boxes of Branson, Van Horn and Perona's crowd (2017),
    by the times of their boxes; the third is assumed until answers teach it.
    """

    opening: float = 4.7
    drawn: float = 4.6
    kept: float = 0.7

    def seconds(self, drawn: Numbers, kept: Numbers | float = 0.0) -> Numbers:
        """Return the expected seconds of one answer, shape (n,), by boxes to draw or change and boxes to keep."""
        return self.opening + self.drawn * drawn + self.kept * kept

    def to_json(self) -> dict[str, float]:
        """Return the three numbers by name."""
        return asdict(self)


USUAL = Effort()


def from_json(stored: Mapping[str, float]) -> Effort:
    """Read what `to_json` returned; nothing stored means what is usual."""
    return Effort(**stored)


def work(vote: Vote) -> tuple[float, float]:
    """Return how many boxes the person drew, moved or removed, and how many machine boxes were left as shown."""
    kept = sum(origin is Origin.KEPT for origin in vote.origins)
    return float(len(vote.boxes) - kept + (0 if vote.blind else len(vote.deleted))), float(kept)


def learn_effort(votes: Sequence[Vote], prior: Effort = USUAL) -> Effort:
    """Fit the three times to the seconds of votes, none negative, whatever the order of the votes.

    Seconds of 0 are unknown. Ratios are compared and large ones count little (soft L1, Charbonnier 1994): somebody who
    went for tea in the middle of a tile must not make all tiles look long.
    """
    told = [(vote.seconds, *work(vote)) for vote in votes if 0 < vote.seconds <= LONGEST and not vote.skipped]
    if not told:
        return prior
    seconds, drawn, kept = np.array(sorted(told)).T
    before = np.log(list(asdict(prior).values()))

    def misfit(times: Numbers) -> Numbers:
        opening, draw, keep = np.exp(times)
        off = np.log(seconds / (opening + draw * drawn + keep * kept))
        robust = np.sign(off) * np.sqrt(2 * (np.sqrt(1 + off**2) - 1))
        return np.concatenate([robust, np.sqrt(WEIGHT / 3) * (times - before)])

    found = least_squares(misfit, before)
    return Effort(*(float(value) for value in np.exp(found.x)))


def expected_work(scores: Numbers, shown: float | None) -> tuple[float, float]:
    """Return the boxes to draw, move or remove and those to keep that a tile's scores, shape (n,), let expect.

    `shown` is the score from which boxes lie on the task; None means a blind task, where all must be drawn.
    """
    if shown is None:
        return float(scores.sum()), 0.0
    drawn = scores >= shown
    return float(scores[~drawn].sum() + (1 - scores[drawn]).sum()), float(scores[drawn].sum())
