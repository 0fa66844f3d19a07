"""Who reaches what: every role at every address by every method, both ways; attacks on Label Studio find nothing."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from itertools import product
from uuid import uuid4

import pytest
from flask import Flask, Response, g, request
from flask.testing import FlaskClient
from waitress.server import create_server
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Rule

from haulout.accounts import Role, sessions
from haulout.db import writing
from haulout.tables import AccountRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.web.api.routes import SCOPES
from haulout.web.policy import ADDRESSES, GUARD_THEMSELVES, GUARDED_BY_TOKENS
from haulout.web.server import THREADS, options

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
OURS = {"Sec-Fetch-Site": "same-origin"}
ASKERS = {"nobody": 0, "half an operator": 0, **{role.value: role.rank for role in Role}}
"""Who asks, and their rank."""
REFUSED = {400, 401, 403, 404, 405, 413}
ATTACKS = """
/api/projects /api/projects/ /api/projects/1 /api/projects/1/ /api/projects/1/export /api/projects/1/import
/api/projects/1/tasks/ /api/projects/1/validate/ /api/projects/1/label-stream-history /api/projects/1/next/
/api/users /api/users/ /api/users/1/ /api/current-user/whoami /api/current-user/token /api/current-user/reset-token/
/api/webhooks /api/webhooks/ /api/webhooks/1/ /api/tasks /api/tasks/1/ /api/tasks/1/annotations
/api/tasks/1/annotations/ /api/tasks/1/drafts /api/tasks/1/predictions /api/annotations/1 /api/annotations/1/
/api/drafts/1 /api/predictions/ /api/ml /api/ml?project=1 /api/import/ /api/storages/ /api/storages/localfiles
/api/storages/export/ /api/dm/actions?id=next_task /api/dm/actions?id=delete_tasks /api/dm/columns /api/dm/project
/api/dm/views /api/dm/views/1/ /api/invite /api/invite/reset-token /api/organizations/ /api/organizations/1/memberships
/api/jwt/settings /api/token/ /api/token/refresh/ /api/label_links /api/version /api/health /api/import/file-upload/1
/projects /projects/ /projects/1 /projects/1/data /projects/1/data?labeling=1 /projects/1/settings /projects/create
/user/signup /user/signup/ /user/signup/?token=x /user/login /user/login/ /user/account /logout /organization /people/1
/admin /admin/ /django-rq/ /docs/api /version /static/../../secrets.json /static/%2e%2e/%2e%2e/secrets.json
/data/local-files /data/local-files/ /data/local-files/?d=originals/x.jpg /data/local-files/?d=../../secrets.json
/data/upload/1/x.jpg /tasks/1/presign/?fileuri=czM6Ly9i /tasks/1/resolve/?fileuri=czM6Ly9i /uploads/1/x.jpg
/haulout/start?project=1 /sentry-debug /react-app/main.js /label-studio /label-studio/api/users /metrics/../api/users
/desk/editor/../../api/users /desk/editor/%2e%2e/%2e%2e/secrets.json /handbook/pictures/%2e%2e/operator.en.md
/.env /secrets.json /haulout.sqlite /originals /public
""".split()
"""What a stranger who signed up did in Label Studio itself, its addresses as its editor and its scripts know them."""


@pytest.fixture
def home(empty_home):
    settings = empty_home.settings.model_copy(update={"secret_key": "key", "sign_up": "open"})
    return replace(empty_home, settings=settings)


@pytest.fixture
def real(home) -> Flask:
    return create_app(home)


@pytest.fixture
def app(real: Flask) -> Flask:
    """Return the pages with nothing behind their addresses: whoever is let through reads "reached"."""
    for endpoint in real.view_functions:
        real.view_functions[endpoint] = lambda **_names: "reached"
    return real


def client_of(app: Flask, who: str) -> FlaskClient:
    if who in {role.value for role in Role}:
        return enters(app.test_client(), Role(who))
    client = app.test_client()
    client.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    if who == "half an operator":
        services = app.extensions["haulout"].services
        with writing(services.database) as session:
            number = uuid4().hex
            row = AccountRow(id=number, name="half", folded=number, role="operator", created_at=services.now())
            session.add(row)
            session.flush()
            client.set_cookie("haulout", sessions.begin(session, row, services.now(), complete=False))
    return client


def path_of(app: Flask, rule: Rule) -> str:
    return str(app.url_map.bind("localhost").build(rule.endpoint, dict.fromkeys(rule.arguments, "1")))


def endpoint_of(app: Flask, path: str, method: str) -> str | None:
    """Return what answers at the path, None when nothing takes the method."""
    try:
        return str(app.url_map.bind("localhost").match(path, method)[0])
    except MethodNotAllowed:
        return None


def guarded(app: Flask) -> Iterator[Rule]:
    """Give the addresses that ask for a session."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in GUARD_THEMSELVES and not rule.endpoint.startswith(f"{GUARDED_BY_TOKENS}."):
            yield rule


