"""The passes through the loop: in order, one at a time, written down, and safe to repeat."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch

from haulout import ledger
from haulout.errors import BrokenModel, LeaseLost, LeaseTaken
from haulout.lease import lease
from haulout.loop import LEASE, listen, run_week
from haulout.retrain import promote
from haulout.retrain.decisions import keep
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    ConsensusRow,
    IndividualRow,
    JobRow,
    LeaseRow,
    ProposalRow,
    RunRow,
    TaskRow,
)
from haulout.testing import TickingClock
from haulout_models.checkpoints import TENSORS
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.reidentifier import Reidentifier
from labeling_configs.vocabulary import ModelCard, ModelVersion

BOX = (20, 50, 120, 150)
NOON = datetime(2026, 11, 23, 12)


@pytest.fixture
def photos(coordinator):
    return [coordinator.photo([BOX]) for _ in range(3)]


def test_a_week_puts_questions_before_people_and_says_what_it_did(coordinator, photos):
    told = []

    number = run_week(coordinator.services, lambda message, done, total: told.append(message))

    (run,) = coordinator.rows(RunRow)
    assert (run.id, run.state, run.stage) == (number, "done", "dispatch")
    assert (run.summary["photos"], run.summary["open_tasks"], run.summary["answers"]) == (3, 3, 0)
    assert len(coordinator.label_studio.tasks) == 3
    assert told.index("Begins: collect") < told.index("Begins: propose") < told.index("Begins: dispatch")


def test_a_second_week_without_answers_asks_nothing_more(coordinator, photos):
    coordinator.set(batch_size=2)
    for _ in range(2):
        run_week(coordinator.services)

    assert len(coordinator.label_studio.tasks) == len(coordinator.rows(TaskRow)) == 2
    assert [run.state for run in coordinator.rows(RunRow)] == ["done", "done"]


def test_listening_settles_what_people_said_and_takes_the_task_away(coordinator, photos):
    run_week(coordinator.services)
    tile = coordinator.tile(photos[0])
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, tile, BOX)

    answers = [listen(coordinator.services), listen(coordinator.services)]

    assert answers == [3, 0]
    assert [animal.tile for animal in coordinator.rows(AnimalRow)] == [tile.id]
    assert coordinator.label_studio.calls[-1] == ("retire", coordinator.task(tile.id).label_studio_task)


def test_votes_that_came_after_the_clock_was_put_back_count_in_the_next_week(coordinator, photos):
    run_week(coordinator.services)
    tile = coordinator.tile(photos[0])
    coordinator.draw("anna", tile, BOX)
    listen(coordinator.services)
    coordinator.services = replace(coordinator.services, now=TickingClock(NOON - timedelta(days=1)))
    for name in ("boris", "clara"):
        coordinator.draw(name, tile, BOX)
    listen(coordinator.services)

    run_week(coordinator.services)

    (consensus,) = coordinator.rows(ConsensusRow)
    assert (consensus.state, consensus.voters) == ("agreed", 3)


def test_a_run_that_was_killed_is_marked_by_the_next(coordinator, photos):
    coordinator.store(RunRow(id=1, started_at=NOON, heard_at=NOON, stage="propose"))

    run_week(coordinator.services)

    assert [run.state for run in coordinator.rows(RunRow)] == ["interrupted", "done"]


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "interrupted"), (ZeroDivisionError, "failed")])
def test_a_run_that_breaks_off_says_where_and_the_next_goes_on(coordinator, photos, error, state):
    send, coordinator.label_studio.send_tasks = coordinator.label_studio.send_tasks, broken_by(error("the cable"))
    with pytest.raises(error):
        run_week(coordinator.services)
    coordinator.label_studio.send_tasks = send

    run_week(coordinator.services)

    first, second = coordinator.rows(RunRow)
    assert (first.state, first.stage, first.message) == (state, "dispatch", "the cable")
    assert second.state == "done"
    assert len(coordinator.label_studio.tasks) == len(coordinator.rows(TaskRow)) == 3


def broken_by(error: BaseException):
    def send(_project, _tasks):
        raise error

    return send


def test_two_passes_at_once_are_refused_and_a_week_waits_for_its_turn(coordinator, photos):
    slept = []
    impatient = replace(coordinator.services, sleep=slept.append)

    with lease(coordinator.services.database, LEASE):
        with pytest.raises(LeaseTaken):
            listen(impatient)
        with pytest.raises(LeaseTaken):
            run_week(impatient)

    assert slept == [5] * 119
    assert coordinator.rows(RunRow) == []


def test_a_run_whose_lease_was_taken_over_writes_nothing_more_and_leaves_its_end_to_the_other(coordinator, photos):
    send = coordinator.label_studio.send_tasks

    def send_and_lose(project, tasks):
        numbers = send(project, tasks)
        coordinator.store(LeaseRow(name=LEASE, holder="another-machine:7:1:abcd", fence=99, heard_at=NOON))
        return numbers

    coordinator.label_studio.send_tasks = send_and_lose
    with pytest.raises(LeaseLost):
        run_week(coordinator.services)

    (run,) = coordinator.rows(RunRow)
    assert run.state == "running"
    assert {task.label_studio_task for task in coordinator.rows(TaskRow)} == {None}
    assert [lease.holder for lease in coordinator.rows(LeaseRow)] == ["another-machine:7:1:abcd"]


def test_taking_in_answers_writes_nothing_more_once_the_lease_was_taken_over(coordinator, photos):
    run_week(coordinator.services)
    coordinator.draw("anna", coordinator.tile(photos[0]), BOX)
    answers_since = coordinator.label_studio.answers_since

    def read_and_lose(project, since):
        coordinator.store(LeaseRow(name=LEASE, holder="another-machine:7:1:abcd", fence=99, heard_at=NOON))
        return answers_since(project, since)

    coordinator.label_studio.answers_since = read_and_lose
    with pytest.raises(LeaseLost):
        listen(coordinator.services)

    assert coordinator.rows(AnswerRow) == []


def test_the_attempt_at_a_job_notes_its_run(coordinator, photos):
    taken = ledger.begin(coordinator.services.database, "run", "monday")

    number = run_week(coordinator.services, taken=taken)

    assert [job.run for job in coordinator.rows(JobRow)] == [number]


def test_individuals_that_were_merged_away_are_not_counted(coordinator, photos):
    coordinator.store(IndividualRow(id="W0001", first_animal="gone", named_at=NOON))

    run_week(coordinator.services)

    assert coordinator.rows(RunRow)[0].summary["individuals"] == 0


def damaged_champion(coordinator) -> Path:
    """Let a detector serve whose weights somebody changes afterwards; return their file."""
    detector = Detector.untrained(ModelVersion("untitled"), DetectorSettings(width=8), seed=0)
    card = ModelCard(detector.version, "detector", 0, detector.stored_settings(), {"photos": []})
    version = keep(coordinator.services, card, detector.trained_tensors(), None)
    promote(coordinator.services, version, "operator", "for a test")
    file = coordinator.services.weights / version / TENSORS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return file


def test_with_a_damaged_detector_people_are_still_heard_and_asked_and_the_run_says_what_to_do(coordinator, photos):
    run_week(coordinator.services)
    tile = coordinator.tile(photos[0])
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, tile, BOX)
    damaged_champion(coordinator)
    late = coordinator.photo([BOX], model="det-0001")

    with pytest.raises(BrokenModel, match=r"det-0001.*haulout rollback"):
        run_week(coordinator.services)

    run = coordinator.rows(RunRow)[-1]
    assert (run.state, run.stage) == ("failed", "dispatch")
    assert "haulout promote VERSION" in run.message
    assert [animal.tile for animal in coordinator.rows(AnimalRow)] == [tile.id]
    assert coordinator.task(coordinator.tile(late).id).label_studio_task


def test_a_damaged_champion_that_is_restored_serves_on(coordinator, photos):
    file = damaged_champion(coordinator)
    whole = bytearray(file.read_bytes())
    whole[-1] ^= 1
    with pytest.raises(BrokenModel):
        run_week(coordinator.services)

    file.write_bytes(whole)
    run_week(coordinator.services)

    assert [run.state for run in coordinator.rows(RunRow)] == ["failed", "done"]
    assert len(coordinator.rows(ProposalRow, ProposalRow.model == "det-0001")) == len(photos)


def test_new_answers_are_taken_in_and_tasks_put_in_order_although_re_identification_is_damaged(coordinator, photos):
    run_week(coordinator.services)
    network = Reidentifier.frozen(ModelVersion("untitled"))
    card = ModelCard(network.version, "reidentifier", 0, network.stored_settings())
    version = keep(coordinator.services, card, {"linear": torch.zeros(2)}, None)
    promote(coordinator.services, version, "operator", "for a test")
    (coordinator.services.weights / version / TENSORS).unlink()
    tile = coordinator.tile(photos[0])
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, tile, BOX)

    with pytest.raises(BrokenModel, match="rollback reidentifier"):
        listen(coordinator.services)

    assert [animal.tile for animal in coordinator.rows(AnimalRow)] == [tile.id]
    assert coordinator.label_studio.calls[-1] == ("retire", coordinator.task(tile.id).label_studio_task)
