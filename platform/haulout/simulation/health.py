"""How the walruses fare, slowly: some arrive thin and grow fatter, some waste away, a few are hurt and heal."""

from dataclasses import dataclass

import numpy as np

from labeling_configs.vocabulary import Condition

from .individual import Walrus


@dataclass(frozen=True)
class Health:
    """One walrus's season: its fatness before and from day `turns_on`, and when it is hurt, the last day exclusive."""

    before: Condition
    after: Condition
    turns_on: int
    hurt: tuple[int, int] | None

    def on(self, day: int) -> tuple[Condition, ...]:
        """Return what can be seen of it on a day of the season, counted from 0."""
        fatness = self.before if day < self.turns_on else self.after
        injured = self.hurt is not None and self.hurt[0] <= day < self.hurt[1]
        return (fatness, Condition.INJURY) if injured else (fatness,)


def fare(walrus: Walrus, days: int, rng: np.random.Generator) -> Health:
    """Return how the walrus fares; whoever is drawn thinner or with a fresh scar from some day on, is so here too."""
    chance, turns_on = rng.random(), int(rng.integers(max(1, days // 3), max(2, 2 * days // 3)))
    before, after = Condition.NORMAL, Condition.NORMAL
    if walrus.thinner_on is not None:
        after, turns_on = Condition.THIN, walrus.thinner_on
    elif chance < 0.25:
        before = Condition.THIN
    elif chance < 0.35:
        after = Condition.FAT
    fresh = max((mark.since for mark in walrus.look.marks), default=0)
    heals = fresh + max(2, days // 4)
    return Health(before, after, turns_on, hurt=(fresh, heals) if fresh else None)
