"""The operator's page says what is wrong, since when and what to type; the navigation counts it on every page."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from haulout.db import connect, writing
from haulout.localisation import open_languages
from haulout.services import Services
from haulout.tables import FsckRow, HoldRow, IngestionRow, ModelRow, SeenRow
from haulout.testing import enters
from haulout.watch import CHECKS, alarms, checks
from haulout.web import create_app
from haulout.web.alarm_figures import FIGURES
from haulout.web.alarm_words import NAMES, WRONG
from tests.platform.test_watch import TROUBLE, WELL

NOON = datetime(2026, 11, 23, 12)


@pytest.fixture
def watched(empty_home: Services) -> Services:
    """Return a home at which the watch has just looked."""
    with writing(empty_home.database) as session:
        for name in ("service:label_studio", "service:redis"):
            session.add(SeenRow(name=name, at=NOON))
    return empty_home


def add(services: Services, *rows: object) -> None:
    with writing(services.database) as session:
        session.add_all(rows)


def client(services: Services) -> FlaskClient:
    return enters(create_app(services).test_client())


def test_where_all_is_well_the_page_says_so_plainly_and_shows_every_figure(watched):
    page = client(watched).get("/watch").text

    assert "Nothing needs attention." in page and "MB are free" in page
    assert page.count('class="tag good"') == len(CHECKS) and 'class="count"' not in page


def test_an_alarm_says_since_when_how_bad_and_what_to_type(watched):
    add(watched, HoldRow(question="boxes", tasks=3, answers=71, found_at=NOON - timedelta(hours=3)))

    page = client(watched).get("/watch").text

    assert "1 thing needs attention" in page and "since 23 Nov 2026, 09:00 UTC, for 3 hours" in page
    assert "answers missing: 71" in page and "<code>haulout undelete</code>" in page
    assert page.count('class="tag alarm"') == 1 and page.count('class="tag good"') == len(CHECKS) - 1


def test_the_page_speaks_russian(watched):
    add(watched, FsckRow(at=NOON, clean=False, findings=[["I1", "x", "y"]], seconds=1.0))

    page = client(watched).get("/watch?language=ru").text

    assert "Что требует внимания" in page and "чего быть не должно" in page and "найдено нарушений: 1" in page


def test_every_page_counts_the_alarms_and_links_to_them(watched):
    add(watched, IngestionRow(folder="CARD", site="Beach", started_at=NOON - timedelta(days=3)))

    page = client(watched).get("/photos").text

    assert 'href="/watch"' in page and '<span class="count">2<' in page


def test_what_needs_attention_is_read_once_in_some_seconds_however_many_pages_are_asked_for(watched):
    app = create_app(watched)
    first = app.extensions["haulout"].watching.sight()
    add(watched, HoldRow(question="boxes", tasks=3, answers=71, found_at=NOON))

    assert 'class="count"' not in enters(app.test_client()).get("/photos").text
    assert app.extensions["haulout"].watching.sight() is first


def test_no_page_breaks_because_the_alarms_cannot_be_read(watched):
    app = create_app(watched)
    with watched.database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hold RENAME TO lost")

    answer = enters(app.test_client()).get("/photos")

    assert answer.status_code == 200 and 'class="count"' not in answer.text


def test_a_database_that_is_gone_still_gets_a_page_that_says_so(watched):
    lost = replace(watched, database=connect("sqlite:////nowhere/at/all.sqlite"))
    browser = create_app(lost).test_client()
    browser.set_cookie("haulout", "a session that nobody can look up now")

    answer = browser.get("/watch")

    assert answer.status_code == 500 and "This page could not be made" in answer.text


@pytest.mark.parametrize(("kind", "level", "different"), [(kind, level, told) for kind, level, told, _ in TROUBLE])
def test_every_alarm_has_words_in_both_languages(empty_home, kind, level, different):
    (alarm,) = alarms(replace(WELL, **different))

    for language in open_languages().values():
        told = (NAMES[kind], *WRONG[(kind, level)])
        assert all(language.code == "en" or language.gettext(text) != text for text in told)
        with create_app(empty_home).test_request_context("/") as request:
            from flask import g

            g.language = language
            assert request and FIGURES[kind](language, alarm.figures)


def test_every_check_has_words_and_none_is_left_over():
    kinds = {check.kind for check in checks(WELL)}

    assert kinds == set(NAMES) == set(FIGURES) == {kind for kind, _ in WRONG}


def test_a_serving_network_without_its_file_is_named(watched):
    add(watched, ModelRow(version="det-0009", kind="detector", state="serving", sha256="1", created_at=NOON))

    page = client(watched).get("/watch").text

    assert "not there: det-0009" in page and "haulout rollback detector" in page
