"""Photos in the order they were taken, read on from one of them: the last page comes as quickly as the first.

Nothing is counted off, and nothing is read but the two indexes of `photo` that hold the order.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, literal, tuple_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from haulout.tables import PhotoRow

Condition = ColumnElement[bool]


def onwards(
    session: Session,
    conditions: Sequence[Condition],
    here: PhotoRow | None = None,
    *,
    most: int,
    backwards: bool = False,
    one_camera: bool = False,
    timed: bool = False,
) -> list[str]:
    """Return at most so many photos that fulfil the conditions, the nearest first: those after `here`, or before it.

    Without `here` they are the first ones of all, or the last. Photos without a time come before all others.
    `one_camera` says that all of them are of one site and camera, whose index then is used; `timed` that
    all have a time.
    """
    kinds = [True, False] if not backwards else [False, True]
    left = kinds if here is None else kinds[kinds.index(here.taken_at is None) :]
    found: list[str] = []
    for timeless in (kind for kind in left if not (kind and timed)):
        start = here if here is not None and (here.taken_at is None) is timeless else None
        query = _of_kind(timeless, start, one_camera=one_camera, backwards=backwards).where(*conditions)
        if len(found) < most:
            found += session.exec(query.limit(most - len(found)))
    return found


def _of_kind(timeless: bool, start: PhotoRow | None, *, one_camera: bool, backwards: bool) -> SelectOfScalar[str]:
    key = [col(PhotoRow.taken_at), *([] if one_camera else [col(PhotoRow.camera)]), col(PhotoRow.id)]
    moment = col(PhotoRow.taken_at)
    query = select(PhotoRow.id).where(moment.is_(None) if timeless else moment.is_not(None))
    if start is not None:
        query = query.where(_beyond(key[1:] if timeless else key, start, backwards=backwards))
    return query.order_by(*(column.desc() if backwards else column for column in key))


def _beyond(key: Sequence[Any], start: PhotoRow, *, backwards: bool) -> Condition:
    """Compare the key as a whole: databases then start reading in the index at `start`."""
    columns, place = tuple_(*key), tuple_(*(literal(getattr(start, column.key), column.type) for column in key))
    return columns < place if backwards else columns > place
