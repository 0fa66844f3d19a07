"""Where the bytes are: originals for ourselves, sanitised pictures for people, broken files in quarantine."""

from haulout.storage.files import StorageFull
from haulout.storage.folders import Storage

__all__ = ["Storage", "StorageFull"]
