"""Ranks, new animals and probabilities are scored as the field scores them."""

import numpy as np
import pytest

from haulout_models.evaluation import best_threshold, open_set, probability_error, ranks

NAMES = np.array(["a", "a", "b", "b", "c"])
APART = ~np.eye(5, dtype=bool)
HONEST = np.where(NAMES[:, None] == NAMES[None], 0.9, 0.1)


def test_ranks_count_only_queries_whose_individual_is_in_the_gallery():
    found = ranks(HONEST, NAMES, NAMES, APART)

    assert (found.rank1, found.map, found.queries) == (1.0, 1.0, 4)


def test_a_right_animal_in_third_place_counts_for_the_first_five_only():
    scores = np.array([[0.9, 0.8, 0.7, 0.1]])

    found = ranks(scores, np.array(["a"]), np.array(["b", "c", "a", "d"]), np.ones((1, 4), dtype=bool))

    assert (found.rank1, found.rank5) == (0.0, 1.0)
    assert found.map == pytest.approx(1 / 3)


def test_pairs_that_are_not_allowed_help_nobody():
    same_burst = NAMES[:, None] == NAMES[None]

    assert ranks(HONEST, NAMES, NAMES, ~same_burst).queries == 0


def test_naming_nobody_or_everybody_is_worth_nothing():
    nobody, everybody = (open_set(HONEST, NAMES, APART, threshold) for threshold in (2.0, 0.0))

    assert (nobody.known, nobody.new, nobody.balanced) == (0.0, 1.0, 0.0)
    assert (everybody.known, everybody.new, everybody.balanced) == (1.0, 0.0, 0.0)


def test_the_best_threshold_lies_between_the_known_and_the_new():
    threshold = best_threshold(HONEST, NAMES, APART)

    assert 0.1 < threshold <= 0.9
    assert open_set(HONEST, NAMES, APART, threshold).balanced == 1.0


def test_an_individual_with_many_crops_counts_once():
    names = np.array(["a"] * 8 + ["b"] * 2)
    scores = np.where(names[:, None] == names[None], 0.9, 0.1)
    scores[8:, :8] = 0.95

    assert open_set(scores, names, ~np.eye(10, dtype=bool), 0.5).known == pytest.approx(0.5)


def test_probabilities_that_keep_their_word_have_no_calibration_error():
    same = np.arange(1000) % 5 == 0

    assert probability_error(np.full(1000, 0.2), same) == pytest.approx(0.0, abs=1e-9)
    assert probability_error(np.full(1000, 0.7), same) == pytest.approx(0.5)
