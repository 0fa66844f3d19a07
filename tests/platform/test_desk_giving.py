"""Everybody gets what is worth most of what is left for them, once, and never takes another's place."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from haulout.accounts import Role
from haulout.collect import collect
from haulout.db import connect, create_tables, reading, writing
from haulout.desk import Desk, NotForYou, NotYourLease, deliver, submit
from haulout.desk.answering import skip
from haulout.dispatch import dispatch
from haulout.errors import DatabaseBusy
from haulout.tables import (
    AnswerRow,
    ChosenRow,
    PersonRow,
    ServedRow,
    SpoolRow,
    SuspicionRow,
    TaskRow,
    WithheldRow,
)
from labeling_configs.vocabulary import Question
from tests.faults.test_write_lock import held
from tests.platform.conftest import NOON, Coordinator
from tests.platform.desk import Counter


@pytest.fixture
def counter(coordinator):
    return Counter(coordinator)


def subjects(tasks: list[TaskRow]) -> list[str]:
    return [task.subject for task in tasks]


def test_the_ten_highest_valued_are_asked_first(coordinator):
    counter = Counter(coordinator, photos=14)

    assert counter.answer_all(counter.person("anna"), most=10) == subjects(counter.tasks())[:10]


def test_changing_a_value_changes_the_next_picture(counter):
    anna, last = counter.person("anna"), counter.tasks()[-1]
    counter.answer(anna)

    counter.change(last, priority=2.0)

    assert counter.answer(anna) == last.subject


def test_loading_anew_gives_the_same_again_for_longer(counter):
    anna = counter.person("anna")

    first, second = counter.next(anna), counter.next(anna)

    assert (first.lease, first.task.id) == (second.lease, second.task.id)
    assert second.until > first.until


def test_a_lease_that_ran_out_leaves_the_picture_to_others(counter):
    only, *others = counter.tasks()
    for task in others:
        counter.change(task, state="retired")
    counter.change(only, overlap=1)
    counter.next(counter.person("anna"))
    boris = counter.person("boris")
    before = counter.next(boris)
    counter.desk.services = replace(counter.services, now=lambda: NOON + timedelta(days=1))

    assert before is None
    assert counter.next(boris).task.subject == only.subject


def test_nobody_is_asked_the_same_twice_also_not_after_a_skip(counter):
    anna = counter.person("anna")
    skipped = counter.next(anna)
    skip(counter.desk, anna, skipped.lease)

    answered = counter.answer_all(anna)

    assert skipped.task.subject not in answered
    assert sorted([*answered, skipped.task.subject]) == sorted(subjects(counter.tasks()))


def test_what_was_answered_and_collected_is_not_asked_again(counter):
    anna = counter.person("anna")
    done = counter.answer(anna)
    deliver(counter.services)
    collect(counter.services)
    with writing(counter.services.database) as session:
        for row in session.exec(select(SpoolRow)):
            session.delete(row)  # as in a database rebuilt from Label Studio

    assert done not in counter.answer_all(anna)


def test_who_knows_a_tile_never_gets_its_gold_copy_nor_the_other_way_round(counter):
    task = counter.tasks()[0]
    copy = TaskRow(**task.model_dump(exclude={"id"}) | {"gold": 1, "key": "copy", "overlap": 1, "priority": 0.99})
    with writing(counter.services.database) as session:
        session.add(copy)
    dispatch(counter.services)
    anna, boris = counter.person("anna"), counter.person("boris")

    assert counter.answer_all(anna).count(task.subject) == 1
    counter.change(task, state="retired")
    assert counter.answer_all(boris).count(task.subject) == 1


def test_nobody_takes_the_place_of_who_is_at_it(counter):
    task, *others = counter.tasks()
    for other in others:
        counter.change(other, state="retired")
    anna, boris, clara = (counter.person(name) for name in ("anna", "boris", "clara"))
    counter.answer(anna)  # two are wanted: one answer waits to be delivered, one person looks at it

    assert counter.next(boris).task.subject == task.subject
    assert counter.next(clara) is None


def test_an_answer_counts_once_whether_it_waits_was_delivered_or_was_read_back(counter):
    task, *others = counter.tasks()
    for other in others:
        counter.change(other, state="retired")
    counter.change(task, overlap=2)
    counter.answer(counter.person("anna"))
    boris = counter.person("boris")

    for work in (lambda: None, lambda: deliver(counter.services), lambda: collect(counter.services)):
        work()
        given = counter.next(boris)
        assert given is not None
        with writing(counter.services.database) as session:
            session.delete(session.get_one(ServedRow, given.lease))
    counter.change(task, overlap=1)
    assert counter.next(boris) is None


def test_a_withheld_photo_is_shown_to_nobody_also_not_to_who_has_it_now(counter):
    anna = counter.person("anna")
    first = counter.next(anna)
    photo = first.task.subject.partition("-")[0]
    with writing(counter.services.database) as session:
        session.add(WithheldRow(photo=photo, why="volunteers", found_at=NOON))

    assert first.task.subject not in counter.answer_all(anna)


def test_a_photo_that_may_be_seen_is_shown_again(counter):
    subject = counter.tasks()[0].subject
    with writing(counter.services.database) as session:
        row = WithheldRow(photo=subject.partition("-")[0], why="volunteers", found_at=NOON, decision="shown")
        session.add(row)

    assert counter.answer(counter.person("anna")) == subject


def test_newcomers_get_what_takes_fewer_minutes_and_no_deciding_vote(coordinator):
    counter = Counter(coordinator, newcomer_tiles=2)
    tasks = counter.tasks()
    with writing(counter.services.database) as session:
        for place, row in enumerate(sorted(session.exec(select(ChosenRow)), key=lambda one: one.tile)):
            row.minutes = 5.0 if row.tile == tasks[0].subject else 1.0 + place / 100
            session.add(row)
    easy = {row.tile for row in coordinator.rows(ChosenRow) if row.minutes < 1.03}
    counter.change(tasks[0], overlap=5)

    first, second, third, *_ = counter.answer_all(counter.person("anna"))

    assert {first, second} <= easy and third == tasks[0].subject


@pytest.mark.parametrize(("trust", "asked"), [(0.1, False), (0.9, True)])
def test_who_is_doubted_gets_no_deciding_vote(counter, trust, asked):
    anna, task = counter.person("anna"), counter.tasks()[0]
    counter.change(task, overlap=5)
    counter.change_account(anna, label_studio_user=77)
    with writing(counter.services.database) as session:
        session.add(PersonRow(id="person-77", label_studio_user=77, joined_at=NOON))
        session.flush()
        row = SuspicionRow(person="person-77", kind="fast", evidence=2, trust=trust, tiles=[], reason="", at=NOON)
        session.add(row)

    assert (task.subject in counter.answer_all(anna)) is asked


def test_volunteers_are_asked_about_boxes_only(counter):
    anna, eva = counter.person("anna"), counter.person("eva", Role.EXPERT)

    for question in (Question.BOX_DISPUTE, Question.PAIR, Question.GALLERY):
        with pytest.raises(NotForYou):
            counter.next(anna, question)
        assert counter.next(eva, question) is None


def test_what_label_studio_does_not_know_or_wants_no_more_is_not_asked(counter):
    first, second, *_ = counter.tasks()
    counter.change(first, label_studio_task=None)
    counter.change(second, state="retired")

    assert not {first.subject, second.subject} & set(counter.answer_all(counter.person("anna")))


def test_a_picture_that_cannot_be_made_is_passed_over(counter):
    task = counter.tasks()[0]
    (tile,) = (counter.services.storage.public / "tiles").glob(f"{task.subject}.jpg")
    tile.unlink()
    for original in counter.services.storage.originals.rglob(f"{task.subject.partition('-')[0]}*"):
        original.unlink()

    assert counter.next(counter.person("anna")).task.subject == counter.tasks()[1].subject


def test_the_model_whose_boxes_were_shown_is_told_although_another_serves_by_then(counter):
    anna = counter.person("anna")
    given = counter.next(anna)
    counter.change(given.task, model="det-0009")
    submit(counter.desk, anna, given.lease, [], 3.0)
    deliver(counter.services)
    collect(counter.services)

    (answer,) = counter.coordinator.rows(AnswerRow)
    assert answer.model == given.task.model != "det-0009"


@pytest.fixture
def on_disk(tmp_path, make_services):
    """A desk whose database is a file, so that several may write to it."""
    counter = Counter(Coordinator(make_services(tmp_path / "home", f"sqlite:///{tmp_path}/season.sqlite")), photos=4)
    yield counter
    counter.services.database.dispose()


def all_leases(services) -> list[ServedRow]:
    with reading(services.database) as session:
        return list(session.exec(select(ServedRow)))


def twenty_at_once(counter: Counter) -> None:
    for task in counter.tasks():
        counter.change(task, overlap=3)
    people = [counter.person(f"person {number}") for number in range(20)]

    with ThreadPoolExecutor(20) as pool:
        given = list(pool.map(counter.next, people))

    leased = [one.task.id for one in given if one is not None]
    assert len(leased) == 12, "four tasks, three people each"
    assert {leased.count(task) for task in leased} == {3}
    assert sorted(row.task for row in all_leases(counter.services)) == sorted(leased)


def test_twenty_people_at_once_never_share_the_last_opinion(on_disk):
    twenty_at_once(on_disk)


@pytest.mark.postgres
def test_twenty_people_at_once_never_share_the_last_opinion_on_postgres(tmp_path, make_services, new_postgres_database):
    counter = Counter(Coordinator(make_services(tmp_path / "home", new_postgres_database())), photos=4)

    twenty_at_once(counter)

    counter.services.database.dispose()


def test_while_others_write_for_long_the_order_told_last_is_taken_and_written_later(on_disk, tmp_path):
    counter, best = on_disk, on_disk.tasks()[-1]
    counter.change(best, ordered=9.0)
    anna, boris = counter.person("anna"), counter.person("boris")
    with held(tmp_path / "season.sqlite", 60):
        given, again, other = counter.next(anna), counter.next(anna), counter.next(boris)
        stored = all_leases(counter.services)
    assert (given.task.subject, given.lease) == (best.subject, again.lease)
    assert other.task.id == given.task.id, "two are wanted"
    assert stored == []

    clara = counter.person("clara")
    assert counter.next(clara).task.subject == on_disk.tasks()[0].subject

    orderly = {row.account: row.orderly for row in all_leases(counter.services)}
    assert orderly == {anna: False, boris: False, clara: True}


def test_an_answer_to_a_lease_that_was_never_written_is_taken(on_disk, tmp_path):
    anna = on_disk.person("anna")
    with held(tmp_path / "season.sqlite", 60):
        given = on_disk.next(anna)

    submit(on_disk.desk, anna, given.lease, [], 1.0)

    (lease,) = all_leases(on_disk.services)
    assert (lease.id, lease.ended, lease.orderly) == (given.lease, "answered", False)
    assert on_disk.next(anna).lease != given.lease


def test_a_lease_that_was_never_written_can_be_recalled_by_the_process_that_comes_after(on_disk, tmp_path):
    anna = on_disk.person("anna")
    with held(tmp_path / "season.sqlite", 60):
        given = on_disk.next(anna)
    after = Desk(on_disk.services)
    with pytest.raises(NotYourLease):
        submit(after, anna, given.lease, [], 1.0)

    kept = ServedRow(id=given.lease, task=given.task.id, account=anna, at=NOON, until=given.until, orderly=False)
    after.recall(kept)
    after.recall(kept)
    submit(after, anna, given.lease, [], 1.0)

    (lease,) = all_leases(on_disk.services)
    assert (lease.id, lease.ended) == (given.lease, "answered")


def test_an_answer_that_cannot_be_written_is_not_acknowledged(on_disk, tmp_path):
    anna = on_disk.person("anna")
    given = on_disk.next(anna)
    impatient = connect(str(on_disk.services.database.url), patience=0.2)
    create_tables(impatient)
    desk = Desk(replace(on_disk.services, database=impatient))

    with held(tmp_path / "season.sqlite", 60), pytest.raises(DatabaseBusy):
        submit(desk, anna, given.lease, [], 1.0)

    assert submit(desk, anna, given.lease, [], 1.0).new
    impatient.dispose()
