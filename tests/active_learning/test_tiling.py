"""Crowded photos become small tasks that cover everything once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.tiling import lay_tiles, stitch
from labeling_configs.vocabulary import PhotoId, no_boxes

PHOTO = PhotoId("a" * 64)


def crowd(animals, width=4000, height=3000, side=60, seed=0):
    corner = np.random.default_rng(seed).uniform(0, 1, (animals, 2)) * (width - side, height - side)
    return np.hstack([corner, corner + side])


def test_a_quiet_photo_is_one_tile_that_shows_everything():
    (tile,) = lay_tiles(PHOTO, 4000, 3000, crowd(25))

    assert tile.shown == tile.core
    assert (tile.core.width, tile.core.height) == (4000, 3000)


@given(st.integers(0, 300), st.integers(50, 900), st.integers(50, 900), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_cores_partition_the_photo_and_every_animal_is_counted_once(animals, width, height, seed):
    boxes = crowd(animals, width, height, side=30, seed=seed)
    tiles = lay_tiles(PHOTO, width, height, boxes)
    covered = np.zeros((height, width), dtype=int)
    for tile in tiles:
        covered[tile.core.y1 : tile.core.y2, tile.core.x1 : tile.core.x2] += 1

    assert (covered == 1).all()
    assert sorted(stitch((tile, boxes) for tile in tiles).tolist()) == sorted(boxes.tolist())


def test_no_tile_holds_more_animals_than_people_can_finish_and_no_more_tiles_than_needed_are_laid():
    boxes = crowd(700)
    tiles = lay_tiles(PHOTO, 4000, 3000, boxes)

    assert max(tile.core.holds_centres_of(boxes).sum() for tile in tiles) <= 25
    assert len(tiles) <= 30


def test_tiles_show_half_an_animal_beyond_their_core_but_nothing_outside_the_photo():
    tiles = lay_tiles(PHOTO, 4000, 3000, crowd(60))

    left = min(tiles, key=lambda tile: (tile.core.x1, tile.core.y1))
    assert (left.shown.x1, left.shown.y1) == (0, 0)
    assert left.shown.x2 == left.core.x2 + 30


def test_weak_proposals_count_for_less():
    assert len(lay_tiles(PHOTO, 4000, 3000, crowd(200), weights=np.full(200, 0.1))) == 1


def test_a_heap_on_one_spot_ends_in_tiles_of_an_animals_size():
    heap = np.tile([[100.0, 100, 400, 400]], (500, 1))

    assert min(max(t.core.width, t.core.height) for t in lay_tiles(PHOTO, 4000, 3000, heap)) >= 300


def test_the_same_boxes_give_the_same_tiles_with_names_of_their_own():
    tiles = lay_tiles(PHOTO, 4000, 3000, crowd(300))

    assert tiles == lay_tiles(PHOTO, 4000, 3000, crowd(300)[::-1])
    assert len({tile.id for tile in tiles}) == len(tiles)


@pytest.mark.parametrize("answers", [[], [(lay_tiles(PHOTO, 9, 9, no_boxes())[0], no_boxes())]])
def test_no_boxes_stitch_to_no_boxes(answers):
    assert stitch(answers).shape == (0, 4)
