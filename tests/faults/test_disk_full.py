"""A disk that is really full, a tmpfs of some megabytes: what is written is there as a whole or not at all.

Each operation meets the full disk at many places, because it is left another few bytes each time. It either succeeds
or says that this disk is full; then everything stored before is still whole, and with room again it succeeds.
"""

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlmodel import SQLModel, func, select

from haulout import journal
from haulout.collect import collect
from haulout.config import Settings
from haulout.db import connect, create_tables, reading, writing
from haulout.dispatch import dispatch
from haulout.errors import StorageFull
from haulout.exports.formats import export
from haulout.exports.manifest import verify
from haulout.ingest import ingest
from haulout.retrain.decisions import keep
from haulout.selection import select_batch
from haulout.services import Services
from haulout.storage import Storage
from haulout.tables import AnswerRow, ModelRow, MoveRow, PhotoRow, SeenRow
from haulout.watch import look
from haulout.web.standalone import write_report
from labeling_configs.vocabulary import ModelCard, ModelVersion
from tests.platform.conftest import NOON, Coordinator, no_label_studio, no_sleep

MEGABYTES = 24
LEFT = (0, 4096, 12 * 1024, 40 * 1024, 90 * 1024, 200 * 1024, 500 * 1024)
"""Bytes that are left, one after the other."""
BOX = (20, 50, 120, 150)


