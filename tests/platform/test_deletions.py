"""What is deleted in Label Studio: found without a bell, recorded, and held back when it is too much to be meant."""

import pytest

from haulout.collect import collect, is_quiet
from haulout.collect.sweep import accept_deletions
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.dispatch.undelete import undelete
from haulout.holds import FEW, NothingHeld, is_mass
from haulout.label_studio import LabelStudioRefused
from haulout.loop import listen, run_week
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import AliasRow, AnswerRow, ConsensusRow, HoldRow, ProjectRow, RestoredRow, RunRow, TaskRow
from haulout.testing import answers_in

BOX = (20, 50, 120, 150)
PEOPLE = ("anna", "boris")


@pytest.fixture
def season(coordinator):
    """Six tiles, each answered by two people: twelve answers, of which ten are too many to vanish unasked."""
    photos = [coordinator.photo([BOX]) for _ in range(6)]
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    for name in PEOPLE:
        for photo in photos:
            coordinator.draw(name, coordinator.tile(photo), BOX)
    collect(coordinator.services, sweep=True)
    settle(coordinator.services)
    return coordinator


def live(coordinator) -> set[int]:
    newest = {row.label_studio_annotation: row for row in coordinator.rows(AnswerRow)}
    return {number for number, row in newest.items() if not row.gone}


def project(coordinator) -> ProjectRow:
    return coordinator.rows(ProjectRow, ProjectRow.question == "boxes")[0]


def delete_answers(coordinator, number: int) -> None:
    for annotation in sorted(live(coordinator))[:number]:
        coordinator.label_studio.delete_answer(annotation)


@pytest.mark.parametrize(
    ("missing", "stored", "mass"),
    [(0, 0, False), (9, 9, False), (10, 12, True), (10, 1000, False), (11, 1000, True), (51, 10**6, True)],
)
def test_how_many_missing_answers_are_no_slip_of_one_hand(missing, stored, mass):
    assert is_mass(missing, stored) is mass


def test_a_few_deletions_are_recorded_and_their_tile_is_settled_without_them(season):
    delete_answers(season, 2)

    assert collect(season.services, sweep=True) == 2
    assert len(live(season)) == 10
    assert season.rows(HoldRow) == []


def test_many_deletions_wait_for_a_person_and_nothing_is_forgotten(season):
    delete_answers(season, FEW)

    assert [collect(season.services, sweep=True) for _ in range(2)] == [0, 0]

    (hold,) = season.rows(HoldRow)
    assert (hold.state, hold.question, hold.answers, hold.tasks) == ("open", "boxes", 10, 6)
    assert len(live(season)) == 12


def test_while_deletions_wait_nobody_is_asked_and_nothing_is_trained_but_answers_are_taken_in(season):
    season.photo([BOX])
    delete_answers(season, FEW)
    collect(season.services, sweep=True)
    sent = len(season.label_studio.tasks)

    run_week(season.services)
    season.person("clara").submit(max(season.label_studio.tasks), [], 4.0, "once")
    taken_in = listen(season.services)

    assert len(season.label_studio.tasks) == sent
    assert taken_in == 1
    assert "haulout undelete" in season.rows(RunRow)[-1].message


def test_what_was_deleted_is_put_back_under_its_people_and_stays_the_same_answers(season):
    before = [row.model_dump() for row in season.rows(AnswerRow)]
    tasks = len(season.label_studio.tasks)
    delete_answers(season, FEW)
    collect(season.services, sweep=True)

    assert undelete(season.services) == FEW
    assert [collect(season.services, sweep=True) for _ in range(2)] == [0, 0]

    assert [row.model_dump() for row in season.rows(AnswerRow)] == before
    assert (len(answers_in(season.label_studio, project(season).label_studio_project)), tasks) == (12, 6)
    assert [(hold.state, hold.by) for hold in season.rows(HoldRow)] == [("restored", "operator")]
    assert {answer.user for task in season.label_studio.tasks.values() for answer in task.answers.values()} == {1, 2}


