"""Crops too small or too blurred are known as such, and sides are learned from what experts say."""

import json

import cv2
import numpy as np
import pytest

from haulout_models.embedder import Reidentifier, ReidentifierSettings
from haulout_models.quality import (
    Quality,
    QualitySettings,
    ViewHead,
    fit_sides,
    fit_views,
    measure_quality,
    sides_of,
)
from labeling_configs.vocabulary import ModelVersion, Side


@pytest.fixture(scope="module")
def network():
    return Reidentifier.frozen(ModelVersion("frozen"), ReidentifierSettings(side=64))


def flank(seed: int) -> np.ndarray:
    """A dark head at the left end of a pale body."""
    rng = np.random.default_rng(seed)
    crop = np.clip(170 + rng.normal(0, 25, (60, 120, 3)), 0, 255).astype(np.uint8)
    crop[15:40, 0 : 30 + int(rng.integers(8))] = 30
    return crop


def test_blur_lowers_sharpness_and_light_does_not():
    crop = cv2.resize(flank(0), (300, 150))
    dark = (crop * 0.5).astype(np.uint8)

    sharp, blurred, dim = (measure_quality(one).sharpness for one in (crop, cv2.GaussianBlur(crop, (0, 0), 8), dark))

    assert blurred < 0.5 * sharp
    assert dim == pytest.approx(sharp, rel=0.1)


def test_an_even_surface_has_no_sharpness():
    assert measure_quality(np.full((90, 90, 3), 128, np.uint8)).sharpness == 0


def test_small_or_blurred_crops_are_not_worth_an_experts_look():
    settings = QualitySettings(least_pixels=60, least_sharpness=0.1)

    assert Quality(60, 0.1).enough(settings)
    assert not Quality(59, 0.5).enough(settings)
    assert not Quality(600, 0.09).enough(settings)


def test_sides_are_learned_from_one_flank_alone_since_mirrored_it_looks_like_the_other(network):
    shown = [flank(seed) for seed in range(24)]
    head = fit_sides(network, shown, [Side.LEFT] * 24)
    new = [flank(100), np.ascontiguousarray(flank(101)[:, ::-1])]

    assert sides_of(head, network, new, QualitySettings()) == [Side.LEFT, Side.RIGHT]


def test_every_side_is_unclear_until_enough_were_named(network):
    head = fit_sides(network, [flank(0), flank(1)], [Side.LEFT, Side.UNCLEAR])

    assert head is None
    assert sides_of(head, network, [flank(2)], QualitySettings()) == [Side.UNCLEAR]


def test_a_side_of_which_the_head_is_not_sure_is_unclear(network):
    head = fit_sides(network, [flank(seed) for seed in range(24)], [Side.LEFT] * 24)

    assert sides_of(head, network, [flank(2)], QualitySettings(sure=1.1)) == [Side.UNCLEAR]


def test_a_view_head_comes_back_from_a_model_card_as_it_was():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(90, 5)) + 4 * np.eye(5)[np.repeat([0, 1, 2], 30)]
    head = fit_views(features, ["face"] * 30 + ["hidden"] * 30 + ["partly"] * 30)

    back = ViewHead.of(json.loads(json.dumps(head.stored())))

    assert back.views == ("face", "hidden", "partly")
    assert back.chances(features) == pytest.approx(head.chances(features))
    assert (head.chances(features).argmax(axis=1) == np.repeat([0, 1, 2], 30)).mean() > 0.9
