"""Passwords: long enough, not among those that are guessed first, and kept as Argon2id alone."""

from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn  # type: ignore[import-untyped]

from haulout.accounts.refusals import Reason, Refused

SHORTEST, LONGEST = 8, 128
LEAST_SCORE = 3
"""Of zxcvbn: more than 10^8 guesses."""
ESTIMATED = 72
"""Signs that zxcvbn is given: it needs long for more, and so many are enough."""
# OWASP's Password Storage Cheat Sheet: Argon2id, 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def check(password: str, known: Iterable[str]) -> None:
    """Refuse a password that somebody who knows these words about the person would soon guess."""
    if len(password) < SHORTEST:
        raise Refused(Reason.PASSWORD_SHORT, f"A password has at least {SHORTEST} signs.")
    if len(password) > LONGEST:
        raise Refused(Reason.PASSWORD_LONG, f"A password has at most {LONGEST} signs.")
    words = ["haulout", "walrus", *(part for word in known for part in (word, *word.split()) if part)]
    guessed = zxcvbn(password[:ESTIMATED], user_inputs=words)
    if guessed["score"] < LEAST_SCORE:
        warning = str(guessed["feedback"]["warning"] or "")
        raise Refused(Reason.PASSWORD_GUESSED, f"This password is soon guessed. {warning}".strip(), detail=warning)


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _HASHER.hash(password)


def matches(kept: str, password: str) -> bool:
    """Say whether this is the password; where none is kept, no password is, and finding out takes as long."""
    try:
        return _HASHER.verify(kept or _nobodys(), password[:LONGEST]) and bool(kept) and len(password) <= LONGEST
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Say whether a password is to be hashed anew, because what is thought safe has changed."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    return _HASHER.hash("nobody's")