def test_a_whole_project_that_was_deleted_comes_back_with_its_tasks_and_answers(season):
    dispatch(season.services)
    before = [row.model_dump() for row in season.rows(AnswerRow)]
    season.label_studio.delete_project(project(season).label_studio_project)
    assert collect(season.services, sweep=True) == 0

    undelete(season.services)
    dispatch(season.services)
    collected = [collect(season.services, sweep=True) for _ in range(2)]

    assert collected == [0, 0]
    assert [row.model_dump() for row in season.rows(AnswerRow)] == before
    tasks = season.label_studio.tasks.values()
    assert (len(tasks), {len(task.answers) for task in tasks}, {task.labelled for task in tasks}) == (6, {2}, {True})


def test_putting_back_may_be_broken_off_and_goes_on(season):
    delete_answers(season, FEW)
    collect(season.services, sweep=True)
    restore, calls = season.label_studio.restore_answer, []

    def restore_four(*arguments):
        calls.append(restore(*arguments))
        if len(calls) == 4:
            raise LabelStudioRefused("an answer", 500, "the cable")
        return calls[-1]

    season.label_studio.restore_answer = restore_four
    with pytest.raises(LabelStudioRefused):
        undelete(season.services)
    season.label_studio.restore_answer = restore

    undelete(season.services)

    assert len(answers_in(season.label_studio, project(season).label_studio_project)) == 12
    assert collect(season.services, sweep=True) == 0
    assert len(season.rows(RestoredRow)) == FEW


def test_what_was_put_back_can_be_changed_and_deleted_again(season):
    delete_answers(season, FEW)
    collect(season.services, sweep=True)
    undelete(season.services)
    first, second = season.rows(RestoredRow)[:2]

    season.person("anna").change(first.label_studio_annotation, [])
    changed = collect(season.services)
    season.label_studio.delete_answer(second.label_studio_annotation)
    deleted = collect(season.services, sweep=True)

    assert (changed, deleted) == (1, 1)
    newest = {row.label_studio_annotation: row for row in season.rows(AnswerRow)}
    assert newest[first.answer].result == []
    assert newest[second.answer].gone


def test_accepted_deletions_count_no_more_and_their_tasks_are_asked_again(season):
    delete_answers(season, FEW)
    collect(season.services, sweep=True)

    assert accept_deletions(season.services, "boss") == FEW

    assert len(live(season)) == 2
    assert [(hold.state, hold.by) for hold in season.rows(HoldRow)] == [("accepted", "boss")]
    listen(season.services)
    assert any(task.state == "open" for task in season.rows(TaskRow))


@pytest.mark.parametrize("decide", [undelete, accept_deletions])
def test_without_a_hold_there_is_nothing_to_decide(season, decide):
    with pytest.raises(NothingHeld, match="haulout status"):
        decide(season.services)


def test_a_hold_ends_by_itself_when_label_studio_got_its_data_back(season):
    tasks = season.label_studio.tasks
    backup = {number: dict(task.answers) for number, task in tasks.items()}
    delete_answers(season, FEW)
    collect(season.services, sweep=True)

    for number, answers in backup.items():
        tasks[number].answers.update(answers)
    collect(season.services, sweep=True)

    assert [(hold.state, hold.by) for hold in season.rows(HoldRow)] == [("restored", "Label Studio")]
    assert len(live(season)) == 12


def test_a_sweep_that_was_broken_off_goes_on_behind_the_page_it_had_read(season):
    delete_answers(season, 2)
    swept, pages = season.label_studio.swept, []

    def two_pages(number, after=0):
        for page in swept(number, after):
            if len(pages) == 2:
                raise LabelStudioRefused("tasks", 502, "the cable")
            pages.append(page)
            yield page

    season.label_studio.swept = two_pages
    with pytest.raises(LabelStudioRefused):
        collect(season.services, sweep=True)
    half = project(season)
    asked = []
    season.label_studio.swept = lambda number, after=0: asked.append(after) or swept(number, after)

    found = collect(season.services, sweep=True)

    assert (half.swept_to, asked, found) == (pages[-1][-1].id, [0, half.swept_to, 0, 0], 2)
    assert (project(season).swept_to, project(season).missing) == (0, [])


