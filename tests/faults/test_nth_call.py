"""The Nth call fails, for every N: an error that says what happened or success, then the same end as without.

HAULOUT_FAULTS_LONG=1 fails really every call; otherwise every one up to `DENSE`, then one of `SPARSE`.
"""

import copy
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import DateTime
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

from haulout.collect import collect
from haulout.config import Settings
from haulout.db import connect, create_tables, reading
from haulout.dispatch import dispatch
from haulout.errors import HauloutError
from haulout.exports.formats import export
from haulout.ingest import ingest
from haulout.retrain.decisions import NoSuchModel, keep, promote, waiting
from haulout.safekeeping.backup import back_up
from haulout.selection import select_batch
from haulout.services import Services
from haulout.settle import learn_people, settle
from haulout.storage import Storage
from haulout.tables import AnswerRow, PhotoRow, TaskRow, TileRow
from haulout.testing import FakeLabelStudio, TickingClock
from haulout.web.standalone import write_report
from haulout_models.detector import Detector, DetectorSettings
from labeling_configs.vocabulary import ModelCard, ModelVersion
from tests.faults.breaking import Nth, Unsteady, database, files
from tests.platform.conftest import NOON, Coordinator, no_label_studio, no_sleep

LONG = bool(os.environ.get("HAULOUT_FAULTS_LONG"))
DENSE, SPARSE = 5, 29
BOX = (60, 60, 160, 120)
MOVING = {"id", "batch", "task", "ingestion", "run", "digest", "label_studio_task", "label_studio_annotation", "path"}
"""Columns that hold numbers of rows or times in disguise, so that they may differ after a fault."""
UNTOLD = {"log", "lease", "operation", "job", "run"}
"""Tables of what was tried, which must differ."""


class World(Coordinator):
    """A coordinator on a database file and a Label Studio in memory, both of which can be copied."""

    def __init__(self, home: Path, label_studio: FakeLabelStudio | None = None) -> None:
        engine = connect(f"sqlite:///{home / 'season.sqlite'}")
        if label_studio is None:
            create_tables(engine)
            Storage(home).make_folders()
        settings = Settings(home=home, starter="none", least_votes=2, batch_size=4, exam_share=0.3, low_room_mb=0)
        weights = home / "weights"
        services = Services(settings, engine, Storage(home), weights, no_label_studio, TickingClock(NOON), no_sleep)
        if label_studio is None:
            super().__init__(services)
            self.set(starter="none")
            self.services = replace(self.services, settings=settings)
        else:
            self.label_studio, self.services = label_studio, services
        self.services = replace(self.services, label_studio=lambda: self.label_studio)

    def copied(self, home: Path) -> "World":
        """Return the same world somewhere else; connections are closed so that all of it is in the file."""
        self.services.database.dispose()
        shutil.copytree(self.services.settings.home, home)
        return World(home, copy.deepcopy(self.label_studio))

    def state(self) -> dict[str, list[str]]:
        """Return all that the database and Label Studio hold, without times and numbers that may differ."""
        found: dict[str, list[str]] = {}
        with reading(self.services.database) as session:
            for name, table in SQLModel.metadata.tables.items():
                columns = [c for c in table.columns if c.name not in MOVING and not isinstance(c.type, DateTime)]
                if name not in UNTOLD and columns:
                    found[name] = sorted(
                        json.dumps(
                            list(row), sort_keys=True, default=repr
                        )  # the order of names in an object says nothing
                        for row in session.execute(table.select().with_only_columns(*columns))
                    )
        found["in Label Studio"] = sorted(
            repr((task.data["key"], task.labelled, task.overlap, sorted(task.predictions), len(task.answers)))
            for task in self.label_studio.tasks.values()
        )
        found["projects there"] = sorted(f"{one.question} {one.serves}" for one in self.label_studio.projects.values())
        return found


