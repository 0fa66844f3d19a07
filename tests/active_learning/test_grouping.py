"""Boxes of different people become one animal, two boxes of one person never."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.grouping import cluster, group_boxes
from active_learning.overlap import matched_iou

box = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 30)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
drawn = st.lists(st.tuples(box, st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=15)


def columns(drawn):
    boxes, drawers, tiles = zip(*drawn, strict=True)
    return np.array(boxes, dtype=np.float64), np.array(drawers, dtype=np.intp), np.array(tiles, dtype=np.intp)


@given(drawn)
@settings(max_examples=150, deadline=None)
def test_a_group_holds_no_two_boxes_of_one_drawer_and_one_tile_only(drawn):
    boxes, drawers, tiles = columns(drawn)

    groups = group_boxes(boxes, drawers, tiles)

    for group in range(groups.max() + 1):
        members = np.flatnonzero(groups == group)
        assert len(set(drawers[members])) == len(members)
        assert len(set(tiles[members])) == 1


@given(drawn)
@settings(max_examples=150, deadline=None)
def test_whoever_overlaps_no_other_stays_alone_and_a_lone_match_is_found(drawn):
    boxes, drawers, tiles = columns(drawn)
    i, j = np.triu_indices(len(boxes), 1)
    may = (matched_iou(boxes[i], boxes[j]) >= 0.35) & (drawers[i] != drawers[j]) & (tiles[i] == tiles[j])
    partners = np.bincount(np.concatenate([i[may], j[may]]), minlength=len(boxes))

    groups = group_boxes(boxes, drawers, tiles)

    many = np.bincount(groups)[groups]
    assert (many[partners == 0] == 1).all()
    only = may & (partners[i] == 1) & (partners[j] == 1)
    assert (groups[i[only]] == groups[j[only]]).all()


def test_animals_are_numbered_by_their_first_box():
    boxes = np.array([[0, 0, 9, 9], [50, 0, 59, 9], [51, 0, 60, 9], [1, 0, 10, 9], [90, 0, 99, 9]], dtype=np.float64)

    groups = group_boxes(boxes, np.array([0, 0, 1, 1, 0]), np.zeros(5, dtype=np.intp))

    assert groups.tolist() == [0, 1, 1, 0, 2]


def test_neighbours_go_to_whom_they_overlap_best_though_all_overlap():
    heap = np.array([[0, 0, 100, 100], [40, 0, 140, 100]], dtype=np.float64)

    assert cluster(np.concatenate([heap, heap + 4]), ["a", "a", "b", "b"]) == [[0, 2], [1, 3]]


def test_no_boxes_are_no_animals():
    assert cluster(np.zeros((0, 4)), []) == []
