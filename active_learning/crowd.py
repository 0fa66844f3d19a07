"""What is known of the people who draw: how often each finds an animal, errs, and how precisely each draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from active_learning.ballots import EXPERT, MACHINE, Ballots, Numbers, Sight
from labeling_configs.vocabulary import Person

PLAIN, HIDDEN, DECOY = 0, 1, 2
"""What may be at a place: an animal that nearly everybody sees, one that many overlook, a mere look-alike."""
KINDS = 3
REAL = np.array([1.0, 1.0, 0.0])
"""Which kinds are animals."""

USUAL_FINDS = np.array([[0.95, 0.65, 0.20], [0.98, 0.85, 0.50], [0.88, 0.45, 0.10]])
"""How often people draw each kind (columns) with each sight (rows, see Sight) before anything was measured.

The first row is the definition of the kinds, close to what drawers of pedestrians do (Branson 2017); the other two
carry the anchoring of DESIGN's sources: what a machine shows is mostly kept, what it does not show is overlooked more.
"""
MACHINE_FINDS = np.array([0.85, 0.50, 0.25])
EXPERT_FINDS = np.array([0.98, 0.95, 0.03])
EXPERT_STRAYS = 0.01
"""An expert's word is taken as given, not learned: it is what people are measured by."""
USUAL_STRAYS = 0.1
USUAL_SPREAD = 1.2
"""In square roots of pixels; see Skill.spread."""


@dataclass(frozen=True)
class Skill:
    """How one person draws."""

    finds: Numbers
    """Shape (3, 3): the chance of drawing, for each sight (rows) and kind (columns)."""
    strays: float
    """False boxes per tile where nothing attracts them."""
    spread: float
    """How far edges lie off: the standard deviation is spread * sqrt(side) pixels, so large boxes err more pixels."""
    tiles: int = 0
    """Tiles that this was learned from; 0 for a newcomer, who gets everybody's average."""
    animals: float = 0.0
    """Animals expected on those tiles, found or missed."""

    def detection(self) -> tuple[float, float, float]:
        """Return the share of plain animals drawn without a machine's help, and its 95 % limits (Jeffreys)."""
        from scipy.stats import beta

        found = float(self.finds[Sight.BLIND, PLAIN])
        hits, misses = found * self.animals, (1 - found) * self.animals
        low, high = beta.ppf([0.025, 0.975], hits + 0.5, misses + 0.5)
        return found, float(low), float(high)


@dataclass(frozen=True)
class Sizes:
    """Cuts between sizes of animals, in pixels of the shorter side, and how common each kind is in each."""

    cuts: Numbers
    """Shape (b - 1,), rising."""
    density: Numbers
    """Shape (3, b): animals and decoys per tile; rows are kinds."""
    strays: Numbers
    """Shape (b,): the share of stray boxes in each size."""

    def counted(self, smallest: float) -> Numbers:
        """Return the share of each kind's density, shape (3,), in sizes that are not wholly below `smallest`."""
        tops = np.append(self.cuts, np.inf)
        share: Numbers = self.density[:, tops > smallest].sum(axis=1) / self.density.sum(axis=1)
        return share


@dataclass(frozen=True)
class Crowd:
    """Everybody's skill, and how animals lie on tiles; learned by `learning.learn_crowd`, derived, can be rebuilt."""

    skills: Mapping[Person, Skill] = field(default_factory=dict)
    finds: Numbers = field(default_factory=lambda: USUAL_FINDS.copy())
    """Shape (3, 3): everybody's average, which a newcomer gets."""
    strays: float = USUAL_STRAYS
    spread: float = USUAL_SPREAD
    sizes: Sizes = field(default_factory=lambda: Sizes(np.zeros(0), np.array([[2.0], [0.2], [0.2]]), np.ones(1)))
    clumping: float = 1.0
    """Shape of the gamma distribution of animals over tiles; small where tiles hold many animals or none."""
    inward: float = 0.42
    """The quantile of the edges, from inside out, taken for the animal's: people draw too wide more than too tight."""
    rounds: int = 0
    """Rounds of learning that made this; 0 for what is assumed before anything was learned."""

    def of(self, person: Person) -> Skill:
        """Return the person's skill; a newcomer's is everybody's average."""
        if person == EXPERT:
            return Skill(np.tile(EXPERT_FINDS, (3, 1)), EXPERT_STRAYS, self.spread / 2)
        if person in self.skills:
            return self.skills[person]
        if person == MACHINE:
            return Skill(np.tile(MACHINE_FINDS, (3, 1)), 3 * USUAL_STRAYS, self.spread)
        return Skill(self.finds, self.strays, self.spread)

    def columns(self, ballots: Ballots) -> tuple[Numbers, Numbers, Numbers]:
        """Return finds (p, 3, 3), strays (p,) and spreads (p,) of the ballots' people."""
        skills = [self.of(person) for person in ballots.people]
        finds = np.array([skill.finds for skill in skills]).reshape(-1, 3, KINDS)
        return finds, np.array([s.strays for s in skills]), np.array([s.spread for s in skills])


def to_json(crowd: Crowd) -> dict[str, Any]:
    """Return what `from_json` reads, in plain numbers."""
    skills = {
        person: [skill.finds.tolist(), skill.strays, skill.spread, skill.tiles, skill.animals]
        for person, skill in sorted(crowd.skills.items())
    }
    sizes = [crowd.sizes.cuts.tolist(), crowd.sizes.density.tolist(), crowd.sizes.strays.tolist()]
    plain = {name: getattr(crowd, name) for name in ("strays", "spread", "clumping", "inward", "rounds")}
    return {"skills": skills, "finds": crowd.finds.tolist(), "sizes": sizes, **plain}


def from_json(stored: Mapping[str, Any]) -> Crowd:
    """Read what `to_json` wrote."""
    skills = {Person(person): Skill(np.array(row[0]), *row[1:]) for person, row in stored["skills"].items()}
    plain = {name: stored[name] for name in ("strays", "spread", "clumping", "inward", "rounds")}
    sizes = Sizes(*(np.array(part, dtype=np.float64) for part in stored["sizes"]))
    return Crowd(skills, np.array(stored["finds"]), sizes=sizes, **plain)
