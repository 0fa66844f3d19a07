"""How everything here logs: lines on a terminal, JSON under the supervisor, and never a secret or a true place."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

HIDDEN = "•••"
SHORTEST_SECRET = 6
"""Shorter settings are no secrets, and masking them would blot out ordinary words."""
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        r"(?<=haulout_)[\w-]{20,}",  # our own tokens, see `tokens.PREFIX`
        r"(?<=\bbearer )\S+",
        r"(?<=\bbasic )[a-z0-9+/=]{8,}",
        r"(?<=\btoken )[0-9a-f]{20,}",
        r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)",
        # Places: a number called so, and two numbers side by side that would name a spot of some metres.
        r"(?<=latitude)\W{1,4}-?\d+(?:\.\d+)?",
        r"(?<=longitude)\W{1,4}-?\d+(?:\.\d+)?",
        r"-?\b\d{1,3}\.\d{4,}\s*[,;]\s*-?\d{1,3}\.\d{4,}\b",
    )
)
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_known: ContextVar[dict[str, Any] | None] = ContextVar("known", default=None)


class Mask:
    """Blots out what nobody may read: the secrets given, and whatever has the shape of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[str] = []
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Blot out these too, also as an address writes them; the longest first, as one may be part of another."""
        spelled = {form for one in secrets if len(one) >= SHORTEST_SECRET for form in (one, quote(one, safe=""))}
        self._secrets = sorted({*self._secrets, *spelled}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for shape in _SHAPES:
            text = shape.sub(HIDDEN, text)
        return text


class Lines(logging.Formatter):
    """For people: time, level, who, what, and the fields that are known."""

    def __init__(self, mask: Mask) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self.mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        text = super().format(record)
        first, line, rest = text.partition("\n")
        return self.mask(f"{first} [{fields}]{line}{rest}" if fields else text)


class JsonLines(logging.Formatter):
    """For programs: one JSON object a line."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self.mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; whatever is not JSON becomes text."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        # Masked before it is JSON, where a secret with a quotation mark would read differently.
        return json.dumps(_masked(told | _fields(record), self.mask), ensure_ascii=False, default=str)


FORMS: dict[str, Callable[[Mask], Lines | JsonLines]] = {"plain": Lines, "json": JsonLines}


def set_up(form: Literal["plain", "json"], secrets: Iterable[str], stream: Any = None) -> logging.Handler:
    """Let this process log to standard error in this form, and to nowhere else; twice changes the form."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(FORMS[form](Mask(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if not isinstance(one.formatter, Lines | JsonLines)] + [handler]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "alembic", "torch"):  # every request to Label Studio, every plug-in, every cache
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler


def form() -> Literal["plain", "json"]:
    """Return how this process logs."""
    handlers = logging.getLogger().handlers
    return "json" if any(isinstance(one.formatter, JsonLines) for one in handlers) else "plain"


def hide(secrets: Iterable[str]) -> None:
    """Mask these too from now on: a new home makes its passwords after the log was set up."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, Lines | JsonLines):
            handler.formatter.mask.hide(secrets)


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Add these fields to everything that is logged inside, such as the run or the job it belongs to."""
    token = _known.set({**(_known.get() or {}), **fields})
    try:
        yield
    finally:
        _known.reset(token)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in vars(record).items() if name not in _ORDINARY}
    return {**(_known.get() or {}), **given}


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, dict):
        return {mask(str(name)): _masked(one, mask) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one, mask) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else mask(str(value))
