"""Keys for what only this home may open: one for each purpose, all made from the home's secret key."""

import hashlib
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet


def fernet(secret_key: str, purpose: str) -> Fernet:
    """Return what seals and opens for one purpose (Fernet: AES-128-CBC and HMAC-SHA256, from `cryptography`)."""
    return Fernet(urlsafe_b64encode(hashlib.sha256(f"{purpose}:{secret_key}".encode()).digest()))
