"""Which days and which individuals are kept for the exam, for ever and without a stored list."""

from datetime import date
from hashlib import sha256

from labeling_configs.vocabulary import IndividualId


def is_exam(site: str, day: date | None, share: float, salt: str) -> bool:
    """Say whether all photos of a site's day belong to the exam; of undated photos the site can name their own key.

    `day` is the day a burst began, so that a burst over midnight stays on one side.
    """
    return _place("day", site, day.isoformat() if day else "undated", salt) < share


def is_held_out(site: str, day: str, share: float, salt: str) -> bool:
    """Say whether a site's training day is only looked at: networks are stopped and calibrated on it, and chosen by it.

    For ever, so that a network that goes on learning has never learned from such a day either.
    """
    return _place("held out", site, day, salt) < share


def is_exam_individual(individual: IndividualId, share: float, salt: str) -> bool:
    """Say whether an individual belongs to the exam of the re-identifier."""
    return _place("individual", individual, salt) < share


def _place(*key: str) -> float:
    """Return a number in [0, 1) that depends on the key alone; raising the share later only ever adds to the exam."""
    digest = sha256("\x1f".join(key).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
