"""What is refused is explained in the site's own layout; programs get the bare status."""

import pytest
from flask import Flask, abort

from haulout.testing import enters

READS_PAGES = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def refusing(app: Flask) -> Flask:
    app.add_url_rule("/refused/<int:status>", "refused", lambda status: abort(status))
    app.extensions["haulout_policy"]["refused"] = 0
    return app


@pytest.mark.parametrize(
    ("status", "language", "words"),
    [
        (400, "en", "This was not understood"),
        (403, "ru", "Это не разрешено"),
        (409, "en", "nothing was done"),
        (409, "ru", "ничего не сделано"),
        (413, "ru", "Слишком много данных"),
    ],
)
def test_a_visitor_reads_why_and_what_to_do(refusing: Flask, status: int, language: str, words: str):
    answer = enters(refusing.test_client()).get(f"/refused/{status}?language={language}", headers=READS_PAGES)

    assert answer.status_code == status
    assert words in answer.text and 'class="skip"' in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5"])
def test_a_program_gets_no_page(refusing: Flask, accept: str):
    answer = enters(refusing.test_client()).get("/refused/409", headers={"Accept": accept})

    assert answer.status_code == 409 and "skip" not in answer.text


def test_a_button_pressed_by_nobody_says_that_somebody_must_sign_in(refusing: Flask):
    headers = READS_PAGES | {"Sec-Fetch-Site": "same-origin"}
    answer = refusing.test_client().post("/things/1?language=ru", headers=headers)

    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "Войдите" in answer.text
