"""What the desk's page asks for and is told: no more than it needs, and every no in the person's own language."""

import json
import re
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import select

from haulout.accounts import Role
from haulout.db import reading, writing
from haulout.desk.answering import name_of
from haulout.errors import DatabaseBusy, StorageFull
from haulout.tables import CommentRow, ServedRow, SpoolRow, TaskRow, TileRow, WithheldRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.web.sealed_pictures import Seal
from labeling_configs import boxes
from labeling_configs.vocabulary import Disturbance, no_boxes
from tests.faults.hostile_answers import answers
from tests.platform.conftest import NOON
from tests.platform.desk import Counter


@pytest.fixture
def counter(coordinator):
    return Counter(coordinator, secret_key="a key")


@pytest.fixture
def app(counter):
    return create_app(counter.services)


@pytest.fixture
def anna(app):
    return enters(app.test_client(), Role.VOLUNTEER, "anna")


@pytest.fixture
def boris(app):
    return enters(app.test_client(), Role.VOLUNTEER, "boris")


def given(client) -> dict:
    answer = client.post("/desk/next", json={"question": "boxes"})
    assert answer.status_code == 200
    return answer.json


def rows(counter, table) -> list:
    with reading(counter.services.database) as session:
        return list(session.exec(select(table)))


def test_the_page_gets_what_the_editor_shows_and_nothing_that_tells_more(counter, anna):
    told = given(anna)

    assert set(told) == {"lease", "question", "config", "data", "prediction", "until", "minutes", "drawn_by", "proof"}
    assert told["drawn_by"] == []
    assert set(told["data"]) == {"image"}
    task = counter.tasks()[0]
    whole = json.dumps(told)
    assert task.subject not in whole and task.key not in whole and "local-files" not in whole
    assert "Draw" not in told["config"] or "Обведите" not in told["config"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["until"])


def test_a_blind_task_shows_no_boxes(counter, anna):
    for task in counter.tasks():
        counter.change(task, blind=True)

    assert given(anna)["prediction"] is None


def test_the_boxes_of_the_machine_come_along(counter, anna):
    for task in counter.tasks():
        counter.change(task, blind=False)

    (region,) = given(anna)["prediction"]
    assert region["value"]["rectanglelabels"] == ["walrus"]


def test_an_answer_is_told_to_be_stored_once_it_is(counter, anna):
    told = given(anna)

    first = anna.post("/desk/submit", json={"lease": told["lease"], "result": told["prediction"] or [], "seconds": 4})
    again = anna.post("/desk/submit", json={"lease": told["lease"], "result": [], "seconds": 4})

    (row,) = rows(counter, SpoolRow)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json["unique_id"] == again.json["unique_id"] == row.unique_id
    assert set(first.json) == {"unique_id", "later", "feedback", "thanks"} and first.json["later"] is False


def test_while_label_studio_is_away_people_hear_that_it_gets_their_answers_later(counter):
    anna = enters(create_app(counter.services, is_away=lambda: True).test_client(), Role.VOLUNTEER, "anna")

    told = anna.post("/desk/submit", json={"lease": given(anna)["lease"], "result": [], "seconds": 4})

    assert told.json["later"] is True


def test_a_picture_in_which_somebody_ticks_people_is_shown_to_nobody_else_at_once(counter, anna, boris):
    told, boris_told = given(anna), given(boris)
    tile = next(row for row in rows(counter, TileRow) if row.id == counter.tasks()[0].subject).word()
    ticked = boxes.write(no_boxes(), None, tile, disturbances=[Disturbance.PEOPLE])

    answer = anna.post("/desk/submit", json={"lease": told["lease"], "result": ticked, "seconds": 4})

    (held,) = rows(counter, WithheldRow)
    assert answer.status_code == 200 and (held.photo, held.decision) == (tile.photo, "")
    assert [anna.get(told["data"]["image"]).status_code, boris.get(boris_told["data"]["image"]).status_code] == [
        404
    ] * 2
    assert given(boris)["lease"] != boris_told["lease"]


