"""A home of its own for each test, without queue or web server, and without Label Studio or with one in memory."""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

from haulout.config import Settings
from haulout.db import connect, create_tables, reading, writing
from haulout.services import Services
from haulout.storage import Storage
from haulout.tables import IngestionRow, PhotoRow, ProposalRow, TaskRow, TileRow
from haulout.testing import FakeLabelStudio, TickingClock
from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import COLD, Tile

NOON = datetime(2026, 11, 23, 12)


def no_label_studio() -> NoReturn:
    raise AssertionError("this test has no Label Studio")


def no_sleep(_seconds: float) -> None:
    """Tests wait for conditions, not for time."""


@pytest.fixture
def make_services() -> Callable[..., Services]:
    def make(home: Path, database: str = "sqlite://") -> Services:
        engine = connect(database)
        create_tables(engine)
        storage = Storage(home)
        storage.make_folders()
        return Services(
            settings=Settings(home=home),
            database=engine,
            storage=storage,
            weights=home / "weights",
            label_studio=no_label_studio,
            now=lambda: datetime(2026, 11, 23, 12),
            sleep=no_sleep,
        )

    return make


@pytest.fixture
def services(tmp_path: Path, make_services: Callable[..., Services]) -> Services:
    return make_services(tmp_path / "home")


class Coordinator:
    """The services on a Label Studio in memory, with words for what tests do to them."""

    def __init__(self, services: Services) -> None:
        self.label_studio = FakeLabelStudio(NOON)
        self.services = replace(services, label_studio=lambda: self.label_studio, now=TickingClock(NOON))
        self._photos = 0
        self.set(starter="none")
        with writing(services.database) as session:
            session.add(IngestionRow(id=1, folder="CARD", site="Beach", started_at=NOON))

    def set(self, **settings: object) -> None:
        """Change settings."""
        changed = self.services.settings.model_copy(update=settings)
        self.services = replace(self.services, settings=changed)

    def photo(
        self,
        boxes: Sequence[Sequence[float]] = (),
        *,
        burst: str = "",
        split: str = "train",
        size: tuple[int, int] = (400, 300),
        model: str = COLD,
        score: float = 0.9,
    ) -> PhotoRow:
        """Add a photo of its own day, brown where the boxes are, with what a model proposed there."""
        self._photos += 1
        number, image = self._photos, np.full((size[1], size[0], 3), 100, dtype=np.uint8)
        image[:4, :4] = number
        for x1, y1, x2, y2 in np.array(boxes, dtype=int).reshape(-1, 4):
            image[y1:y2, x1:x2] = (150, 90, 60)
        file = self.services.settings.home / "new.png"
        Image.fromarray(image).save(file)
        name = hashlib.sha256(file.read_bytes()).hexdigest()
        self.services.storage.keep_original(file, name, ".png")
        taken = NOON + timedelta(days=number)
        row = PhotoRow(
            id=name,
            name=f"IMG_{number}.PNG",
            ingestion=1,
            site="Beach",
            camera="CAM1",
            taken_at_original=taken,
            taken_at=taken,
            burst=burst or f"burst-{number}",
            width=size[0],
            height=size[1],
            suffix=".png",
            size_bytes=1,
            split=split,
            ingested_at=NOON,
        )
        with writing(self.services.database) as session:
            session.add(row)
        self.propose(row, boxes, model, score)
        return row

    def propose(self, photo: PhotoRow, boxes: Sequence[Sequence[float]], model: str, score: float = 0.9) -> None:
        """Store what a model draws on a photo; what the photo looks like depends on its number only."""
        drawn = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        looks = np.random.default_rng(int(photo.id[:8], 16)).normal(size=8).astype(np.float16)
        row = ProposalRow(
            photo=photo.id,
            model=model,
            packed=ProposalRow.pack(drawn, np.full(len(drawn), score)),
            features=looks.tobytes(),
            expected_animals=score * len(drawn),
            made_at=NOON,
        )
        with writing(self.services.database) as session:
            session.merge(row)

    def rows(self, table: type, *conditions: object) -> list:
        """Read rows of a table, by their key."""
        with reading(self.services.database) as session:
            return list(session.exec(select(table).where(*conditions).order_by(*table.__table__.primary_key)))

    def store(self, *rows: object) -> None:
        """Store rows, new or changed."""
        with writing(self.services.database) as session:
            for row in rows:
                session.merge(row)

    def task(self, subject: str, question: str = "boxes") -> TaskRow:
        """Return the one task about a subject, gold apart."""
        (task,) = self.rows(TaskRow, TaskRow.subject == subject, TaskRow.question == question, TaskRow.gold == 0)
        return task

    def tile(self, photo: PhotoRow) -> Tile:
        """Return the one tile of a photo."""
        (tile,) = self.rows(TileRow, TileRow.photo == photo.id)
        return tile.word()

    def person(self, name: str):
        """Act as somebody in Label Studio."""
        access = self.label_studio.sign_up(f"{name}@haulout.invalid", "a-password", name)
        return self.label_studio.as_person(access.api_key)

    def say(self, name: str, subject: str, result: list, question: str = "boxes") -> int:
        """Give one person's answer in Label Studio; return its number."""
        number = self.task(subject, question).label_studio_task
        return self.person(name).submit(number, result, 10.0, uuid.uuid4().hex)

    def draw(
        self, name: str, tile: Tile, *boxes: Sequence[float], question: str = "boxes", unusable: bool = False
    ) -> int:
        """Let a person draw these boxes in a tile."""
        drawn = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        result = box_question.write(drawn, None, tile, unusable=unusable)
        return self.say(name, tile.id, result, question)


@pytest.fixture
def coordinator(services: Services) -> Coordinator:
    return Coordinator(services)
