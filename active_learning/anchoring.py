"""How much the machine's boxes sway those who see them: people shown them beside people who were not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm

from active_learning.ballots import answers, latest_by_tile
from active_learning.consensus import agree_all
from active_learning.crowd import Crowd
from active_learning.grouping import SAME_ANIMAL
from active_learning.overlap import matched_iou
from labeling_configs.vocabulary import Boxes, Consensus, TileId, Vote

ASSURED = 0.8
"""Others must be this sure of an animal, or that there is none, before it says anything about somebody."""


@dataclass(frozen=True)
class Share:
    """How often something happened among the occasions on which it could."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """The share, nan without trials."""
        return self.hits / self.trials if self.trials else float("nan")

    def limits(self, level: float = 0.95) -> tuple[float, float]:
        """Return Wilson's score limits (1927); with no trials anything is possible."""
        if not self.trials:
            return 0.0, 1.0
        z = float(norm.ppf((1 + level) / 2))
        middle = (self.hits + z * z / 2) / (self.trials + z * z)
        half = z * np.sqrt(self.hits * (self.trials - self.hits) / self.trials + z * z / 4) / (self.trials + z * z)
        return max(0.0, float(middle - half)), min(1.0, float(middle + half))


@dataclass(frozen=True)
class Sway:
    """A share among people who saw the machine's boxes, beside the same share among those who did not."""

    shown: Share
    blind: Share

    @property
    def difference(self) -> float:
        """Shown minus blind."""
        return self.shown.value - self.blind.value

    def limits(self, level: float = 0.95) -> tuple[float, float]:
        """Return the limits of the difference by Newcombe's hybrid score method (1998, method 10).

        Occasions count as independent; those on one tile are not quite, so the truth is a little less certain.
        """
        (low_shown, high_shown), (low_blind, high_blind) = self.shown.limits(level), self.blind.limits(level)
        if not (self.shown.trials and self.blind.trials):
            return -1.0, 1.0
        down = np.hypot(self.shown.value - low_shown, high_blind - self.blind.value)
        up = np.hypot(high_shown - self.shown.value, self.blind.value - low_blind)
        return float(self.difference - down), float(self.difference + up)


@dataclass(frozen=True)
class Anchoring:
    """What seeing the machine's boxes does to people."""

    overlooked: Sway
    """Animals the machine did not draw, and that the person did not draw either."""
    believed: Sway
    """The machine's false boxes that the person has, kept by those who saw them, drawn anyway by those who did not."""


def anchoring(votes: Iterable[Vote], crowd: Crowd | None = None) -> Anchoring:
    """Measure how those who see the machine's boxes differ from those who do not, where the machine looked.

    What is true is taken from the other people on the same tile, blind ones if there are any: nobody is judged by an
    answer of their own.
    """
    compared = list(_beside_others(votes))
    truths = agree_all((other for _, others in compared for other in others), crowd)
    counts = np.zeros((2, 2, 2), dtype=np.intp)
    for number, (vote, _) in enumerate(compared):
        truth = truths.get(_apart(vote, number))
        if truth is not None:
            counts[int(vote.blind)] += _counted(vote, truth)
    (overlooked, believed), (overlooked_blind, believed_blind) = (
        [Share(int(hits), int(trials)) for hits, trials in one] for one in counts
    )
    return Anchoring(Sway(overlooked, overlooked_blind), Sway(believed, believed_blind))


def _beside_others(votes: Iterable[Vote]) -> Iterable[tuple[Vote, Sequence[Vote]]]:
    """Yield each vote on a tile where the machine looked, with the others' votes under a tile name of its own."""
    number = 0
    for of_tile in latest_by_tile(votes).values():
        given = answers(of_tile)
        for vote in given:
            others = [other for other in given if other.person != vote.person]
            blind = [other for other in others if other.blind]
            judges = blind if len(blind) >= 2 else others
            if (len(vote.machine) or not vote.blind) and len(judges) >= 2:
                # The machine must not vouch for itself.
                yield (
                    vote,
                    [replace(one, tile=_apart(vote, number), blind=True, machine=vote.boxes[:0]) for one in judges],
                )
                number += 1


def _apart(vote: Vote, number: int) -> TileId:
    return TileId(f"{vote.tile}|{number}")


def _counted(vote: Vote, truth: Consensus) -> np.typing.NDArray[np.intp]:
    """Return [[overlooked, unshown animals], [believed, false machine boxes]]."""
    sure = truth.accepted(ASSURED)
    possible = truth.accepted(1 - ASSURED)
    unshown = sure[~_met(sure, vote.machine)]
    false = vote.machine[~_met(vote.machine, possible)]
    return np.array(
        [
            [np.sum(~_met(unshown, vote.boxes)), len(unshown)],
            [np.sum(_met(false, vote.boxes)), len(false)],
        ]
    )


def _met(boxes: Boxes, others: Boxes) -> np.typing.NDArray[np.bool_]:
    """Say which boxes, shape (n,), meet one of the others as the same animal would."""
    pairs = matched_iou(np.repeat(boxes, len(others), axis=0), np.tile(others, (len(boxes), 1)))
    met: np.typing.NDArray[np.bool_] = pairs.reshape(len(boxes), len(others)).max(axis=1, initial=0.0) >= SAME_ANIMAL
    return met


def to_json(measured: Anchoring) -> dict[str, Any]:
    """Return what `from_json` reads: hits and trials, shown and blind."""
    pairs = {"overlooked": measured.overlooked, "believed": measured.believed}
    return {name: [[one.hits, one.trials] for one in (sway.shown, sway.blind)] for name, sway in pairs.items()}


def from_json(stored: Mapping[str, Any]) -> Anchoring:
    """Read what `to_json` wrote."""
    overlooked, believed = (
        Sway(*(Share(hits, trials) for hits, trials in stored[name])) for name in ("overlooked", "believed")
    )
    return Anchoring(overlooked, believed)
