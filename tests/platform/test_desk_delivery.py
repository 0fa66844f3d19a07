"""What people were told was stored is in Label Studio once, and here once, whatever breaks on the way."""

from datetime import timedelta

import pytest
from sqlmodel import select

from haulout.accounts import Role
from haulout.collect import collect
from haulout.db import reading, writing
from haulout.desk import AnsweredAlready, BadAnswer, Desk, NotYourLease, deliver, submit
from haulout.desk.answering import name_of, skip
from haulout.desk.deliverer import Deliverer
from haulout.desk.delivery import email_of
from haulout.errors import ServiceUnavailable
from haulout.fsck import fsck
from haulout.label_studio import LabelStudioRefused
from haulout.settle import settle
from haulout.tables import AnswerRow, PersonRow, ServedRow, SpoolRow, TaskRow
from haulout.testing import answers_in
from tests.faults.breaking import Nth, Unsteady
from tests.platform.conftest import NOON
from tests.platform.desk import Counter


@pytest.fixture
def counter(coordinator):
    return Counter(coordinator)


def spooled(counter) -> list[SpoolRow]:
    with reading(counter.services.database) as session:
        return list(session.exec(select(SpoolRow).order_by(SpoolRow.given_at)))


def unsound(counter) -> list[str]:
    """What the check finds, but for the photos of these tests, of which no pages' pictures were made."""
    return [str(one) for one in fsck(counter.services) if one.invariant != "I11"]


def there(counter) -> int:
    """How many answers Label Studio has."""
    return sum(
        len(answers_in(counter.coordinator.label_studio, one)) for one in counter.coordinator.label_studio.projects
    )


def test_an_answer_is_stored_before_it_is_acknowledged_under_a_name_made_from_its_lease(counter):
    anna = counter.person("anna")
    given = counter.next(anna)

    stored = submit(counter.desk, anna, given.lease, given.content.result, 3.0)

    (row,) = spooled(counter)
    assert (row.unique_id, row.state, row.account, row.task) == (stored.unique_id, "waiting", anna, given.task.id)
    assert stored.unique_id == name_of(given.lease) and stored.new
    assert counter.coordinator.rows(ServedRow)[0].ended == "answered"


def test_each_answer_names_the_model_whose_boxes_that_person_was_given(coordinator):
    counter = Counter(coordinator, photos=1, blind_share=0.0)
    anna, boris = counter.person("anna"), counter.person("boris")
    (task,) = counter.tasks()
    for account, model in ((anna, "det-0001"), (boris, "det-0002")):
        counter.change(task, model=model)
        counter.answer(account)
    counter.change(task, model="det-0003")
    deliver(counter.services)
    collect(counter.services)

    people = {row.label_studio_user: row.id for row in coordinator.rows(PersonRow)}
    said = {row.person: row.model for row in coordinator.rows(AnswerRow)}

    assert {name: said[people[counter.account(name).label_studio_user]] for name in (anna, boris)} == {
        anna: "det-0001",
        boris: "det-0002",
    }


def test_the_same_lease_twice_is_one_answer(counter):
    anna = counter.person("anna")
    given = counter.next(anna)

    first = submit(counter.desk, anna, given.lease, [], 3.0)
    again = submit(counter.desk, anna, given.lease, given.content.result, 3.0)

    assert (again.unique_id, again.new, again.result) == (first.unique_id, False, [])
    assert len(spooled(counter)) == 1


def test_a_lease_of_somebody_else_or_of_nobody_takes_nothing(counter):
    anna, boris = counter.person("anna"), counter.person("boris")
    given = counter.next(anna)

    for account, lease in ((boris, given.lease), (anna, "0" * 32)):
        with pytest.raises(NotYourLease):
            submit(counter.desk, account, lease, [], 1.0)
        with pytest.raises(NotYourLease):
            skip(counter.desk, account, lease)
    assert spooled(counter) == []


def test_a_lease_that_ran_out_takes_its_answer_unless_it_was_given_already(counter):
    anna = counter.person("anna")
    given = counter.next(anna)
    with writing(counter.services.database) as session:
        row = session.get_one(ServedRow, given.lease)
        row.until = NOON - timedelta(days=1)
        session.add(row)
    other = counter.next(anna)

    submit(counter.desk, anna, given.lease, [], 1.0)

    assert other.lease != given.lease and other.task.id == given.task.id
    with pytest.raises(AnsweredAlready):
        submit(counter.desk, anna, other.lease, [], 1.0)


