"""The second factor: codes that an app on a telephone makes from a secret and the time (RFC 6238)."""

import hmac
from datetime import UTC, datetime, timedelta

import pyotp
from cryptography.fernet import InvalidToken

from haulout.sealing import fernet

STEP = 30
"""Seconds that a code is valid; one step before and after are taken as well, for clocks that differ."""
OFFER_LASTS = timedelta(minutes=20)


class SecondFactors:
    """Makes, seals and tries the secrets of one home."""

    def __init__(self, secret_key: str) -> None:
        self._fernet = fernet(secret_key, "second factor")

    def offer(self, account: str, now: datetime) -> str:
        """Return a new secret, sealed for this account; it counts once a code made from it was shown."""
        return self._fernet.encrypt_at_time(f"{account}:{pyotp.random_base32()}".encode(), _seconds(now)).decode()

    def is_fresh(self, sealed: str, account: str, now: datetime) -> bool:
        """Say whether the secret was offered to this account, and lately."""
        try:
            self._fernet.decrypt_at_time(sealed, int(OFFER_LASTS.total_seconds()), _seconds(now))
        except InvalidToken:
            return False
        return self._open(sealed, account) is not None

    def address(self, sealed: str, account: str, name: str) -> str:
        """Return what the app reads from the QR code."""
        return pyotp.TOTP(self._open(sealed, account) or "").provisioning_uri(name=name, issuer_name="Haulout")

    def secret(self, sealed: str, account: str) -> str:
        """Return the secret, for those who type it into their app."""
        return self._open(sealed, account) or ""

    def step(self, sealed: str, account: str, code: str, now: datetime, *, after: int = 0) -> int | None:
        """Return the time step to which the code belongs, None for a wrong one or one that was used before."""
        secret, given = self._open(sealed, account), "".join(code.split())
        if secret is None or not given.isascii():
            return None
        present = _seconds(now) // STEP
        steps = [step for step in (present - 1, present, present + 1) if step > after]
        right = [step for step in steps if hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step), given)]
        return max(right, default=None)

    def _open(self, sealed: str, account: str) -> str | None:
        try:
            whose, _, secret = self._fernet.decrypt(sealed).decode().partition(":")
        except InvalidToken:
            return None
        return secret if whose == account else None


def _seconds(now: datetime) -> int:
    return int(now.replace(tzinfo=UTC).timestamp())
