"""Marks in the same places speak for one animal, whatever the light; mirrored ones and still ground do not."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haulout_models.local_matching import (
    LocalFeatures,
    MatchingSettings,
    NoFeatures,
    describe_locally,
    match_locally,
    match_many,
)


def hide(seed: int, height: int = 200, width: int = 300) -> np.ndarray:
    """Skin with blotches of every size."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(0, 60, (height // n, width // n)), (width, height)) for n in (4, 10, 24)]
    return np.clip(120 + sum(layers), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def seen_again(crop: np.ndarray) -> np.ndarray:
    """Turned by eight degrees, darker, noisier."""
    turn = cv2.getRotationMatrix2D((150, 100), 8, 0.9)
    turned = cv2.warpAffine(crop, turn, (300, 200), borderMode=cv2.BORDER_REFLECT_101)
    return np.clip(turned * 0.6 + np.random.default_rng(9).normal(0, 6, turned.shape), 0, 255).astype(np.uint8)


def test_an_animal_seen_again_scores_far_above_another_one_and_above_its_mirror_image():
    walrus = describe_locally(hide(0))
    candidates = [seen_again(hide(0)), hide(1), np.ascontiguousarray(hide(0)[:, ::-1])]

    same, other, mirror = match_many(walrus, [describe_locally(crop) for crop in candidates])

    assert same > 30
    assert other < 10 and mirror < 10


def test_a_match_is_the_same_every_time():
    one, other = describe_locally(hide(0)), describe_locally(seen_again(hide(0)))

    assert match_locally(one, other) == match_locally(one, other)


def test_ground_that_did_not_move_in_a_cameras_photos_is_left_out():
    ground = describe_locally(hide(3), corner=(500.0, 400.0))
    later = describe_locally(hide(3), corner=(500.0, 400.0))

    anywhere, of_one_camera = match_locally(ground, later), match_locally(ground, later, one_camera=True)

    assert anywhere.inliers > 100
    assert of_one_camera.inliers == 0


def test_an_animal_that_moved_in_a_cameras_photos_is_kept():
    before, after = describe_locally(hide(3), corner=(500.0, 400.0)), describe_locally(hide(3), corner=(800.0, 420.0))

    assert match_locally(before, after, one_camera=True).inliers > 100


def test_features_come_back_from_storage_as_they_were_and_no_larger_than_promised():
    features = describe_locally(hide(0), MatchingSettings(keypoints=50))

    stored = features.to_bytes()
    back = LocalFeatures.from_bytes(stored)

    assert len(stored) == 50 * 132
    assert np.array_equal(back.places, features.places)
    assert np.array_equal(back.descriptors, features.descriptors)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5000).filter(lambda length: length % 132))
def test_bytes_that_hold_no_features_are_refused(length):
    with pytest.raises(NoFeatures, match="describe the crop again"):
        LocalFeatures.from_bytes(bytes(length))


def test_a_crop_without_any_mark_matches_nothing_and_does_not_fail():
    smooth = describe_locally(np.full((40, 60, 3), 90, np.uint8))

    assert match_locally(smooth, describe_locally(hide(0))).score == 0
    assert match_locally(smooth, smooth).score == 0
    assert len(LocalFeatures.from_bytes(smooth.to_bytes()).places) == 0


def test_a_tiny_crop_is_no_error():
    assert match_locally(describe_locally(hide(0)[:3, :2]), describe_locally(hide(0))).inliers == 0