def test_what_was_skipped_cannot_be_answered_as_well(counter):
    anna = counter.person("anna")
    given = counter.next(anna)
    skip(counter.desk, anna, given.lease)

    with pytest.raises(AnsweredAlready):
        submit(counter.desk, anna, given.lease, [], 1.0)
    assert skip(counter.desk, anna, given.lease).new is False


@pytest.mark.parametrize(
    ("told", "least", "most"), [(1e9, 1, 60), (-5, 0, 0), (None, 0, 0), ("9", 0, 0), (0.5, 0.5, 0.5)]
)
def test_nobody_worked_longer_than_they_had_the_picture(counter, told, least, most):
    anna = counter.person("anna")

    submit(counter.desk, anna, counter.next(anna).lease, [], told)

    assert least <= spooled(counter)[0].seconds <= most


def test_what_is_no_answer_is_not_stored_and_can_be_corrected(counter):
    anna = counter.person("anna")
    given = counter.next(anna)

    with pytest.raises(BadAnswer):
        submit(counter.desk, anna, given.lease, [{"type": "rectanglelabels"}], 1.0)

    assert spooled(counter) == []
    assert submit(counter.desk, anna, given.lease, [], 1.0).new


def test_answers_are_delivered_under_pseudonyms_and_read_back_as_those_of_their_people(counter):
    anna, eva = counter.person("anna"), counter.person("eva", Role.EXPERT)
    counter.answer(anna)
    skip(counter.desk, eva, counter.next(eva).lease)

    done = deliver(counter.services)
    collect(counter.services)

    assert (done.delivered, done.waiting) == (2, 0)
    users = {person.email: person.id for person in counter.coordinator.label_studio.people()}
    people = {row.id: row.role for row in counter.coordinator.rows(PersonRow)}
    assert people == {f"person-{users[email_of(anna)]}": "volunteer", f"person-{users[email_of(eva)]}": "expert"}
    assert counter.account(anna).label_studio_user == users[email_of(anna)]
    answers = {row.person: row.skipped for row in counter.coordinator.rows(AnswerRow)}
    assert answers == {f"person-{users[email_of(anna)]}": False, f"person-{users[email_of(eva)]}": True}
    assert all(row.state == "delivered" and row.label_studio_annotation for row in spooled(counter))


def test_delivering_twice_and_by_two_at_once_stores_once(counter):
    counter.answer(counter.person("anna"))
    for _ in range(2):
        deliver(counter.services)
        with writing(counter.services.database) as session:
            for row in session.exec(select(SpoolRow)):
                row.state, row.label_studio_annotation = "waiting", None  # as if the other had not noted it yet
                session.add(row)
    deliver(counter.services)

    assert there(counter) == 1


def test_an_answer_that_was_read_back_before_its_delivery_was_noted_is_there_once(counter):
    anna = counter.person("anna")
    counter.answer(anna)
    row = spooled(counter)[0]
    studio = counter.coordinator.label_studio
    user = studio.ensure_user(email_of(anna))
    task = counter.coordinator.rows(TaskRow, TaskRow.id == row.task)[0].label_studio_task
    studio.store_answer(task, user, row.result, row.seconds, row.unique_id)
    collect(counter.services)

    deliver(counter.services)
    collect(counter.services)

    assert (there(counter), len(counter.coordinator.rows(AnswerRow))) == (1, 1)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", range(1, 6))
def test_whichever_request_fails_everything_is_there_once_in_the_end(coordinator, nth, after):
    counter = Counter(coordinator)
    for name in ("anna", "boris"):
        counter.answer(counter.person(name))
    steady = coordinator.label_studio
    unsteady = Unsteady(steady, Nth(nth), after=after)
    services = counter.services.__class__(**{**counter.services.__dict__, "label_studio": lambda: unsteady})

    first = deliver(services)
    deliver(services)
    collect(counter.services)
    settle(counter.services)

    assert first.away is (nth <= 4)
    assert (there(counter), len(coordinator.rows(AnswerRow)), len(steady.people())) == (2, 2, 2)
    assert unsound(counter) == []


def test_who_steps_in_leaves_new_answers_to_the_pages_process(counter):
    for name in ("anna", "boris"):
        counter.answer(counter.person(name))
    first = spooled(counter)[0].unique_id
    with writing(counter.services.database) as session:
        row = session.get_one(SpoolRow, first)
        row.given_at = NOON - timedelta(minutes=10)
        session.add(row)

    done = deliver(counter.services, timedelta(minutes=2))

    assert (done.delivered, done.waiting) == (1, 1)


