"""A training as a folder: by one process or several, here or elsewhere."""

import os
import socket
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue

import pytest
import torch

from haulout_models.data import NO_CHANGE, LabelledTile
from haulout_models.detector import DetectorSettings
from haulout_models.evaluation import examine_detector
from haulout_models.job import do_job, job_progress, job_result, write_job
from haulout_models.team import CPU, Team, joined
from haulout_models.together import TrainingFailed, train_together
from haulout_models.training import DetectorTraining, train_detector
from labeling_configs.vocabulary import Rectangle

SETTINGS = DetectorTraining(
    steps=60, side=192, rate=5e-3, checks=2, augmentation=NO_CHANGE, detector=DetectorSettings(width=32)
)


def test_a_training_written_to_a_folder_and_done_there_is_the_same_training(drawn_tiles, tmp_path):
    settings = replace(SETTINGS, steps=4, side=96, batch=2, free_stages=1)
    cut = LabelledTile(drawn_tiles[0].image, Rectangle(0, 0, 150, 180), drawn_tiles[0].boxes, drawn_tiles[0].weights)
    here = train_detector([cut, *drawn_tiles[1:6]], settings, 3, held_out=drawn_tiles[6:])

    write_job(tmp_path, [cut, *drawn_tiles[1:6]], settings, 3, held_out=drawn_tiles[6:])
    do_job(tmp_path, {})

    there = job_result(tmp_path)
    assert (there.steps, there.held_out_ap50) == (4, here.held_out_ap50)
    assert job_progress(tmp_path).share == 1.0
    for name, tensor in here.detector.trained_tensors().items():
        assert torch.equal(tensor, there.detector.trained_tensors()[name]), name


def test_a_folder_carries_the_network_to_start_from(drawn_tiles, tmp_path):
    settings = replace(SETTINGS, steps=2, side=96, batch=2, free_stages=1)
    start = train_detector(drawn_tiles, settings, 1).detector

    write_job(tmp_path, drawn_tiles, settings, 2, start=start)
    do_job(tmp_path, {})

    here = train_detector(drawn_tiles, settings, 2, start=start).detector
    for name, tensor in here.trained_tensors().items():
        assert torch.equal(tensor, job_result(tmp_path).detector.trained_tensors()[name]), name


@pytest.mark.timeout(300)
def test_two_processes_train_one_network_together(drawn_tiles, tmp_path):
    told = []

    together = train_together(2, tmp_path, drawn_tiles, SETTINGS, 0, told.append, held_out=drawn_tiles[:2])

    alone = train_detector(drawn_tiles, SETTINGS, 0, held_out=drawn_tiles[:2]).detector
    assert together.steps == SETTINGS.steps
    assert told[-1].step <= SETTINGS.steps
    assert examine_detector(together.detector, drawn_tiles).ap50 > 0.5
    different = [not torch.equal(t, together.detector.state_dict()[n]) for n, t in alone.trained_tensors().items()]
    assert any(different), "the second process's squares taught nothing"


def test_processes_that_fail_say_why(drawn_tiles, tmp_path):
    gone = [replace(tile, image=tmp_path / "gone.png") for tile in drawn_tiles]

    with pytest.raises(TrainingFailed, match=r"gone\.png"):
        train_together(2, tmp_path, gone, SETTINGS, 0, lambda now: None)


def average(rank: int, port: int, told: SimpleQueue) -> None:
    """One of two processes: its gradient is its rank, its number is its rank."""
    about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in about.items()})
    weights = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1, 3))]
    with joined(os.environ) as team:
        for weight in weights:
            weight.grad = torch.full_like(weight, float(rank))
        team.average_gradients(weights)
        shared = torch.tensor([float(rank)])
        team.share([shared])
        told.put((rank, [w.grad.flatten().tolist() for w in weights], team.as_told(rank + 7.0), shared.item()))


@pytest.mark.timeout(120)
def test_two_processes_have_the_mean_of_their_gradients_and_what_the_leader_says():
    lives, with_socket = get_context("spawn"), socket.create_server(("127.0.0.1", 0))
    port = with_socket.getsockname()[1]
    with_socket.close()
    told = lives.SimpleQueue()
    both = [lives.Process(target=average, args=(rank, port, told)) for rank in (0, 1)]
    for process in both:
        process.start()
    for process in both:
        process.join()

    said = sorted(told.get() for _ in both)
    assert said == [(rank, [[0.5, 0.5], [0.5, 0.5, 0.5]], 7.0, 0.0) for rank in (0, 1)]


def test_one_process_is_a_team_of_its_own():
    with joined({}) as team:
        assert (team.leads, team.size, team.as_told(3.5)) == (True, 1, 3.5)
    weight = torch.nn.Parameter(torch.ones(3))
    weight.grad = torch.full((3,), 2.0)

    Team().average_gradients([weight])

    assert weight.grad.tolist() == [2.0, 2.0, 2.0]
    assert Team().device == CPU


def test_a_result_that_is_not_there_yet_is_no_progress(drawn_tiles, tmp_path):
    write_job(tmp_path, drawn_tiles, SETTINGS, 0)

    assert job_progress(tmp_path) is None
