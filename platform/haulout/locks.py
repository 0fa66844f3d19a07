"""One process at a time, by a lock that ends with its holder, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process holds the file's lock, and hold it; the file is made when missing."""
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