class Refusing:
    """A Label Studio that refuses one answer and takes all others."""

    def __init__(self, label_studio, name, status):
        self._label_studio, self.name, self.status = label_studio, name, status

    def __getattr__(self, name):
        return getattr(self._label_studio, name)

    def store_answer(self, task, user, result, seconds, unique_id, *, skipped=False):
        if unique_id == self.name:
            raise LabelStudioRefused("POST", self.status, "no")
        return self._label_studio.store_answer(task, user, result, seconds, unique_id, skipped=skipped)


@pytest.mark.parametrize("status", [400, 404, 409])
def test_an_answer_that_is_refused_holds_up_no_other_and_is_tried_again(counter, status):
    for name in ("anna", "boris", "clara"):
        counter.answer(counter.person(name))
    refusing = Refusing(counter.coordinator.label_studio, spooled(counter)[0].unique_id, status)
    services = counter.services.__class__(**{**counter.services.__dict__, "label_studio": lambda: refusing})

    done = deliver(services)
    first = spooled(counter)[0]
    refusing.name = ""
    with writing(counter.services.database) as session:
        row = session.get_one(SpoolRow, first.unique_id)
        row.next_try_at = NOON
        session.add(row)

    assert (done.delivered, done.waiting, done.away) == (2, 1, False)
    assert (first.state, first.tries, first.next_try_at > first.given_at) == ("waiting", 1, True)
    assert str(status) in first.problem
    assert deliver(services).waiting == 0


def test_the_answer_to_a_task_that_label_studio_lost_waits_for_its_new_number(counter):
    counter.answer(counter.person("anna"))
    task = counter.coordinator.rows(TaskRow, TaskRow.id == spooled(counter)[0].task)[0]
    number, task.label_studio_task = task.label_studio_task, None
    counter.change(task, label_studio_task=None)

    assert deliver(counter.services).waiting == 1
    counter.change(task, label_studio_task=number)
    with writing(counter.services.database) as session:
        for row in session.exec(select(SpoolRow)):
            row.next_try_at = None
            session.add(row)
    assert deliver(counter.services).waiting == 0


def test_fsck_tells_of_receipts_that_do_not_hold(counter):
    for name in ("anna", "boris", "clara"):
        counter.answer(counter.person(name))
    deliver(counter.services)
    collect(counter.services)
    settle(counter.services)
    assert unsound(counter) == []
    doubled, lost, vanished = spooled(counter)
    studio = counter.coordinator.label_studio
    tasks = {row.id: row.label_studio_task for row in counter.coordinator.rows(TaskRow)}
    user = counter.account(doubled.account).label_studio_user
    studio.store_answer(tasks[doubled.task], user, [], 1.0, name_of("another"))
    with writing(counter.services.database) as session:
        row = session.get_one(SpoolRow, lost.unique_id)
        row.label_studio_annotation, row.delivered_at = 999_999, NOON - timedelta(hours=2)
        session.add(row)
    studio.delete_answer(vanished.label_studio_annotation)

    told = [one.what for one in fsck(counter.services) if one.invariant == "I8"]

    assert len(told) == 3
    assert f"the answer {doubled.unique_id} is 2 times in Label Studio" in told
    assert f"the answer {lost.unique_id} was delivered and is not stored here" in told
    assert f"the answer {vanished.unique_id} was delivered and is gone from Label Studio" in told


def test_the_deliverer_delivers_when_woken_and_ends_when_told(counter, tmp_path, make_services):
    deliverer = Deliverer(lambda: counter.services)
    desk = Desk(counter.services, deliverer.wake)
    anna = counter.person("anna")
    submit(desk, anna, desk.next(anna, counter.next(anna).question).lease, [], 1.0)

    deliverer.start()
    for _ in range(600):
        if there(counter):
            break
        deliverer._stopped.wait(0.05)
    deliverer.stop()

    assert there(counter) == 1
    assert not deliverer._thread.is_alive()


def test_the_deliverer_outlives_whatever_breaks(counter):
    broken = [RuntimeError("a bug"), ServiceUnavailable("away"), OSError("no file")]

    def services():
        if broken:
            raise broken.pop()
        return counter.services

    counter.answer(counter.person("anna"))
    deliverer = Deliverer(services)

    assert [deliverer._is_well() for _ in range(4)] == [False, False, False, True]
    assert there(counter) == 1
