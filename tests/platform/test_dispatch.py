"""What Label Studio is told, and that it is told once."""

import pytest
from torch import Tensor

from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.retrain import promote
from haulout.retrain.decisions import keep
from haulout.selection import select_batch
from haulout.tables import PhotoRow, ProjectRow, TaskRow
from haulout_models.detector import Detector, DetectorSettings
from labeling_configs.catalog import xml
from labeling_configs.vocabulary import COLD, ModelCard, ModelVersion, Question

BOX = (20, 50, 120, 150)


@pytest.fixture
def batch(coordinator):
    """Five photos with one walrus each, of which none is asked blind."""
    coordinator.set(random_share=0.0, blind_share=0.0)
    photos = [coordinator.photo([BOX]) for _ in range(5)]
    select_batch(coordinator.services)
    return photos


class Cable(Exception):
    """What a broken connection is to a test."""


@pytest.fixture(scope="module")
def untrained() -> dict[str, Tensor]:
    """The tensors of a detector: dispatch asks it for its name only."""
    return Detector.untrained(ModelVersion("untitled"), DetectorSettings(), seed=0).trained_tensors()


@pytest.fixture
def serving(coordinator, untrained):
    """Return a function that lets the next detector serve."""

    def let(version: str) -> None:
        settings = {"rate": 0.1}
        card = ModelCard(ModelVersion("untitled"), "detector", seed=0, settings=settings)
        assert keep(coordinator.services, card, untrained, None) == version
        promote(coordinator.services, version, "operator", "for a test")

    return let


def boxes_project(coordinator) -> int:
    (row,) = coordinator.rows(ProjectRow, ProjectRow.question == "boxes")
    return row.label_studio_project


def shown(coordinator, version: str) -> dict[str, int]:
    """How many boxes of this version each task shows."""
    tasks = coordinator.label_studio.tasks.values()
    return {t.data["key"]: len(t.predictions[version][0]) for t in tasks if version in t.predictions}


def test_tasks_are_asked_in_the_order_of_their_worth(coordinator, batch):
    assert dispatch(coordinator.services) == 5

    anna, asked = coordinator.person("anna"), []
    while task := anna.next_task(boxes_project(coordinator)):
        asked.append(task.key)
        anna.submit(task.id, [], 1.0, task.key)
    wanted = sorted(coordinator.rows(TaskRow), key=lambda task: -task.priority)
    assert asked == [task.key for task in wanted]


def test_a_second_dispatch_tells_nothing(coordinator, batch):
    dispatch(coordinator.services)
    told = list(coordinator.label_studio.calls)

    assert dispatch(coordinator.services) == 0
    assert coordinator.label_studio.calls == told
    assert len(coordinator.label_studio.projects) == len(coordinator.rows(ProjectRow)) == 4


def test_a_new_version_brings_its_boxes_to_every_open_task_but_the_blind_ones(coordinator, batch, serving):
    change(coordinator, blind=True)
    dispatch(coordinator.services)
    for photo in batch:
        coordinator.propose(photo, [BOX, (200, 50, 300, 150), (1, 1, 9, 9)], "det-0001")
    serving("det-0001")

    dispatch(coordinator.services)

    wanted = {task.key: 0 if task.blind else 3 for task in coordinator.rows(TaskRow)}
    assert coordinator.label_studio.served_version(boxes_project(coordinator)) == "det-0001"
    assert shown(coordinator, "det-0001") == wanted
    assert {task.model for task in coordinator.rows(TaskRow)} == {"det-0001"}


def test_boxes_the_detector_hardly_believes_are_not_shown(coordinator, batch, serving):
    for photo in batch:
        coordinator.propose(photo, [BOX], "det-0001", score=0.25)
    serving("det-0001")

    dispatch(coordinator.services)

    assert set(shown(coordinator, "det-0001").values()) == {0}


def test_a_retired_task_is_taken_away_once_and_a_reopened_one_brought_back_once(coordinator, batch):
    dispatch(coordinator.services)
    coordinator.label_studio.calls.clear()
    number = change(coordinator, state="retired")
    for _ in range(2):
        dispatch(coordinator.services)
    retired = list(coordinator.label_studio.calls)
    change(coordinator, state="open", overlap=4)
    for _ in range(2):
        dispatch(coordinator.services)

    assert retired == [("retire", number)]
    assert coordinator.label_studio.calls == [("retire", number), ("reopen", number)]
    assert coordinator.label_studio.tasks[number].overlap == 4


def change(coordinator, **values: object) -> int:
    """Change the first task; return its number in Label Studio."""
    task = coordinator.rows(TaskRow)[0]
    for name, value in values.items():
        setattr(task, name, value)
    coordinator.store(task)
    return task.label_studio_task


