"""What a task carries so that it can be known again when the database is lost: its rows, sealed.

Whoever looks at the task in Label Studio must not learn which photo it shows or whether its answer is known, so the
rows are encrypted (Fernet: AES-128-CBC and HMAC-SHA256, from the library `cryptography`) with a key of this home.
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any

from cryptography.fernet import InvalidToken
from sqlmodel import Session, SQLModel, col, select

from haulout.errors import HauloutError
from haulout.journal import as_kept, as_row
from haulout.sealing import fernet
from haulout.tables import AnimalRow, BatchRow, ChosenRow, IngestionRow, PhotoRow, RunRow, ShownRow, TaskRow, TileRow
from labeling_configs.vocabulary import ABOUT_TILES


class NotOurs(HauloutError):
    """A task's envelope was not sealed in this home, or was changed."""


class Envelopes:
    """Seals and opens the envelopes of one home."""

    def __init__(self, secret_key: str) -> None:
        self._fernet = fernet(secret_key, "envelope")

    def seal(self, session: Session, task: TaskRow) -> str:
        """Return everything that the task rests on, in an order in which it can be stored, as text."""
        rows = [as_kept(row) for row in _behind(session, task)]
        content = json.dumps([[table, columns] for table, _, columns in rows], sort_keys=True).encode()
        return self._fernet.encrypt(zlib.compress(content)).decode()

    def open(self, sealed: str) -> list[SQLModel]:
        """Return the rows that were sealed; NotOurs for what somebody else sealed."""
        try:
            content: list[tuple[str, dict[str, Any]]] = json.loads(zlib.decompress(self._fernet.decrypt(sealed)))
        except InvalidToken as error:
            raise NotOurs(
                "A task's envelope cannot be opened: it was sealed with another secret_key. "
                "Put back the secrets.json of the home that sent it."
            ) from error
        return [as_row(table, columns) for table, columns in content]


def _behind(session: Session, task: TaskRow) -> Iterator[SQLModel]:
    tiles, animals = _shown(session, task)
    photos = session.exec(select(PhotoRow).where(col(PhotoRow.id).in_({tile.photo for tile in tiles}))).all()
    for ingestion in sorted({photo.ingestion for photo in photos}):
        yield session.get_one(IngestionRow, ingestion)
    yield from photos
    shown = select(ShownRow).where(
        col(ShownRow.photo).in_([photo.id for photo in photos]), ShownRow.model == task.model
    )
    yield from session.exec(shown)
    yield from tiles
    yield from animals
    batch = session.get(BatchRow, task.batch) if task.batch else None
    if batch is not None:
        run = session.get(RunRow, batch.run) if batch.run else None
        yield from [run] if run else []
        yield batch
        chosen = session.get(ChosenRow, (batch.id, task.subject))
        yield from [chosen] if chosen else []
    yield task


def _shown(session: Session, task: TaskRow) -> tuple[list[TileRow], list[AnimalRow]]:
    """Return the tiles and the animals that a task is about."""
    names = {*task.subject.split("|"), *task.details.get("candidates", {})}
    if task.question in ABOUT_TILES:
        return list(session.exec(select(TileRow).where(col(TileRow.id).in_(names)))), []
    animals = list(session.exec(select(AnimalRow).where(col(AnimalRow.id).in_(names)).order_by(AnimalRow.id)))
    tiles = {animal.tile for animal in animals}
    return list(session.exec(select(TileRow).where(col(TileRow.id).in_(tiles)).order_by(TileRow.id))), animals
