"""Every request has an id that its answer, its error page and the log share; what was asked for stays private."""

import logging

import pytest
from flask import Flask

from haulout.testing import enters


@pytest.fixture
def breaking(app: Flask) -> Flask:
    def broken() -> str:
        raise LookupError("on purpose")

    app.add_url_rule("/breaks", "breaks", broken)
    app.extensions["haulout_policy"]["breaks"] = 0
    return app


def test_a_request_is_written_down_without_its_query(app: Flask, caplog):
    caplog.set_level(logging.INFO, "haulout.web.request_log")

    client = enters(app.test_client(), name="Olga")
    answer = client.get("/photos?camera=SECRET&token=haulout_x", headers={"X-Request-Id": "mine"})

    (record,) = caplog.records
    assert (record.method, record.path, record.status) == ("GET", "/photos", 200)
    assert record.milliseconds > 0 and record.request == answer.headers["X-Request-Id"] != "mine"
    assert "SECRET" not in str(vars(record)) and "Olga" not in str(vars(record))
    assert record.account, "who asked is told by pseudonym"


def test_a_visitor_cannot_write_lines_into_the_log(app: Flask, caplog):
    caplog.set_level(logging.INFO, "haulout.web.request_log")

    enters(app.test_client()).get("/a%0Ab" + "c" * 500)

    (record,) = caplog.records
    assert record.path.startswith("/a%0Abc") and len(record.path) <= 200


@pytest.mark.parametrize("path", ["/breaks", "/things/1"])
def test_the_page_of_an_error_shows_the_id_under_which_the_log_tells_of_it(breaking: Flask, caplog, path: str):
    answer = enters(breaking.test_client()).get(path, headers={"Accept": "text/html"})

    assert answer.status_code >= 400
    assert f"<code>{answer.headers['X-Request-Id']}</code>" in answer.text


def test_what_programs_ask_for_all_the_time_is_not_written_down_unless_it_fails(app: Flask, caplog):
    caplog.set_level(logging.INFO, "haulout.web.request_log")

    for path in ("/healthz", "/readyz", "/metrics", "/static/haulout.css"):
        assert enters(app.test_client()).get(path).status_code == 200

    assert [record for record in caplog.records if record.name == "haulout.web.request_log"] == []
