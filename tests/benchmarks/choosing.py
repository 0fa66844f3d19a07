"""The ways of choosing that `selection.py` compares: functions of what can be seen of the tiles not yet labelled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from modAL.batch import uncertainty_batch_sampling
from modAL.models import ActiveLearner
from modAL.uncertainty import uncertainty_sampling
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from active_learning.effort import USUAL
from active_learning.pool import Pool
from active_learning.selection import ALL_BY_WORTH, select
from active_learning.uncertainty import Look, box_doubts, doubts
from haulout_models.tiling import Found
from labeling_configs.vocabulary import TileId

Numbers = NDArray[np.float64]


@dataclass
class View:
    """Tiles by their numbers: those that are free to buy, and those labelled; the detector looks when it is asked."""

    free: NDArray[np.intp]
    labelled: NDArray[np.intp]
    features: NDArray[np.float32]
    bursts: Sequence[str]
    found: Callable[[], list[Found]] = field(repr=False)
    mirrored: Callable[[], list[Found]] = field(repr=False)

    @cached_property
    def boxes(self) -> list[Found]:
        return self.found()

    @cached_property
    def doubted(self) -> Numbers:
        """The entropy of all boxes of each free tile, in bits: the uncertainty of its count."""
        return np.array([box_doubts(scores).sum() for _, scores in self.boxes])


def random(view: View, size: int, rng: Generator) -> list[int]:
    return view.free[rng.choice(len(view.free), size, replace=False)].tolist()


def count_entropy(view: View, size: int, rng: Generator) -> list[int]:
    return view.free[np.argsort(-view.doubted, kind="stable")[:size]].tolist()


def modal_uncertainty(view: View, size: int, rng: Generator) -> list[int]:
    rows, _ = _learner(view, uncertainty_sampling).query(np.arange(len(view.free))[:, None], n_instances=size)
    return view.free[rows].tolist()


def modal_ranked_batch(view: View, size: int, rng: Generator) -> list[int]:
    learner = _learner(view, uncertainty_batch_sampling)
    rows, _ = learner.query(view.features[view.free], n_instances=size)
    return view.free[rows].tolist()


def k_center(view: View, size: int, rng: Generator) -> list[int]:
    features = view.features.astype(np.float64)
    pool, known = features[view.free], features[view.labelled]
    nearest = np.min(((pool[:, None] - known[None]) ** 2).sum(axis=2), axis=1)
    taken: list[int] = []
    for _ in range(size):
        taken.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((pool - pool[taken[-1]]) ** 2).sum(axis=1))
    return view.free[taken].tolist()


def ours(view: View, size: int, rng: Generator) -> list[int]:
    """What Haulout's own batch takes by worth: boxes in doubt and their places, per minute, herded."""
    looks = [doubts(Look(*first), Look(*second)) for first, second in zip(view.boxes, view.mirrored(), strict=True)]
    expected = np.array([scores.sum() for _, scores in view.boxes])
    pool = Pool(
        tiles=[TileId(f"{tile:06}") for tile in view.free],
        bursts=[view.bursts[tile] for tile in view.free],
        doubts={kind: np.array([look[kind] for look in looks]) for kind in looks[0]},
        minutes=USUAL.seconds(expected) / 60,
        occupied=np.minimum(expected, 1.0),
        exam=np.zeros(len(view.free), dtype=np.bool_),
        features=view.features[view.free],
    )
    chosen = select(pool, size, rng, ALL_BY_WORTH, view.features[view.labelled])
    return [int(one.tile) for one in chosen]


class _Scores(BaseEstimator):
    """A classifier for modAL: the chances of (animal, none) of the box that each tile is least sure of."""

    def __init__(self, chances: Numbers | None = None) -> None:
        self.chances = chances

    def fit(self, _samples: Numbers, _labels: Numbers) -> "_Scores":
        return self

    def predict_proba(self, _rows: Numbers) -> Numbers:
        return np.column_stack([self.chances, 1 - self.chances])


def _learner(view: View, strategy: Callable[..., object]) -> ActiveLearner:
    unsure = [scores[np.abs(scores - 0.5).argmin()] if len(scores) else 0.0 for _, scores in view.boxes]
    known = view.features[view.labelled]
    return ActiveLearner(_Scores(np.array(unsure)), strategy, known, np.zeros(len(known)))


STRATEGIES: Mapping[str, Callable[[View, int, Generator], list[int]]] = {
    "random": random,
    "count-entropy": count_entropy,
    "modAL uncertainty": modal_uncertainty,
    "modAL ranked batch": modal_ranked_batch,
    "k-center": k_center,
    "ours": ours,
}
