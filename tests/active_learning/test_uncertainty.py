"""A tile teaches when the detector hesitates about it, or when two looks at it disagree."""

import numpy as np
import pytest

from active_learning.pool import Reason
from active_learning.tiling import lay_tiles
from active_learning.uncertainty import DOUBTS, SILENCE, UNSEEN, Look, box_doubts, doubts, tile_doubts
from labeling_configs.vocabulary import ModelVersion, PhotoId, Proposal, no_boxes


def look(*scores, shift=0.0):
    boxes = np.array([[40.0 * i + shift, 0, 40.0 * i + 30 + shift, 30] for i in range(len(scores))]).reshape(-1, 4)
    return Look(boxes, np.array(scores, dtype=np.float64))


def test_a_coin_toss_is_one_bit_of_doubt_and_certainty_none():
    assert box_doubts(np.array([0.5, 0.0, 1.0])) == pytest.approx([1, 0, 0])
    assert box_doubts(np.zeros(0)).shape == (0,)


def test_every_hesitant_box_can_teach_something():
    assert doubts(look(0.5, 0.5))[Reason.UNCERTAIN] == pytest.approx(2)
    assert doubts(look(0.5, 0.5))[Reason.UNCERTAIN] > doubts(look(0.99, 0.99, 0.99))[Reason.UNCERTAIN]


def test_the_count_is_doubtful_by_the_spread_of_its_boxes():
    assert doubts(look(0.5, 0.5, 0.5, 0.5))[Reason.COUNT] == pytest.approx(1)
    assert doubts(look(1.0, 1.0))[Reason.COUNT] == 0


def test_silence_may_hide_a_miss():
    assert doubts(look()) == {
        Reason.UNCERTAIN: 0,
        Reason.MISPLACED: 0,
        Reason.MISSED: SILENCE,
        Reason.COUNT: 0,
    }


def test_two_looks_that_agree_leave_no_doubt_about_the_place():
    both = doubts(look(0.9, 0.9), look(0.9, 0.9))

    assert (both[Reason.MISPLACED], both[Reason.MISSED]) == (0, SILENCE)


def test_boxes_that_the_second_look_draws_elsewhere_are_doubtful_by_how_far():
    near, far = (doubts(look(0.9, 0.9), look(0.9, 0.9, shift=shift))[Reason.MISPLACED] for shift in (3, 10))

    assert far == pytest.approx(2 * 0.9 * (1 - 20 / 40))
    assert 0 < near < far


def test_what_only_the_second_look_saw_may_have_been_missed():
    doubted = doubts(look(0.9), look(0.9, 0.8, 0.7))

    assert doubted[Reason.MISSED] == pytest.approx(1.5)
    assert doubted[Reason.COUNT] == pytest.approx(1.5)
    assert doubts(look(), look(0.6))[Reason.MISSED] == pytest.approx(0.6)
    assert doubts(Look(no_boxes(), np.zeros(0)), look())[Reason.MISSED] == SILENCE


def test_each_tile_is_judged_by_the_boxes_of_its_own_core():
    boxes = np.vstack([np.tile([[0.0, 0, 10, 10]], (20, 1)), np.tile([[90.0, 0, 100, 10]], (20, 1))])
    proposal = Proposal(PhotoId("p"), ModelVersion("m"), boxes, np.repeat([0.5, 0.99], 20))

    found = tile_doubts(lay_tiles(PhotoId("p"), 100, 40, boxes), proposal)

    left, right = found[Reason.UNCERTAIN]
    assert left > 10 * right
    assert set(found) == set(DOUBTS)


def test_without_a_detector_all_tiles_are_alike():
    tiles = lay_tiles(PhotoId("p"), 100, 40, np.tile([[0.0, 0, 10, 10]], (60, 1)))

    assert {kind: set(values) for kind, values in tile_doubts(tiles, None).items()} == {Reason.UNCERTAIN: {UNSEEN}}