def test_thanks_come_after_every_few_answers(counter, anna):
    said = []
    for _ in range(5):
        body = {"lease": given(anna)["lease"], "result": [], "seconds": 4}
        said.append(anna.post("/desk/submit", json=body).json["thanks"])

    assert said[:4] == [None] * 4 and said[4]["answers"] == 5


def test_another_ones_lease_is_refused_in_the_persons_language(counter, anna, boris):
    lease = given(anna)["lease"]

    for path in ("submit", "skip", "comment"):
        body = {"lease": lease, "result": [], "seconds": 1, "text": "look"}
        answer = boris.post(f"/desk/{path}", json=body, headers={"Accept-Language": "ru"})
        assert (answer.status_code, answer.json["detail"]) == (403, "Этот снимок дали не вам. Возьмите следующий.")
    assert rows(counter, SpoolRow) == rows(counter, CommentRow) == []


def lose(counter, app) -> None:
    """Forget all leases, as when the process that kept them dies before it could write them."""
    with writing(counter.services.database) as session:
        for row in session.exec(select(ServedRow)):
            session.delete(row)
    app.extensions["haulout_desk"].forget([row.id for row in rows(counter, ServedRow)])


@pytest.mark.parametrize("path", ["submit", "skip", "comment"])
def test_a_lease_that_died_with_its_process_still_takes_what_is_said(counter, anna, app, path):
    told = given(anna)
    lose(counter, app)
    body = {"lease": told["lease"], "result": [], "seconds": 1, "text": "look"}

    unproven = anna.post(f"/desk/{path}", json=body)
    proven = anna.post(f"/desk/{path}", json={**body, "proof": told["proof"]})

    assert (unproven.status_code, proven.status_code) == (403, 200)
    assert len(rows(counter, SpoolRow)) + len(rows(counter, CommentRow)) == 1


def test_whoever_claims_to_be_somebody_else_answers_as_themselves(counter, anna, boris):
    told, other = given(anna), given(boris)
    served = {row.id: row for row in rows(counter, ServedRow)}
    claims = {"account": served[other["lease"]].account, "person": "person-0", "completed_by": 1, "user": 1}
    claims |= {"task": 999, "unique_id": other["lease"], "ground_truth": True, "was_cancelled": True, "model": "mine"}
    marked = boxes.write(np.array([[10, 10, 60, 60]]), None, rows(counter, TileRow)[0].word())

    answer = anna.post(
        "/desk/submit", json={**claims, "lease": told["lease"], "seconds": 1, "result": [{**marked[0], **claims}]}
    )

    (stored,) = rows(counter, SpoolRow)
    own = served[told["lease"]]
    assert answer.status_code == 200
    assert (stored.account, stored.task, stored.skipped, stored.model) == (own.account, own.task, False, own.model)
    assert stored.unique_id == answer.json["unique_id"] == name_of(told["lease"])
    assert not set(claims) & set(stored.result[0])


def test_the_proof_of_a_lease_helps_nobody_else_and_proves_no_other_lease(counter, anna, boris, app):
    told, other = given(anna), given(boris)
    lose(counter, app)

    for client, lease, proof in (
        (boris, told["lease"], told["proof"]),
        (anna, other["lease"], told["proof"]),
        (anna, told["lease"], told["proof"][:-4] + "AAAA"),
        (anna, told["lease"], 5),
        (anna, told["lease"], "й" * 3000),
    ):
        answer = client.post("/desk/submit", json={"lease": lease, "proof": proof, "result": [], "seconds": 1})
        assert answer.status_code == 403
    assert rows(counter, SpoolRow) == []


def test_a_proof_brings_no_second_answer(counter, anna, app):
    told = given(anna)
    body = {"lease": told["lease"], "proof": told["proof"], "result": [], "seconds": 1}

    first, second = anna.post("/desk/submit", json=body), anna.post("/desk/submit", json=body)

    assert first.json["unique_id"] == second.json["unique_id"] and len(rows(counter, SpoolRow)) == 1


