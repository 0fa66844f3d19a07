"""Without room on the disk everything can be looked at and nothing changed; it comes back by itself."""

from dataclasses import replace

import pytest
from flask import Flask

from haulout.errors import DatabaseBusy, StorageFull
from haulout.services import Services
from haulout.testing import enters
from haulout.web import create_app

READS_PAGES = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
EVERYTHING = 10**9


def home(services: Services, low: int = 0, none: int = 0) -> Services:
    return replace(services, settings=services.settings.model_copy(update={"low_room_mb": low, "no_room_mb": none}))


def test_with_room_no_banner_is_shown(empty_home):
    assert 'class="banner' not in enters(create_app(home(empty_home)).test_client()).get("/").text


def test_with_little_room_pages_warn_and_work(empty_home):
    client = enters(create_app(home(empty_home, low=EVERYTHING)).test_client())

    assert "The disk is nearly full." in client.get("/").text
    assert client.post("/things/1", headers=READS_PAGES).status_code == 404  # looked for, as ever


@pytest.mark.parametrize(("language", "words"), [("en", "The disk is full"), ("ru", "Диск полон")])
def test_without_room_pages_show_and_change_nothing(season, language, words):
    client = enters(create_app(home(season.services, EVERYTHING, EVERYTHING)).test_client())

    for path in ("/", "/photos", "/watch"):
        answer = client.get(f"{path}?language={language}")
        assert answer.status_code == 200 and words in answer.text

    refused = client.post(f"/things/1?language={language}", headers=READS_PAGES)
    assert refused.status_code == 507 and words in refused.text and 'href="/watch"' in refused.text


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_every_unsafe_method_of_every_address_is_refused_or_known_to_no_one(season, method):
    app = create_app(home(season.services, EVERYTHING, EVERYTHING))
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "webhooks.label_studio"]

    for rule in rules:
        path = app.url_map.bind("localhost").build(
            rule.endpoint, dict.fromkeys(rule.arguments, "1"), force_external=False
        )
        assert getattr(enters(app.test_client()), method)(path).status_code in (404, 405, 507), rule


def test_the_bell_rings_all_the_same(season):
    rung: list[int] = []
    client = enters(create_app(home(season.services, EVERYTHING, EVERYTHING), rung.append).test_client())

    answer = client.post(
        "/webhook/label-studio", json={"project": {"id": 12}}, headers={"X-Haulout-Secret": "bell-secret"}
    )

    assert (answer.status_code, rung) == (202, [12])


def test_readiness_tells_of_the_disk_and_stays_ready(empty_home):
    answer = enters(create_app(home(empty_home, EVERYTHING, EVERYTHING)).test_client()).get("/readyz")

    assert (answer.status_code, answer.json["disk"]) == (200, "is full: pages only show")


@pytest.fixture
def failing(app: Flask) -> Flask:
    def fail(error: Exception) -> str:
        raise error

    app.add_url_rule("/busy", "busy", lambda: fail(DatabaseBusy("another process writes")))
    app.extensions["haulout_policy"] |= dict.fromkeys(("busy", "full", "api_busy"), 0)
    app.add_url_rule("/full", "full", lambda: fail(StorageFull("the disk is full")))
    app.add_url_rule("/api/v1/busy", "api_busy", lambda: fail(DatabaseBusy("another process writes")))
    return app


def test_a_database_that_is_busy_is_a_503_that_says_when_to_come_again(failing: Flask):
    for headers in (READS_PAGES, {"Accept": "application/json"}):
        answer = enters(failing.test_client()).get("/busy", headers=headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")

    assert "Somebody else is writing just now" in enters(failing.test_client()).get("/busy", headers=READS_PAGES).text
    problem = enters(failing.test_client()).get("/api/v1/busy")
    assert (problem.status_code, problem.headers["Retry-After"]) == (503, "5")
    assert problem.mimetype == "application/problem+json"


def test_a_disk_that_fills_up_meanwhile_is_a_507_that_says_what_to_do(failing: Flask):
    answer = enters(failing.test_client()).get("/full", headers=READS_PAGES)

    assert answer.status_code == 507 and "until somebody makes room" in answer.text
