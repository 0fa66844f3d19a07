"""Every pixel of a photo belongs to one tile, and an animal on a seam is found once."""

from itertools import pairwise

import numpy as np
import pytest

from haulout_models.tiling import machine_tiles, merge, suppress


@pytest.mark.parametrize(("width", "height"), [(100, 80), (512, 512), (513, 512), (4000, 3000), (700, 5000)])
def test_the_cores_partition_the_photo_and_the_tiles_overlap(width, height):
    tiles = machine_tiles(width, height, side=512, overlap=100)
    covered = np.zeros((height, width), dtype=np.uint8)
    for tile in tiles:
        covered[tile.core.y1 : tile.core.y2, tile.core.x1 : tile.core.x2] += 1
        assert tile.shown.width <= 512
        assert tile.shown.x1 <= tile.core.x1 < tile.core.x2 <= tile.shown.x2

    assert (covered == 1).all()
    for left, right in pairwise(tiles):
        if left.shown.y1 == right.shown.y1:
            assert left.shown.x2 - right.shown.x1 >= 100


def test_a_tile_cannot_overlap_itself_wholly():
    with pytest.raises(ValueError, match="must be smaller"):
        machine_tiles(1000, 1000, side=200, overlap=200)


def test_an_animal_on_a_seam_is_kept_once_and_its_cut_half_is_dropped():
    left, right = machine_tiles(180, 100, side=100, overlap=20)
    animal, half = np.array([[50.0, 10, 98, 40]]), np.array([[80.0, 10, 98, 40]])

    boxes, scores = merge([(left, (animal, np.array([0.9]))), (right, (half, np.array([0.8])))], 0.5)

    assert (boxes.tolist(), scores.tolist()) == (animal.tolist(), [0.9])


def test_a_photo_without_animals_has_no_boxes():
    boxes, scores = merge([], 0.5)

    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_neighbours_in_a_heap_survive_and_doubles_do_not():
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [5, 0, 15, 10]])

    kept, scores = suppress((boxes, np.array([0.5, 0.9, 0.7])), 0.55)

    assert scores.tolist() == [0.9, 0.7]
    assert kept.tolist() == [[1, 0, 11, 10], [5, 0, 15, 10]]
