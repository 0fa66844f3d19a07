"""Which of the open questions somebody is asked next: what is worth most, now and then one whose answer is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from active_learning.gold import GoldKind

NEWCOMERS_GOLD = 4
"""How many times as often newcomers get a tile with a known answer, from which they learn; at most every other time."""
NEWCOMERS_TEACHING, TEACHING = 0.9, 0.5
"""The share of teaching tiles among those with a known answer; the others measure."""


@dataclass(frozen=True)
class Offer:
    """A question that somebody could be asked now."""

    task: int
    priority: float
    minutes: float = 0.0
    """What an answer is expected to take; 0 when that is not known."""
    gold: GoldKind | None = None
    deciding: bool = False
    """Whether the votes so far disagree, so that the next one may decide."""


@dataclass(frozen=True)
class Standing:
    """What is known of who asks for a question."""

    newcomer: bool = False
    trusted: bool = True


def choose(offers: Sequence[Offer], standing: Standing, gold_share: float, rng: np.random.Generator) -> Offer | None:
    """Return what to ask now, None when nothing may be asked of this person.

    Gold comes with its share whatever it is worth; all else strictly by priority, and chance breaks exact ties.
    """
    wants_gold, teaches, lot = rng.random(3)
    free = standing.trusted and not standing.newcomer
    known = [one for one in offers if one.gold is not None]
    others = [one for one in offers if one.gold is None and (free or not one.deciding)]
    if known and (not others or wants_gold < _share(gold_share, standing)):
        return _any(_of_kind(known, standing, teaches), lot)
    if standing.newcomer:
        others = _easy(others)
    best = max((one.priority for one in others), default=0.0)
    return _any([one for one in others if one.priority == best], lot)


def _share(gold_share: float, standing: Standing) -> float:
    return min(0.5, NEWCOMERS_GOLD * gold_share) if standing.newcomer else gold_share


def _of_kind(known: Sequence[Offer], standing: Standing, teaches: float) -> Sequence[Offer]:
    """Return the offers that teach or those that measure, whichever was drawn, or the others when there are none."""
    teaching = teaches < (NEWCOMERS_TEACHING if standing.newcomer else TEACHING)
    kind = GoldKind.TEACHING if teaching else GoldKind.MEASURING
    return [one for one in known if one.gold is kind] or known


def _easy(offers: Sequence[Offer]) -> list[Offer]:
    """Return the half that is expected to take fewer minutes; everything while nothing is known of that."""
    minutes = [one.minutes for one in offers if one.minutes > 0]
    middle = median(minutes) if minutes else 0.0
    return [one for one in offers if 0 < one.minutes <= middle] or list(offers)


def _any(offers: Sequence[Offer], lot: float) -> Offer | None:
    """Return one of them by lot, in [0, 1), whatever their order."""
    ordered = sorted(offers, key=lambda one: one.task)
    return ordered[int(lot * len(ordered))] if ordered else None
