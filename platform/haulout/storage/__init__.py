"""Where the bytes are: originals for ourselves, sanitised pictures for people, broken files in quarantine."""

from haulout.errors import StorageFull
from haulout.storage.files import CannotWrite
from haulout.storage.folders import MissingOriginal, Storage, Unreadable, sha256_of

__all__ = ["CannotWrite", "MissingOriginal", "Storage", "StorageFull", "Unreadable", "sha256_of"]
