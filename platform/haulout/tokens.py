"""Keys to the programming interface: shown once when made, known afterwards by their SHA-256 alone."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from haulout.db import reading, writing
from haulout.errors import BadToken, UnknownToken
from haulout.services import Services
from haulout.tables import TokenRow

PREFIX = "haulout_"
"""Tells people, and programs that look for leaked secrets, what the string opens."""
BYTES = 32
LONGEST_DAYS = 3650
_NAME = re.compile(r"[\w.-]{1,64}")


class Scope(StrEnum):
    """What a token opens."""

    READ = "read"
    """All that is public."""
    PEOPLE = "people"
    """Pseudonyms, and what each person said."""
    PLACES = "places"
    """True coordinates, in what `read` shows."""


class TokenState(StrEnum):
    """Whether a token still opens anything."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


def make_token(
    services: Services,
    name: str,
    scopes: Iterable[str],
    days: int,
    draw: Callable[[int], str] = secrets.token_urlsafe,
) -> str:
    """Write down a new token under a name that no token ever had, and return it; nobody can read it again."""
    wanted = _checked(name, scopes, days)
    token = PREFIX + draw(BYTES)
    now = services.now()
    with writing(services.database) as session:
        if session.exec(select(TokenRow).where(TokenRow.name == name)).first():
            raise BadToken(f"A token named {name!r} was made before. Choose another; `haulout token list` shows all.")
        row = TokenRow(name=name, sha256=_digest(token), scopes=wanted, created_at=now)
        row.expires_at = now + timedelta(days=days)
        session.add(row)
    return token


def list_tokens(services: Services) -> list[tuple[TokenRow, TokenState]]:
    """Return all tokens ever made, oldest first."""
    now = services.now()
    with reading(services.database) as session:
        return [(row, state_of(row, now)) for row in session.exec(select(TokenRow).order_by(col(TokenRow.id)))]


def revoke_token(services: Services, name: str) -> None:
    """Let the token open nothing from now on; once more changes nothing."""
    with writing(services.database) as session:
        row = session.exec(select(TokenRow).where(TokenRow.name == name)).first()
        if row is None:
            raise UnknownToken(f"No token is named {name!r}. `haulout token list` shows all.")
        row.revoked_at = row.revoked_at or services.now()
        session.add(row)


def recognise(session: Session, token: str, now: datetime) -> frozenset[Scope] | None:
    """Return what the token opens, None when it is unknown, expired or revoked.

    It is looked up by its SHA-256, so that the time this takes tells nothing of the tokens there are.
    """
    row = session.exec(select(TokenRow).where(TokenRow.sha256 == _digest(token))).first()
    if row is None or state_of(row, now) is not TokenState.VALID:
        return None
    return frozenset(scope for scope in Scope if scope.value in row.scopes)


def state_of(row: TokenRow, now: datetime) -> TokenState:
    """Return whether the token opens anything at this time."""
    if row.revoked_at is not None:
        return TokenState.REVOKED
    return TokenState.EXPIRED if row.expires_at is not None and row.expires_at <= now else TokenState.VALID


def _checked(name: str, scopes: Iterable[str], days: int) -> list[str]:
    wanted = sorted({scope.strip() for scope in scopes} - {""})
    if not _NAME.fullmatch(name):
        raise BadToken(f"The name {name!r} is not made of 1 to 64 letters, digits, '.', '-' and '_'.")
    if unknown := [scope for scope in wanted if scope not in set(Scope)]:
        raise BadToken(f"There is no scope {unknown[0]!r}; the scopes are {', '.join(Scope)}.")
    if not wanted:
        raise BadToken(f"A token without a scope opens nothing; the scopes are {', '.join(Scope)}.")
    if wanted == [Scope.PLACES]:
        raise BadToken("The scope places adds true coordinates to what read shows: give read,places.")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadToken(f"A token cannot be valid for {days} days; give 1 to {LONGEST_DAYS}.")
    return wanted


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
