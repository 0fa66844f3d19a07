"""Which animals are compared: those that are near to each other, whatever was compared before."""

import numpy as np
import pytest

from active_learning.shortlist import nearest_pairs


def at(*degrees: float) -> np.ndarray:
    return np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def apart(count: int) -> np.ndarray:
    return np.arange(count)


def test_whoever_is_among_the_nearest_of_another_is_compared_with_it_once():
    pairs, cosines = nearest_pairs(at(0, 8, 20, 60, 74), apart(5), 1)

    assert pairs.tolist() == [[0, 1], [1, 2], [3, 4]]
    assert cosines == pytest.approx(np.cos(np.radians([8, 12, 14])), abs=1e-6)


def test_two_animals_of_one_photo_are_never_compared():
    pairs, _ = nearest_pairs(at(0, 1, 90), np.array([7, 7, 9]), 2)

    assert pairs.tolist() == [[0, 2], [1, 2]]


def test_of_equals_the_first_rows_are_compared():
    pairs, _ = nearest_pairs(at(0, 0, 0, 0), apart(4), 1)

    assert pairs.tolist() == [[0, 1], [0, 2], [0, 3]]


def test_a_herd_larger_than_a_chunk_is_compared_as_a_whole():
    herd = np.random.default_rng(3).normal(size=(90, 16))
    whole = nearest_pairs(herd, apart(90), 5)

    pairs, cosines = nearest_pairs(herd, apart(90), 5, chunk=16)

    unit = herd / np.linalg.norm(herd, axis=1, keepdims=True)
    likeness = unit @ unit.T - 2 * np.eye(90)
    near = {(min(a, b), max(a, b)) for a in range(90) for b in np.argsort(-likeness[a])[:5].tolist()}
    assert {tuple(pair) for pair in pairs.tolist()} == near
    assert pairs.tolist() == whole[0].tolist() and cosines == pytest.approx(whole[1])


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_and_one_alone_are_compared_with_nobody(count):
    pairs, cosines = nearest_pairs(np.ones((count, 4)), apart(count), 3)

    assert pairs.shape == (0, 2) and cosines.shape == (0,)
