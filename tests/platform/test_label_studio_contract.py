"""The Label Studio in memory behaves as the real one, in what the use cases rely on."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from haulout.label_studio import BrokenPrediction, LabelStudioRefused, NewTask
from haulout.testing import FakeLabelStudio, answers_in, tasks_in
from labeling_configs import boxes, catalog
from labeling_configs.vocabulary import PhotoId, Question, Rectangle, Tile, TileId

WHOLE = Rectangle(0, 0, 100, 100)
TILE = Tile(TileId("tile"), PhotoId("photo"), WHOLE, WHOLE)
NOON = datetime(2026, 11, 23, 12)


@dataclass
class Studio:
    """A Label Studio with one project of ours."""

    api: Any
    project: int
    delete_answer: Callable[[int], None]

    def person(self, name: str) -> Any:
        """Act as somebody."""
        return self.api.as_person(self.api.sign_up(f"{name}@contract.invalid", "long-enough-7", name).api_key)

    def send(self, *tasks: NewTask) -> list[int]:
        """Send tasks and show their boxes."""
        ids = self.api.send_tasks(self.project, tasks)
        self.api.serve_version(self.project, "det-0001")
        return ids


def ensured(api: Any) -> int:
    entry = catalog.CATALOG[Question.BOXES]
    return api.ensure_project(Question.BOXES, entry.title_en, entry.xml, entry.instruction, overlap=2)


@pytest.fixture(params=["in memory", pytest.param("real", marks=pytest.mark.label_studio)])
def studio(request):
    if request.param == "in memory":
        api = FakeLabelStudio(NOON)
        yield Studio(api, ensured(api), api.delete_answer)
        return
    server = request.getfixturevalue("label_studio_server")
    api = request.getfixturevalue("label_studio")
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
        project = ensured(api)
        yield Studio(api, project, lambda annotation: http.delete(f"/api/annotations/{annotation}/").raise_for_status())
        http.delete(f"/api/projects/{project}/").raise_for_status()


def drawn(*lefts: float) -> list[dict[str, Any]]:
    return boxes.write([[left, 10, left + 20, 40] for left in lefts], None, TILE)


def task(key: str, priority: float, overlap: int = 2, result: list[dict[str, Any]] | None = None) -> NewTask:
    data = {"image": "/data/local-files/?d=tiles/a.jpg", "key": key}
    return NewTask(data, result if result is not None else drawn(5), priority, "det-0001", overlap)


def once() -> str:
    return uuid.uuid4().hex


def answer_everything(studio: Studio, person: Any) -> list[str]:
    asked = []
    while (served := person.next_task(studio.project)) and len(asked) < 10:
        asked.append(served.key)
        person.submit(served.id, served.result, 2.5, once(), served.prediction)
    return asked


def test_a_project_is_made_once_and_found_again(studio):
    assert ensured(studio.api) == studio.project


def test_tasks_are_asked_by_priority_of_as_many_people_as_are_wanted(studio):
    low, high = studio.send(task("low", 0.1), task("high", 0.9, overlap=1))
    anna, boris, clara = (studio.person(name) for name in ("anna", "boris", "clara"))

    asked = [answer_everything(studio, person) for person in (anna, boris, clara)]

    assert asked == [["high", "low"], ["low"], []]
    assert tasks_in(studio.api, studio.project) == {low, high}


def test_people_start_from_the_prediction_of_the_served_version(studio):
    (number,) = studio.send(task("one", 0.5))
    studio.api.replace_predictions(studio.project, "det-0002", {number: (drawn(30, 60), 0.5)})
    studio.api.replace_predictions(studio.project, "det-0002", {number: (drawn(30, 60), 0.7)})

    served = studio.person("anna").next_task(studio.project)

    assert (served.id, served.key, served.model_version, len(served.result)) == (number, "one", "det-0002", 2)
    assert studio.api.served_version(studio.project) == "det-0002"


def test_a_version_without_predictions_cannot_be_served(studio):
    studio.send(task("one", 0.5))

    with pytest.raises(LabelStudioRefused):
        studio.api.serve_version(studio.project, "det-0009")


def test_a_prediction_that_does_not_fit_stops_all(studio):
    wrong = [{**drawn(5)[0], "from_name": "seal"}]

    with pytest.raises(BrokenPrediction):
        studio.api.send_tasks(studio.project, [task("good", 0.5), task("bad", 0.5, result=wrong)])

    assert studio.api.find_tasks(studio.project, ["good", "bad"]) == {}


def test_tasks_are_found_by_their_keys(studio):
    first, second = studio.send(task("a:1", 0.5), task("b|2", 0.5))

    assert studio.api.find_tasks(studio.project, ["a:1", "b|2", "absent"]) == {"a:1": first, "b|2": second}


def test_answers_are_read_back_as_given_the_oldest_change_first(studio):
    (number,) = studio.send(task("one", 0.5, overlap=3))
    anna, boris = studio.person("anna"), studio.person("boris")
    served = anna.next_task(studio.project)
    first = anna.submit(number, drawn(7), 2.5, once(), served.prediction)
    second = boris.skip(number, once())
    anna.change(first, drawn(8, 40))

    skipped, changed = studio.api.answers_since(studio.project, None)

    assert (skipped.annotation, skipped.skipped, skipped.result) == (second, True, [])
    assert (changed.annotation, changed.task, changed.key, len(changed.result)) == (first, number, "one", 2)
    assert (changed.seconds, changed.model_version, changed.skipped) == (2.5, "det-0001", False)
    assert changed.updated_at > changed.created_at
    assert changed.user != skipped.user


def test_only_answers_of_tasks_touched_since_are_read(studio):
    first, second = studio.send(task("one", 0.9), task("two", 0.1))
    anna = studio.person("anna")
    early = anna.submit(first, drawn(7), 1.0, once())
    (answer,) = studio.api.answers_since(studio.project, None)
    late = anna.submit(second, drawn(7), 1.0, once())

    # Label Studio touches a task a moment after its answer, so the first one may come again.
    found = {one.annotation for one in studio.api.answers_since(studio.project, answer.updated_at)}

    assert late in found <= {early, late}


def test_the_same_answer_sent_twice_is_stored_once(studio):
    (number,) = studio.send(task("one", 0.5))
    anna, name = studio.person("anna"), once()

    assert anna.submit(number, drawn(7), 1.0, name) == anna.submit(number, drawn(7), 1.0, name)
    assert len(answers_in(studio.api, studio.project)) == 1


def test_a_deleted_answer_is_gone_and_nothing_tells_of_it_but_its_absence(studio):
    (number,) = studio.send(task("one", 0.5))
    anna, boris = studio.person("anna"), studio.person("boris")
    first = anna.submit(number, drawn(7), 1.0, once())
    second = boris.submit(number, drawn(8), 1.0, once())

    studio.delete_answer(first)

    assert answers_in(studio.api, studio.project) == {second}
    assert [answer.annotation for answer in studio.api.answers_since(studio.project, None)] == [second]


def test_a_retired_task_is_asked_of_nobody_until_it_is_reopened(studio):
    (number,) = studio.send(task("one", 0.5, overlap=1))
    anna, boris = studio.person("anna"), studio.person("boris")
    studio.api.retire(number)
    while_retired = anna.next_task(studio.project)
    studio.api.reopen(number, 2)

    asked = [answer_everything(studio, person) for person in (anna, boris)]

    assert while_retired is None
    assert asked == [["one"], ["one"]]


def test_a_task_brings_its_meta_back_sealed_or_not(studio):
    number, plain = studio.api.send_tasks(
        studio.project, [NewTask(**{**task("one", 0.5).__dict__, "meta": {"sealed": "gAAA="}}), task("two", 0.5)]
    )

    assert list(studio.api.sealed(studio.project)) == [(number, "one", "gAAA="), (plain, "two", "")]


def test_sweeping_goes_on_behind_a_task(studio):
    first, second, third = studio.send(task("one", 0.5), task("two", 0.5), task("three", 0.5))
    answer = studio.person("anna").submit(third, drawn(7), 1.0, once())

    swept = [one for page in studio.api.swept(studio.project, first) for one in page]

    assert [(one.id, one.key, one.answers) for one in swept] == [
        (second, "two", frozenset()),
        (third, "three", frozenset({answer})),
    ]
    assert list(studio.api.swept(studio.project, third)) == []


def test_an_answer_is_put_back_under_its_person_once(studio):
    (number,) = studio.send(task("one", 0.5))
    first = studio.person("anna").submit(number, drawn(7, 20), 2.5, once())
    (given,) = studio.api.answers_since(studio.project, None)
    studio.delete_answer(first)
    name = once()

    again = [studio.api.restore_answer(number, given, name) for _ in range(2)]

    (back,) = studio.api.answers_since(studio.project, None)
    assert again == [back.annotation] * 2 and back.annotation != first
    assert (back.user, back.seconds, back.skipped) == (given.user, 2.5, False)
    assert [region["value"] for region in back.result] == [region["value"] for region in given.result]


def test_a_skip_is_put_back_as_a_skip(studio):
    (number,) = studio.send(task("one", 0.5))
    first = studio.person("anna").skip(number, once())
    (given,) = studio.api.answers_since(studio.project, None)
    studio.delete_answer(first)

    studio.api.restore_answer(number, given, once())

    (back,) = studio.api.answers_since(studio.project, None)
    assert (back.skipped, back.result, back.user) == (True, [], given.user)


def test_an_answer_is_stored_under_the_name_of_a_user_who_cannot_log_in_once(studio):
    (number,) = studio.send(task("one", 0.5, overlap=3))
    email = f"{once()}@people.haulout.invalid"
    user, name = studio.api.ensure_user(email), str(uuid.uuid4())

    stored = [studio.api.store_answer(number, user, drawn(7), 12.5, name) for _ in range(2)]
    skip = studio.api.store_answer(number, studio.api.ensure_user(f"b-{email}"), [], 0.0, once(), skipped=True)

    first, second = studio.api.answers_since(studio.project, None)
    assert stored == [first.annotation] * 2 and skip == second.annotation
    assert (first.user, first.seconds, first.skipped, second.skipped) == (user, 12.5, False, True)
    assert [region["value"] for region in first.result] == [region["value"] for region in drawn(7)]
    assert studio.api.ensure_user(email) == user, "a user is made once, and found again"


def test_an_answer_to_a_task_that_is_gone_or_of_nobody_is_refused(studio):
    (number,) = studio.send(task("one", 0.5))
    user = studio.api.ensure_user(f"{once()}@people.haulout.invalid")

    with pytest.raises(LabelStudioRefused) as gone:
        studio.api.store_answer(number + 10_000, user, [], 1.0, once())
    with pytest.raises(LabelStudioRefused) as nobody:
        studio.api.store_answer(number, user + 10_000, [], 1.0, once())

    assert (gone.value.status, nobody.value.status) == (404, 400)


def test_a_project_that_somebody_deleted_is_known_to_be_gone(studio, request):
    there = studio.api.has_project(studio.project), studio.api.find_project(Question.BOXES) == studio.project

    gone = studio.project + 10_000

    assert there == (True, True)
    assert not studio.api.has_project(gone)
    assert studio.api.find_project(Question.GALLERY) is None
