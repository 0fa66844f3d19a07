"""A training, and the storing of its network, killed by SIGKILL at any moment: nothing is half-written or different."""

import os
import signal
import time
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch

from haulout_models.data import NO_CHANGE, LabelledTile
from haulout_models.detector import DetectorSettings
from haulout_models.evaluation import examine_detector
from haulout_models.interrupted import Interrupted
from haulout_models.registry import DETECTOR, Registry
from haulout_models.training import DetectorTraining, train_detector
from labeling_configs.vocabulary import ModelCard

SETTINGS = DetectorTraining(
    steps=60,
    side=192,
    rate=5e-3,
    augmentation=NO_CHANGE,
    free_stages=1,
    save_every=0.0,
    checks=6,
    detector=DetectorSettings(width=32),
)
KILLS = 10
# A fork server that has loaded torch but computed nothing: each life begins in a moment, in a process of its own.
LIVES = get_context("forkserver")
LIVES.set_forkserver_preload(["haulout_models.training", "haulout_models.registry"])


def learn_and_store(tiles: list[LabelledTile], folder: Path) -> None:
    """What each life tries to do: go on with the training, then store its network."""
    held_out, file = tiles[6:], folder / "unfinished"
    trained = train_detector(tiles[:6], SETTINGS, 7, checkpoint=file, clock=time.monotonic, held_out=held_out)
    registry = Registry(folder / "networks")
    card = ModelCard(registry.next_version(DETECTOR), DETECTOR, 7, trained.detector.stored_settings(), {})
    registry.save(card, trained.detector.trained_tensors())


def store_again_and_again(tiles: list[LabelledTile], folder: Path) -> None:
    """Store networks until somebody makes an end of it."""
    trained = train_detector(tiles, replace(SETTINGS, steps=1, free_stages=4), 7)
    registry = Registry(folder)
    for _ in range(500):
        card = ModelCard(registry.next_version(DETECTOR), DETECTOR, 7, trained.detector.stored_settings(), {})
        registry.save(card, trained.detector.trained_tensors())


def begin(work, *arguments: object) -> BaseProcess:
    life = LIVES.Process(target=work, args=arguments, daemon=True)
    life.start()
    return life


def kill(life: BaseProcess) -> None:
    os.kill(life.pid, signal.SIGKILL)
    life.join()


@pytest.mark.timeout(600)
def test_a_training_killed_ten_times_ends_with_the_exam_figure_of_one_that_was_not(drawn_tiles, tmp_path):
    rng = np.random.default_rng(5)
    whole = train_detector(drawn_tiles[:6], SETTINGS, 7, held_out=drawn_tiles[6:])
    (tmp_path / "killed").mkdir()
    killed, kills, steps = tmp_path / "killed", 0, [0]
    while kills < KILLS:
        life = begin(learn_and_store, drawn_tiles, killed)
        # A life gets at least a step further than the one before, so that the training comes to its end.
        while (standing := Interrupted.standing(killed / "unfinished")) is None or standing.step <= steps[-1]:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.3))
        kill(life)
        kills += 1
        steps.append(Interrupted.standing(killed / "unfinished").step)
        assert Registry(killed / "networks").versions() == []
        assert steps[-1] < SETTINGS.steps, "too late to be killed in its training: make the training longer"
    last = begin(learn_and_store, drawn_tiles, killed)
    last.join()

    [version] = Registry(killed / "networks").versions()
    again = Registry(killed / "networks").load_detector(version)
    resumed, uninterrupted = (examine_detector(network, drawn_tiles) for network in (again, whole.detector))

    assert last.exitcode == 0
    assert steps == sorted(set(steps))
    assert uninterrupted.ap50 > 0.5, "a network that finds nothing would compare equal to any other"
    assert resumed.ap50 == pytest.approx(uninterrupted.ap50, abs=1e-6)
    for name, tensor in whole.detector.trained_tensors().items():
        assert torch.allclose(tensor, again.trained_tensors()[name], atol=1e-5), name
    for one, other in zip(resumed.photos, uninterrupted.photos, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


@pytest.mark.timeout(600)
def test_a_network_that_is_being_stored_when_the_power_goes_is_whole_or_not_there(drawn_tiles, tmp_path):
    rng, registry = np.random.default_rng(6), Registry(tmp_path)
    for _ in range(KILLS):
        before = len(registry.versions())
        life = begin(store_again_and_again, drawn_tiles, tmp_path)
        while len(registry.versions()) <= before:
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 0.2))
        kill(life)
        for version in registry.versions()[before:]:
            assert registry.load_detector(version).version == version

    assert len(registry.versions()) >= KILLS
