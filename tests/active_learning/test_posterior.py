"""Samples of partitions say what else the evidence allows, and a new animal may be nobody known."""

import numpy as np
import pytest

from active_learning.boundaries import boundaries, more_across, odds_without_experts
from active_learning.evidence import Scores, gather
from active_learning.partition import settle
from active_learning.posterior import recognise, sample, together
from active_learning.tempering import Tempering
from labeling_configs.vocabulary import Animal, AnimalId, PhotoId


def settled(names, chances, photos=None, prior=0.01):
    herd = [Animal(AnimalId(n), PhotoId((photos or {}).get(n, n)), (0, 0, 9, 9), 1.0) for n in names]
    scores = Scores([tuple(pair) for pair in chances], np.array(list(chances.values()), dtype=float), prior)
    return settle(gather(herd, scores, tempering=Tempering(1, 0.3, 0)))


def test_a_pair_is_together_in_as_many_samples_as_it_is_probable():
    drawn = sample(settled("abcd", {"ab": 0.8, "cd": 0.25}), 3000, np.random.default_rng(0))

    assert together(drawn, np.array([0, 2, 0]), np.array([1, 3, 2])) == pytest.approx([0.8, 0.25, 0], abs=0.03)


def test_two_candidates_of_one_photo_exclude_each_other():
    there = settled("abc", {"ac": 0.6, "bc": 0.6}, {"a": "one", "b": "one"})

    drawn = sample(there, 3000, np.random.default_rng(1))

    shares = together(drawn, np.array([0, 1, 0]), np.array([2, 2, 1]))
    assert shares == pytest.approx([1.5 / 4, 1.5 / 4, 0], abs=0.03)


def test_samples_follow_from_the_generator_alone():
    there = settled("abcd", {"ab": 0.8, "cd": 0.25, "bc": 0.4})

    first, again = (sample(there, 20, np.random.default_rng(5)) for _ in range(2))

    assert (first == again).all()
    assert (first[:, 0] == 0).all()


def test_what_is_beyond_doubt_is_the_same_in_every_sample():
    drawn = sample(settled("abc", {"ab": 0.9999, "bc": 0.5}), 50, np.random.default_rng(0))

    assert (drawn[:, 0] == drawn[:, 1]).all()


def test_an_animal_like_two_individuals_is_one_of_them_or_new_and_never_one_in_its_own_photo():
    there = settled("abcdx", {"ab": 0.999, "cd": 0.999, "ax": 0.5, "cx": 0.5, "bx": 0.02}, {"d": "one", "x": "one"})

    found = recognise(there, AnimalId("x"))

    assert sum(found.clusters.values()) + found.new == pytest.approx(1)
    assert found.clusters[0] > 0.3 and found.new > 0.3
    assert found.clusters[2] == 0


def test_an_animal_that_is_taken_out_of_its_individual_may_go_back():
    found = recognise(settled("abc", {"ab": 0.9, "bc": 0.99, "ac": 0.9}), AnimalId("a"))

    assert found.clusters[1] > 0.9


def test_boundaries_leave_out_the_answers_that_experts_are_measured_by():
    there = settled("abc", {"ab": 0.9, "bc": 0.2})

    odds = odds_without_experts(there, boundaries(there))

    assert odds == pytest.approx([np.log(9), boundaries(there).strength[0]])


def test_more_pairs_are_drawn_across_a_boundary_and_none_that_is_known():
    label = np.array([0, 0, 0, 3, 3, 5])

    drawn = more_across(label, np.array([[0, 3]]), np.array([[0, 3]]), np.random.default_rng(0), 60)

    assert {tuple(pair) for pair in drawn.tolist()} == {(0, 4), (1, 3), (1, 4), (2, 3), (2, 4)}
