"""The drill: a season is backed up, its home is lost, and the season goes on in a new one as if nothing had been."""

import hashlib
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sqlalchemy import Engine, select
from sqlmodel import SQLModel

from haulout.bootstrap import connected
from haulout.config import Settings, make_secrets
from haulout.fsck import fsck
from haulout.journal import entries, first_break
from haulout.label_studio import LabelStudio, NewTask
from haulout.loop import listen, run_week
from haulout.processes import Supervisor, label_studio_program
from haulout.retrain.decisions import keep
from haulout.safekeeping.backup import back_up
from haulout.safekeeping.pictures import make_pictures
from haulout.safekeeping.restore import Restored, restore
from haulout.services import Services
from haulout.shipping import ship
from haulout.storage import Storage
from haulout.tables import AnswerRow, ConsensusRow, IndividualRow, ModelRow, PhotoRow
from haulout.testing import TickingClock
from labeling_configs import boxes, catalog
from labeling_configs.vocabulary import ModelCard, ModelVersion, PhotoId, Question, Rectangle, Tile, TileId
from tests.platform.conftest import NOON, Coordinator, no_label_studio, no_sleep

BOX = (20, 50, 120, 150)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def new_home(request, tmp_path) -> Callable[[str], Settings]:
    """Give settings of new homes, with their database in SQLite or in PostgreSQL."""

    def new(name: str) -> Settings:
        url = "" if request.param == "sqlite" else request.getfixturevalue("new_postgres_database")()
        return Settings(home=tmp_path / name, database_url=url, starter="none")

    return new


@pytest.fixture
def services(new_home) -> Services:
    settings = new_home("home")
    make_secrets(settings.home)
    return services_of(settings)


def services_of(settings: Settings) -> Services:
    """Put services together as `haulout` does, but for Label Studio and the clock."""
    storage = Storage(settings.home)
    storage.make_folders()
    return Services(
        settings=settings,
        database=connected(settings),
        storage=storage,
        weights=settings.home / "weights",
        label_studio=no_label_studio,
        now=TickingClock(NOON),
        sleep=no_sleep,
    )


@pytest.fixture
def season(coordinator: Coordinator) -> Coordinator:
    """Three photos that were asked about, one of them settled, with a network and an individual."""
    photos = [coordinator.photo([BOX]) for _ in range(3)]
    run_week(coordinator.services)
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, coordinator.tile(photos[0]), BOX)
    listen(coordinator.services)
    keep(coordinator.services, ModelCard(ModelVersion("untitled"), "detector", 1), {"w": torch.ones(9)}, None)
    coordinator.store(IndividualRow(id="W0001", first_animal="gone", named_at=coordinator.services.now()))
    ship(coordinator.services.database, coordinator.services.settings.home / "journal")
    return coordinator


def rows(database: Engine) -> dict[str, list[str]]:
    """Return all rows of all tables; who holds a lease is no matter of a backup."""
    with database.connect() as connection:
        tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "lease"]
        return {table.name: sorted(map(str, connection.execute(select(table)))) for table in tables}


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def bring_back(season: Coordinator, made: Path, settings: Settings) -> Restored:
    """Restore into a new home, where the season goes on with the same people and the same Label Studio."""
    restored = restore(settings, made, season.services.now, {})
    before, new = season.services, services_of(settings)
    season.services = replace(new, label_studio=before.label_studio, now=before.now)
    return restored