class SmallDisk:
    """A home on a disk that can be filled to the last byte and emptied again."""

    def __init__(self, mounted: Path, card: Path) -> None:
        self.mounted, self.card = mounted, card
        self.home = mounted / "home"
        engine = connect(f"sqlite:///{self.home / 'haulout.sqlite'}")
        create_tables(engine)
        Storage(self.home).make_folders()
        settings = Settings(home=self.home, no_room_mb=0, low_room_mb=0)  # or it would refuse to begin
        weights = self.home / "weights"
        services = Services(settings, engine, Storage(self.home), weights, no_label_studio, lambda: NOON, no_sleep)
        self.coordinator = Coordinator(services)
        self.services = self.coordinator.services
        photo = self.coordinator.photo([BOX])
        select_batch(self.services)
        dispatch(self.services)
        self.tile = self.coordinator.tile(photo)

    def fill(self, left: int) -> None:
        """Take all room but so many bytes."""
        stat = os.statvfs(self.mounted)
        with (self.mounted / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, stat.f_bavail * stat.f_frsize - left))

    def make_room(self) -> None:
        """Give it back."""
        (self.mounted / "ballast").unlink(missing_ok=True)

    def new_photos(self, number: int) -> Path:
        """Return a folder with two photos that nobody has seen."""
        folder = self.card / str(number)
        folder.mkdir()
        for name in range(2):
            pixels = np.random.default_rng([number, name]).integers(0, 255, (90, 120, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((600, 450)).save(folder / f"IMG_{name}.JPG", quality=85)
        return folder

    def check(self) -> None:
        """Find everything that is stored whole: database, log, photos, networks, exports."""
        with self.services.database.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            for table in SQLModel.metadata.sorted_tables:
                connection.execute(table.select()).all()
            assert journal.first_break(journal.entries(connection)) is None
            assert journal.digest(journal.replay(e for e, _ in journal.entries(connection))) == journal.digest(
                journal.live(connection)
            )
        assert list(self.mounted.rglob(".part*")) + list(self.mounted.rglob("*.part-*")) == []
        storage = self.services.storage
        for original in (path for path in storage.originals.rglob("*") if path.is_file()):
            assert hashlib.sha256(original.read_bytes()).hexdigest() == original.stem
        for picture in (path for path in storage.public.rglob("*.jpg")):
            Image.open(picture).load()
        with reading(self.services.database) as session:
            for photo in session.exec(select(PhotoRow)):
                assert storage.original(photo.id, photo.suffix).exists()
        for version in self.services.registry.versions():
            self.services.registry.verify(version)
        for manifest in self.mounted.glob("export-*/manifest.json"):
            verify(manifest.parent)
        for page in self.mounted.glob("report-*.html"):
            assert page.read_text().rstrip().endswith("</html>")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mounted, card = tmp_path / "disk", tmp_path / "card"
    mounted.mkdir()
    card.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "haulout-test", mounted]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    small = None
    try:
        small = SmallDisk(mounted, card)
        yield small
    finally:
        if small is not None:
            small.services.database.dispose()
        subprocess.run(["umount", "-l", mounted], check=True)


Operation = tuple[Callable[[], object], Callable[[], bool]]
"""What is done, and whether it is done then."""


def _count(disk: SmallDisk, table: type[SQLModel]) -> int:
    with reading(disk.services.database) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def _ingest(disk: SmallDisk, number: int) -> Operation:
    folder, before = disk.new_photos(number), _count(disk, PhotoRow)
    return lambda: ingest(disk.services, folder), lambda: _count(disk, PhotoRow) == before + 2


def _collect(disk: SmallDisk, number: int) -> Operation:
    before = _count(disk, AnswerRow)
    for person in range(6):
        disk.coordinator.draw(f"p{number}-{person}", disk.tile, *[(5 + n, 5, 60 + n, 60) for n in range(40)])
    return lambda: collect(disk.services), lambda: _count(disk, AnswerRow) == before + 6


def _original(disk: SmallDisk, number: int) -> Operation:
    photo, storage = disk.new_photos(number) / "IMG_0.JPG", disk.services.storage
    name = hashlib.sha256(photo.read_bytes()).hexdigest()
    return lambda: storage.keep_original(photo, name, ".jpg"), storage.original(name, ".jpg").exists


def _weights(disk: SmallDisk, number: int) -> Operation:
    import torch

    card = ModelCard(ModelVersion("det-0000"), "detector", seed=number)
    tensors = {"weight": torch.arange(20_000, dtype=torch.float32) + number}
    before = _count(disk, ModelRow)
    return lambda: keep(disk.services, card, tensors, None), lambda: _count(disk, ModelRow) > before


def _export(disk: SmallDisk, number: int) -> Operation:
    target = disk.mounted / f"export-{number}"
    return lambda: export(disk.services.database, "csv", target, replace=True), target.exists


def _report(disk: SmallDisk, number: int) -> Operation:
    page = disk.mounted / f"report-{number}.html"
    return lambda: write_report(disk.services, page, "en"), page.exists


def _journal(disk: SmallDisk, number: int) -> Operation:
    """Write many rows that the log keeps, in one transaction."""
    before = _count(disk, MoveRow)

    def write() -> None:
        with writing(disk.services.database) as session:
            for second in range(300):
                at = NOON + timedelta(seconds=second)
                session.merge(MoveRow(site="Beach", camera=f"CAM{number}" + "x" * 200, at=at))

    return write, lambda: _count(disk, MoveRow) == before + 300


def _look(disk: SmallDisk, number: int) -> Operation:
    """Write what the watch saw; small, so the database is first made to need room for anything at all."""
    with closing(sqlite3.connect(disk.home / "haulout.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return lambda: look(disk.services, lambda: True), lambda: _count(disk, SeenRow) > 0


OPERATIONS = {
    "ingest": _ingest,
    "collect": _collect,
    "keep an original": _original,
    "save weights": _weights,
    "export": _export,
    "report": _report,
    "journal": _journal,
    "look": _look,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_full_disk_stops_each_operation_cleanly_and_with_room_it_goes_on(disk: SmallDisk, name: str):
    refused = []
    for number, left in enumerate(LEFT):
        operation, is_done = OPERATIONS[name](disk, number)
        disk.fill(left)
        try:
            operation()
        except StorageFull as full:
            refused.append(left)
            assert str(disk.mounted) in str(full)
        else:
            assert is_done()
        disk.check()
        disk.make_room()
        operation()
        assert is_done()
        disk.check()
    assert refused, "the disk was never too full for it"
    assert len(refused) < len(LEFT), "no room was ever enough for it"


def test_commands_do_not_begin_without_room_and_say_so_with_exit_code_4(tmp_path: Path):
    (tmp_path / "card").mkdir()
    environment = {**os.environ, "HAULOUT_HOME": str(tmp_path / "home"), "HAULOUT_NO_ROOM_MB": "1000000000"}
    commands = ["ingest", str(tmp_path / "card")], ["export", "csv", "--out", str(tmp_path / "out")]

    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "haulout", *command], env=environment, capture_output=True, text=True
        )
        told = " ".join(done.stderr.split())
        assert (done.returncode, "StorageFull" in told, "did not begin" in told) == (4, True, True), told
    assert not (tmp_path / "out").exists()


@pytest.mark.postgres
def test_a_full_disk_of_postgres_is_named_as_such(new_postgres_database):
    engine = connect(new_postgres_database())
    full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"

    with pytest.raises(StorageFull, match="disk of the database postgresql"), engine.begin() as connection:
        connection.exec_driver_sql(full)
