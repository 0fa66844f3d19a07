"""Why somebody is not let in; pages say it in the person's language, by the reason."""

from enum import StrEnum

from haulout.errors import HauloutError


class Reason(StrEnum):
    """What a person can do something about."""

    NAME_LENGTH = "name length"
    NAME_SIGNS = "name signs"
    NAME_TAKEN = "name taken"
    EMAIL = "email"
    PASSWORD_SHORT = "password short"  # noqa: S105  (a reason, no password)
    PASSWORD_LONG = "password long"  # noqa: S105
    PASSWORD_GUESSED = "password guessed"  # noqa: S105
    WRONG = "wrong"
    WRONG_CODE = "wrong code"
    WAIT = "wait"
    CLOSED = "closed"
    NO_INVITE = "no invite"
    NO_PROOF = "no proof"
    TOO_QUICK = "too quick"
    LINK_OVER = "link over"


class Refused(HauloutError):
    """Somebody may not sign up, sign in or change this."""

    def __init__(self, reason: Reason, words: str, *, detail: str = "", seconds: float = 0) -> None:
        super().__init__(words)
        self.reason = reason
        self.detail = detail
        """What a library says of a password."""
        self.seconds = seconds
        """After so many it may be tried again."""


class UnknownAccount(HauloutError):
    """Nobody of that name has an account."""