def test_deletions_are_looked_for_every_hour_by_itself(season):
    delete_answers(season, 1)
    before = collect(season.services)
    with writing(season.services.database) as session:
        row = session.get_one(ProjectRow, "boxes")
        row.swept_at = None
        session.add(row)

    assert not is_quiet(season.services)
    assert (before, collect(season.services)) == (0, 1)


def test_a_task_that_vanished_with_its_answers_is_not_asked_again_before_that_is_understood(season):
    task = season.rows(TaskRow)[0]
    season.label_studio.delete_task(task.label_studio_task)
    with writing(season.services.database) as session:
        session.get_one(TaskRow, task.id).overlap += 1

    dispatch(season.services)
    before = len(season.label_studio.tasks)
    collect(season.services, sweep=True)
    settle(season.services)
    dispatch(season.services)
    dispatch(season.services)

    assert (before, len(season.label_studio.tasks)) == (5, 6)


def test_an_unanswered_task_that_vanished_is_sent_again_after_the_next_sweep(season):
    photo = season.photo([BOX])
    select_batch(season.services)
    dispatch(season.services)
    lost = season.task(season.tile(photo).id)
    season.label_studio.delete_task(lost.label_studio_task)

    collect(season.services, sweep=True)
    dispatch(season.services)

    again = season.task(season.tile(photo).id)
    assert again.label_studio_task in season.label_studio.tasks
    assert season.label_studio.tasks[again.label_studio_task].data["key"] == lost.key


def test_a_project_that_vanished_with_few_answers_is_made_anew_and_asked_again(coordinator):
    photos = [coordinator.photo([BOX]) for _ in range(3)]
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    coordinator.draw("anna", coordinator.tile(photos[0]), BOX)
    collect(coordinator.services)
    coordinator.label_studio.delete_project(project(coordinator).label_studio_project)

    gone = collect(coordinator.services, sweep=True)
    for _ in range(2):
        settle(coordinator.services)
        dispatch(coordinator.services)
        collect(coordinator.services, sweep=True)
    dispatch(coordinator.services)

    assert gone == 1
    there = [task for task in coordinator.label_studio.tasks.values() if not task.labelled]
    assert {task.data["key"] for task in there} == {row.key for row in coordinator.rows(TaskRow)}
    assert {task.project for task in there} == {project(coordinator).label_studio_project}


def test_a_late_copy_of_a_task_is_hidden_and_what_it_was_answered_counts(season):
    original = season.rows(TaskRow)[0]
    there = season.label_studio.tasks[original.label_studio_task]
    (twin,) = season.label_studio.send_tasks(there.project, [_again(there)])
    season.person("clara").submit(twin, [], 4.0, "once")

    stored = collect(season.services)
    dispatch(season.services)

    assert stored == 1
    assert [(row.label_studio_task, row.task, row.hidden) for row in season.rows(AliasRow)] == [
        (twin, original.id, True)
    ]
    assert season.label_studio.tasks[twin].labelled
    assert collect(season.services, sweep=True) == 0
    assert season.rows(ConsensusRow)[0] is not None


def test_of_two_copies_people_are_asked_the_older_one(season):
    task = season.rows(TaskRow)[0]
    there = season.label_studio.tasks[task.label_studio_task]
    (newer,) = season.label_studio.send_tasks(there.project, [_again(there)])
    with writing(season.services.database) as session:  # as if the newer one had been noted
        session.get_one(TaskRow, task.id).label_studio_task = newer

    collect(season.services, sweep=True)
    dispatch(season.services)

    (row,) = season.rows(TaskRow, TaskRow.id == task.id)
    assert row.label_studio_task == there.id
    assert [(alias.label_studio_task, alias.hidden) for alias in season.rows(AliasRow)] == [(newer, True)]


def _again(there):
    from haulout.label_studio import NewTask

    (version,) = there.predictions
    return NewTask(there.data, there.predictions[version][0], 0.5, version, there.overlap)