def test_a_task_that_is_reopened_after_a_promotion_shows_the_new_boxes(coordinator, batch, serving):
    dispatch(coordinator.services)
    number = change(coordinator, state="retired")
    dispatch(coordinator.services)
    for photo in batch:
        coordinator.propose(photo, [BOX, BOX], "det-0001")
    serving("det-0001")
    dispatch(coordinator.services)

    change(coordinator, state="open")
    dispatch(coordinator.services)

    assert len(coordinator.label_studio.tasks[number].predictions["det-0001"][0]) == 2


def test_what_was_sent_but_not_noted_is_found_and_not_sent_again(coordinator, batch):
    label_studio = coordinator.label_studio
    send = label_studio.send_tasks

    def send_and_break(project, tasks):
        send(project, tasks)
        raise Cable

    label_studio.send_tasks = send_and_break
    with pytest.raises(Cable):
        dispatch(coordinator.services)
    label_studio.send_tasks = send

    dispatch(coordinator.services)

    tasks = coordinator.rows(TaskRow)
    assert {task.label_studio_task for task in tasks} == set(label_studio.tasks)
    assert len(label_studio.tasks) == 5
    assert {task.pushed for task in tasks} == {"open:2"}


def test_a_task_that_was_retired_before_it_was_sent_is_never_sent(coordinator, batch):
    change(coordinator, state="retired")

    assert dispatch(coordinator.services) == 4


def test_the_pictures_of_a_task_exist_before_it_is_sent(coordinator, batch):
    dispatch(coordinator.services)

    public = coordinator.services.storage.public
    for task in coordinator.label_studio.tasks.values():
        assert (public / task.data["image"].split("?d=")[1]).exists()


def test_a_question_that_changed_is_told_to_label_studio_once(coordinator, batch):
    dispatch(coordinator.services)
    with writing(coordinator.services.database) as session:
        row = session.get_one(ProjectRow, "boxes")
        row.asked = "an older question"
        session.add(row)
    there = coordinator.label_studio.projects[row.label_studio_project]
    there.xml = "an older question"

    dispatch(coordinator.services)
    renewed, there.xml = there.xml, "changed by hand"
    dispatch(coordinator.services)

    assert renewed == xml(Question.BOXES)
    assert there.xml == "changed by hand"


def test_an_open_task_that_was_deleted_in_label_studio_is_sent_again(coordinator, batch):
    dispatch(coordinator.services)
    lost = coordinator.rows(TaskRow)[0]
    del coordinator.label_studio.tasks[lost.label_studio_task]
    with writing(coordinator.services.database) as session:
        row = session.get_one(TaskRow, lost.id)
        row.overlap += 1
        session.add(row)

    dispatch(coordinator.services)
    dispatch(coordinator.services)

    (again,) = coordinator.rows(TaskRow, TaskRow.id == lost.id)
    assert again.label_studio_task != lost.label_studio_task
    assert coordinator.label_studio.tasks[again.label_studio_task].data["key"] == lost.key


def test_of_a_starter_people_are_shown_boxes_of_lower_scores_than_of_a_trained_detector(coordinator, serving):
    coordinator.set(random_share=0.0, blind_share=0.0)
    coordinator.photo([BOX], score=0.2)
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    (task,) = coordinator.rows(TaskRow)
    by_starter = coordinator.label_studio.tasks[task.label_studio_task].predictions[COLD][0]
    version = serving("det-0001") or "det-0001"
    (photo,) = coordinator.rows(PhotoRow)
    coordinator.propose(photo, [BOX], version, score=0.2)

    dispatch(coordinator.services)

    by_trained = coordinator.label_studio.tasks[task.label_studio_task].predictions[version][0]
    assert (len(by_starter), len(by_trained)) == (1, 0)


def test_open_tasks_are_put_in_their_new_order_and_only_what_moved_is_told(coordinator, batch):
    dispatch(coordinator.services)
    tasks = sorted(coordinator.rows(TaskRow), key=lambda task: task.priority)
    tasks[0].priority, tasks[-1].priority = tasks[-1].priority, tasks[0].priority
    coordinator.store(*tasks)
    coordinator.label_studio.calls.clear()

    dispatch(coordinator.services)
    dispatch(coordinator.services)

    moved = {tasks[0].label_studio_task, tasks[-1].label_studio_task}
    assert sorted(coordinator.label_studio.calls) == sorted(("prioritise", number) for number in moved)
    person = coordinator.label_studio.as_person(coordinator.label_studio.sign_up("a@b.invalid", "x", "A").api_key)
    project = next(number for number, row in coordinator.label_studio.projects.items() if row.question == "boxes")
    assert person.next_task(project).id == tasks[0].label_studio_task
