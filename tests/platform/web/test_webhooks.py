"""Label Studio's bell rings for those who know the secret, and is answered at once."""

from flask.testing import FlaskClient

from haulout.errors import ServiceUnavailable
from haulout.web import create_app

ADDRESS = "/webhook/label-studio"
EVENT = {"action": "ANNOTATION_CREATED", "project": {"id": 12}, "annotation": {"id": 5}}


def test_an_event_with_the_secret_rings_for_its_project(client: FlaskClient, rung: list[int]) -> None:
    answer = client.post(ADDRESS, json=EVENT, headers={"X-Haulout-Secret": "bell-secret"})
    assert (answer.status_code, rung) == (202, [12])


def test_an_event_with_a_wrong_or_no_secret_rings_for_nobody(client: FlaskClient, rung: list[int]) -> None:
    for headers in ({}, {"X-Haulout-Secret": ""}, {"X-Haulout-Secret": "bell-secret2"}, {"X-Haulout-Secret": "звон"}):
        assert client.post(ADDRESS, json=EVENT, headers=headers).status_code == 403
    assert rung == []


def test_an_event_that_names_no_project_is_refused(client: FlaskClient, rung: list[int]) -> None:
    for event in ({}, [], {"project": 3}, {"project": {"id": "3"}}, {"project": {"id": True}}):
        assert client.post(ADDRESS, json=event, headers={"X-Haulout-Secret": "bell-secret"}).status_code == 400
    assert rung == []


def test_a_queue_that_does_not_answer_is_said_to_label_studio(season) -> None:
    def broken_bell(_project: int) -> None:
        raise ServiceUnavailable("the queue does not answer")

    client = create_app(season.services, broken_bell).test_client()
    assert client.post(ADDRESS, json=EVENT, headers={"X-Haulout-Secret": "bell-secret"}).status_code == 503


def test_a_home_without_a_secret_accepts_no_events(season, rung: list[int]) -> None:
    from dataclasses import replace

    from haulout.config import Settings

    services = replace(season.services, settings=Settings(home=season.services.settings.home))
    client = create_app(services, rung.append).test_client()
    assert client.post(ADDRESS, json=EVENT, headers={"X-Haulout-Secret": ""}).status_code == 403
    assert rung == []
