"""Photos that may show people are the operator's alone: others get a drawing, and nobody else decides."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from haulout.accounts import Role
from haulout.db import reading, writing
from haulout.tables import WithheldRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.web.thumbnails import Thumbnails
from haulout.withheld import KEPT, SHOWN, VOLUNTEERS, withhold


@pytest.fixture
def services(season):
    settings = season.services.settings.model_copy(update={"secret_key": "key"})
    return replace(season.services, settings=settings)


@pytest.fixture
def held(season, services) -> str:
    """Return a photo that may show people, with a tile and animals."""
    with writing(services.database) as session:
        withhold(session, season.photos[2].id, VOLUNTEERS, services.now())
        withhold(session, season.photos[0].id, "import-mega-2025", services.now())
    return season.photos[2].id


@pytest.fixture
def operator(services) -> FlaskClient:
    return enters(create_app(services).test_client(), Role.OPERATOR, "Olga")


@pytest.fixture
def expert(services) -> FlaskClient:
    return enters(create_app(services).test_client(), Role.EXPERT)


def pictures(photo: str) -> list[str]:
    return [
        f"/pictures/photos/{photo}.jpg",
        f"/pictures/thumbnails/{photo}.jpg",
        "/pictures/tiles/tile-3.jpg",
        "/pictures/crops/animal-2-0.jpg",
    ]


def form(client: FlaskClient, photo: str, decision: str) -> dict[str, str]:
    part = client.get("/withheld").text.split(f'action="/withheld/{photo}"')[1]
    return {"seal": part.split('name="seal" value="')[1].split('"')[0], "decision": decision}


def row(services, photo: str) -> WithheldRow:
    with reading(services.database) as session:
        return session.get_one(WithheldRow, photo)


def test_an_expert_gets_a_drawing_that_says_why_and_the_operator_the_picture(expert, operator, held):
    for address in pictures(held):
        refused = expert.get(address)
        assert (refused.status_code, refused.mimetype) == (403, "image/svg+xml"), address
        assert "There may be people in this photo" in refused.text
        assert refused.headers["Cache-Control"] == "no-store"
        assert (operator.get(address).status_code, operator.get(address).mimetype) == (200, "image/jpeg"), address


def test_what_is_not_withheld_is_shown_to_experts_as_ever(expert, held, season):
    for address in (f"/pictures/photos/{season.photos[3].id}.jpg", "/pictures/tiles/tile-4.jpg"):
        assert expert.get(address).mimetype == "image/jpeg"


def test_reports_and_the_files_made_of_them_leave_the_picture_out(services, held, season):
    with reading(services.database) as session:
        small = Thumbnails(session, services.storage)
        assert small.photo(held) is None
        assert small.animal("animal-2-0") is None
        assert str(small.photo(season.photos[3].id)).startswith("data:image/jpeg")


def test_the_operator_sees_who_saw_people_and_how_many_photos_wait(operator, held):
    page = operator.get("/withheld").text
    assert "Somebody who answered saw people" in page
    assert "the imported file “mega-2025”" in page
    attention = operator.get("/watch").text
    assert "photos that wait for you: 2" in attention and 'href="/withheld"' in attention


@pytest.mark.parametrize(("decision", "mimetype"), [(SHOWN, "image/jpeg"), (KEPT, "image/svg+xml")])
def test_the_operator_s_decision_holds_for_everybody_and_says_whose_it_is(
    operator, expert, services, held, decision, mimetype
):
    answer = operator.post(f"/withheld/{held}", data=form(operator, held, decision))

    assert (answer.status_code, answer.location) == (303, "/withheld")
    assert row(services, held).decision == decision
    assert "Olga" not in row(services, held).by, "the log keeps this for ever, and names can be erased"
    assert expert.get(pictures(held)[0]).mimetype == mimetype
    assert "Olga, " in operator.get("/withheld").text


def test_a_decision_is_taken_back_by_the_page_that_shows_it(operator, services, held):
    operator.post(f"/withheld/{held}", data=form(operator, held, SHOWN))

    operator.post(f"/withheld/{held}", data=form(operator, held, ""))

    assert (row(services, held).decision, row(services, held).decided_at) == ("", None)


def test_an_old_form_changes_nothing(operator, services, held):
    old = form(operator, held, KEPT)
    operator.post(f"/withheld/{held}", data=form(operator, held, SHOWN))

    assert operator.post(f"/withheld/{held}", data=old).status_code == 409
    assert row(services, held).decision == SHOWN


def test_only_what_makes_sense_is_taken(operator, services, held, season):
    assert operator.post(f"/withheld/{held}", data=form(operator, held, "burn")).status_code == 400
    assert operator.post(f"/withheld/{season.photos[3].id}", data=form(operator, held, SHOWN)).status_code == 404
    assert row(services, held).decision == ""


@pytest.mark.parametrize("role", [Role.VOLUNTEER, Role.EXPERT])
def test_nobody_else_sees_the_page_or_decides(operator, services, held, role):
    told, client = form(operator, held, SHOWN), enters(create_app(services).test_client(), role)

    assert client.get("/withheld").status_code == 403
    assert client.post(f"/withheld/{held}", data=told).status_code == 403
    assert row(services, held).decision == ""
