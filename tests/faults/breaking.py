"""Where work can break: statements and commits of the database, files, requests to Label Studio; the Nth one fails."""

import builtins
import errno
import io
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine

from haulout.errors import ServiceUnavailable

CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR)


@dataclass
class Nth:
    """Counts calls, and fails the Nth; 0 fails none."""

    fails: int
    made: int = 0

    @property
    def failed(self) -> bool:
        """Whether the call that was to fail was made."""
        return 0 < self.fails <= self.made

    def comes(self) -> bool:
        """Count one more call, and say whether it is to fail."""
        self.made += 1
        return self.made == self.fails


def database_error(number: int) -> sqlite3.OperationalError:
    """Return what SQLite raises: the disk is full, somebody else writes, the disk is broken."""
    error = sqlite3.OperationalError("a fault that was made for a test")
    error.sqlite_errorcode = CODES[number % len(CODES)]
    return error


@contextmanager
def database(engine: Engine, nth: Nth, *, after: bool = False) -> Iterator[None]:
    """Fail a statement or a commit; `after` fails commits only, once they are made: the answer was lost."""

    def failing(call: Callable[..., Any], first: Callable[..., Any] | None = None) -> Callable[..., Any]:
        def called(*arguments: Any, **more: Any) -> Any:
            if not nth.comes():
                return call(*arguments, **more)
            if first is not None:
                first(*arguments, **more)
            raise database_error(nth.fails)

        return called

    dialect = engine.dialect
    breaks = {"do_commit": failing(dialect.do_commit, dialect.do_commit if after else None)}
    if not after:
        names = ("do_execute", "do_executemany", "do_execute_no_params")
        breaks |= {name: failing(getattr(dialect, name)) for name in names}
    with ExitStack() as stack:
        for name, broken in breaks.items():
            stack.enter_context(patch.object(dialect, name, broken))
        yield


@contextmanager
def files(root: Path, nth: Nth) -> Iterator[None]:
    """Fail opening a file below the root for writing, making it durable, or giving it its name."""

    def is_ours(path: object) -> bool:
        return isinstance(path, str | os.PathLike) and Path(path).is_relative_to(root)

    def opening(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            if set(mode) & set("wax+") and is_ours(file) and nth.comes():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
            return call(file, mode, *arguments, **more)

        return called

    def failing(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(first: Any, *arguments: Any, **more: Any) -> Any:
            if (isinstance(first, int) or is_ours(first)) and nth.comes():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(first))
            return call(first, *arguments, **more)

        return called

    with ExitStack() as stack:
        stack.enter_context(patch.object(io, "open", opening(io.open)))
        stack.enter_context(patch.object(builtins, "open", opening(builtins.open)))
        for name in ("fsync", "rename", "replace", "mkdir", "write"):
            stack.enter_context(patch.object(os, name, failing(getattr(os, name))))
        yield


class Unsteady:
    """A Label Studio whose Nth request fails: before it was made, or `after`, when only its answer was lost."""

    def __init__(self, label_studio: Any, nth: Nth, *, after: bool) -> None:
        self._label_studio, self._nth, self._after = label_studio, nth, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._label_studio, name)
        if not callable(found):
            return found

        def asked(*arguments: Any, **more: Any) -> Any:
            if not self._nth.comes():
                return found(*arguments, **more)
            if self._after:
                found(*arguments, **more)
            raise ServiceUnavailable("Label Studio does not answer; it is safe to run this again.")

        return asked
