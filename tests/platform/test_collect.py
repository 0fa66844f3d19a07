"""Every answer is stored once, every change and every deletion is one more row."""

import pytest

from haulout.collect import collect
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.label_studio import NewTask
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import AnswerRow, PersonRow, ProjectRow

BOX = (20, 50, 120, 150)


@pytest.fixture
def tile(coordinator):
    photo = coordinator.photo([BOX])
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    return coordinator.tile(photo)


def test_an_answer_is_stored_as_it_was_given_under_a_pseudonym(coordinator, tile):
    annotation = coordinator.draw("anna", tile, BOX)

    assert collect(coordinator.services) == 1

    (answer,), (person,) = coordinator.rows(AnswerRow), coordinator.rows(PersonRow)
    raw = coordinator.label_studio.tasks[coordinator.task(tile.id).label_studio_task].answers[annotation]
    assert (answer.label_studio_annotation, answer.result, answer.seconds) == (annotation, raw.result, 10.0)
    assert (answer.given_at, answer.skipped, answer.gone) == (raw.created_at, False, False)
    assert (answer.person, person.role) == ("person-1", "volunteer")


def test_the_same_answer_read_twice_is_stored_once(coordinator, tile):
    coordinator.draw("anna", tile, BOX)

    stored = [collect(coordinator.services) for _ in range(3)]

    assert stored == [1, 0, 0]
    assert len(coordinator.rows(AnswerRow)) == 1


def test_everything_is_read_again_when_the_place_to_go_on_from_is_lost(coordinator, tile):
    coordinator.draw("anna", tile, BOX)
    collect(coordinator.services)

    with writing(coordinator.services.database) as session:
        session.get_one(ProjectRow, "boxes").read_to = None

    assert collect(coordinator.services) == 0
    assert len(coordinator.rows(AnswerRow)) == 1


def test_a_changed_answer_is_one_more_row_and_the_first_one_stays(coordinator, tile):
    annotation = coordinator.draw("anna", tile, BOX)
    collect(coordinator.services)

    coordinator.person("anna").change(annotation, [])
    stored = collect(coordinator.services)

    first, second = coordinator.rows(AnswerRow)
    assert stored == 1
    assert first.result and second.result == []
    assert first.label_studio_annotation == second.label_studio_annotation == annotation


def test_a_deleted_answer_is_recorded_once_by_a_sweep(coordinator, tile):
    annotation = coordinator.draw("anna", tile, BOX)
    collect(coordinator.services)
    coordinator.label_studio.delete_answer(annotation)

    stored = [collect(coordinator.services), *(collect(coordinator.services, sweep=True) for _ in range(2))]

    assert stored == [0, 1, 0]
    assert [answer.gone for answer in coordinator.rows(AnswerRow)] == [False, True]


def test_an_answer_that_is_back_after_its_deletion_counts_again_however_often(coordinator, tile):
    annotation = coordinator.draw("anna", tile, BOX)
    collect(coordinator.services)
    answers = coordinator.label_studio.tasks[coordinator.task(tile.id).label_studio_task].answers
    backup = dict(answers)

    stored = []
    for _ in range(2):
        coordinator.label_studio.delete_answer(annotation)
        stored.append(collect(coordinator.services, sweep=True))
        answers.update(backup)
        stored.append(collect(coordinator.services, sweep=True))
    stored.append(collect(coordinator.services, sweep=True))

    assert stored == [1, 1, 1, 1, 0]
    assert [answer.gone for answer in coordinator.rows(AnswerRow)] == [False, True, False, True, False]


def test_a_skip_is_an_answer_and_shows_no_boxes(coordinator, tile):
    coordinator.person("anna").skip(coordinator.task(tile.id).label_studio_task, "once")

    collect(coordinator.services)

    (answer,) = coordinator.rows(AnswerRow)
    assert (answer.skipped, answer.result) == (True, [])


def test_answers_to_tasks_that_are_not_ours_are_left_alone(coordinator, tile):
    project = coordinator.rows(ProjectRow, ProjectRow.question == "boxes")[0].label_studio_project
    (foreign,) = coordinator.label_studio.send_tasks(project, [NewTask({"key": "theirs"}, [], 0.5, "somebody")])
    coordinator.person("anna").submit(foreign, [], 1.0, "once")

    assert collect(coordinator.services, sweep=True) == 0
    assert coordinator.rows(PersonRow) == []


def test_who_answers_an_expert_question_is_an_expert(coordinator, tile):
    for place, name in enumerate(("anna", "boris", "clara", "dorota", "emil")):
        coordinator.draw(name, tile, *([BOX] if place % 2 else [(220, 50, 320, 150)]))
    collect(coordinator.services)
    settle(coordinator.services)
    dispatch(coordinator.services)

    coordinator.draw("elena", tile, BOX, question="box_dispute")
    collect(coordinator.services)

    roles = [person.role for person in coordinator.rows(PersonRow)]
    assert sorted(roles) == ["expert"] + 5 * ["volunteer"]


def test_what_a_person_was_shown_is_kept_with_the_answer(coordinator, tile):
    task = coordinator.task(tile.id)
    coordinator.draw("anna", tile, BOX)
    collect(coordinator.services)

    assert coordinator.rows(AnswerRow)[0].model_shown == ("" if task.blind else "cold-start")
