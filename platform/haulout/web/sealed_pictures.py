"""Addresses of pictures that open for one account, for a while, and tell nothing of what they show."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from cryptography.fernet import InvalidToken
from flask import url_for

from haulout.label_studio import local_file_url
from haulout.sealing import fernet

LONGER = timedelta(hours=1)
"""How long an address outlives the lease: an answer is taken after it as well, and its feedback shows the picture."""
_ADDRESS = re.compile(re.escape(local_file_url("x")[:-1]) + r"([A-Za-z0-9%._/-]+)")


class Seal:
    """Seals and opens the addresses of one home."""

    def __init__(self, secret_key: str) -> None:
        self._fernet = fernet(secret_key, "picture")

    def replace(self, value: Any, account: str, until: datetime) -> Any:
        """Return a task's data with each address of Label Studio's pictures replaced by one of ours."""
        if isinstance(value, str):
            return _ADDRESS.sub(lambda found: self._address(unquote(found[1]), account, until), value)
        if isinstance(value, list):
            return [self.replace(one, account, until) for one in value]
        if isinstance(value, dict):
            return {name: self.replace(one, account, until) for name, one in value.items()}
        return value

    def open(self, sealed: str, account: str, now: datetime) -> str | None:
        """Return which file of the public folder is meant, None when this account may not see it (any more)."""
        try:
            path, owner, until = json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        return str(path) if owner == account and now.replace(tzinfo=UTC).timestamp() < until else None

    def _address(self, path: str, account: str, until: datetime) -> str:
        ends = (until + LONGER).replace(tzinfo=UTC).timestamp()
        sealed = self._fernet.encrypt(json.dumps([path, account, ends]).encode()).decode()
        return url_for("desk.picture", sealed=sealed)
