"""Long lists, page by page: a cursor says where the last page ended, so that new rows never shift what follows."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, tuple_
from sqlmodel.sql.expression import SelectOfScalar

from haulout.web.api.endpoint import Asked
from haulout.web.api.parameters import Paged
from haulout.web.api.problems import Wrong, refuse
from haulout.web.api.values import Value

Item = TypeVar("Item", bound=Value)
Row = TypeVar("Row")
PagedQuery = TypeVar("PagedQuery", bound=Paged)
Key = tuple[Any, ...]


class Listed(Value, Generic[Item]):
    """Some of many; `next` is the address of those that follow, null at the end."""

    items: tuple[Item, ...]
    next: str | None = None


def paged(
    asked: Asked[PagedQuery],
    query: SelectOfScalar[Row],
    keys: Sequence[Any],
    key: Callable[[Row], Key],
) -> tuple[list[Row], str | None]:
    """Return the rows of this page in the order of `keys`, which no two rows share, and the address of the next."""
    after = start(asked)
    if after is not None:
        query = query.where(after_key(keys, after))
    rows = list(asked.session.exec(query.order_by(*keys).limit(asked.query.limit + 1)))
    return cut(asked, rows, key)


def after_key(keys: Sequence[Any], after: Key) -> ColumnElement[bool]:
    """Say that a row comes after this key."""
    return tuple_(*keys) > tuple_(*after)


def cut(asked: Asked[PagedQuery], rows: list[Row], key: Callable[[Row], Key]) -> tuple[list[Row], str | None]:
    """Return as many rows as were wanted, and the address of the next page if there is one more."""
    if len(rows) <= asked.query.limit:
        return rows, None
    kept = rows[: asked.query.limit]
    cursor = _written(asked, key(kept[-1]))
    return kept, f"{asked.path}?{urlencode({**asked.given, 'cursor': cursor})}"


def start(asked: Asked[PagedQuery]) -> Key | None:
    """Return the key after which this page begins, None for the first page; a cursor of elsewhere is refused."""
    if asked.query.cursor is None:
        return None
    text, _, seal = asked.query.cursor.rpartition(".")
    if not compare_digest(_seal(asked, text).encode(), seal.encode()):
        wrong = Wrong(parameter="cursor", reason="is not one that this address gave; take it from `next`")
        refuse(HTTPStatus.UNPROCESSABLE_ENTITY, f"cursor {wrong.reason}", [wrong])
    return tuple(_read(part) for part in json.loads(urlsafe_b64decode(text)))


def _written(asked: Asked[PagedQuery], key: Key) -> str:
    text = urlsafe_b64encode(json.dumps([_plain(part) for part in key], separators=(",", ":")).encode()).decode()
    return f"{text}.{_seal(asked, text)}"


def _seal(asked: Asked[PagedQuery], text: str) -> str:
    """A cursor is only believed when it was made here, for this very address."""
    return asked.services.sealed(f"cursor:{asked.path}:{text}")


def _plain(part: object) -> object:
    if isinstance(part, datetime):
        return {"moment": part.isoformat()}
    return {"day": part.isoformat()} if isinstance(part, date) else part


def _read(part: Any) -> object:
    if not isinstance(part, dict):
        return part
    return datetime.fromisoformat(part["moment"]) if "moment" in part else date.fromisoformat(part["day"])


def all_of(items: Iterable[Item]) -> Listed[Item]:
    """Return a list that is told as a whole."""
    return Listed(items=tuple(items))
