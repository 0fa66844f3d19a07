"""Signing up, signing in and out, by the forms as a browser sends them; and what every answer tells the browser."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from haulout.accounts import Role
from haulout.accounts.managing import invite, listed, way_in
from haulout.accounts.proof import QUICKEST
from haulout.testing import enters
from haulout.web import create_app
from haulout.web.limits import TRIES

PASSWORD = "quiet rocks under fog"
ANNA = {"name": "Anna", "password": PASSWORD}
READS_PAGES = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Clock:
    def __init__(self, now) -> None:
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock(season) -> Clock:
    return Clock(season.services.now())


@pytest.fixture
def home(season, clock):
    settings = season.services.settings.model_copy(update={"secret_key": "key", "sign_up": "open"})
    return replace(season.services, settings=settings, now=clock)


@pytest.fixture
def app(home) -> Flask:
    return create_app(home)


def visitor(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    return client


def proof_of(page: str) -> str:
    """Do what the page's script does."""
    task = json.loads(unescape(re.search(r'data-proof="([^"]*)"', page)[1]))
    number = next(
        n for n in range(10**6) if hashlib.sha256(f"{task['salt']}{n}".encode()).hexdigest() == task["challenge"]
    )
    told = {name: task[name] for name in ("algorithm", "challenge", "salt", "signature")} | {"number": number}
    return base64.b64encode(json.dumps(told).encode()).decode()


def signed_up(client: FlaskClient, clock: Clock, **form: str):
    proof = proof_of(client.get("/sign-up").text)
    clock.now += QUICKEST
    return client.post("/sign-up", data=ANNA | {"proof": proof} | form)


def followed(address: str) -> str:
    return address.removeprefix("http://127.0.0.1:8300")


def form_value(page: str, name: str) -> str:
    return unescape(re.search(rf'name="{name}" value="([^"]*)"', page)[1])


def test_somebody_signs_up_out_and_in_again(app, clock):
    client = visitor(app)
    made = signed_up(client, clock)
    assert (made.status_code, made.location) == (303, "/")
    assert "Anna" in client.get("/account").text

    assert client.post("/sign-out").status_code == 303
    assert client.get("/account", headers=READS_PAGES).location == "/sign-in?then=/account"
    back = client.post("/sign-in", data={"name": "ANNA", "password": PASSWORD, "then": "/account"})
    assert (back.status_code, back.location) == (303, "/account")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_of_eavesdroppers_where_there_is_tls(home, clock):
    bare = signed_up(visitor(create_app(home)), clock).headers["Set-Cookie"]
    secure = replace(home, settings=home.settings.model_copy(update={"public_url": "https://walrus.example"}))
    client = visitor(create_app(secure))
    safe = client.post("/sign-in", data=ANNA).headers["Set-Cookie"]

    assert bare.startswith("haulout=") and "; HttpOnly; Path=/; SameSite=Lax" in bare and "Secure" not in bare
    assert safe.startswith("__Host-haulout=") and "; Secure; HttpOnly; Path=/; SameSite=Lax" in safe


def test_whoever_does_not_let_the_browser_work_or_fills_in_the_hidden_field_gets_no_account(app, home, clock):
    client = visitor(app)
    quick = proof_of(client.get("/sign-up").text)
    assert client.post("/sign-up", data=ANNA | {"proof": quick}).status_code == 400
    assert client.post("/sign-up", data=ANNA).status_code == 400
    assert signed_up(client, clock, website="https://spam.example").status_code == 400
    assert listed(home) == []


def test_a_form_that_is_refused_says_why_keeps_what_was_typed_and_never_the_password(app, clock):
    answer = signed_up(visitor(app), clock, name="Bärbel", password="12345678")

    assert answer.status_code == 400 and 'role="alert"' in answer.text
    assert "It is among the ten passwords" in answer.text
    assert 'value="Bärbel"' in answer.text and "12345678" not in answer.text


