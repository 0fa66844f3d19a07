"""A walrus keeps its identity from picture to picture, and changes when its season says so."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from haulout.simulation.individual import Walrus, born
from haulout.simulation.walrus import Pose, Sprite, draw_walrus
from labeling_configs.vocabulary import MarkKind, Side

SIZE = 160


def descriptor(sprite: Sprite) -> NDArray[np.float64]:
    """Colours and coarse detail of the trunk, where pose does not matter."""
    x, y = int(sprite.foot[0]), int(sprite.foot[1])
    trunk = sprite.bgra[y - 46 : y - 14, x - 48 : x + 12, :3].astype(np.float32)
    small = cv2.resize(trunk, (30, 16), interpolation=cv2.INTER_AREA)
    return np.asarray(small.ravel() / 255, dtype=np.float64)


def herd(count: int) -> list[Walrus]:
    return [born(number, 20, np.random.default_rng([5, number])) for number in range(count)]


def test_a_walrus_looks_more_like_itself_in_another_pose_than_like_the_others() -> None:
    walruses = herd(8)
    first, second = (
        np.array([descriptor(draw_walrus(w.on(0), Side.RIGHT, pose, SIZE)) for w in walruses]) for pose in Pose
    )
    distances = np.linalg.norm(first[:, None] - second[None, :], axis=2)
    assert (distances.argmin(axis=1) == np.arange(8)).mean() >= 0.85


def test_the_same_look_gives_the_same_pixels() -> None:
    walrus = herd(1)[0]
    first, second = (draw_walrus(walrus.on(3), Side.LEFT, Pose.ALERT, SIZE) for _ in range(2))
    assert np.array_equal(first.bgra, second.bgra)
    assert first.marks == second.marks


def test_the_two_flanks_bear_different_marks() -> None:
    walrus = herd(1)[0]
    left, right = (draw_walrus(walrus.on(0), side, Pose.ALERT, SIZE) for side in (Side.LEFT, Side.RIGHT))
    assert not np.array_equal(left.bgra[:, ::-1], right.bgra)


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT, Side.FRONT])
def test_marks_lie_on_the_animal(side: Side) -> None:
    for walrus in herd(5):
        sprite = draw_walrus(walrus.on(0), side, Pose.ALERT, SIZE)
        height, width = sprite.bgra.shape[:2]
        assert sprite.marks
        assert all(-1 <= mark.x <= width and -1 <= mark.y <= height for mark in sprite.marks)


def test_some_walruses_change_once_and_stay_changed() -> None:
    changed = [walrus for walrus in herd(60) if walrus.on(0) != walrus.on(19)]
    assert 8 <= len(changed) <= 35
    for walrus in changed:
        looks = [walrus.on(day) for day in range(20)]
        assert sum(a != b for a, b in pairwise(looks)) == 1


def test_a_new_scar_shows_and_is_told() -> None:
    healed = next(w for w in herd(60) if len(w.on(19).marks) > len(w.on(0).marks))
    scar = healed.on(19).marks[-1]
    before, after = (draw_walrus(healed.on(day), scar.side, Pose.ALERT, SIZE) for day in (0, 19))
    assert scar.kind is MarkKind.SCAR
    assert len(after.marks) == len(before.marks) + 1
    assert np.abs(before.bgra.astype(int) - after.bgra).max() > 25


def test_a_broken_tusk_is_shorter() -> None:
    walrus = next(w for w in herd(90) if w.on(0).tusks[0].broken < w.on(19).tusks[0].broken)
    before, after = (draw_walrus(walrus.on(day), Side.LEFT, Pose.ALERT, SIZE) for day in (0, 19))
    assert after.area < before.area
