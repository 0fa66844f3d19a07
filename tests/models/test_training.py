"""Training learns, can be killed, and refuses what would spoil it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from haulout_models.data import NO_CHANGE, LabelledTile
from haulout_models.evaluation import average_precision, examine_detector
from haulout_models.held_out import calibrated
from haulout_models.inference import share_found
from haulout_models.interrupted import Interrupted
from haulout_models.training import ENOUGH, FREED, DetectorTraining, NothingToLearn, Progress, train_detector

QUICK = DetectorTraining(steps=60, side=192, rate=5e-3, augmentation=NO_CHANGE)


class Killed(Exception):
    """What a power cut is to a test."""


def test_a_detector_learns_eight_tiles_by_heart(drawn_tiles):
    losses = []

    detector = train_detector(drawn_tiles, QUICK, seed=0, progress=lambda now: losses.append(now.loss)).detector

    found = [detector.detect(tile.read()) for tile in drawn_tiles]
    assert average_precision([tile.boxes for tile in drawn_tiles], found) > 0.5
    assert examine_detector(detector, drawn_tiles).ap50 > 0.5
    assert losses[-1] < losses[0] / 2


def test_a_killed_training_resumed_ends_as_if_it_had_never_been_killed(drawn_tiles, tmp_path):
    settings, file = replace(QUICK, steps=12, side=96, batch=2, save_every=0.0), tmp_path / "new" / "unfinished"
    ticks = iter(range(10_000))

    def die(now):
        if now.step == 10:
            raise Killed

    with pytest.raises(Killed):
        train_detector(drawn_tiles, settings, 3, die, file, lambda: float(next(ticks)))
    seconds = []
    resumed = train_detector(drawn_tiles, settings, 3, lambda now: seconds.append(now.seconds), file).detector
    whole = train_detector(drawn_tiles, settings, 3).detector

    assert min(seconds) > 0  # the clock stands still: these are the seconds of the killed training
    for name, tensor in whole.trained_tensors().items():
        assert torch.allclose(tensor, resumed.trained_tensors()[name], atol=1e-5), name


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_resumed(drawn_tiles, tmp_path):
    settings, file = replace(QUICK, steps=2, side=96, batch=2), tmp_path / "unfinished"
    train_detector(drawn_tiles, settings, 3, checkpoint=file)
    steps = []

    train_detector(drawn_tiles, settings, 4, lambda now: steps.append(now.step), file)
    file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1]))
    train_detector(drawn_tiles, settings, 4, lambda now: steps.append(now.step), file)

    assert steps == [2, 2]


def test_training_stops_when_its_time_is_over(drawn_tiles):
    ticks = iter(range(0, 10_000, 10))
    steps = []

    settings = replace(QUICK, side=96, batch=2, seconds=60.0)
    train_detector(drawn_tiles, settings, 0, lambda now: steps.append(now.step), clock=lambda: float(next(ticks)))

    assert 0 < steps[-1] < 10


def test_a_checkpoint_says_how_many_steps_were_taken(drawn_tiles, tmp_path):
    file = tmp_path / "training"
    train_detector(drawn_tiles, replace(QUICK, steps=3, side=96, batch=1), 0, checkpoint=file)

    standing = [Interrupted.standing(path) for path in (file, tmp_path / "none")]
    file.write_bytes(file.read_bytes()[:-1])

    assert standing[0].step == 3
    assert [standing[1], Interrupted.standing(file)] == [None, None]


def test_freed_stages_are_trained_and_kept_and_frozen_ones_are_not(drawn_tiles):
    frozen = train_detector(drawn_tiles, replace(QUICK, steps=2, side=96, batch=2), 0).detector
    freed = train_detector(drawn_tiles, replace(QUICK, steps=2, side=96, batch=2, free_stages=1), 0).detector

    assert all(name.startswith("head.") for name in frozen.trained_tensors())
    kept = [name for name in freed.trained_tensors() if name.startswith("backbone.")]
    assert kept
    before = frozen.state_dict()
    assert any(
        not torch.equal(before[name], tensor) for name, tensor in freed.trained_tensors().items() if name in kept
    )


def test_tiles_without_any_animal_teach_nothing(drawn_tiles):
    empty = [LabelledTile(tile.image, None, np.zeros((0, 4)), np.zeros(0)) for tile in drawn_tiles]

    with pytest.raises(NothingToLearn, match="8 tiles hold no animal"):
        train_detector(empty, QUICK, 0)


def test_the_scale_brings_the_median_animal_to_its_usual_size(drawn_tiles):
    halved = replace(QUICK, steps=1, side=96, batch=1, usual_size=25.0)

    detector = train_detector(drawn_tiles, halved, 0).detector

    assert 0.45 < detector.settings.scale < 0.65


def test_a_training_that_makes_it_worse_ends_early_and_what_was_best_is_kept(drawn_tiles):
    good = train_detector(drawn_tiles, QUICK, 0).detector
    misled = [LabelledTile(tile.image, None, tile.boxes * 0.5, tile.weights) for tile in drawn_tiles]
    settings = replace(QUICK, steps=200, side=96, batch=2, rate=2e-2, checks=40, patience=3)

    trained = train_detector(misled, settings, 0, held_out=drawn_tiles, start=good)

    scores = [score for _, _, score in trained.checks]
    assert trained.steps < 200
    assert trained.held_out_ap50 == max(scores) > scores[-1]
    assert examine_detector(trained.detector, drawn_tiles).ap50 == pytest.approx(max(scores), abs=0.02)


def test_the_best_network_on_the_held_out_tiles_is_kept_and_calibrated(drawn_tiles):
    # Enough boxes for a curve; of every other tile somebody has labelled one animal only.
    half = [
        LabelledTile(t.image, None, t.boxes[: 1 + 3 * (n % 2)], t.weights[: 1 + 3 * (n % 2)])
        for n, t in enumerate(drawn_tiles)
    ]
    many = half * 4
    trained = train_detector(drawn_tiles, replace(QUICK, checks=3), seed=0, held_out=many)

    exam = examine_detector(trained.detector, many)
    assert exam.ap50 == pytest.approx(trained.held_out_ap50, abs=0.02)
    scores = np.concatenate([photo.scores for photo in exam.photos])
    hits = np.concatenate([photo.hits for photo in exam.photos])
    assert trained.detector.settings.calibration.score
    assert scores.sum() == pytest.approx(hits.sum(), rel=0.1)


def test_animals_that_get_no_box_are_in_what_is_expected(drawn_tiles):
    taught = train_detector(drawn_tiles, QUICK, seed=0).detector
    # On every tile somebody has also labelled animals where the detector sees bare ground.
    unseen = np.array([[0.0, 0, 6, 6], [186.0, 186, 192, 192]])
    held_out = [
        LabelledTile(t.image, None, np.concatenate([t.boxes[:1], unseen]), np.ones(3)) for t in list(drawn_tiles) * 4
    ]

    detector = calibrated(taught, held_out)

    expected = sum(detector.detect(tile.read())[1].sum() for tile in held_out) / share_found(detector)
    assert share_found(detector) == pytest.approx(1 / 3, abs=0.03)
    assert expected == pytest.approx(3 * len(held_out), rel=0.02)


def test_a_training_that_starts_from_a_detector_begins_where_that_one_stands(drawn_tiles):
    first = train_detector(drawn_tiles, replace(QUICK, free_stages=1), seed=0).detector
    losses = {}

    for name, start in (("warm", first), ("scratch", None)):
        told = []
        settings = replace(QUICK, steps=10, free_stages=1, rate=1e-4)
        train_detector(drawn_tiles, settings, 1, lambda now, told=told: told.append(now.loss), start=start)
        losses[name] = told[0]

    assert losses["warm"] < losses["scratch"] / 2


def test_a_frozen_training_keeps_the_backbone_that_its_start_had_tuned(drawn_tiles):
    settings = replace(QUICK, steps=2, side=64, batch=1)
    first = train_detector(drawn_tiles, replace(settings, free_stages=1), seed=0).detector

    second = train_detector(drawn_tiles, replace(settings, free_stages=0), seed=1, start=first).detector

    kept = second.trained_tensors()
    tuned = [name for name in first.trained_tensors() if name.startswith("backbone.")]
    assert tuned
    assert all(torch.equal(kept[name], first.trained_tensors()[name]) for name in tuned)


def test_progress_says_how_long_it_will_still_take(drawn_tiles):
    ticks = iter(range(10_000))
    told = []
    settings = replace(QUICK, steps=20, side=96, batch=2)

    train_detector(drawn_tiles, settings, 0, told.append, clock=lambda: float(next(ticks)))

    assert [now.share for now in told] == [0.5, 1.0]
    assert told[0].seconds_left == pytest.approx(told[0].seconds)
    assert told[1].seconds_left == 0.0
    assert Progress(0, 20, 0.0, 0.0).seconds_left == float("inf")


def test_the_backbone_is_trained_too_where_there_are_enough_tiles(drawn_tiles):
    settings = replace(QUICK, steps=1, side=64, batch=1)

    few = train_detector(drawn_tiles, settings, 0).detector
    many = train_detector(list(drawn_tiles) * (ENOUGH // len(drawn_tiles)), settings, 0).detector

    assert not few.tuned
    assert len({name.split(".")[3] for name in many.tuned}) == FREED
