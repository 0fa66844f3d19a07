"""When a tile has been looked at enough, and who should look next."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from active_learning.consensus import latest
from labeling_configs.vocabulary import Consensus, Vote


class Step(StrEnum):
    """What happens next to a tile."""

    RETIRE = "retire"
    ASK_MORE = "ask_more"
    EXPERT = "expert"


@dataclass(frozen=True)
class Decision:
    """The next step; `overlap` is how many people in all should have opened the tile, skips included."""

    step: Step
    overlap: int


def next_step(
    consensus: Consensus | None, votes: Sequence[Vote], least: int = 2, most: int = 5, enough: float = 0.8
) -> Decision:
    """Retire on agreement of at least `least` people, ask an expert once `most` have opened the tile in vain.

    `consensus` is None when nobody gave an answer. A box that exactly half of the voters drew keeps a tile open.
    """
    people = latest(votes)
    unusable = sum(vote.unusable for vote in people)
    answered = sum(not vote.skipped and not vote.unusable for vote in people)
    if _settled(consensus, answered, unusable, least, enough):
        return Decision(Step.RETIRE, len(people))
    if len(people) >= most:
        return Decision(Step.EXPERT, len(people))
    needed = max(1, least - max(answered, unusable))
    return Decision(Step.ASK_MORE, min(most, len(people) + needed))


def _settled(consensus: Consensus | None, answered: int, unusable: int, least: int, enough: float) -> bool:
    """Say whether most people agree, be it that nobody can use the picture."""
    if unusable >= least and unusable > answered:
        return True
    if consensus is None or answered < least or answered <= unusable:
        return False
    return consensus.agreement >= enough and not undecided(consensus)


def undecided(consensus: Consensus) -> bool:
    """Say whether some box was drawn by exactly half of the voters."""
    return any(2 * len(box.drawn_by) == consensus.voters for box in consensus.boxes)