@pytest.mark.parametrize("why", ["blurred", "not loading", "not sure", "fog", 5, None])
def test_a_reason_for_passing_on_is_kept_and_a_strange_one_does_not_matter(counter, anna, why):
    answer = anna.post("/desk/skip", json={"lease": given(anna)["lease"], "why": why})

    (lease,) = rows(counter, ServedRow)
    known = why in ("blurred", "not loading", "not sure")
    assert (answer.status_code, lease.ended) == (200, f"skipped: {why}" if known else "skipped")
    assert rows(counter, WithheldRow) == []


def test_who_passes_on_because_of_a_person_holds_the_photo_back(counter, anna):
    told = given(anna)

    anna.post("/desk/skip", json={"lease": told["lease"], "why": "person"})

    (held,), (stored,) = rows(counter, WithheldRow), rows(counter, SpoolRow)
    assert held.photo == counter.tasks()[0].subject.partition("-")[0]
    assert stored.skipped and stored.result[0]["value"] == {"choices": ["people"]}
    assert anna.get(told["data"]["image"]).status_code == 404


def test_what_was_skipped_is_answered_already(anna):
    lease = given(anna)["lease"]

    assert anna.post("/desk/skip", json={"lease": lease, "why": "fog"}).json == {}
    answer = anna.post("/desk/submit", json={"lease": lease, "result": [], "seconds": 1})
    assert (answer.status_code, answer.json["title"]) == (409, "You have answered this picture")


def test_a_comment_reaches_the_experts_and_an_empty_one_is_explained(counter, anna):
    lease = given(anna)["lease"]

    assert anna.post("/desk/comment", json={"lease": lease, "text": "look at\u0000 this \ud800scar"}).json == {}
    empty = anna.post("/desk/comment", json={"lease": lease, "text": " "})

    assert [row.text for row in rows(counter, CommentRow)] == ["look at this scar"]
    assert (empty.status_code, empty.json["title"]) == (400, "The comment is empty")


def test_what_is_wrong_with_an_answer_is_said_with_its_place(anna):
    told = given(anna)
    body = {"lease": told["lease"], "result": [{"type": "seal"}], "seconds": 1}

    answer = anna.post("/desk/submit", json=body)

    assert (answer.status_code, answer.json["title"]) == (400, "Your answer was not stored")
    assert answer.json["detail"].startswith("Mark 1 does not belong")


def test_hostile_answers_are_refused_without_a_trace(counter, anna, app):
    lease = given(anna)["lease"]
    refused = 0

    for name, result, _ in answers():
        with writing(counter.services.database) as session:
            for row in session.exec(select(SpoolRow)):
                session.delete(row)
        for limiter in app.extensions["limiter"]:
            limiter.reset()  # nobody sends so many in a minute
        try:
            body = json.dumps({"lease": lease, "result": result, "seconds": 1e308})
        except RecursionError:
            continue
        answer = anna.post("/desk/submit", data=body, content_type="application/json")
        assert answer.status_code in (200, 400, 413), (name, answer.text)
        refused += answer.status_code != 200
        for row in rows(counter, SpoolRow):
            text = json.dumps(row.result, allow_nan=False)
            assert answer.status_code == 200 and "<" not in text and len(text) < 1000, name
    assert refused > 100


