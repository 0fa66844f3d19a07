"""Each task is in Label Studio once, whatever breaks between us and it, and however late what was sent arrives."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from haulout.collect import collect
from haulout.dispatch import dispatch
from haulout.envelope import Envelopes, NotOurs
from haulout.errors import ServiceUnavailable
from haulout.selection import select_batch
from haulout.tables import AliasRow, BatchRow, ChosenRow, OperationRow, PhotoRow, TaskRow, TileRow

BOX = (20, 50, 120, 150)


@pytest.fixture
def batch(coordinator):
    """Three tiles to be asked about; the waiting of the services is written down in `waited`."""
    for _ in range(3):
        coordinator.photo([BOX])
    select_batch(coordinator.services)
    coordinator.waited = []
    coordinator.services = replace(coordinator.services, sleep=coordinator.waited.append)
    return coordinator


def lose_the_answer(coordinator, *, arrives: bool) -> None:
    """Let the next import break off, after it arrived or before."""
    send = coordinator.label_studio.send_tasks

    def broken(project, tasks):
        coordinator.label_studio.send_tasks = send
        if arrives:
            send(project, tasks)
        raise ServiceUnavailable("the cable")

    coordinator.label_studio.send_tasks = broken
    with pytest.raises(ServiceUnavailable):
        dispatch(coordinator.services)


def be_late(coordinator) -> Callable[[], list[int]]:
    """Let the next import break off before it arrives; return what lets it arrive, and gives its tasks' numbers."""
    send, sent = coordinator.label_studio.send_tasks, []

    def under_way(project, tasks):
        coordinator.label_studio.send_tasks = send
        sent.append((project, tasks))
        raise ServiceUnavailable("the answer is late")

    coordinator.label_studio.send_tasks = under_way
    with pytest.raises(ServiceUnavailable):
        dispatch(coordinator.services)
    return lambda: send(*sent[0])


def keys(coordinator) -> list[str]:
    return sorted(task.data["key"] for task in coordinator.label_studio.tasks.values())


def test_what_is_sent_is_noted_before_and_confirmed_after(batch):
    dispatch(batch.services)

    (operation,) = batch.rows(OperationRow)
    assert (operation.state, sorted(operation.keys)) == ("confirmed", keys(batch))
    assert batch.waited == []


def test_what_arrived_unheard_is_not_sent_again(batch):
    lose_the_answer(batch, arrives=True)
    assert [operation.state for operation in batch.rows(OperationRow)] == ["intended"]

    dispatch(batch.services)

    assert len(keys(batch)) == len(set(keys(batch))) == 3
    assert [operation.state for operation in batch.rows(OperationRow)] == ["confirmed"]
    assert batch.waited == []


def test_what_did_not_arrive_is_waited_for_and_then_sent_again(batch):
    lose_the_answer(batch, arrives=False)

    dispatch(batch.services)

    assert len(keys(batch)) == 3
    assert [operation.state for operation in batch.rows(OperationRow)] == ["abandoned", "confirmed"]
    (waited,) = batch.waited
    assert 15 < waited < 20, "less by the seconds since it broke off"


def test_the_time_to_wait_begins_when_the_sender_gave_up(batch):
    lose_the_answer(batch, arrives=False)

    (operation,) = batch.rows(OperationRow)
    assert operation.heard_at > operation.intended_at


def test_fewer_numbers_than_tasks_are_taken_for_no_answer(batch):
    send = batch.label_studio.send_tasks
    batch.label_studio.send_tasks = lambda project, tasks: send(project, tasks)[:-1]
    with pytest.raises(ValueError, match="zip"):
        dispatch(batch.services)
    assert [operation.state for operation in batch.rows(OperationRow)] == ["intended"]
    batch.label_studio.send_tasks = send

    dispatch(batch.services)

    assert {task.key: task.label_studio_task for task in batch.rows(TaskRow)} == {
        task.data["key"]: task.id for task in batch.label_studio.tasks.values()
    }


def test_what_arrives_while_it_is_waited_for_is_not_sent_again(batch):
    arrive = be_late(batch)
    batch.services = replace(batch.services, sleep=lambda _: arrive())

    dispatch(batch.services)

    assert len(keys(batch)) == len(set(keys(batch))) == 3


def test_what_arrives_even_later_is_found_and_hidden(batch):
    arrive = be_late(batch)
    dispatch(batch.services)
    late = set(arrive())

    collect(batch.services, sweep=True)
    dispatch(batch.services)

    assert {alias.label_studio_task for alias in batch.rows(AliasRow)} == late
    open_keys = [task.data["key"] for task in batch.label_studio.tasks.values() if not task.labelled]
    assert len(open_keys) == len(set(open_keys)) == 3


def test_a_late_copy_is_asked_of_people_when_the_first_one_is_gone(batch):
    arrive = be_late(batch)
    dispatch(batch.services)
    firsts = {task.label_studio_task for task in batch.rows(TaskRow)}
    for first in firsts:
        batch.label_studio.delete_task(first)
    late = set(arrive())

    for _ in range(2):
        collect(batch.services, sweep=True)
        dispatch(batch.services)

    assert {task.label_studio_task for task in batch.rows(TaskRow)} == late
    assert batch.rows(AliasRow) == []
    assert not any(batch.label_studio.tasks[number].labelled for number in late)


def test_an_old_operation_is_not_waited_for(batch):
    lose_the_answer(batch, arrives=False)
    (operation,) = batch.rows(OperationRow)
    operation.heard_at -= timedelta(hours=1)
    batch.store(operation)

    dispatch(batch.services)

    assert batch.waited == []
    assert len(keys(batch)) == 3


def test_a_task_carries_all_it_rests_on_sealed(batch):
    dispatch(batch.services)
    task = next(iter(batch.label_studio.tasks.values()))
    sealed = task.meta["sealed"]

    rows = Envelopes(batch.services.settings.secret_key).open(sealed)

    kinds = [type(row).__name__ for row in rows]
    assert kinds == ["IngestionRow", "PhotoRow", "ShownRow", "TileRow", "BatchRow", "ChosenRow", "TaskRow"]
    for table in (PhotoRow, TileRow, BatchRow, ChosenRow):
        (told,) = [row for row in rows if type(row) is table]
        assert told.model_dump() in [row.model_dump() for row in batch.rows(table)]
    assert rows[-1].key == task.data["key"] in [row.key for row in batch.rows(TaskRow)]


def test_nobody_else_can_open_an_envelope_or_read_in_it_which_photo_it_is(batch):
    dispatch(batch.services)
    sealed = next(iter(batch.label_studio.tasks.values())).meta["sealed"]

    assert batch.rows(PhotoRow)[0].id not in sealed
    with pytest.raises(NotOurs, match=r"secrets\.json"):
        Envelopes("another key").open(sealed)
    with pytest.raises(NotOurs):
        Envelopes(batch.services.settings.secret_key).open(sealed[:-4] + "AAA=")
