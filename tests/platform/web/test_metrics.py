"""Figures for Prometheus: right ones, for this machine or with a token, and never a name of a person or a place."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from haulout.db import writing
from haulout.services import Services
from haulout.tables import OperationRow, ProjectRow, SeenRow
from haulout.testing import enters
from haulout.tokens import make_token
from haulout.web import create_app

NOON = datetime(2026, 11, 23, 12)
BELL = {"X-Haulout-Secret": "bell-secret"}


def figures(app: Flask) -> dict[str, float]:
    """Ask as a program on this machine does, and return every sample under its name and labels."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200 and answer.mimetype == "text/plain"
    families = text_string_to_metric_families(answer.text)
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_requests_are_counted_by_endpoint_and_status_and_timed(app: Flask):
    client = enters(app.test_client())
    for path in ("/photos", "/photos", "/photos/nowhere", "/no/such/page", "/no/such/other"):
        client.get(path)
    client.open("/photos", method="INVENTED")

    told = figures(app)

    assert told["haulout_requests_total pages.photo_list GET 200"] == 2
    assert told["haulout_requests_total pages.photo GET 404"] == 1
    assert told["haulout_requests_total none GET 404"] == 2
    assert told["haulout_requests_total none none 405"] == 1 and not any("INVENTED" in name for name in told)
    assert told["haulout_request_seconds_count pages.photo_list"] == 2
    assert told["haulout_request_seconds_sum pages.photo_list"] > 0


def test_rings_of_the_bell_are_counted_by_what_became_of_them(app: Flask):
    client, event = app.test_client(), {"project": {"id": 12}}
    client.post("/webhook/label-studio", json=event, headers=BELL)
    client.post("/webhook/label-studio", json=event)
    client.post("/webhook/label-studio", json={}, headers=BELL)

    told = figures(app)

    assert told["haulout_webhooks_total received"] == 1 and told["haulout_webhooks_total refused"] == 2
    assert told["haulout_webhooks_total failed"] == 0
    assert app.extensions["haulout"].watching.bell.rang_at == NOON


def test_what_is_watched_is_told_as_gauges(season):
    services = season.services
    with writing(services.database) as session:
        session.get_one(ProjectRow, "boxes").read_to = NOON - timedelta(hours=2)
        session.add(SeenRow(name="answers:boxes", at=NOON, number=4, since=NOON, details={}))
        session.add(SeenRow(name="untold", at=NOON, number=6, since=NOON, details={}))
        session.add(OperationRow(project=1, keys=["k"], intended_at=NOON - timedelta(minutes=3), heard_at=NOON))

    told = figures(create_app(services))

    assert told["haulout_cursor_lag_seconds boxes"] == 7200
    assert told["haulout_unread_answers boxes"] == 4
    assert told["haulout_untold_tasks"] == 6
    assert (told["haulout_unconfirmed_operations"], told["haulout_unconfirmed_operation_age_seconds"]) == (1, 180)
    assert told["haulout_serving_model detector detector-2"] == 1
    assert told["haulout_missing_models"] == 2
    assert told["haulout_quarantined_files"] == 1
    assert told["haulout_run_state done"] == 1
    assert told["haulout_disk_free_bytes"] > 10**6
    assert told["haulout_answers_stored"] > 0 and told["haulout_open_tasks boxes"] >= 0


def test_two_applications_count_apart(empty_home: Services):
    first, second = create_app(empty_home), create_app(empty_home)
    enters(first.test_client()).get("/photos")

    assert "haulout_requests_total pages.photo_list GET 200" not in figures(second)


@pytest.mark.parametrize(
    "asked",
    [
        {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}},
        {"headers": {"X-Forwarded-For": "192.0.2.7"}},  # a proxy on this machine speaks for others
        {"headers": {"Forwarded": "for=192.0.2.7"}},
        {"headers": {"Host": "haulout.example"}},  # a page of another site, whose name leads here
    ],
)
def test_whoever_asks_from_elsewhere_needs_a_token_with_the_scope_read(empty_home: Services, asked):
    client = create_app(empty_home).test_client()
    token = make_token(empty_home, "prometheus", ["read"], 1)
    people = make_token(empty_home, "people", ["people"], 1)
    headers = asked.get("headers", {})

    def status(**more: str) -> int:
        return client.get("/metrics", **{**asked, "headers": {**headers, **more}}).status_code

    assert status() == 401
    assert status(Authorization="Bearer haulout_wrong") == 401
    assert status(Authorization=f"Bearer {people}") == 403
    assert status(Authorization=f"Bearer {token}") == 200
