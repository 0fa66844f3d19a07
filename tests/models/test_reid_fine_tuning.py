"""The backbone learns individuals too, ends the same after being killed, and nobody else's backbone changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from haulout_models.appearances import Appearance, appear
from haulout_models.arcface import ArcFace, arcface
from haulout_models.registry import Registry
from haulout_models.reidentifier import (
    FineTuning,
    Reidentifier,
    ReidentifierSettings,
    ReidentifierTraining,
    train_reidentifier,
)
from labeling_configs.vocabulary import ModelCard, ModelVersion

V = ModelVersion("reid-0001")
SMALL = ReidentifierTraining(
    length=16,
    steps=3,
    network=ReidentifierSettings(side=64),
    fine=FineTuning(least_individuals=4, stages=1, steps=4, looks=0, batch=4, save_every=2),
)


class PowerCut(Exception):
    """The machine went off."""


@pytest.fixture(scope="module")
def sightings():
    """Four animals of one colour each, two crops each."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (4, 3))
    crops = [np.clip(colours[n // 2] + rng.normal(0, 20, (48, 64, 3)), 0, 255).astype(np.uint8) for n in range(8)]
    return crops, [f"W{n // 2}" for n in range(8)]


@pytest.fixture(scope="module")
def tuned(sightings):
    return train_reidentifier(*sightings, SMALL, seed=0, version=V)


def test_a_fine_tuned_network_comes_back_from_the_registry_as_it_was(sightings, tuned, tmp_path):
    crops, _ = sightings
    registry = Registry(tmp_path)

    registry.save(ModelCard(V, "reidentifier", 0, tuned.stored_settings()), tuned.trained_tensors())
    loaded = registry.load_reidentifier(V)

    assert any(name.startswith("backbone.") for name in tuned.trained_tensors())
    assert loaded.embed(crops) == pytest.approx(tuned.embed(crops), abs=1e-5)
    assert loaded.trained_tensors().keys() == tuned.trained_tensors().keys()


def test_fine_tuning_leaves_the_frozen_network_of_everybody_else_as_it_is(sightings, tuned):
    frozen = Reidentifier.frozen(V, ReidentifierSettings(side=64))
    mapped = train_reidentifier(*sightings, replace(SMALL, fine=None), seed=0)

    assert mapped.backbone is frozen.backbone
    assert tuned.backbone is not frozen.backbone
    assert not any(weight.requires_grad for weight in frozen.backbone.parameters())


def test_a_killed_fine_tuning_ends_as_the_same_network(sightings, tuned, tmp_path):
    file = tmp_path / "unfinished"

    def cut(done: int, total: int, _loss: float) -> None:
        if (done, total) == (4, 4):
            raise PowerCut

    with pytest.raises(PowerCut):
        train_reidentifier(*sightings, SMALL, 0, cut, version=V, unfinished=file)
    steps = []
    resumed = train_reidentifier(
        *sightings, SMALL, 0, lambda done, total, _: steps.append((done, total)), version=V, unfinished=file
    )

    crops, _ = sightings
    assert (1, 4) not in steps
    assert resumed.embed(crops) == pytest.approx(tuned.embed(crops), abs=1e-4)


def test_too_few_individuals_leave_the_backbone_as_it_is(sightings):
    few = replace(SMALL, fine=replace(SMALL.fine, least_individuals=5))

    network = train_reidentifier(*sightings, few, seed=0)

    assert network.trained_tensors().keys() == {"weight", "bias"}


def test_no_time_left_returns_the_map_and_no_error(sightings):
    ticks = iter(range(1000))

    network = train_reidentifier(*sightings, replace(SMALL, seconds=0.5), 0, clock=lambda: float(next(ticks)))

    assert network.embed(sightings[0]).shape == (8, 16)


def test_tensors_of_another_backbone_are_refused(tuned):
    tensors = tuned.trained_tensors() | {"backbone.network.nothing": torch.zeros(1)}

    with pytest.raises(ValueError, match="wrong card or file"):
        Reidentifier.from_tensors(V, tuned.settings, tensors)


def test_an_appearance_has_the_wanted_size_and_is_the_same_for_the_same_seed():
    crop = np.random.default_rng(0).integers(0, 255, (90, 300, 3)).astype(np.uint8)

    one, again, other = (appear(crop, 64, Appearance(), np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert one.shape == (64, 64, 3) and one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_loss_counts_the_nearest_of_an_individuals_centres_only():
    centres = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    vectors = torch.tensor([[-1.0, 0.0]])

    right, wrong = (float(arcface(vectors, centres, torch.tensor([label]), ArcFace())) for label in (0, 1))

    assert right < 0.01 < wrong
