"""Keeps bots from signing up without asking anybody else: the visitor's browser works for some seconds (ALTCHA)."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from altcha.v1 import ChallengeOptions, create_challenge, verify_solution

from haulout.accounts.refusals import Reason, Refused

LASTS = timedelta(minutes=30)
HARDEST = 200_000
"""Numbers that the browser tries at most: some seconds on an old telephone."""
QUICKEST = timedelta(seconds=3)
"""No person fills the form in less."""
LONGEST = 2000


class Doorkeeper:
    """Sets tasks and takes each solution once; what it has taken is forgotten with the process."""

    def __init__(self, secret_key: str, hardest: int = HARDEST) -> None:
        self._key = hashlib.sha256(f"proof of work:{secret_key}".encode()).hexdigest()
        self._hardest = hardest
        self._taken: dict[str, datetime] = {}
        self._lock = Lock()

    def task(self, now: datetime) -> dict[str, Any]:
        """Return what the browser is to solve, as JSON."""
        ends, at = now.replace(tzinfo=UTC) + LASTS, f"{now.replace(tzinfo=UTC).timestamp():.0f}"
        wish = ChallengeOptions(hmac_key=self._key, max_number=self._hardest, expires=ends, params={"at": at})
        return dict(create_challenge(wish).to_dict())

    def take(self, solution: str, now: datetime) -> None:
        """Refuse whoever brings no solution, an old one, one that was brought before, or one too quickly."""
        given = _read(solution)
        right, _ = verify_solution(given, self._key, check_expires=False)  # by our own clock, below
        if not right:
            raise Refused(Reason.NO_PROOF, "The browser has not finished its task.")
        at = _made_at(given["salt"])
        if at is None or now - at > LASTS:
            raise Refused(Reason.NO_PROOF, "The browser's task is over. Load the page anew.")
        if now - at < QUICKEST:
            raise Refused(Reason.TOO_QUICK, "Nobody fills the form in so quickly.")
        if not self._first(given["challenge"], now):
            raise Refused(Reason.NO_PROOF, "The browser's task was used before. Load the page anew.")

    def _first(self, challenge: str, now: datetime) -> bool:
        with self._lock:
            self._taken = {one: until for one, until in self._taken.items() if until > now}
            if challenge in self._taken:
                return False
            self._taken[challenge] = now + LASTS
            return True


def _read(solution: str) -> Any:
    try:
        given = json.loads(base64.b64decode(solution, validate=True)) if len(solution) <= LONGEST else None
    except (ValueError, RecursionError):
        given = None
    texts = ("algorithm", "challenge", "salt", "signature")
    if not isinstance(given, dict) or type(given.get("number")) is not int:
        return {}
    return given if all(isinstance(given.get(name), str) for name in texts) else {}


def _made_at(salt: str) -> datetime | None:
    told = [part.removeprefix("at=") for part in salt.partition("?")[2].split("&") if part.startswith("at=")]
    return datetime.fromtimestamp(int(told[0]), UTC).replace(tzinfo=None) if len(told) == 1 else None
