"""The operator names rocks on a page; nobody else does, and nothing changes by accident."""

from dataclasses import replace
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlmodel import select

from haulout.accounts import Role
from haulout.db import reading, writing
from haulout.tables import SpotDecisionRow, SpotRow, TriagedRow, TriageRow
from haulout.testing import enters
from haulout.web import create_app

NOW = {"positives": 41, "needed": 299, "missed": 0, "chance": 0.0, "bound": 0.0705}


@pytest.fixture
def services(season):
    settings = season.services.settings.model_copy(update={"secret_key": "key"})
    return replace(season.services, settings=settings)


@pytest.fixture
def spot(season, services) -> int:
    photos = [photo.id for photo in season.photos[:5]]
    told = {"days": 30, "photos": 110, "visible": 120, "emptied": 4, "occupied": 0, "examples": photos}
    with writing(services.database) as session:
        row = SpotRow(
            site="Matveyev Island",
            camera="CAM1",
            box=[400.0, 300.0, 500.0, 380.0],
            first=date(2026, 8, 1),
            last=date(2026, 8, 30),
            best=0.5,
            evidence=told,
            model="detector-2",
            found_at=services.now(),
        )
        session.add(row)
    return row.id or 0


@pytest.fixture
def client(services) -> FlaskClient:
    return enters(create_app(services).test_client())


def form(client: FlaskClient, decision: str = "thing") -> dict[str, str]:
    seal = client.get("/things").text.split('name="seal" value="')[1].split('"')[0]
    return {"seal": seal, "decision": decision}


def decided(services) -> list[str]:
    with reading(services.database) as session:
        return [row.decision for row in session.exec(select(SpotDecisionRow))]


def test_the_page_shows_the_place_on_several_days_and_asks(client, spot, season):
    page = client.get("/things").text
    assert page.count(f"/things/{spot}/") == 5
    assert "110 of 120 photos" in page and "No animal: leave these boxes out" in page
    picture = client.get(f"/things/{spot}/{season.photos[0].id}.jpg")
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")


def test_the_overview_says_that_a_place_waits(client, spot):
    assert "1 place may hold a rock or a log" in client.get("/").text


def test_the_operator_decides_and_takes_it_back(client, services, spot):
    for decision in ("thing", "open", "animal"):
        answer = client.post(f"/things/{spot}", data=form(client, decision))
        assert (answer.status_code, answer.location) == (303, "/things")
    assert decided(services) == ["thing", "open", "animal"]
    assert "an animal" in client.get("/things").text


@pytest.mark.parametrize("role", [Role.VOLUNTEER, Role.EXPERT])
def test_nobody_else_decides(client, services, spot, role):
    told = form(client)
    assert enters(create_app(services).test_client(), role).post(f"/things/{spot}", data=told).status_code == 403
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert create_app(services).test_client().post(f"/things/{spot}", data=told, headers=headers).status_code == 401
    assert decided(services) == []


def test_another_site_s_form_is_refused_though_the_browser_sends_the_cookie(client, services, spot):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(f"/things/{spot}", data=form(client), headers=headers).status_code == 403
    assert decided(services) == []


def test_an_old_form_does_not_decide_on_what_is_now_another_place(client, services, spot):
    old = form(client)
    with writing(services.database) as session:
        session.get_one(SpotRow, spot).box = [10.0, 10.0, 90.0, 90.0]

    assert client.post(f"/things/{spot}", data=old).status_code == 409
    assert decided(services) == []


def test_only_what_makes_sense_is_taken(client, services, spot):
    assert client.post(f"/things/{spot}", data=form(client, "walrus")).status_code == 400
    assert client.post("/things/99", data=form(client)).status_code == 404
    assert decided(services) == []


def test_a_picture_of_another_camera_is_not_cut(client, spot, season):
    assert client.get(f"/things/{spot}/{season.photos[5].id}.jpg").status_code == 404


def triaged(season, **cut: object) -> None:
    with writing(season.services.database) as session:
        session.add(
            TriageRow(id=1, model="detector-2", digest="d", wanted=0.01, negatives=50, at=season.services.now())
        )
        session.flush()
        session.get_one(TriageRow, 1).cut = NOW | cut
        for number, photo in enumerate(season.photos):
            verdict = ("empty", "animals", "look")[number % 3]
            session.add(TriagedRow(photo=photo.id, triage=1, chance=0.2, verdict=verdict))


def test_overview_and_report_say_why_nothing_is_set_aside(client, season):
    triaged(season)
    for page in ("/", "/report"):
        text = " ".join(client.get(page).text.split())
        assert "41 labelled photos with animals" in text and "it takes 299" in text and "7 %" in text


def test_overview_and_report_say_what_is_set_aside_and_what_that_may_miss(client, season):
    triaged(season, positives=480, missed=1, chance=0.1, bound=0.0098)
    for page in ("/", "/report"):
        text = " ".join(client.get(page).text.split())
        assert "photos are likely empty" in text and "at most 1 % are missed" in text
        assert "leaves out 1 of 480 labelled photos" in text


def test_photos_are_filtered_by_what_triage_says(client, season):
    triaged(season)
    empty = {photo.id for photo in season.photos[::3]}
    page = client.get("/photos?triage=empty").text
    shown = {photo.id for photo in season.photos if f'/photos/{photo.id}"' in page}
    assert shown == empty
    assert "Sorted as" in client.get(f"/photos/{season.photos[0].id}").text
