"""What was seldom labelled is rare, by the trait that is rarest."""

import numpy as np
import pytest

from active_learning.rarity import Light, crowd, light, rarity


def test_the_rarest_trait_of_a_tile_decides():
    pool = {"camera": ["old", "old", "new"], "light": ["clear", "night", "clear"]}
    known = {"camera": ["old"] * 8, "light": ["clear"] * 5 + ["night"] * 3}

    assert rarity(pool, known) == pytest.approx([1 / np.sqrt(6), 0.5, 1.0])


def test_everything_is_rare_before_anything_is_labelled():
    assert rarity({"camera": ["a", "b"]}, {}) == pytest.approx([1, 1])
    assert rarity({}, {}).shape == (0,)


def test_a_dark_photo_is_night_and_a_pale_one_veiled():
    assert light(brightness=20, contrast=60) is Light.NIGHT
    assert light(brightness=160, contrast=10) is Light.VEILED
    assert light(brightness=120, contrast=50) is Light.CLEAR


def test_crowds_are_none_few_many_and_hundreds():
    assert [crowd(animals) for animals in (0, 0.4, 2, 12, 60, 700)] == [0, 0, 1, 2, 3, 4]