def test_an_invitation_needs_no_proof_and_its_link_is_refused_when_it_was_used(app, home):
    path = followed(invite(home, Role.VOLUNTEER, 1, 7))
    client = visitor(app)
    page = client.get(path).text
    assert "data-proof" not in page

    link = form_value(page, "invite")
    assert client.post("/sign-up", data=ANNA | {"invite": link}).status_code == 303
    again = visitor(app).post("/sign-up", data={"name": "Boris", "password": PASSWORD, "invite": link})
    assert again.status_code == 400 and "invitation was used up" in again.text


@pytest.mark.parametrize("way", ["invite", "closed"])
def test_without_an_invitation_the_page_says_that_one_is_needed(home, way):
    client = visitor(create_app(replace(home, settings=home.settings.model_copy(update={"sign_up": way}))))
    for answer in (client.get("/sign-up"), client.post("/sign-up", data=ANNA)):
        assert answer.status_code in (400, 403) and "without an invitation" in answer.text
    assert "/sign-up" not in client.get("/sign-in").text


def test_an_expert_sets_up_a_second_factor_at_the_first_sign_in(app, home, clock):
    client = visitor(app)
    link = form_value(client.get(followed(invite(home, Role.EXPERT, 1, 7))).text, "invite")
    client.post("/sign-up", data=ANNA | {"invite": link})
    assert client.get("/", headers=READS_PAGES).location == "/sign-in/code"
    assert client.get("/photos").status_code == 401

    page = client.get("/sign-in/code?then=/photos").text
    offer, secret = form_value(page, "offer"), re.search(r'class="secret">(\w+)<', page)[1]
    drawn = client.get("/sign-in/code.svg", query_string={"offer": offer})
    assert drawn.mimetype == "image/svg+xml" and drawn.headers["Cache-Control"] == "no-store"
    wrong = client.post("/sign-in/code", data={"code": "000000", "offer": offer, "then": "/photos"})
    assert wrong.status_code == 400 and form_value(wrong.text, "offer") == offer
    code = pyotp.TOTP(secret).at(clock.now.timestamp() + _zone(clock.now))
    right = client.post("/sign-in/code", data={"code": f"{code[:3]} {code[3:]}", "offer": offer, "then": "/photos"})

    assert (right.status_code, right.location) == (303, "/photos") and client.get("/photos").status_code == 200
    assert client.get("/sign-in/code.svg", query_string={"offer": offer}).status_code == 404


def _zone(now) -> float:
    return (now.astimezone().utcoffset() or timedelta()).total_seconds()


def test_looking_at_a_link_does_not_use_it_up_only_its_button_does(app, home):
    path, client = followed(way_in(home)), visitor(app)
    for _preview in range(3):
        page = visitor(app).get(path)
        assert page.status_code == 200 and "Set-Cookie" not in page.headers
    assert visitor(app).head(path).status_code == 200

    link = form_value(page.text, "link")
    assert client.post("/enter", data={"link": link}).location == "/"
    assert client.get("/watch").status_code == 200
    assert visitor(app).post("/enter", data={"link": link}).status_code == 400
    assert "was used already" in visitor(app).get(path).text


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "\\evil", "javascript:alert(1)", "/a\nb", ""]
)
def test_signing_in_leads_to_no_other_site(app, clock, then):
    client = visitor(app)
    signed_up(client, clock)
    assert client.get("/sign-in", query_string={"then": then}).location == "/"
    client.post("/sign-out")
    assert client.post("/sign-in", data=ANNA | {"then": then}).location == "/"


