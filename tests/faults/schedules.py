"""A season without pictures on a Label Studio in memory that breaks as ordered: cheap enough for thousands of them."""

import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
from sqlmodel import select

from haulout.answers import live_answers
from haulout.collect import collect
from haulout.collect.sweep import accept_deletions
from haulout.config import Settings
from haulout.db import connect, create_tables, reading, writing
from haulout.dispatch import dispatch
from haulout.errors import ServiceUnavailable
from haulout.holds import is_held
from haulout.services import Services
from haulout.storage import Storage
from haulout.tables import AliasRow, AnswerRow, IngestionRow, PhotoRow, ProposalRow, TaskRow, TileRow
from haulout.testing import FakeLabelStudio, FakeTask
from labeling_configs import boxes
from labeling_configs.vocabulary import COLD, PhotoId, Question, Rectangle, Tile, TileId
from tests.faults.breaking import Nth, Unsteady, database

NOON = datetime(2031, 8, 1, 12)
WHOLE = Rectangle(0, 0, 400, 300)
NOWHERE = Path("/nonexistent/haulout")


class Clock:
    """Goes on by a second whenever it is read, and by as much as it is put wrong."""

    def __init__(self) -> None:
        self.at, self.wrong_by = NOON, timedelta(0)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at + self.wrong_by


class WithoutPictures(Storage):
    """Says where pictures would be."""

    def _cut(self, name: str, photo: str, suffix: str, where: Rectangle) -> str:
        return name


