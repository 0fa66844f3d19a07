"""Crops of one animal come out alike, the more so after training."""

import numpy as np
import pytest

from haulout_models.evaluation import examine_reidentifier, not_worse
from haulout_models.registry import Registry
from haulout_models.reidentifier import Reidentifier, ReidentifierTraining, train_reidentifier
from labeling_configs.vocabulary import ModelCard, ModelVersion

V = ModelVersion("reid-0001")


@pytest.fixture(scope="module")
def sightings():
    """Eight animals, told apart by the colour and place of their spots, four crops each in different light."""
    rng = np.random.default_rng(0)
    crops, names = [], []
    for animal in range(8):
        spots = [(*rng.integers(8, 56, 2), *rng.integers(0, 255, 3)) for _ in range(3)]
        for _ in range(4):
            crop = np.full((72, 64, 3), rng.integers(70, 150), dtype=np.uint8)
            for y, x, *colour in spots:
                crop[y - 5 : y + 5, x - 5 : x + 5] = colour
            noisy = np.clip(crop + rng.normal(0, 25, crop.shape), 0, 255)
            crops.append(noisy.astype(np.uint8))
            names.append(f"W{animal}")
    return crops, names


def test_frozen_features_have_unit_length_and_find_most_individuals_again(sightings):
    crops, names = sightings
    frozen = Reidentifier.frozen(V)

    vectors = frozen.embed(crops)

    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(crops)), abs=1e-5)
    assert vectors.dtype == np.float32
    assert examine_reidentifier(frozen, crops, names).rank1 > 0.5


def test_training_brings_sightings_of_one_animal_together(sightings):
    crops, names = sightings
    frozen = Reidentifier.frozen(V)
    losses = []

    trained = train_reidentifier(crops, names, ReidentifierTraining(steps=60), 0, lambda *now: losses.append(now[2]))

    before, after = (examine_reidentifier(network, crops, names) for network in (frozen, trained))
    assert after.map > before.map
    assert losses[-1] < losses[0]
    assert not_worse(after, before, np.random.default_rng(0)).passed


def test_the_same_seed_gives_the_same_network_and_the_registry_gives_it_back(sightings, tmp_path):
    crops, names = sightings
    settings = ReidentifierTraining(steps=3, length=32)
    first, again = (train_reidentifier(crops, names, settings, 5, version=V) for _ in range(2))
    registry = Registry(tmp_path)

    registry.save(ModelCard(V, "reidentifier", 5, first.stored_settings()), first.trained_tensors())
    loaded = registry.load_reidentifier(V)

    assert first.embed(crops[:2]).shape == (2, 32)
    assert again.embed(crops[:2]) == pytest.approx(first.embed(crops[:2]), abs=1e-5)
    assert loaded.embed(crops[:2]) == pytest.approx(first.embed(crops[:2]), abs=1e-5)


def test_no_crops_give_no_vectors():
    assert Reidentifier.frozen(V).embed([]).shape == (0, 432)


def test_one_individual_teaches_nothing_and_a_broken_crop_is_refused(sightings):
    crops, _ = sightings

    with pytest.raises(ValueError, match="at least two"):
        train_reidentifier(crops[:3], ["W0"] * 3, ReidentifierTraining(), 0)
    with pytest.raises(ValueError, match="RGB bytes"):
        Reidentifier.frozen(V).embed([np.zeros((0, 4, 3), np.uint8)])


def test_networks_that_sat_different_exams_are_not_compared(sightings):
    crops, names = sightings
    frozen = Reidentifier.frozen(V)
    one, other = (examine_reidentifier(frozen, crops[:n], names[:n]) for n in (8, 12))

    with pytest.raises(ValueError, match="different exams"):
        not_worse(one, other, np.random.default_rng(0))
