"""Whoever comes by learns what this is and how far it has come, and nothing of places and people."""

import re
from dataclasses import replace

import pytest

from haulout.accounts import Role
from haulout.db import writing
from haulout.tables import SiteRow
from haulout.testing import enter
from haulout.web import create_app


def welcome(services) -> str:
    return " ".join(create_app(services).test_client().get("/welcome").text.split())


def test_a_visitor_s_first_page_is_the_welcome(season):
    answer = create_app(season.services).test_client().get("/")
    assert (answer.status_code, answer.location) == (302, "/welcome")


def test_progress_is_counted_without_sites_names_and_pictures_of_cameras(season):
    with writing(season.services.database) as session:
        session.add(
            SiteRow(name="Matveyev Island", latitude=69.4567, longitude=58.5432, changed_at=season.services.now())
        )
    enter(season.services, Role.VOLUNTEER, "Anna Secretova")

    page = welcome(season.services)

    assert '<p class="big">5</p><p>photos looked at</p>' in page and "of 7" in page
    assert '<p class="big">6</p><p>walruses counted</p>' in page and '<p class="big">1</p><p>person takes part' in page
    for secret in ("Matveyev", "69.4", "58.5", "Secretova", "person-0", "CAM1", "/pictures/"):
        assert secret not in page
    assert set(re.findall(r'<img[^>]* src="([^"]+)"', page)) == {"/static/walrus.svg", "/static/beach.svg"}


def test_before_the_first_photo_the_page_stands_all_the_same(empty_home):
    page = welcome(empty_home)
    assert "Count walruses with us" in page and "<progress" not in page


@pytest.mark.parametrize(("sign_up", "offered"), [("open", True), ("invite", False), ("closed", False)])
def test_signing_up_is_offered_where_it_is_open(season, sign_up, offered):
    settings = season.services.settings.model_copy(update={"sign_up": sign_up})

    page = welcome(replace(season.services, settings=settings))

    assert ('href="/sign-up"' in page) == offered
    assert 'href="/sign-in"' in page
    assert ("Open the link of your invitation" in page) == (sign_up == "invite")