@cache
def _template() -> bytes:
    """Return an empty season's database, as a file."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.sqlite"
        engine = connect(f"sqlite:///{file}")
        create_tables(engine)
        with sqlite3.connect(file) as plain:
            plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        return file.read_bytes()


class Unheard(Unsteady):
    """Loses the Nth request, or its answer; what an import sends may also arrive much later."""

    def __init__(self, label_studio: FakeLabelStudio, nth: Nth, how: str, meanwhile: Callable[[], None]) -> None:
        super().__init__(label_studio, nth, after=how == "answer lost")
        self._how, self._meanwhile = how, meanwhile
        self.late: list[Callable[[], object]] = []

    def __getattr__(self, name: str) -> Any:
        if name == "send_tasks" and self._how == "late":
            return self._send_late
        call = super().__getattr__(name)
        if self._how != "another at work" or not callable(call):
            return call

        def asked(*arguments: Any, **more: Any) -> Any:
            if self._nth.comes():
                self._meanwhile()
            return getattr(self._label_studio, name)(*arguments, **more)

        return asked

    def _send_late(self, project: int, tasks: Any) -> list[int]:
        self.late.append(lambda: self._label_studio.send_tasks(project, tasks))
        raise ServiceUnavailable("Label Studio does not answer in time.")


class Season:
    """The coordinator, Label Studio and people; `given` is what people said and did not take back."""

    def __init__(self) -> None:
        self.clock, self.label_studio_clock = Clock(), Clock()
        self.label_studio = FakeLabelStudio(NOON)
        self.label_studio._now = self.label_studio_clock
        self.given: dict[int, tuple[list[Any], bool]] = {}
        self.late: list[Callable[[], object]] = []
        self.tiles = 0
        memory = Path("/dev/shm")
        self._folder = TemporaryDirectory(dir=memory if memory.is_dir() else None)
        file = Path(self._folder.name) / "season.sqlite"
        file.write_bytes(_template())
        engine = connect(f"sqlite:///{file}")
        settings = Settings(home=NOWHERE, starter="none", least_votes=2)
        self.services = Services(
            settings,
            engine,
            WithoutPictures(NOWHERE),
            NOWHERE / "weights",
            lambda: self.label_studio,
            self.clock,
            lambda _seconds: None,
        )
        with writing(engine) as session:
            session.add(IngestionRow(id=1, folder="CARD", site="Beach", started_at=NOON))

    def ask(self, overlap: int) -> None:
        """Add a photo with one tile, about which so many people are asked."""
        self.tiles += 1
        name = f"{self.tiles:064x}"
        tile = Tile(TileId(f"{name[-16:]}-0-0"), PhotoId(name), WHOLE, WHOLE)
        photo = PhotoRow(
            id=name,
            name=f"{self.tiles}.jpg",
            ingestion=1,
            site="Beach",
            camera="CAM1",
            taken_at=NOON,
            burst=name[-16:],
            width=400,
            height=300,
            suffix=".jpg",
            size_bytes=1,
            split="train",
            ingested_at=NOON,
        )
        seen = ProposalRow.pack(np.array([[20.0, 20, 90, 90]]), np.array([0.9]))
        with writing(self.services.database) as session:
            session.add(photo)
            session.flush()
            session.add(
                ProposalRow(photo=name, model=COLD, packed=seen, features=b"", expected_animals=1, made_at=NOON)
            )
            session.add(TileRow.of(tile))
            session.flush()
            task = TaskRow(question="boxes", subject=tile.id, key=tile.id, overlap=overlap, created_at=NOON)
            session.add(task)

    def decide(self, number: int, state: str, overlap: int) -> None:
        """Retire a task or open it again, as what people agree on would."""
        with writing(self.services.database) as session:
            tasks = list(session.exec(select(TaskRow)))
            if tasks:
                task = tasks[number % len(tasks)]
                task.state, task.overlap = state, overlap
                session.add(task)

    def answer(self, person: int, left: int, *, skipped: bool) -> None:
        """Let a person answer what they are asked next."""
        project = self.label_studio.find_project(Question.BOXES)
        somebody = self.label_studio.as_person(f"key-{person}")
        task = somebody.next_task(project) if project else None
        if task is None:
            return
        result = [] if skipped else drawn(left)
        how = {True: lambda: somebody.skip(task.id, uuid4().hex)}
        number = how[True]() if skipped else somebody.submit(task.id, result, 5.0, uuid4().hex)
        self.given[number] = (result, skipped)

    def change(self, which: int, left: int) -> None:
        """Let somebody change an answer."""
        numbers = [number for number, (_, skipped) in self.given.items() if not skipped]
        if numbers:
            number = numbers[which % len(numbers)]
            self.label_studio.as_person("key-1").change(number, drawn(left))
            self.given[number] = (drawn(left), False)

    def take_back(self, which: int) -> None:
        """Delete an answer in Label Studio."""
        if self.given:
            number = list(self.given)[which % len(self.given)]
            self.label_studio.delete_answer(number)
            del self.given[number]

    def lose_task(self, which: int) -> None:
        """Delete a task in Label Studio, with all that people said of it."""
        tasks = list(self.label_studio.tasks.values())
        if tasks:
            task = tasks[which % len(tasks)]
            self.label_studio.delete_task(task.id)
            for number in task.answers:
                self.given.pop(number, None)

    def work(self, what: Callable[[Services], object], how: str, nth: int) -> None:
        """Do a part of the loop, while the Nth request or statement breaks; then the process has ended."""
        counted = Nth(nth)
        studio = Unheard(self.label_studio, counted, how, lambda: self._quietly(collect))
        services = replace(self.services, label_studio=lambda: studio)
        breaking = {
            "statement lost": lambda: database(self.services.database, counted),
            "commit unheard": lambda: database(self.services.database, counted, after=True),
        }.get(how, nullcontext)
        try:
            with breaking():
                what(services)
        except Exception as error:
            assert str(error) and (counted.failed or how == "late"), f"nothing was broken, and yet: {error!r}"
        self.late += studio.late

    def arrive(self) -> None:
        """Let an import arrive that everybody had given up."""
        if self.late:
            self.late.pop(0)()

    def converge(self) -> None:
        """Let everything work again, and listen as often as it takes."""
        self.clock.wrong_by = timedelta(0)
        while self.late:
            self.arrive()
        for _ in range(4):
            collect(self.services, sweep=True)
            if is_held(self.services.database):
                accept_deletions(self.services)
            dispatch(self.services)

    def end(self) -> None:
        """Leave nothing behind."""
        self.services.database.dispose()
        self._folder.cleanup()

    def _quietly(self, what: Callable[[Services], object]) -> None:
        what(self.services)


def drawn(left: int) -> list[Any]:
    tile = Tile(TileId("any"), PhotoId("any"), WHOLE, WHOLE)
    return boxes.write([[left, 30, left + 40, 80]], None, tile)


def task_rows(season: Season) -> list[TaskRow]:
    with reading(season.services.database) as session:
        return list(session.exec(select(TaskRow)))


def twins(season: Season) -> set[int]:
    with reading(season.services.database) as session:
        return set(session.exec(select(AliasRow.label_studio_task)))


def seen_by_people(season: Season, key: str) -> list[FakeTask]:
    """Return what Label Studio has of a task, copies that nobody is asked apart."""
    hidden = twins(season)
    return [task for task in season.label_studio.tasks.values() if task.data["key"] == key and task.id not in hidden]


def every_vote_is_stored_as_it_was_given(season: Season) -> None:
    with reading(season.services.database) as session:
        live = live_answers(session, Question.BOXES)
        stored = {answer.label_studio_annotation: (answer.result, answer.skipped) for answer, _ in live}
        revisions = [(row.label_studio_annotation, row.digest, row.gone) for row in session.exec(select(AnswerRow))]
    assert stored == season.given
    assert len(live) == len(stored) and len(set(revisions)) == len(revisions), "none twice"


def every_tile_is_asked_about_once(season: Season) -> None:
    hidden = twins(season)
    for row in task_rows(season):
        there = seen_by_people(season, row.key)
        if row.state == "open":
            assert [task.id for task in there] == [row.label_studio_task], row.key
    assert all(season.label_studio.tasks[one].labelled for one in hidden if one in season.label_studio.tasks)


def label_studio_knows_what_is_wanted(season: Season) -> None:
    for row in task_rows(season):
        task = season.label_studio.tasks.get(row.label_studio_task or 0)
        if task is None:
            assert row.state == "retired", row.key
        elif row.state == "retired":
            assert task.labelled, row.key
        else:
            assert task.overlap == row.overlap and row.pushed == row.wanted(), row.key