def test_nobody_answers_faster_than_anybody_can_look(counter, anna):
    lease = given(anna)["lease"]

    many = [anna.post("/desk/submit", json={"lease": lease, "result": [], "seconds": 1}) for _ in range(61)]

    assert [one.status_code for one in many] == [200] * 60 + [429]
    assert 0 < int(many[-1].headers["Retry-After"]) <= 60 and many[-1].json["title"] == "Too many tries"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"lease": NaN}',
        b'{"lease": "x", "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"lease": 1e999}',
        b'{"lease": ["a"], "question": {"boxes": 1}}',
        b'{"question": "__class__", "lease": "../../x"}',
        b'{"seconds": ' + b"9" * 5000 + b"}",
        b'{"lease": "' + b"a" * 1_200_000 + b'"}',
    ],
)
@pytest.mark.parametrize("path", ["next", "submit", "skip", "comment"])
def test_whatever_is_no_request_of_the_page_is_refused(anna, body, path):
    answer = anna.post(f"/desk/{path}", data=body, content_type="application/json")

    assert answer.status_code in (400, 413)
    assert set(answer.json) == {"title", "detail"}


def test_volunteers_get_no_question_for_experts(anna, app):
    for question in ("box_dispute", "pair", "gallery"):
        assert anna.post("/desk/next", json={"question": question}).status_code == 403
    expert = enters(app.test_client(), Role.EXPERT, "eva")
    assert expert.post("/desk/next", json={"question": "pair"}).json == {"nothing": True}


def test_strangers_and_other_sites_reach_nothing(app, anna):
    stranger = app.test_client()
    for path in ("next", "submit", "skip", "comment"):
        here = {"Sec-Fetch-Site": "same-origin"}
        assert stranger.post(f"/desk/{path}", json={"question": "boxes"}, headers=here).status_code == 401
        there = {"Sec-Fetch-Site": "cross-site"}
        assert anna.post(f"/desk/{path}", json={"question": "boxes"}, headers=there).status_code == 403


def test_a_picture_opens_for_whom_it_was_given_to_and_for_nobody_else(anna, boris, app):
    address = given(anna)["data"]["image"]

    picture = anna.get(address)

    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    assert picture.cache_control.private
    assert boris.get(address).status_code == 404
    assert app.test_client().get(address).status_code in (302, 401)
    assert anna.get(address[:-8] + "AAAA.jpg").status_code == 404
    assert anna.get("/desk/pictures/x.jpg").status_code == 404


def test_a_pictures_address_holds_an_hour_longer_than_the_lease(counter):
    seal = Seal("a key")
    with create_app(counter.services).test_request_context("/"):
        address = seal.replace({"image": "/data/local-files/?d=tiles/a.jpg"}, "anna", NOON)["image"]
    sealed = address.rpartition("/")[2].removesuffix(".jpg").replace("%3D", "=")

    assert seal.open(sealed, "anna", NOON + timedelta(minutes=59)) == "tiles/a.jpg"
    assert seal.open(sealed, "anna", NOON + timedelta(minutes=61)) is None
    assert seal.open(sealed, "boris", NOON) is None
    assert Seal("another key").open(sealed, "anna", NOON) is None


def test_a_picture_that_was_withheld_meanwhile_is_shown_no_more(counter, anna):
    address = given(anna)["data"]["image"]
    photo = counter.tasks()[0].subject.partition("-")[0]
    with writing(counter.services.database) as session:
        session.add(WithheldRow(photo=photo, why="volunteers", found_at=NOON))

    assert anna.get(address).status_code == 404


def test_when_nothing_can_be_written_the_page_is_told_to_try_again(counter, anna, app, monkeypatch):
    lease = given(anna)["lease"]
    said = {}
    for error in (DatabaseBusy("busy"), StorageFull("full"), RuntimeError("a bug")):

        def broken(*_arguments, error=error, **_more):
            raise error

        monkeypatch.setattr(app.extensions["haulout_desk"], "written", broken)
        answer = anna.post("/desk/submit", json={"lease": lease, "result": [], "seconds": 1})
        said[answer.status_code] = answer.json["title"]

    assert said == {
        503: "Somebody else is writing just now",
        507: "The disk is full",
        500: "Something went wrong here",
    }
    assert rows(counter, SpoolRow) == []


def test_there_may_be_nothing_to_do(counter, anna):
    for task in counter.coordinator.rows(TaskRow):
        counter.change(task, state="retired")

    assert given(anna) == {"nothing": True}
