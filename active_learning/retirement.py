"""When a tile has been looked at enough, and who should look next: the expected cost of being wrong decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import comb

from active_learning.ballots import latest
from labeling_configs.vocabulary import Consensus, ConsensusBox, Vote

TYPICAL_FINDS = 0.9
TYPICAL_ERRS = 0.15
"""How often one more person draws an animal, and a place where none is, when the worth of asking is foreseen."""
FAR_SIGHT = 3
"""People ahead that are foreseen: one more vote alone often changes no decision and would look worthless."""


class Step(StrEnum):
    """What happens next to a tile."""

    RETIRE = "retire"
    ASK_MORE = "ask_more"
    EXPERT = "expert"


@dataclass(frozen=True)
class Stopping:
    """When to stop asking; costs are in missed animals, risk is cost per animal, and per tile that holds none."""

    risk: float = 0.05
    """The wanted risk: a tile below it is retired."""
    missed: float = 1.0
    false: float = 1.0
    misplaced: float = 2.0
    """A box off its animal is a false box and a missed animal."""
    worthwhile: float = 0.004
    """An expert is asked when the next people would lower the risk by less than this each."""
    least: int = 2
    """People who must agree, unless the first one saw nothing and that is sure enough."""
    most: int = 7
    """People asked in all; then an expert decides."""
    smallest: float = 0.0
    """Pixels of the shorter side below which a box costs nothing."""


@dataclass(frozen=True)
class Risk:
    """The expected cost of the consensus as it stands, by what may be wrong with it."""

    existence: float
    """Boxes that are no animals, and rejected boxes that are."""
    placement: float
    missed: float
    animals: float
    """Animals expected on the tile."""

    @property
    def per_animal(self) -> float:
        """The whole cost for each animal; a tile counts as holding one at least."""
        return (self.existence + self.placement + self.missed) / max(1.0, self.animals)


@dataclass(frozen=True)
class Decision:
    """The next step; `overlap` is how many people in all should have opened the tile, skips included."""

    step: Step
    overlap: int
    risk: float


def risk(consensus: Consensus, stopping: Stopping, more: int = 0) -> Risk:
    """Return the expected cost now, or as it is foreseen once `more` people will have answered."""
    boxes = [box for box in consensus.boxes if _side(box) >= stopping.smallest]
    foreseen = [_foreseen(box.probability, more, stopping) for box in boxes]
    shrink = (consensus.voters / (consensus.voters + more)) ** 2 if consensus.voters else 1.0
    placement = sum(
        box.probability * box.misplaced * shrink * stopping.misplaced for box in boxes if box.probability > 0.5
    )
    missed = consensus.missed * (1 - TYPICAL_FINDS) ** more
    animals = sum(box.probability for box in boxes) + consensus.missed
    return Risk(sum(foreseen), placement, missed * stopping.missed, animals)


def next_step(
    consensus: Consensus | None, votes: Sequence[Vote], unusable: float = 0.0, stopping: Stopping | None = None
) -> Decision:
    """Retire a tile that is sure enough, ask on while that pays, and an expert when it does not or too many looked.

    `consensus` is None when nobody gave an answer: such a tile retires only once it is surely unusable, since calling
    it so is no answer where that is not believed. `unusable` is the probability that nobody can judge the picture.
    """
    rules = stopping or Stopping()
    opened = len(latest(votes))
    doubt = min(unusable, 1 - unusable)
    cost = 1 - unusable if consensus is None else doubt + (1 - unusable) * risk(consensus, rules).per_animal
    voters = sum(not vote.skipped for vote in latest(votes))
    if cost <= rules.risk and voters >= _needed(consensus, rules):
        return Decision(Step.RETIRE, opened, cost)
    if opened >= rules.most or (voters >= rules.least and not _pays(consensus, doubt, rules, rules.most - opened)):
        return Decision(Step.EXPERT, opened, cost)
    return Decision(Step.ASK_MORE, min(rules.most, opened + max(1, rules.least - voters)), cost)


def _needed(consensus: Consensus | None, rules: Stopping) -> int:
    blank = consensus is not None and not consensus.boxes
    return min(1, rules.least) if blank else rules.least


def _pays(consensus: Consensus | None, doubt: float, rules: Stopping, left: int) -> bool:
    """Say whether some number of further people would lower the risk by enough for each of them."""
    if consensus is None or doubt > rules.risk:
        return True
    now = risk(consensus, rules).per_animal
    ahead = range(1, min(FAR_SIGHT, left) + 1)
    return any((now - risk(consensus, rules, more).per_animal) / more >= rules.worthwhile for more in ahead)


def _foreseen(probability: float, more: int, rules: Stopping) -> float:
    """Return the expected cost of the better decision on one box after `more` typical people (preposterior)."""
    cost = 0.0
    for drew in range(more + 1):
        ways = comb(more, drew)
        real = probability * ways * TYPICAL_FINDS**drew * (1 - TYPICAL_FINDS) ** (more - drew)
        not_real = (1 - probability) * ways * TYPICAL_ERRS**drew * (1 - TYPICAL_ERRS) ** (more - drew)
        cost += min(real * rules.missed, not_real * rules.false)
    return cost


def _side(box: ConsensusBox) -> float:
    x1, y1, x2, y2 = box.box
    return min(x2 - x1, y2 - y1)
