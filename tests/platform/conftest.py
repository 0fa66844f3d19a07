"""A home of its own for each test, without Label Studio, queue or web server."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest

from haulout.config import Settings
from haulout.db import connect, create_tables
from haulout.services import Services
from haulout.storage import Storage
from haulout_models.registry import Registry


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
            registry=Registry(home / "weights"),
            label_studio=no_label_studio,
            now=lambda: datetime(2026, 11, 23, 12),
            sleep=no_sleep,
        )

    return make


@pytest.fixture
def services(tmp_path: Path, make_services: Callable[..., Services]) -> Services:
    return make_services(tmp_path / "home")
