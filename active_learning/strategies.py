"""Ways of choosing that plug into modAL's ActiveLearner and Committee, and modAL's own where they fit (Danka 2018).

A query strategy takes a learner and a pool, shape (n, d), and returns the rows to label and what each is worth, both of
shape (k,). modAL calls a strategy that fails a second time, and shows the second error.
"""

import numpy as np
from modAL.disagreement import KL_max_disagreement
from modAL.models import ActiveLearner
from modAL.models.base import BaseCommittee, BaseLearner
from modAL.uncertainty import classifier_entropy
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from active_learning.coverage import Features
from active_learning.pool import Pool, Reason
from active_learning.selection import ALL_BY_WORTH, select
from labeling_configs.vocabulary import TileId

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]


def informative_and_diverse(
    learner: BaseLearner | BaseCommittee,
    pool: Features,
    n_instances: int = 1,
    minutes: Numbers | None = None,
    bursts: NDArray[np.intp] | None = None,
    known: Features | None = None,
    rng: Generator | None = None,
) -> tuple[Rows, Numbers]:
    """Return the rows that stand for most of what the learner doubts, per minute, at most one of each burst.

    Doubt is the entropy of a classifier and the greatest disagreement of a committee; a learner that was never fitted
    doubts all alike. `known`, shape (m, d), is what was labelled; by default what the learner was taught.
    """
    count = len(pool)
    taught = getattr(learner, "X_training", None) if known is None else known
    columns = Pool(
        tiles=[TileId(f"{row:012}") for row in range(count)],
        bursts=np.arange(count).astype(np.str_).tolist() if bursts is None else np.asarray(bursts).astype(str).tolist(),
        doubts={Reason.UNCERTAIN: doubt(learner, pool)},
        minutes=np.ones(count) if minutes is None else minutes,
        occupied=np.zeros(count),
        exam=np.zeros(count, dtype=np.bool_),
        features=pool,
    )
    chosen = select(columns, n_instances, rng or np.random.default_rng(0), ALL_BY_WORTH, taught)
    rows = np.array([int(one.tile) for one in chosen], dtype=np.intp)
    return rows, np.array([one.value for one in chosen], dtype=np.float64)


def doubt(learner: BaseLearner | BaseCommittee, pool: Features) -> Numbers:
    """Return what the learner doubts of each row, in nats, shape (n,); 1 for all while it knows nothing."""
    measure = KL_max_disagreement if isinstance(learner, BaseCommittee) else classifier_entropy
    try:
        doubts: Numbers = np.asarray(measure(learner, pool), dtype=np.float64)
    except NotFittedError:
        return np.ones(len(pool))
    known = np.maximum(doubts, 0.0)
    return known if known.any() else np.ones(len(pool))


def occupancy(seen: Features, occupied: NDArray[np.bool_], pool: Features) -> Numbers:
    """Return the chance that each tile of the pool holds an animal, shape (n,), by how those look that are labelled.

    A logistic regression in modAL's ActiveLearner, on `seen`, shape (m, d); both answers must occur. It serves until
    the first detector does.
    """
    classes = LogisticRegression(class_weight="balanced", max_iter=1000)
    learner = ActiveLearner(estimator=classes, X_training=np.asarray(seen), y_training=occupied.astype(int))
    chances: Numbers = np.asarray(learner.predict_proba(np.asarray(pool)), dtype=np.float64)[:, 1]
    return chances
