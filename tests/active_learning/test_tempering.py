"""Many pairs across one boundary tell less than as many boundaries, and how much less is learned."""

import numpy as np
import pytest

from active_learning.tempering import KnownBoundaries, Tempering, broken_up, fit_tempering, known_boundaries


def test_pairs_that_depend_on_each_other_count_less_and_a_lone_pair_in_full():
    tempering = Tempering(1, 0.5, 0)

    told = tempering.told(np.array([3.0, 30.0]), np.array([1.0, 10.0]), np.zeros(2), np.zeros(2), 1.0)

    assert told == pytest.approx([3, 30 / 5.5])


def test_many_pictures_from_other_sides_do_not_outweigh_one_clear_match():
    told = Tempering(1, 0.5, 0).told(np.array([8.0]), np.array([1.0]), np.array([-12.0]), np.array([20.0]), 21.0)

    assert told[0] == pytest.approx(8 - 12 / 10.5)


def test_a_match_that_was_searched_for_among_many_pairs_counts_less_until_all_are_scored():
    few, all_scored = (
        Tempering(1, 0, 1.5).told(np.array([4.0]), np.array([1.0]), np.array([0.0]), np.array([cons]), 20.0)
        for cons in (0.0, 19.0)
    )

    assert few[0] == pytest.approx(4 - 1.5 * np.log(20))
    assert all_scored[0] == pytest.approx(4)


def drawn_boundaries(rng, count, shared):
    """Scores of a boundary's pairs share a part of their error; each is a log-likelihood ratio by itself."""
    same, pairs = rng.random(count) < 0.3, rng.integers(1, 9, count)
    common = rng.normal(size=count)
    pro, pros, contra, cons = np.zeros((4, count))
    for place in range(count):
        own = rng.normal(size=pairs[place])
        ratio = 2 * (np.sqrt(shared) * common[place] + np.sqrt(1 - shared) * own) + (2 if same[place] else -2)
        pro[place], pros[place] = ratio[ratio >= 0].sum(), (ratio >= 0).sum()
        contra[place], cons[place] = ratio[ratio < 0].sum(), (ratio < 0).sum()
    return KnownBoundaries(pro, pros, contra, cons, pairs.astype(float), same)


def test_how_much_errors_go_together_is_learned_from_known_animals():
    alone, shared = (
        fit_tempering([drawn_boundaries(np.random.default_rng(0), 4000, part)], 0.3).dependence for part in (0, 0.8)
    )

    assert alone < 0.1 < 0.4 < shared


def test_boundaries_of_one_kind_teach_nothing():
    nothing = KnownBoundaries(*np.ones((5, 4)), np.ones(4, dtype=bool))

    assert fit_tempering([nothing], 0.3) == Tempering()


def test_known_individuals_are_broken_into_groups_that_hold_one_of_them_only():
    individual = np.repeat(np.arange(20), 7)

    group = broken_up(individual, np.random.default_rng(1), 3)

    assert all(len(set(individual[group == name])) == 1 for name in np.unique(group))
    assert 1 < np.bincount(group).max() <= 3
    assert set(broken_up(individual, np.random.default_rng(1), 1)) == set(range(140))


def test_pairs_within_a_group_or_a_photo_say_nothing_of_a_boundary():
    pairs = np.array([[0, 1], [0, 2], [1, 2], [2, 3]])
    individual, photo, group = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2]), np.array([0, 0, 1, 2])

    known = known_boundaries(pairs, np.array([9.0, 2.0, -1.0, 5.0]), individual, photo, group)

    assert (known.pro.tolist(), known.contra.tolist(), known.possible.tolist()) == ([2], [-1], [2])
    assert known.same.tolist() == [True]
