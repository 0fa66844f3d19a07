"""Somebody's own page tells what their answers did and teaches; nobody finds anybody else's there."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from active_learning.crowd import Crowd, Skill, to_json
from haulout.accounts import Role
from haulout.comments import comment, mark_read
from haulout.db import writing
from haulout.tables import AccountRow, CommentRow, CrowdRow, ServedRow, SpoolRow, TileRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.withheld import VOLUNTEERS, withhold
from labeling_configs.vocabulary import Person


@pytest.fixture
def services(people):
    return people.season.services


def entered(services, name: str, user: int | None) -> FlaskClient:
    """Sign a volunteer in whose answers are stored under this user of Label Studio."""
    client = enters(create_app(services).test_client(), Role.VOLUNTEER, name)
    with writing(services.database) as session:
        account = session.exec(select(AccountRow).where(AccountRow.name == name)).one()
        account.label_studio_user = user
        session.add(account)
    return client


def plain(client: FlaskClient) -> str:
    return " ".join(client.get("/me").text.split())


def test_the_page_shows_skill_with_its_interval_and_beside_everybody_s(services):
    page = plain(entered(services, "Anna", 0))
    assert "<h1>Anna</h1>" in page
    assert '93% <span class="quiet">(90%–95%)</span>' in page and "everybody: 88%" in page


def test_the_course_of_the_skill_is_drawn_from_all_that_was_learned(services):
    client = entered(services, "Anna", 0)
    assert "Share of the animals that you find by yourself" not in plain(client)
    with writing(services.database) as session:
        first = session.exec(select(CrowdRow)).one()
        skill = Skill(Crowd().finds, 0.1, 1.0, tiles=30, animals=50.0)
        learned = to_json(Crowd({Person("person-0"): skill}))
        for days in (7, 7.01, 14):
            session.add(CrowdRow(answers=9, learned=learned, at=first.at + timedelta(days=days)))
    drawn = plain(client).split("find by yourself</figcaption>")[1].split("</figure>")[0]
    assert drawn.count("<circle") == 3


def test_teaching_tiles_are_shown_and_measuring_ones_never(services, people):
    client = entered(services, "Anna", 0)
    page = client.get("/me").text
    assert all(f"/me/pictures/{tile}.jpg" in page for tile in people.teaching)
    assert not any(tile in page for tile in people.measuring)
    assert client.get(f"/me/pictures/{people.teaching[0]}.jpg").mimetype == "image/jpeg"
    assert client.get(f"/me/pictures/{people.measuring[0]}.jpg").status_code == 404
    assert client.get("/me/pictures/tile-2.jpg").status_code == 404


def test_nobody_gets_the_lessons_of_somebody_else(services, people):
    for client in (entered(services, "Boris", 1), entered(services, "Clara", None)):
        assert people.teaching[0] not in client.get("/me").text
        assert client.get(f"/me/pictures/{people.teaching[0]}.jpg").status_code == 404


def test_a_lesson_with_people_in_its_photo_is_left_out(services, people):
    client = entered(services, "Anna", 0)
    with writing(services.database) as session:
        photo = session.get_one(TileRow, people.teaching[0]).photo
        withhold(session, photo, VOLUNTEERS, services.now())

    assert people.teaching[0] not in client.get("/me").text
    assert client.get(f"/me/pictures/{people.teaching[0]}.jpg").status_code == 404


def test_what_the_answers_did_is_counted(services):
    client = entered(services, "Anna", None)
    assert "appears after the first of them" in plain(client)
    with writing(services.database) as session:
        for task, back in ((2, 0), (3, 1)):
            at, name = services.now() - timedelta(days=back), f"answer-{task}"
            account = account_of_session(session, "Anna")
            session.add(ServedRow(id=name, task=task, account=account, at=at, until=at))
            session.flush()
            session.add(SpoolRow(unique_id=name, served=name, task=task, account=account, result=[], given_at=at))

    page = plain(client)

    assert "2 answers from you so far" in page
    assert '<p class="big">5</p><p>walruses counted in them</p>' in page
    assert "2 days in a row" in page


def account_of_session(session, name: str) -> str:
    return session.exec(select(AccountRow).where(AccountRow.name == name)).one().id


def test_own_comments_are_shown_as_text_with_whether_they_were_read(services):
    client, other = entered(services, "Anna", 0), entered(services, "Boris", 1)
    with writing(services.database) as session:
        anna = account_of_session(session, "Anna")
        comment(session, anna, 2, "a <b>scar</b>", services.now())
        comment(session, anna, 2, "a tag", services.now())
        row = session.get_one(CommentRow, 1)
        mark_read(row, "Olga", services.now())
        session.add(row)

    page = client.get("/me").text

    assert "a &lt;b&gt;scar&lt;/b&gt;" in page and "Olga" not in page
    assert page.count("an expert has read it") == page.count("waits for an expert") == 1
    assert "a tag" not in other.get("/me").text


def test_who_is_not_signed_in_is_asked_to(services):
    answer = create_app(services).test_client().get("/me", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.location) == (302, "/sign-in?then=/me")
