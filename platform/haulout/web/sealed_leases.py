"""What somebody was given, sealed for the way back: a lease that died with its process still takes its answer."""

import json
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken

from haulout.desk import Given
from haulout.sealing import fernet
from haulout.tables import ServedRow

LONGEST = 2000
"""Characters of a sealed lease, at most."""


class LeaseSeal:
    """Seals and opens the leases of one home."""

    def __init__(self, secret_key: str) -> None:
        self._fernet = fernet(secret_key, "lease")

    def close(self, given: Given, account: str, now: datetime) -> str:
        """Return what the page sends back with the answer."""
        told = [given.lease, given.task.id, account, now.isoformat(), given.until.isoformat(), given.task.model]
        return self._fernet.encrypt(json.dumps(told).encode()).decode()

    def open(self, sealed: Any, lease: str, account: str) -> ServedRow | None:
        """Return the lease as it was given, None when this account was not given it."""
        if not isinstance(sealed, str) or not sealed.isascii() or len(sealed) > LONGEST:
            return None
        try:
            name, task, owner, at, until, model = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        if (name, owner) != (lease, account):
            return None
        begun, ends = datetime.fromisoformat(at), datetime.fromisoformat(until)
        return ServedRow(id=name, task=task, account=owner, at=begun, until=ends, model=model, orderly=False)
