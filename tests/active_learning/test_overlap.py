"""The sweep finds the same overlaps as comparing everything with everything."""

import numpy as np

from active_learning.overlap import matched_iou, overlapping_pairs


def test_the_sweep_finds_exactly_the_pairs_that_a_full_comparison_finds():
    rng = np.random.default_rng(3)
    corner = rng.uniform(0, 300, (80, 2))
    boxes = np.hstack([corner, corner + rng.uniform(0, 60, (80, 2))])
    i, j = np.triu_indices(80, 1)
    iou = matched_iou(boxes[i], boxes[j])

    first, second, shares = overlapping_pairs(boxes, 0.1)

    expected = {(a, b): s for a, b, s in zip(i, j, iou, strict=True) if s >= 0.1}
    assert len(expected) > 10
    assert dict(zip(zip(first, second, strict=True), shares, strict=True)) == expected


def test_boxes_without_area_overlap_nothing():
    assert len(overlapping_pairs(np.array([[1.0, 1, 1, 5], [1, 1, 1, 5], [0, 0, 9, 9]]), 0.01)[0]) == 0


def test_no_boxes_have_no_pairs():
    assert len(overlapping_pairs(np.zeros((0, 4)), 0.1)[0]) == 0
