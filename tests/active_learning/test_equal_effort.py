"""Two kinds of labels are compared at the same price."""

import numpy as np
import pytest

from active_learning.equal_effort import LONGEST, cut_equal, without_help


def total(batches, taken, kind: int) -> float:
    return sum(sum(pair[kind][: counts[kind]]) for pair, counts in zip(batches, taken, strict=True))


def test_both_kinds_cost_as_much_to_half_an_item():
    rng = np.random.default_rng(0)
    batches = [(list(rng.uniform(20, 60, 60)), list(rng.uniform(20, 90, 20))) for _ in range(8)]

    taken = cut_equal(batches)

    assert abs(total(batches, taken, 0) - total(batches, taken, 1)) <= 45
    assert all(first < 60 and 18 <= second <= 20 for first, second in taken)


def test_a_batch_with_one_kind_only_gives_nothing():
    assert cut_equal([([10.0, 10.0], []), ([], [5.0]), ([10.0], [10.0])]) == [(0, 0), (0, 0), (1, 1)]


def test_more_batches_only_add():
    rng = np.random.default_rng(1)
    batches = [(list(rng.uniform(20, 60, 30)), list(rng.uniform(20, 60, 10))) for _ in range(4)]

    assert cut_equal(batches)[:3] == cut_equal(batches[:3])


def test_nothing_is_cut_equally():
    assert cut_equal([]) == []


def test_answers_with_boxes_to_correct_are_charged_what_drawing_would_have_cost():
    rng = np.random.default_rng(2)
    boxes = rng.integers(0, 20, 200).astype(np.float64)
    shown = rng.random(200) < 0.7
    alone = 10 + 5 * boxes

    charged = without_help(np.where(shown, alone / 2, alone), boxes, shown)

    assert charged.sum() == pytest.approx(alone.sum(), rel=0.1)
    assert np.array_equal(charged[~shown], alone[~shown])


def test_too_few_answers_of_either_kind_tell_nothing_of_the_machine_s_help():
    seconds = np.array([10.0, 20.0, 30.0])

    charged = without_help(seconds, np.ones(3), np.array([True, False, True]))

    assert np.array_equal(charged, seconds)


def test_a_browser_left_open_over_lunch_is_no_work():
    charged = without_help(np.array([7200.0, -5.0]), np.zeros(2), np.zeros(2, dtype=bool))

    assert charged.tolist() == [LONGEST, 0.0]