def reached(answer: Response, method: str) -> bool:
    return answer.status_code == 200 and (method in ("HEAD", "OPTIONS") or answer.text == "reached")


def test_every_address_has_a_policy_and_every_policy_an_address(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    known = set(ADDRESSES) | GUARD_THEMSELVES | set(SCOPES)

    assert endpoints - known == set(), "say in web/policy.py whose they are"
    assert known - endpoints == set(), "they are gone"
    assert not set(ADDRESSES) & GUARD_THEMSELVES


@pytest.mark.parametrize("who", ASKERS)
def test_an_address_without_a_policy_is_nobody_s(app, who):
    app.add_url_rule("/new", "new", lambda: "reached", methods=METHODS)

    answers = [client_of(app, who).open("/new", method=method) for method in METHODS]

    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize("who", ASKERS)
def test_each_role_reaches_what_is_its_own_and_nothing_else(app, who):
    client, wrong, asked = client_of(app, who), [], {path_of(app, rule) for rule in guarded(app)}
    for path, method in product(sorted(asked), METHODS):
        answer = client.open(path, method=method)
        endpoint = endpoint_of(app, path, method)
        may = endpoint is not None and ASKERS[who] >= ADDRESSES[endpoint]
        if reached(answer, method) is not may:
            wrong.append((endpoint, path, method, answer.status_code))
        elif endpoint is not None and not may and answer.status_code not in (302, 401, 403):
            wrong.append((endpoint, path, method, answer.status_code))

    assert wrong == [] and len(asked) > 40


@pytest.mark.parametrize("who", ["nobody", "half an operator"])
def test_who_is_not_signed_in_is_asked_to_and_then_led_back(app, who):
    client = client_of(app, who)
    answer = client.get("/photos?camera=CAM1", headers={"Accept": "text/html"})

    way_in = "/sign-in" if who == "nobody" else "/sign-in/code"
    assert (answer.status_code, answer.location) == (302, f"{way_in}?then=/photos?camera%3DCAM1")
    assert client.get("/photos", headers={"Accept": "application/json"}).status_code == 401
    assert client.post("/desk/next", json={}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},  # another host of the same domain
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Referer": "http://localhost/"},
    ],
    ids=str,
)
def test_no_other_site_s_page_changes_anything(app, headers):
    client = enters(app.test_client())
    del client.environ_base["HTTP_SEC_FETCH_SITE"]
    unsafe = [(rule, method) for rule in guarded(app) for method in UNSAFE if method in rule.methods]

    answers = {
        (rule.endpoint, method): client.open(path_of(app, rule), method=method, headers=headers).status_code
        for rule, method in unsafe
    }

    assert set(answers.values()) == {403} and len(answers) > 10


def test_a_browser_that_tells_only_the_origin_is_known_by_it_also_behind_a_proxy(home):
    settings = home.settings.model_copy(update={"public_url": "https://walrus.example"})
    app = create_app(replace(home, settings=settings))
    for origin, status in (("http://localhost", 303), ("https://walrus.example", 303), ("https://other.example", 403)):
        assert app.test_client().post("/sign-out", headers={"Origin": origin}).status_code == status


def test_every_address_for_programs_says_what_a_token_must_open(real):
    rules = [rule for rule in real.url_map.iter_rules() if rule.endpoint.startswith(f"{GUARDED_BY_TOKENS}.")]
    operator = enters(real.test_client())

    assert {rule.endpoint for rule in rules} == set(SCOPES)
    assert {endpoint for endpoint, scope in SCOPES.items() if scope is None} == {"api.openapi"}
    for rule in rules:
        wanted = 401 if SCOPES[rule.endpoint] else 200
        assert operator.get(path_of(real, rule)).status_code == wanted, "a session is no token"


