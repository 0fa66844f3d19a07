"""A tile is worth asking when the detector hesitates, not when it is crowded."""

import numpy as np
import pytest

from active_learning.tiling import lay_tiles
from active_learning.uncertainty import SILENCE, UNSEEN, box_doubts, tile_uncertainties, tile_uncertainty
from labeling_configs.vocabulary import ModelVersion, PhotoId, Proposal


def test_a_coin_toss_is_one_bit_of_doubt_and_certainty_none():
    assert box_doubts(np.array([0.5, 0.0, 1.0])) == pytest.approx([1, 0, 0])


def test_hesitation_counts_and_the_size_of_the_crowd_does_not():
    hesitant = tile_uncertainty(np.full(10, 0.5))

    assert hesitant > tile_uncertainty(np.full(10, 0.95)) > SILENCE
    assert tile_uncertainty(np.full(400, 0.95)) == pytest.approx(tile_uncertainty(np.full(10, 0.95)))


def test_many_possible_boxes_beside_few_sure_ones_raise_the_doubt_about_the_count():
    assert tile_uncertainty(np.array([0.9, 0.3, 0.3])) > tile_uncertainty(np.array([0.9, 0.3])) + 0.4


def test_silence_is_a_little_uncertain_because_a_detector_does_not_know_what_it_misses():
    assert tile_uncertainty(np.zeros(0)) == SILENCE > 0


def test_each_tile_is_judged_by_the_boxes_of_its_own_core():
    boxes = np.vstack([np.tile([[0.0, 0, 10, 10]], (20, 1)), np.tile([[90.0, 0, 100, 10]], (20, 1))])
    proposal = Proposal(PhotoId("p"), ModelVersion("m"), boxes, np.repeat([0.5, 0.99], 20))

    left, right = tile_uncertainties(lay_tiles(PhotoId("p"), 100, 40, boxes), proposal)

    assert left > 10 * right


def test_without_a_detector_all_tiles_are_alike():
    tiles = lay_tiles(PhotoId("p"), 100, 40, np.tile([[0.0, 0, 10, 10]], (60, 1)))

    assert set(tile_uncertainties(tiles, None)) == {UNSEEN}
