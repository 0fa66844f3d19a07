"""What people call themselves, and how two names are compared."""

import unicodedata

from haulout.accounts.refusals import Reason, Refused

SHORTEST, LONGEST = 2, 40
LONGEST_EMAIL = 254


def clean(name: str) -> str:
    """Return the name as it is shown: compatible signs unified, no spaces around or doubled; Refused for no name."""
    unified = unicodedata.normalize("NFKC", name)
    if any(unicodedata.category(sign)[0] in "CZ" and sign != " " for sign in unified.strip()):
        raise Refused(Reason.NAME_SIGNS, "A name holds no invisible signs.")
    cleaned = " ".join(unified.split())
    if not SHORTEST <= len(cleaned) <= LONGEST:
        raise Refused(Reason.NAME_LENGTH, f"A name has {SHORTEST} to {LONGEST} signs, this one {len(cleaned)}.")
    return cleaned


def folded(name: str) -> str:
    """Return the name as it is compared: big and small letters are the same."""
    return unicodedata.normalize("NFKC", " ".join(unicodedata.normalize("NFKC", name).split()).casefold())


def clean_email(email: str) -> str:
    """Return the address without spaces around, empty for none; nothing is ever sent there unasked."""
    cleaned = email.strip()
    before, at, after = cleaned.rpartition("@")
    if cleaned and not (at and before and "." in after and len(cleaned) <= LONGEST_EMAIL and cleaned.isprintable()):
        raise Refused(Reason.EMAIL, "This is no e-mail address.")
    return cleaned
