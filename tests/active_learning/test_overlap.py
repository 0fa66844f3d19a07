"""The sweep finds the same overlaps as comparing everything with everything."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning import overlap
from active_learning.overlap import matched_iou, overlapping_pairs


def found(boxes, least, apart=None):
    first, second, shares = overlapping_pairs(boxes, least, apart)
    return dict(zip(zip(first.tolist(), second.tolist(), strict=True), shares.tolist(), strict=True))


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


box = st.tuples(*[st.integers(-60, 60)] * 2, *[st.integers(0, 50)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@given(st.lists(st.tuples(box, st.integers(0, 3)), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_boxes_of_different_pictures_never_meet_and_those_of_one_meet_as_if_alone(rows):
    boxes = np.array([row for row, _ in rows], dtype=np.float64)
    apart = np.array([picture for _, picture in rows], dtype=np.intp)

    together = found(boxes, 0.2, apart)

    alone = {}
    for picture in set(apart.tolist()):
        here = np.flatnonzero(apart == picture)
        alone |= {(int(here[i]), int(here[j])): share for (i, j), share in found(boxes[here], 0.2).items()}
    assert together == alone


def test_the_numbers_of_pictures_may_be_large_and_have_gaps():
    boxes = np.tile([[0.0, 0, 6000, 4000]], (4, 1))

    assert found(boxes, 0.5, np.array([7, 90_000, 7, 90_000])) == {(0, 2): 1.0, (1, 3): 1.0}


def test_a_sweep_in_many_portions_finds_the_same(monkeypatch):
    rng = np.random.default_rng(4)
    corner = rng.uniform(0, 300, (200, 2))
    boxes = np.hstack([corner, corner + rng.uniform(0, 60, (200, 2))])
    whole = found(boxes, 0.1)

    monkeypatch.setattr(overlap, "AT_ONCE", 50)

    assert found(boxes, 0.1) == whole
    assert len(whole) > 50