def fill_card(world: World) -> None:
    card = world.services.settings.home / "card"
    card.mkdir()
    for number in range(2):
        image = np.full((120, 160, 3), 90 + 30 * number, dtype=np.uint8)
        Image.fromarray(image).save(card / f"2031080{number + 1}_120000.jpg")
    (card / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")


def photos(world: World) -> None:
    for _ in range(3):
        world.photo([BOX])


def chosen(world: World) -> None:
    photos(world)
    select_batch(world.services)


def sent(world: World) -> None:
    chosen(world)
    dispatch(world.services)


def answered(world: World) -> None:
    sent(world)
    for name in ("anna", "boris"):
        for task in world.rows(TaskRow, TaskRow.question == "boxes", TaskRow.gold == 0):
            (photo,) = [one for one in _photos(world) if world.tile(one).id == task.subject]
            world.draw(name, world.tile(photo), BOX)


def _photos(world: World) -> list[PhotoRow]:
    tiled = {row.photo for row in world.rows(TileRow)}
    return [photo for photo in world.rows(PhotoRow) if photo.id in tiled]


def deleted(world: World) -> None:
    answered(world)
    collect(world.services)
    world.label_studio.delete_answer(world.rows(AnswerRow)[0].label_studio_annotation)


def collected(world: World) -> None:
    answered(world)
    collect(world.services)


def settled(world: World) -> None:
    collected(world)
    learn_people(world.services, force=True)
    settle(world.services)


def trained(world: World) -> None:
    photos(world)
    store_network(world)


def store_network(world: World) -> None:
    detector = Detector.untrained(ModelVersion("det-0001"), DetectorSettings(width=8), 0)
    card = ModelCard(detector.version, "detector", 0, detector.stored_settings(), {"tiles": 1, "digest": "one"}, {})
    if not waiting(world.services, "detector", "one"):  # as whoever trains asks first
        keep(world.services, card, detector.trained_tensors(), None)


def take_card(world: World) -> object:
    return ingest(world.services, world.services.settings.home / "card", "Beach")


def write_page(world: World) -> object:
    return write_report(world.services, world.services.settings.home / "report.html", "en")


def serve(world: World) -> object:
    try:
        return promote(world.services, "det-0001", "operator", "a test")
    except NoSuchModel as error:
        assert "serves already" in str(error)
        return None


def make_backup(world: World) -> object:
    services = world.services
    return back_up(services.settings, services.database, services.now, to=services.settings.home / "backups")


def write_export(world: World) -> object:
    return export(world.services.database, "csv", world.services.settings.home / "out", replace=True)


@dataclass(frozen=True)
class Operation:
    """What is done, and what was done before."""

    before: Callable[[World], None]
    do: Callable[[World], object]
    asks_label_studio: bool = False
    writes_files: bool = False
    each_time: frozenset[str] = frozenset()
    """Tables that get a row whenever it is done, also when nothing was left to do."""


OPERATIONS = {
    "ingest": Operation(fill_card, take_card, writes_files=True, each_time=frozenset({"ingestion"})),
    "select": Operation(photos, lambda world: select_batch(world.services)),
    "dispatch": Operation(chosen, lambda world: dispatch(world.services), asks_label_studio=True, writes_files=True),
    "collect": Operation(answered, lambda world: collect(world.services, sweep=False), asks_label_studio=True),
    "sweep": Operation(deleted, lambda world: collect(world.services, sweep=True), asks_label_studio=True),
    "settle": Operation(collected, lambda world: settle(world.services)),
    "tell": Operation(settled, lambda world: dispatch(world.services), asks_label_studio=True),
    "export": Operation(settled, write_export, writes_files=True),
    "report": Operation(
        settled,
        lambda world: write_report(world.services, world.services.settings.home / "r.html", "en"),
        writes_files=True,
    ),
    "promote": Operation(trained, serve, each_time=frozenset({"decision"})),
    "keep": Operation(photos, store_network, writes_files=True),
    "back up": Operation(settled, make_backup, writes_files=True),
}


def seams(operation: Operation) -> Iterator[tuple[str, Callable[[World, Nth], AbstractContextManager[None]]]]:
    """Yield what can break under an operation, and how it is broken."""
    yield "statements", lambda world, nth: database(world.services.database, nth)
    yield "answers to commits", lambda world, nth: database(world.services.database, nth, after=True)
    if operation.writes_files:
        yield "files", lambda world, nth: files(world.services.settings.home, nth)
    if operation.asks_label_studio:
        yield "requests", lambda world, nth: unsteady(world, nth, after=False)
        yield "answers to requests", lambda world, nth: unsteady(world, nth, after=True)


def unsteady(world: World, nth: Nth, *, after: bool) -> AbstractContextManager[None]:
    studio = Unsteady(world.label_studio, nth, after=after)
    world.services = replace(world.services, label_studio=lambda: studio)
    return nullcontext()


CASES = [(name, seam) for name, operation in OPERATIONS.items() for seam, _ in seams(operation)]


@pytest.mark.parametrize(("name", "seam"), CASES, ids=[f"{name}: {seam}" for name, seam in CASES])
def test_whichever_call_fails_is_told_and_the_next_run_ends_as_if_none_had(name, seam, tmp_path) -> None:
    operation = OPERATIONS[name]
    world = World(tmp_path / "before")
    operation.before(world)
    whole = world.copied(tmp_path / "whole")
    counted = Nth(0)
    breaks = dict(seams(operation))[seam]
    with breaks(whole, counted):
        operation.do(whole)
    wanted = whole.state()

    wrong = {}
    for number in _numbers(counted.made):
        one = world.copied(tmp_path / f"{number}")
        told = _broken(one, operation, breaks, Nth(number))
        one.services = replace(one.services, label_studio=lambda one=one: one.label_studio)
        operation.do(one)
        found = one.state()
        if differing := [part for part in wanted if wanted[part] != found[part] and part not in operation.each_time]:
            wrong[number] = (told, {part: (wanted[part][:3], found[part][:3]) for part in differing})
        one.services.database.dispose()
        shutil.rmtree(one.services.settings.home)

    assert wrong == {}
    assert counted.made > 0 or seam == "answers to commits", "what only reads commits nothing"


def _broken(world: World, operation: Operation, breaks: Callable[..., Any], nth: Nth) -> str:
    """Do it while the Nth call fails; return what was said."""
    try:
        with breaks(world, nth):
            operation.do(world)
    except (HauloutError, OperationalError, OSError) as error:
        assert str(error), "an error says what happened"
        assert nth.failed, f"nothing was broken, and yet: {error!r}"
        return str(error)
    return ""


def _numbers(made: int) -> list[int]:
    dense = range(1, made + 1)
    return [number for number in dense if LONG or number <= DENSE or number % SPARSE == 0]
