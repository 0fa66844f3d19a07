"""Our way of choosing plugs into modAL, beside modAL's own."""

import numpy as np
import pytest
from modAL.models import ActiveLearner, Committee
from sklearn.linear_model import LogisticRegression

from active_learning.strategies import doubt, informative_and_diverse, occupancy


def two_kinds(count, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.random(count) < 0.5
    return rng.normal(size=(count, 6)) + np.where(kind, 1.0, -1.0)[:, None], kind.astype(int)


def test_an_active_learner_asks_by_our_strategy():
    features, kind = two_kinds(200)
    learner = ActiveLearner(LogisticRegression(), informative_and_diverse, features[:10], kind[:10])

    rows, asked = learner.query(features[10:], n_instances=12)
    learner.teach(asked, kind[10:][rows])

    assert len(set(rows.tolist())) == 12
    assert (asked == features[10:][rows]).all()
    assert len(learner.X_training) == 22


def test_a_learner_that_knows_nothing_is_asked_for_what_stands_for_most():
    features, _ = two_kinds(100)
    learner = ActiveLearner(LogisticRegression(), informative_and_diverse)

    rows, _ = learner.query(features, n_instances=2)

    assert doubt(learner, features).tolist() == [1.0] * 100
    assert np.sign(features[rows].mean(axis=1)).tolist() in ([1, -1], [-1, 1])


def test_a_committee_asks_where_its_members_disagree():
    features, kind = two_kinds(120)
    members = [
        ActiveLearner(LogisticRegression(C=strength), X_training=features[:6], y_training=kind[:6])
        for strength in (0.01, 100.0)
    ]
    committee = Committee(members, informative_and_diverse)

    rows, _ = committee.query(features, n_instances=5)

    doubts = doubt(committee, features)
    assert len(set(rows.tolist())) == 5
    assert doubts[rows].mean() > doubts.mean()


def test_the_dear_and_the_repeated_are_left_out():
    features, kind = two_kinds(40)
    learner = ActiveLearner(LogisticRegression(), X_training=features[:4], y_training=kind[:4])
    minutes = np.where(np.arange(40) % 2 == 0, 1.0, 1000.0)

    rows, _ = informative_and_diverse(learner, features, 8, minutes, np.arange(40) // 4)

    assert (rows % 2 == 0).all()
    assert len(set((rows // 4).tolist())) == 8


def test_the_same_numbers_give_the_same_rows():
    features, kind = two_kinds(80)
    learner = ActiveLearner(LogisticRegression(), X_training=features[:4], y_training=kind[:4])

    first, again = (informative_and_diverse(learner, features, 9, rng=np.random.default_rng(5)) for _ in range(2))

    assert [column.tolist() for column in first] == [column.tolist() for column in again]


def test_likely_animals_are_told_by_their_looks():
    features, kind = two_kinds(200)

    chances = occupancy(features[:60], kind[:60].astype(bool), features[60:])

    assert np.mean((chances > 0.5) == kind[60:]) > 0.9
    assert chances.min() >= 0 and chances.max() <= 1


def test_one_answer_alone_tells_nothing():
    features, _ = two_kinds(20)

    with pytest.raises(ValueError, match="class"):
        occupancy(features, np.ones(20, dtype=bool), features)