def test_a_season_whose_home_is_lost_goes_on_from_its_backup(season, new_home, tmp_path):
    home, cards = season.services.settings.home, tmp_path / "cards"
    shutil.copytree(home / "originals", cards)
    before, networks, log = rows(season.services.database), digests(home / "weights"), digests(home / "journal")
    made = back_up(season.services.settings, season.services.database, season.services.now, to=tmp_path / "usb")
    late = season.draw("daria", season.tile(season.rows(PhotoRow)[1]), BOX)
    listen(season.services)
    season.services.database.dispose()
    shutil.rmtree(home)

    restored = bring_back(season, made, new_home("new"))

    new = season.services.settings.home
    assert rows(season.services.database) == before
    assert all(
        before[name] for name in ("photo", "task", "answer", "consensus", "animal", "model", "individual", "log")
    )
    assert digests(new / "weights") == networks and networks
    assert digests(new / "journal") == log
    assert len(restored.missing) == 3
    assert make_pictures(season.services) == 2, "open questions without their photo"

    shutil.copytree(cards, new / "originals", dirs_exist_ok=True)
    assert make_pictures(season.services) == 0
    assert len(list((new / "public" / "tiles").iterdir())) >= 2
    listen(season.services)
    assert late in {row.label_studio_annotation for row in season.rows(AnswerRow)}, "given after the backup"
    for name in ("elena", "fedor"):
        season.draw(name, season.tile(season.rows(PhotoRow)[1]), BOX)
    assert listen(season.services) == 2
    run_week(season.services)
    states = [row.state for row in season.rows(ConsensusRow)]
    assert states.count("agreed") == 2
    [network] = season.rows(ModelRow)
    assert networks[f"{network.version}/tensors.safetensors"] == network.sha256
    with season.services.database.connect() as connection:
        assert first_break(entries(connection)) is None
    ship(season.services.database, new / "journal")
    assert fsck(season.services) == []


@pytest.mark.label_studio
def test_label_studios_own_database_comes_back_and_a_server_serves_its_answers(
    label_studio, label_studio_server, label_studio_python, free_port, tmp_path
):
    project, given = given_answers(label_studio, 3)
    home = tmp_path / "home"
    make_secrets(home)
    (home / "label_studio").symlink_to(label_studio_server.documents.parent / "data")
    settings = Settings(home=home)
    made = back_up(settings, connected(settings), TickingClock(NOON))
    new = Settings(home=tmp_path / "new")

    restore(new, made, TickingClock(NOON), {})

    folder, port = new.home / "label_studio", free_port()
    with closing(sqlite3.connect(folder / "label_studio.sqlite3")) as copied:
        assert {row[0] for row in copied.execute("SELECT id FROM task_completion")} >= given
    (tmp_path / "public").mkdir()
    supervisor = Supervisor(tmp_path / "run")
    supervisor.start([label_studio_program(label_studio_python, folder, tmp_path / "public", port, "127.0.0.1")])
    try:
        studio = LabelStudio(f"http://127.0.0.1:{port}", label_studio_server.token)
        studio.wait_until_ready(120, time.monotonic, time.sleep)
        assert {answer.annotation for answer in studio.answers_since(project, None)} == given
    finally:
        supervisor.stop()


def given_answers(studio: LabelStudio, number: int) -> tuple[int, set[int]]:
    """Make a project with a task that so many people answer; return it and the answers."""
    entry, whole = catalog.CATALOG[Question.BOXES], Rectangle(0, 0, 100, 100)
    project = studio.ensure_project(Question.BOXES, entry.title_en, entry.xml, entry.instruction, overlap=number)
    tile, key = Tile(TileId("tile"), PhotoId("photo"), whole, whole), uuid.uuid4().hex
    data = {**boxes.task_data("/data/local-files/?d=tiles/x.jpg", tile), "key": key}
    [task] = studio.send_tasks(project, [NewTask(data, [], 0.5, "det-0001", overlap=number)])
    return project, {answer(studio, task) for _ in range(number)}


def answer(studio: LabelStudio, task: int) -> int:
    """Let somebody new answer that nothing is to be seen; return the answer's number."""
    access = studio.sign_up(f"drill-{uuid.uuid4().hex}@haulout.invalid", "long-enough-7", "Drill")
    return studio.as_person(access.api_key).submit(task, [], 1.0, uuid.uuid4().hex)