def test_too_many_tries_from_an_address_are_told_to_wait_and_others_are_not(app):
    client, most = visitor(app), int(TRIES["entry.sign_in"].split()[0])
    answers = [client.post("/sign-in", data=ANNA, headers=READS_PAGES) for _ in range(most + 1)]

    assert {answer.status_code for answer in answers[:-1]} == {400}
    assert answers[-1].status_code == 429 and 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert "Too many tries" in answers[-1].text
    assert client.get("/sign-in").status_code == 200, "looking is free"
    elsewhere = visitor(app).post("/sign-in", data=ANNA, environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 400


def test_a_person_changes_name_and_password_and_erases_the_account(app, home, clock):
    client = visitor(app)
    signed_up(client, clock)
    assert client.post("/account/name", data={"name": "Anja", "email": "anja@example.org"}).status_code == 303
    assert 'value="anja@example.org"' in client.get("/account").text
    for path, form in (("name", {"name": "x"}), ("password", {"old": "wrong", "new": "a"}), ("erase", {"old": "no"})):
        answer = client.post(f"/account/{path}", data=form)
        assert answer.status_code == 400 and 'role="alert"' in answer.text
    other = visitor(app)
    other.post("/sign-in", data={"name": "anja", "password": PASSWORD})
    new = "seven seals in a row boat"
    assert client.post("/account/password", data={"old": PASSWORD, "new": new}).status_code == 303
    assert (client.get("/account").status_code, other.get("/account").status_code) == (200, 401)

    assert client.post("/account/erase", data={"old": new}).location == "/sign-in"
    assert client.get("/account").status_code == 401 and listed(home) == []


def test_a_person_signs_out_in_another_browser_and_everywhere(app, clock):
    first, second = visitor(app), visitor(app)
    signed_up(first, clock)
    second.post("/sign-in", data=ANNA)
    current = re.findall(r'name="session" value="(\w+)"', first.get("/account").text)
    assert len(current) == 2
    mine = hashlib.sha256(first.get_cookie("haulout").value.encode()).hexdigest()
    (theirs,) = set(current) - {mine}

    assert first.post("/account/sign-out", data={"session": theirs}).location == "/account"
    assert (first.get("/account").status_code, second.get("/account").status_code) == (200, 401)
    assert first.post("/account/sign-out").location == "/sign-in"
    assert first.get("/account").status_code == 401


@pytest.mark.parametrize(("role", "first"), [(Role.EXPERT, 200), (Role.OPERATOR, 200), (Role.VOLUNTEER, 302)])
def test_the_first_page_sends_everybody_to_what_is_theirs(app, role, first):
    assert enters(app.test_client(), role).get("/").status_code == first
    assert visitor(app).get("/").status_code == 302


@pytest.mark.parametrize("path", ["/", "/sign-in", "/sign-up", "/account", "/photos", "/nowhere", "/enter?link=x"])
def test_every_page_tells_the_browser_what_it_may_not_do(app, path):
    headers = enters(app.test_client()).get(path).headers

    content = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert content["default-src"] == content["frame-ancestors"] == content["base-uri"] == "'none'"
    assert content["script-src"] == content["style-src"] == content["form-action"] == "'self'"
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin" and "camera=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers


def test_with_tls_browsers_are_told_to_stay_with_it(home):
    secure = replace(home, settings=home.settings.model_copy(update={"public_url": "https://walrus.example"}))
    assert create_app(secure).test_client().get("/sign-in").headers["Strict-Transport-Security"].startswith("max-age=3")


def test_pictures_are_kept_by_the_reader_s_own_browser_only(app, season):
    answer = enters(app.test_client()).get(f"/pictures/photos/{season.photos[0].id}.jpg")
    assert answer.cache_control.private and not answer.cache_control.public and answer.cache_control.max_age > 0
    style = enters(app.test_client()).get("/static/haulout.css")
    assert "no-store" not in style.headers["Cache-Control"]


def test_the_language_s_cookie_is_as_safe_as_the_session_s(home):
    bare = create_app(home).test_client().get("/sign-in?language=ru").headers["Set-Cookie"]
    secure = replace(home, settings=home.settings.model_copy(update={"public_url": "https://walrus.example"}))
    client = create_app(secure).test_client()

    safe = client.get("/sign-in?language=ru").headers["Set-Cookie"]

    assert bare.startswith("language=ru") and "Secure" not in bare
    assert safe.startswith("__Host-language=ru;") and "; Secure; HttpOnly; Path=/; SameSite=Lax" in safe
    assert 'lang="ru"' in client.get("/sign-in", base_url="https://walrus.example").text


def test_signing_out_clears_what_the_browser_kept_of_pictures(app):
    answer = enters(app.test_client()).post("/sign-out")

    assert answer.headers["Clear-Site-Data"] == '"cache"'
