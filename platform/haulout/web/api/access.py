"""Who may ask what: a token in the Authorization header, and the scope that each address wants."""

from http import HTTPStatus

from flask import g, request

from haulout.db import reading
from haulout.tokens import Scope, recognise
from haulout.web.api.problems import refuse
from haulout.web.here import here

REALM = 'Bearer realm="Haulout"'
NOBODY: frozenset[Scope] = frozenset()


def admit(wanted: Scope | None) -> frozenset[Scope]:
    """Return what the asker's token opens, or break the request off; None wants no token."""
    if wanted is None:
        return NOBODY
    scopes = _scopes()
    if wanted not in scopes:
        refuse(
            HTTPStatus.FORBIDDEN,
            f"This wants a token with the scope {wanted}.",
            headers={"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{wanted}"'},
        )
    return scopes


def admitted() -> frozenset[Scope]:
    """Return what the asker of this request may see."""
    scopes: frozenset[Scope] = g.scopes
    return scopes


def _scopes() -> frozenset[Scope]:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        refuse(
            HTTPStatus.UNAUTHORIZED,
            "This wants a token: send `Authorization: Bearer TOKEN`. `haulout token make NAME` makes one.",
            headers={"WWW-Authenticate": REALM},
        )
    with reading(here().services.database) as session:
        scopes = recognise(session, token.strip(), here().services.now())
    if scopes is None:
        refuse(
            HTTPStatus.UNAUTHORIZED,
            "The token is unknown, expired or revoked. `haulout token list` shows those there are.",
            headers={"WWW-Authenticate": f'{REALM}, error="invalid_token"'},
        )
    return scopes
