"""Each address opens to the tokens it declares, and to nobody else; no route is left out of this."""

import logging

import pytest
from flask import Flask

from haulout.testing import enters
from haulout.tokens import Scope, revoke_token
from haulout.web import create_app
from haulout.web.api.routes import SCOPES

TOKENS = ("none", "read", "people", "places", "expired", "revoked", "rubbish", "basic")


def rules(app: Flask) -> list:
    """Every route of the application below /api/, however it came there."""
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]


def headers(make_header, kind: str) -> dict[str, str]:
    """Return what somebody sends; a token for places must read as well."""
    match kind:
        case "none":
            return {}
        case "rubbish":
            return {"Authorization": "Bearer rubbish'; DROP TABLE token; --"}
        case "basic":
            return {"Authorization": "Basic dXNlcjpwYXNz"}
        case "expired":
            return make_header("people", "read", days=1, ago=2)
        case "revoked":
            return make_header("people", "read", revoked=True)
        case "places":
            return make_header("places", "read")
    return make_header(kind)


def wanted(scope: Scope | None, kind: str) -> int:
    opens = {"read": {"read"}, "people": {"people"}, "places": {"places", "read"}}
    if scope is None:
        return 200
    if kind not in opens:
        return 401
    return 200 if scope in opens[kind] else 403


def test_every_route_declares_its_scope(interface: Flask) -> None:
    assert len(rules(interface)) >= 18
    assert {rule.endpoint for rule in rules(interface)} == set(SCOPES)


@pytest.mark.parametrize("kind", TOKENS)
def test_every_route_opens_to_the_tokens_it_declares_and_to_no_other(interface, make_header, told, kind) -> None:
    client, sent = interface.test_client(), headers(make_header, kind)
    got, want = {}, {}
    for rule in rules(interface):
        path = rule.rule.replace("<", "{").replace(">", "}").format(**told.names)
        site = {"site": "Matveyev Island"} if rule.endpoint in ("api.effort", "api.disturbances") else {}
        answer = client.get(path, headers=sent, query_string=site)
        got[rule.endpoint] = answer.status_code
        want[rule.endpoint] = wanted(SCOPES[rule.endpoint], kind)
        if answer.status_code in (401, 403):
            assert answer.mimetype == "application/problem+json" and answer.json["status"] == answer.status_code
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Haulout"')
    assert got == want


def test_a_route_that_declares_nothing_is_closed_to_everybody(told, make_header, monkeypatch) -> None:
    scopes = {name: scope for name, scope in SCOPES.items() if name != "api.version"}
    monkeypatch.setattr("haulout.web.api.routes.SCOPES", scopes)

    answer = create_app(told.services).test_client().get("/api/v1/version", headers=make_header("read"))

    assert answer.status_code == 404


def test_the_refusal_says_what_is_missing(interface, make_header) -> None:
    client = interface.test_client()
    nobody = client.get("/api/v1/people")
    wrong = client.get("/api/v1/people", headers={"Authorization": "Bearer x"})
    little = client.get("/api/v1/people", headers=make_header("read"))

    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="Haulout"', "RFC 6750: no error when no token was given"
    assert 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope", scope="people"' in little.headers["WWW-Authenticate"]
    assert "people" in little.json["detail"] and "haulout token make" in nobody.json["detail"]


def test_a_token_is_refused_from_the_moment_it_is_revoked(interface, make_header, told) -> None:
    client, header = interface.test_client(), make_header("read")
    before = client.get("/api/v1/version", headers=header).status_code
    revoke_token(told.services, "token-0")

    assert (before, client.get("/api/v1/version", headers=header).status_code) == (200, 401)


def test_a_token_is_written_nowhere(interface, make_header, told, caplog) -> None:
    client, header = interface.test_client(), make_header("read")
    secret = header["Authorization"].removeprefix("Bearer ")
    with told.services.database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE occupancy RENAME TO lost")

    with caplog.at_level(logging.DEBUG):
        told_of = [
            client.get("/api/v1/occupancy", headers=header),
            client.get("/api/v1/people", headers=header),
            client.get(f"/api/v1/sites?token={secret}", headers=header),
            client.get("/api/v1/sites", headers={"Authorization": f"Bearer {secret}x"}),
        ]

    assert [answer.status_code for answer in told_of] == [500, 403, 422, 401]
    assert told_of[0].mimetype == "application/problem+json" and "lost" not in told_of[0].text
    assert "A page could not be made" in caplog.text
    assert secret not in caplog.text + "".join(answer.text for answer in told_of)
    for path in told.services.settings.home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_what_a_token_opened_is_stored_by_nobody_on_its_way(interface, make_header) -> None:
    answer = interface.test_client().get("/api/v1/sites", headers=make_header("read"))

    assert answer.headers["Cache-Control"] == "no-store" and "Authorization" in answer.headers["Vary"]


def test_the_pages_want_somebody_signed_in_and_no_token(interface, make_header) -> None:
    nobody, operator, paths = interface.test_client(), enters(interface.test_client()), ("/", "/photos", "/api")

    assert [operator.get(path).status_code for path in paths] == [200, 200, 200]
    assert [nobody.get(path, headers=make_header("read")).status_code for path in paths] == [302, 401, 401]