@pytest.mark.parametrize("endpoint", sorted(GUARD_THEMSELVES))
def test_what_guards_itself_does_so(real, endpoint):
    path = next(path_of(real, rule) for rule in real.url_map.iter_rules() if rule.endpoint == endpoint)
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    for who in ASKERS:
        client = client_of(real, who)
        answers = [client.open(path, method=method, environ_overrides=elsewhere) for method in ("GET", "POST")]
        assert {answer.status_code for answer in answers} <= {401, 403, 405}


def test_behind_a_proxy_nobody_reads_the_metrics_as_this_machine(home):
    settings = home.settings.model_copy(update={"public_url": "https://walrus.example"})

    assert create_app(home).test_client().get("/metrics").status_code == 200
    assert create_app(replace(home, settings=settings)).test_client().get("/metrics").status_code == 401


@pytest.mark.parametrize("who", ASKERS)
def test_no_path_of_label_studio_leads_anywhere(real, who):
    client, let_through = client_of(real, who), []
    for path in ATTACKS:
        for method in METHODS:
            answer = client.open(path, method=method, json={} if method in UNSAFE else None)
            if answer.status_code not in REFUSED and not _is_page_of_ours(real, path, method, answer):
                let_through.append((path, method, answer.status_code))

    assert let_through == []


def _is_page_of_ours(app: Flask, path: str, method: str, answer: Response) -> bool:
    """Say whether the path is one of our own, by chance: then the matrix above speaks of it."""
    adapter = app.url_map.bind("localhost")
    bare = path.partition("?")[0]
    return bool(method in ("GET", "HEAD", "OPTIONS") and adapter.test(bare, "GET") and answer.status_code in (200, 302))


@pytest.fixture
def ask(real: Flask) -> Iterator[Callable[..., tuple[int, str]]]:
    """Return a function that asks the server that people reach, with the path exactly as it is given."""
    server = create_server(real, host="127.0.0.1", port=0, threads=THREADS, **options(proxied=False))
    threading.Thread(target=server.run, daemon=True).start()
    lines: dict[str, HTTPConnection] = {}

    def ask(who: str, cookie: str, method: str, path: str) -> tuple[int, str]:
        line = lines.setdefault(who, HTTPConnection("127.0.0.1", server.effective_port, timeout=30))
        headers = {"Cookie": f"haulout={cookie}", **OURS} if cookie else OURS
        line.request(method, path, headers=headers)
        answer = line.getresponse()
        return answer.status, answer.read().decode(errors="replace")

    yield ask
    for line in lines.values():
        line.close()
    server.close()


def test_over_the_line_each_role_reaches_the_same_and_no_path_of_label_studio(app, ask):
    wrong, asked = [], {path_of(app, rule) for rule in guarded(app)}
    for who, rank in ASKERS.items():
        kept = client_of(app, who).get_cookie("haulout")
        cookie = kept.value if kept else ""
        for path, method in product(sorted(asked), ("GET", "POST")):
            endpoint = endpoint_of(app, path, method)
            status, text = ask(who, cookie, method, path)
            may = endpoint is not None and rank >= ADDRESSES[endpoint]
            if ((status, text) == (200, "reached")) is not may:
                wrong.append((who, method, path, status))
        for path, method in product(ATTACKS, ("GET", "POST", "DELETE")):
            status, text = ask(who, cookie, method, path)
            if text == "reached" and endpoint_of(app, path.partition("?")[0], method) is None:
                wrong.append((who, method, path, status))

    assert wrong == [] and len(asked) > 40


def test_a_session_that_is_over_opens_nothing(real, home):
    client = enters(real.test_client())
    assert client.get("/photos").status_code == 200
    later = replace(home, now=lambda: home.now() + timedelta(hours=13))
    browser = create_app(later).test_client()
    browser.set_cookie("haulout", client.get_cookie("haulout").value)

    assert browser.get("/photos").status_code == 401
    for rubbish in ("", "x", "'; DROP TABLE session; --", "é" * 10, "a" * 4000):
        client.set_cookie("haulout", rubbish)
        assert client.get("/photos").status_code == 401


def test_links_lead_only_where_the_reader_may_go(real):
    for role in Role:
        client = enters(real.test_client(), role)
        page = client.get("/account").text
        for path in {part.split('"')[0] for part in page.split('href="')[1:]} - {"#content"}:
            assert client.get(path, follow_redirects=True).status_code == 200, (role, path)


def test_who_asks_is_looked_up_once_and_not_for_styles(real):
    client = enters(real.test_client())
    with client:
        client.get("/static/haulout.css")
        assert g.asker is None and request.endpoint == "static"
        client.get("/account")
        assert g.asker.role is Role.OPERATOR
