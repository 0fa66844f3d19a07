"""People who are not there: volunteers who miss, jitter, guess or cheat, and experts who sometimes err."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import FATNESS, Boxes, Condition, Disturbance, Person, Rectangle, Same, Side, no_boxes

from .truth import TrueAnimal, TruePhoto, boxes_of

_NO_ROCKS = no_boxes()
LEAST_LENGTH, LEAST_VISIBLE = 60.0, 0.5
"""Pixels, and the share that shows, below which no expert says how an animal looks."""
SAYS_NOTHING = 0.2


@dataclass(frozen=True)
class SimulatedVolunteer:
    """Someone who draws boxes; rates are probabilities, `jitter` is the deviation of an edge as a share of box size.

    `misses` holds for a large, free animal and grows for small and hidden ones; `accepts` is how readily a shown
    prediction is left as it is. A spammer copies predictions or draws at random, faster than anyone can look.
    """

    name: Person
    misses: float
    jitter: float
    false_boxes: float
    accepts: float
    pace: float = 1.0
    spammer: bool = False

    def look_at(
        self,
        animals: Sequence[TrueAnimal],
        tile: Rectangle,
        predictions: Boxes,
        rng: np.random.Generator,
        rocks: Boxes = _NO_ROCKS,
    ) -> tuple[Boxes, float]:
        """Return the boxes drawn in the tile, shape (n, 4) in pixels of the photo, and the seconds it took."""
        if self.spammer:
            return self._spam(tile, predictions, rng)
        found = boxes_of(tuple(animal for animal in animals if rng.random() > self._overlooks(animal)))
        overlap = overlaps(predictions, found)
        kept = [box for box, row in zip(predictions, overlap, strict=True) if self._keeps(row, rng)]
        kept_boxes = np.array(kept, dtype=np.float64).reshape(-1, 4)
        fresh = found[overlaps(kept_boxes, found).max(axis=0, initial=0.0) < 0.4]
        fresh = np.concatenate([fresh, rocks[rng.random(len(rocks)) < self.false_boxes]])
        boxes = _within(np.concatenate([kept_boxes, self._by_hand(fresh, rng)]), tile)
        effort = 5.0 + 3.4 * len(fresh) + 0.9 * len(kept) + 1.6 * (len(predictions) - len(kept))
        return boxes, float(self.pace * effort * rng.lognormal(0.0, 0.25))

    def notices(self, there: Collection[Disturbance], rng: np.random.Generator) -> tuple[Disturbance, ...]:
        """Return what the volunteer ticks: most of what is there and sometimes what is not, at random for a spammer."""
        misses, invents = (0.9, 0.1) if self.spammer else (min(0.08 + 2 * self.misses, 0.5), self.false_boxes / 4)
        chances = {kind: 1 - misses if kind in there else invents for kind in Disturbance}
        return tuple(kind for kind, chance in chances.items() if rng.random() < chance)

    def _overlooks(self, animal: TrueAnimal) -> float:
        """Misses grow several times over below 60 pixels and below half visible."""
        small = np.clip(1 - animal.length / 60, 0, 1)
        hidden = np.clip(1 - animal.visible / 0.5, 0, 1)
        return float(np.clip(self.misses * (1 + 5 * small + 4 * hidden) + 0.15 * hidden * small, 0, 0.95))

    def _keeps(self, overlap: NDArray[np.float64], rng: np.random.Generator) -> bool:
        """A good prediction is mostly kept, a poor one redrawn, one on nothing deleted by all but the careless."""
        best = float(overlap.max(initial=0.0))
        willing = self.accepts if best >= 0.7 else self.accepts * 0.6 if best >= 0.4 else self.accepts * 0.25
        return bool(rng.random() < willing)

    def _by_hand(self, boxes: Boxes, rng: np.random.Generator) -> Boxes:
        sizes = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        return boxes + rng.normal(0.0, 1.0, boxes.shape) * (self.jitter * sizes + 0.7)

    def _spam(self, tile: Rectangle, predictions: Boxes, rng: np.random.Generator) -> tuple[Boxes, float]:
        seconds = float(rng.uniform(0.7, 2.0))
        if len(predictions) and rng.random() < 0.6:
            return _within(predictions, tile), seconds
        corners = rng.uniform([tile.x1, tile.y1], [tile.x2, tile.y2], (int(rng.integers(0, 5)), 2))
        sizes = rng.uniform(0.04, 0.2, corners.shape) * [tile.width, tile.height]
        return _within(np.concatenate([corners, corners + sizes], axis=1), tile), seconds


@dataclass(frozen=True)
class SimulatedExpert:
    """Someone who says who is who; `errs` and `unsure` are probabilities for two good pictures of one flank."""

    name: Person
    errs: float
    unsure: float
    pace: float = 1.0

    def judge(self, first: TrueAnimal, second: TrueAnimal, rng: np.random.Generator) -> tuple[Same, float]:
        """Return the answer on two animals and the seconds it took."""
        return self._answer(first, second, rng), float(self.pace * 17 * rng.lognormal(0.0, 0.45))

    def describe(self, animal: TrueAnimal, rng: np.random.Generator) -> tuple[Condition, ...]:
        """Return how the animal looks; nothing when it is hardly seen, or when the expert does not care to say."""
        if animal.length < LEAST_LENGTH or animal.visible < LEAST_VISIBLE or rng.random() < SAYS_NOTHING:
            return ()
        fatness = [one for one in animal.conditions if one in FATNESS]
        if fatness and rng.random() < 3 * self.errs:
            fatness = [FATNESS[int(rng.integers(len(FATNESS)))]]
        others = [one for one in animal.conditions if one not in FATNESS and rng.random() >= 3 * self.errs]
        return (*fatness, *others)

    def choose(
        self, query: TrueAnimal, candidates: Sequence[TrueAnimal], rng: np.random.Generator
    ) -> tuple[tuple[Same, ...], float]:
        """Return an answer for each candidate of a gallery, in their order, and the seconds for all of them."""
        answers = tuple(self._answer(query, candidate, rng) for candidate in candidates)
        return answers, float(self.pace * (9 + 4.5 * len(candidates)) * rng.lognormal(0.0, 0.35))

    def _answer(self, first: TrueAnimal, second: TrueAnimal, rng: np.random.Generator) -> Same:
        if rng.random() < self._cannot_tell(first, second):
            return Same.CANNOT_TELL
        same = (first.individual == second.individual) != (rng.random() < self.errs)
        return Same.SAME if same else Same.DIFFERENT

    def _cannot_tell(self, first: TrueAnimal, second: TrueAnimal) -> float:
        """Two flanks share no marks; below 110 pixels or half visible the marks cannot be seen."""
        sides = {first.side, second.side}
        compare = 0.9 if sides == {Side.LEFT, Side.RIGHT} else 0.8 if Side.BACK in sides else 0.55
        if len(sides) == 1:
            compare = 0.5 if sides == {Side.BACK} else self.unsure
        small = float(np.clip(1 - min(first.length, second.length) / 110, 0, 1))
        hidden = float(np.clip(1 - min(first.visible, second.visible) / 0.5, 0, 1))
        return 1 - (1 - compare) * (1 - 0.9 * small) * (1 - 0.6 * hidden)


VOLUNTEERS = (
    SimulatedVolunteer(Person("amparo"), misses=0.02, jitter=0.015, false_boxes=0.002, accepts=0.9),
    SimulatedVolunteer(Person("bjarne"), misses=0.04, jitter=0.025, false_boxes=0.01, accepts=0.93, pace=0.8),
    SimulatedVolunteer(Person("chidi"), misses=0.07, jitter=0.035, false_boxes=0.02, accepts=0.85, pace=1.2),
    SimulatedVolunteer(Person("dorota"), misses=0.16, jitter=0.06, false_boxes=0.06, accepts=0.97, pace=0.6),
    SimulatedVolunteer(Person("quickclick"), misses=1.0, jitter=0.5, false_boxes=0.5, accepts=1.0, spammer=True),
)
"""The default cast: three good to fair volunteers, a careless one, and a spammer."""

EXPERTS = (
    SimulatedExpert(Person("expert-elena"), errs=0.02, unsure=0.04),
    SimulatedExpert(Person("expert-finn"), errs=0.05, unsure=0.08, pace=0.8),
)


def truth_at(photo: TruePhoto, box: Sequence[float], iou: float = 0.4) -> TrueAnimal | None:
    """Return the counted animal that a box overlaps best, or None when none reaches that intersection over union."""
    if not photo.counted:
        return None
    found = overlaps(np.array([box], dtype=np.float64), boxes_of(photo.counted))[0]
    best = int(found.argmax())
    return photo.counted[best] if found[best] >= iou else None


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the intersection over union of each of (n, 4) with each of (m, 4), shape (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9), dtype=np.float64)


def _within(boxes: Boxes, tile: Rectangle) -> Boxes:
    """Cut boxes off at the tile's edge and drop what is left of less than three pixels."""
    low, high = np.array([tile.x1, tile.y1] * 2, dtype=float), np.array([tile.x2, tile.y2] * 2, dtype=float)
    cut = np.clip(boxes, low, high)
    cut = np.concatenate([np.minimum(cut[:, :2], cut[:, 2:]), np.maximum(cut[:, :2], cut[:, 2:])], axis=1)
    return cut[np.all(cut[:, 2:] - cut[:, :2] >= 3, axis=1)]
