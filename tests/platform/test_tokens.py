"""A token is shown once, kept as a digest only, and opens what it was made for until it ends."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from haulout.db import reading
from haulout.errors import BadToken, UnknownToken
from haulout.tables import TokenRow
from haulout.tokens import Scope, TokenState, list_tokens, make_token, recognise, revoke_token


def opens(services, token: str, later: timedelta = timedelta()):
    with reading(services.database) as session:
        return recognise(session, token, services.now() + later)


def test_a_new_token_opens_its_scopes_until_its_last_day(services) -> None:
    token = make_token(services, "curve", ["people", " read", "read"], 30)

    assert opens(services, token) == {Scope.READ, Scope.PEOPLE}
    assert opens(services, token, timedelta(days=30, seconds=-1)) is not None
    assert opens(services, token, timedelta(days=30)) is None
    assert opens(services, token[:-1]) is None and opens(services, "") is None


def test_no_two_tokens_are_alike_and_only_digests_are_kept(services) -> None:
    tokens = [make_token(services, f"t{number}", ["read"], 1) for number in range(5)]

    with reading(services.database) as session:
        rows = list(session.exec(select(TokenRow)))
    assert len(set(tokens)) == 5 and all(len(token) > 45 for token in tokens)
    assert {row.sha256 for row in rows} == {hashlib.sha256(token.encode()).hexdigest() for token in tokens}
    kept = " ".join(str(value) for row in rows for value in row.model_dump().values())
    assert not [token for token in tokens if token in kept or token.removeprefix("haulout_") in kept]


def test_a_revoked_token_opens_nothing_and_the_first_revocation_stands(services) -> None:
    token = make_token(services, "lost", ["read"], 30)
    revoke_token(services, "lost")
    revoke_token(replace(services, now=lambda: services.now() + timedelta(days=3)), "lost")

    assert opens(services, token) is None
    ((row, state),) = list_tokens(services)
    assert (row.revoked_at, state) == (services.now(), TokenState.REVOKED)


def test_a_token_that_ended_is_listed_as_expired(services) -> None:
    make_token(services, "old", ["read"], 2)
    later = replace(services, now=lambda: services.now() + timedelta(days=2))

    assert [(row.name, state) for row, state in list_tokens(later)] == [("old", TokenState.EXPIRED)]


@pytest.mark.parametrize(
    ("name", "scopes", "days", "reason"),
    [
        ("x", ["write"], 30, "no scope 'write'"),
        ("x", ["", " "], 30, "without a scope"),
        ("x", ["places"], 30, "read,places"),
        ("x", ["read"], 0, "0 days"),
        ("x", ["read"], 10**12, "days"),
        ("", ["read"], 30, "name"),
        ("a b", ["read"], 30, "name"),
        ("[red]", ["read"], 30, "name"),
        ("taken", ["read"], 30, "made before"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_the_reason(services, name, scopes, days, reason) -> None:
    make_token(services, "taken", ["read"], 30)

    with pytest.raises(BadToken, match=reason):
        make_token(services, name, scopes, days)

    assert len(list_tokens(services)) == 1


def test_the_name_of_a_revoked_token_is_not_given_again(services) -> None:
    make_token(services, "mine", ["read"], 30)
    revoke_token(services, "mine")

    with pytest.raises(BadToken):
        make_token(services, "mine", ["read"], 30)


def test_a_token_that_nobody_made_cannot_be_revoked(services) -> None:
    with pytest.raises(UnknownToken, match="haulout token list"):
        revoke_token(services, "nobody")
