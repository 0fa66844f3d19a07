"""A backup is whole or not there; a restore changes nothing before it knows that, and deletes nothing."""

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from haulout.bootstrap import connected
from haulout.cli import app
from haulout.config import Settings, make_secrets
from haulout.db import connect, reading, writing
from haulout.errors import ServiceUnavailable, StorageFull
from haulout.lease import SEASON, lease
from haulout.migrations.before_alembic import SCHEMA
from haulout.safekeeping import daily
from haulout.safekeeping.backup import back_up, backups
from haulout.safekeeping.daily import back_up_if_due, last_backup
from haulout.safekeeping.files import AtWork, BrokenDatabase, alone
from haulout.safekeeping.manifest import DamagedBackup, describe, read_manifest, verify
from haulout.safekeeping.placing import HalfRestored
from haulout.safekeeping.restore import CannotRestore, restore
from haulout.schema import HEAD, NewerDatabase, current
from haulout.tables import AnswerRow, LeaseRow, PersonRow, PhotoRow, TaskRow
from haulout.testing import TickingClock

NOON = datetime(2026, 11, 29, 12)
NETWORK = b"numbers " * 250_000

LONG = bool(os.environ.get("HAULOUT_FAULTS_LONG"))
"""Kill at every step, instead of at some."""


class Home:
    """A home with something in every place, and words for what tests do to it."""

    def __init__(self, path: Path, database_url: str = "") -> None:
        self.path = path
        self.settings = Settings(home=path, database_url=database_url, no_room_mb=0)
        self.now = TickingClock(NOON)

    def fill(self) -> "Home":
        make_secrets(self.path)
        self.database = connected(self.settings)
        (self.path / "originals" / "ab").mkdir(parents=True)
        (self.path / "originals" / "ab" / f"{'ab' * 32}.jpg").write_bytes(b"a walrus")
        (self.path / "weights" / "det-0001").mkdir(parents=True)
        (self.path / "weights" / "det-0001" / "tensors.safetensors").write_bytes(NETWORK)
        (self.path / "weights" / "det-0001" / "card.json").write_text("{}")
        (self.path / "weights" / ".waiting-1").mkdir()
        (self.path / "weights" / ".waiting-1" / "tensors.safetensors").write_bytes(b"half")
        (self.path / "journal").mkdir()
        (self.path / "journal" / "log-000001.jsonl").write_text('{"seq": 1}\n')
        (self.path / "label_studio").mkdir()
        with closing(sqlite3.connect(self.path / "label_studio" / "label_studio.sqlite3")) as studio, studio:
            studio.execute("CREATE TABLE task_completion (id INTEGER PRIMARY KEY, result TEXT)")
            studio.execute("INSERT INTO task_completion (result) VALUES ('a box')")
        self.answer(3)
        return self

    def answer(self, number: int) -> None:
        """Store as many answers of a new task."""
        with writing(self.database) as session:
            session.merge(PersonRow(id="person-1", label_studio_user=1, joined_at=NOON))
            task = TaskRow(question="boxes", subject=f"tile-{NOON}-{number}", key=f"key-{number}", created_at=NOON)
            session.add(task)
            session.flush()
            for annotation in range(number):
                given = {"label_studio_annotation": 100 * number + annotation, "digest": "d", "result": []}
                session.add(AnswerRow(task=task.id, person="person-1", given_at=NOON, received_at=NOON, **given))

    def answers(self) -> int:
        with self.database.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM answer")).scalar_one()

    def back_up(self, **settings: object) -> Path:
        changed = self.settings.model_copy(update=settings)
        return back_up(changed, self.database, self.now)

    def restore(self, folder: Path, **options: object):
        return restore(self.settings, folder, self.now, {}, **options)

    def folders(self) -> list[str]:
        """Return what lies among the backups, hidden or not."""
        return sorted(path.name for path in (self.path / "backups").iterdir())


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home").fill()


@pytest.fixture
def empty(tmp_path) -> Home:
    return Home(tmp_path / "empty")


def everything(home: Home) -> dict[str, object]:
    """Return the bytes of all files that a restore must bring back, and all rows."""
    names = ["secrets.json", "weights/det-0001/tensors.safetensors", "journal/log-000001.jsonl"]
    database = connect(home.settings.database)
    with database.connect() as connection:
        rows = {
            name: sorted(map(str, connection.execute(text(f'SELECT * FROM "{name}"'))))
            for name in ("answer", "task", "person", "log")
        }
    with closing(sqlite3.connect(home.path / "label_studio" / "label_studio.sqlite3")) as studio:
        said = studio.execute("SELECT * FROM task_completion").fetchall()
    return {name: (home.path / name).read_bytes() for name in names} | rows | {"said": said}


def test_a_backup_holds_all_that_cannot_be_made_again_with_its_checksums(home):
    made = home.back_up()

    manifest = verify(made)
    assert made == home.path / "backups" / "2026-11-29T12-00-01Z"
    assert {file.name for file in manifest.files} == {
        "catalogue.csv",
        "database.sqlite",
        "journal/log-000001.jsonl",
        "label_studio/label_studio.sqlite3",
        "originals.csv",
        "secrets.json",
        "weights/det-0001/card.json",
        "weights/det-0001/tensors.safetensors",
    }
    assert (manifest.counts["answer"], manifest.counts["photo"], manifest.revision) == (3, 0, HEAD)
    assert (made / "originals.csv").read_text() == f"path,bytes,sha256\nab/{'ab' * 32}.jpg,8,{'ab' * 32}\n"
    assert subprocess.run(["sha256sum", "--check", "--quiet", "checksums-sha256.txt"], cwd=made).returncode == 0


def test_nobody_else_can_read_a_backup(home):
    made = home.back_up()

    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((made / "secrets.json").stat().st_mode) == 0o600


def test_networks_are_not_stored_twice_on_one_disk(home):
    made = home.back_up()

    name = "weights/det-0001/tensors.safetensors"
    assert (made / name).samefile(home.path / name)


def test_a_backup_is_the_database_of_one_moment_though_others_write(home):
    with writing(home.database) as session:
        session.add(PersonRow(id="person-2", label_studio_user=2, joined_at=NOON))
        session.flush()
        made = home.back_up()

    with closing(sqlite3.connect(made / "database.sqlite")) as copied:
        assert copied.execute("SELECT id FROM person").fetchall() == [("person-1",)]


def test_five_are_kept_and_the_oldest_goes_only_after_the_newest_is_whole(home):
    made = [home.back_up() for _ in range(5)]

    with pytest.raises(ZeroDivisionError):
        back_up(home.settings, home.database, home.now, breaking_at(5))

    assert backups(home.path / "backups") == made
    newest = home.back_up()
    assert backups(home.path / "backups") == [*made[1:], newest]
    assert home.folders() == [path.name for path in (*made[1:], newest)]


def breaking_at(step: int) -> Callable[[str, int, int], None]:
    def tell(_message: str, done: int, _total: int) -> None:
        if done == step:
            raise ZeroDivisionError

    return tell


def killed_at(step: int) -> Callable[[str, int, int], None]:
    said: list[str] = []

    def tell(message: str, _done: int, _total: int) -> None:
        said.append(message)
        if len(said) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return tell


def in_another_process(work: Callable[[], object]) -> int:
    """Do the work in a copy of this process and return how that ended, negative when a signal ended it."""
    child = os.fork()
    if child == 0:
        end = 1
        try:
            work()
            end = 0
        finally:
            os._exit(end)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("step", range(1, 9) if LONG else [2, 5, 8])
def test_a_backup_killed_at_any_step_leaves_nothing_that_looks_like_one(home, step):
    def make() -> None:
        back_up(home.settings, connect(home.settings.database), home.now, killed_at(step))

    assert in_another_process(make) == -signal.SIGKILL

    left = home.folders()
    assert backups(home.path / "backups") == []
    assert all(name.startswith(".part-") for name in left)
    with pytest.raises(DamagedBackup):
        verify(home.path / "backups" / left[0])
    verify(home.back_up())
    assert len(home.folders()) == 1, "what the killed one left is swept away"


def test_an_old_backup_killed_while_it_is_removed_does_not_look_whole(home, tmp_path):
    old = home.back_up()
    (old / "zzz").mkdir()

    def make() -> None:
        original = shutil.rmtree

        def die(path, *rest, **options) -> None:
            if old.name in str(path):
                os.kill(os.getpid(), signal.SIGKILL)
            original(path, *rest, **options)

        shutil.rmtree = die
        back_up(home.settings.model_copy(update={"backups_kept": 1}), connect(home.settings.database), home.now)

    assert in_another_process(make) == -signal.SIGKILL
    assert len(backups(home.path / "backups")) == 1
    assert not old.exists()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Mount disks of so many kilobytes."""
    mounted = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("kilobytes", [40, 200, 1500])
def test_a_disk_that_fills_up_is_named_and_nothing_stays_on_it(home, small_disk, kilobytes, monkeypatch):
    disk = small_disk(kilobytes)
    monkeypatch.setattr("haulout.safekeeping.backup._refuse_without_room", lambda *_: None)

    with pytest.raises(StorageFull, match=rf"{disk} is full"):
        back_up(home.settings, home.database, home.now, to=disk)

    assert list(disk.iterdir()) == []


def test_a_backup_that_would_fill_the_disk_does_not_begin(home, small_disk):
    with pytest.raises(StorageFull, match=r"haulout backup --to"):
        back_up(home.settings, home.database, home.now, to=small_disk(400))
    with pytest.raises(StorageFull, match="HAULOUT_NO_ROOM_MB"):
        home.back_up(no_room_mb=10**9)

    assert backups(home.path / "backups") == []


def test_on_another_disk_networks_are_copied_and_every_backup_is_kept(home, small_disk):
    disk = small_disk(20_000)

    for _ in range(2):
        made = back_up(home.settings.model_copy(update={"backups_kept": 1}), home.database, home.now, to=disk)

    assert (made / "weights/det-0001/tensors.safetensors").read_bytes() == NETWORK
    verify(made)
    assert len(backups(disk)) == 2


def test_two_backups_at_once_are_refused(home):
    with alone(home.path / "backups"), pytest.raises(AtWork, match="Wait"):
        home.back_up()


def test_a_damaged_database_replaces_no_backup(home):
    home.answer(200)
    home.database.dispose()
    path = home.path / "haulout.sqlite"
    content = bytearray(path.read_bytes())
    content[40_000:60_000] = os.urandom(20_000)
    path.write_bytes(content)
    home.database = connect(home.settings.database)

    with pytest.raises(BrokenDatabase, match="haulout restore"):
        home.back_up()

    assert home.folders() == []


def test_a_database_that_can_be_read_but_breaks_its_own_rules_replaces_no_backup(home):
    with closing(sqlite3.connect(home.path / "haulout.sqlite")) as database, database:
        said = "SELECT sql FROM sqlite_master WHERE name = 'person'"
        [(strict,)] = database.execute(said).fetchall()
        rewrite = "UPDATE sqlite_master SET sql = ? WHERE name = 'person'"
        database.execute("PRAGMA writable_schema=ON")
        database.execute(rewrite, [strict.replace("role VARCHAR NOT NULL", "role VARCHAR")])
        database.commit()
    with closing(sqlite3.connect(home.path / "haulout.sqlite")) as database, database:
        database.execute("INSERT INTO person VALUES ('person-2', 2, NULL, '2026-11-29')")
        database.execute("PRAGMA writable_schema=ON")
        database.execute(rewrite, [strict])

    with pytest.raises(BrokenDatabase, match=r"NULL value in person\.role"):
        home.back_up()


def test_another_label_studio_is_named_as_left_out(home):
    made = home.back_up(label_studio_url="https://studio.invalid")

    manifest = verify(made)
    assert "https://studio.invalid" in manifest.left_out["label_studio"]
    assert manifest.inside("label_studio") == []


@pytest.mark.parametrize(
    "name",
    [
        "catalogue.csv",
        "database.sqlite",
        "journal/log-000001.jsonl",
        "label_studio/label_studio.sqlite3",
        "manifest.json",
        "originals.csv",
        "secrets.json",
        "weights/det-0001/tensors.safetensors",
    ],
)
def test_one_wrong_byte_is_refused_by_name_and_changes_nothing(home, empty, name):
    made = home.back_up()
    path = made / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)

    with pytest.raises(DamagedBackup, match=name):
        empty.restore(made)

    assert list(empty.path.iterdir()) == []


def test_a_lost_file_is_refused_by_name(home, empty):
    made = home.back_up()
    (made / "weights/det-0001/card.json").unlink()

    with pytest.raises(DamagedBackup, match=r"weights/det-0001/card\.json is missing"):
        empty.restore(made)


def test_a_folder_that_is_none_is_refused(empty, tmp_path):
    with pytest.raises(DamagedBackup, match="no whole backup"):
        empty.restore(tmp_path / "nowhere")


def test_a_manifest_that_names_a_place_outside_is_refused(home, empty, tmp_path):
    made = home.back_up()
    manifest = read_manifest(made)
    away = manifest.files[0].model_copy(update={"name": "../../outside"})
    changed = manifest.model_copy(update={"files": (away, *manifest.files[1:])})
    (made / "manifest.json").write_text(changed.text())
    (made / "checksums-sha256.txt").write_text(changed.checksums())

    with pytest.raises(DamagedBackup, match=r"manifest\.json"):
        empty.restore(made)


def test_an_empty_home_becomes_what_the_backup_says(home, empty):
    made, before = home.back_up(), everything(home)

    restored = empty.restore(made)

    assert everything(empty) == before
    assert restored.aside is None
    assert restored.missing == (f"ab/{'ab' * 32}.jpg",)
    assert stat.S_IMODE((empty.path / "secrets.json").stat().st_mode) == 0o600
    assert not (empty.path / ".restoring").exists()


def test_photos_that_were_left_in_the_home_are_not_missing(home):
    made = home.back_up()

    assert home.restore(made, replace=True).missing == ()

    (home.path / "originals" / "ab" / f"{'ab' * 32}.jpg").write_bytes(b"cut")
    assert home.restore(made, replace=True).missing == (f"ab/{'ab' * 32}.jpg",)


def test_a_home_that_is_not_empty_is_left_alone_unless_it_may_be_replaced(home):
    made = home.back_up()
    home.answer(5)
    before = everything(home)

    with pytest.raises(CannotRestore, match="--replace"):
        home.restore(made)

    assert everything(home) == before


def test_what_is_replaced_is_moved_aside_whole(home):
    made, then = home.back_up(), everything(home)
    home.answer(5)
    (home.path / "secrets.json").write_text("{}")
    home.database.dispose()
    before = everything(home)

    restored = home.restore(made, replace=True)

    assert everything(home) == then
    assert everything(Home(restored.aside)) == before
    assert backups(home.path / "backups") == [made]


def test_no_home_is_restored_while_its_services_run(home):
    made = home.back_up()

    with pytest.raises(CannotRestore, match=r"worker.*haulout down"):
        restore(home.settings, made, home.now, {"worker": "RUNNING"}, replace=True)


def test_no_home_is_restored_while_a_pass_is_going_on(home):
    made = home.back_up()

    with lease(home.database, SEASON), pytest.raises(CannotRestore, match="haulout status"):
        home.restore(made, replace=True)


def test_a_lease_that_was_held_when_the_backup_was_made_is_free_after_a_restore(home, empty):
    with lease(home.database, SEASON):
        made = home.back_up()

    empty.restore(made)

    with reading(connect(empty.settings.database)) as session:
        assert session.get(LeaseRow, SEASON).holder == ""


def test_a_wrecked_database_is_no_hindrance(home):
    made, before = home.back_up(), everything(home)
    home.database.dispose()
    (home.path / "haulout.sqlite").write_bytes(b"rubbish " * 1000)
    for name in ("haulout.sqlite-wal", "haulout.sqlite-shm"):
        (home.path / name).write_bytes(b"stale")

    home.restore(made, replace=True)

    assert everything(home) == before


def test_the_backup_of_a_newer_haulout_is_refused(home, empty):
    with home.database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    made = home.back_up()

    with pytest.raises(NewerDatabase, match=f"{made.name} has revision 0999"):
        empty.restore(made)


def test_a_backup_of_sqlite_is_not_put_into_postgresql(home, tmp_path):
    made = home.back_up()

    with pytest.raises(CannotRestore, match="DATABASE_URL"):
        Home(tmp_path / "other", "postgresql://haulout@nowhere/season").restore(made)


@pytest.mark.parametrize("step", [1, 9, 14, *range(15, 31)] if LONG else [9, 16, 20, 24, 28])
def test_a_restore_killed_at_any_step_can_be_repeated(home, step):
    made, then = home.back_up(), everything(home)
    home.answer(5)
    before = everything(home)
    home.database.dispose()

    def bring_back() -> None:
        dying_when_something_is_renamed_or_told(step)
        restore(home.settings, made, home.now, {}, replace=True, tell=lambda *_: steps())

    end = in_another_process(bring_back)

    assert end == -signal.SIGKILL
    unfinished = (home.path / ".restoring.json").exists()
    if unfinished:
        with pytest.raises(HalfRestored, match="haulout restore"):
            connected(home.settings)
    restored = home.restore(made, replace=not unfinished)
    assert everything(home) == then
    asides = [everything(Home(path)) for path in (home.path / "replaced").iterdir()]
    assert before in asides, "nothing is deleted"
    assert restored.aside is not None
    connected(home.settings)


_left: list[int] = []


def steps() -> None:
    _left[0] -= 1
    if _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def dying_when_something_is_renamed_or_told(step: int) -> None:
    """In this process, which is a copy, die before the step."""
    _left[:] = [step]
    rename, put, unlink = Path.rename, Path.replace, Path.unlink

    def dying_rename(self, target):
        steps()
        return rename(self, target)

    def dying_replace(self, target):
        steps()
        return put(self, target)

    def dying_unlink(self):
        steps()
        unlink(self)

    Path.rename, Path.replace, Path.unlink = dying_rename, dying_replace, dying_unlink


@pytest.mark.parametrize("step", [18, 28])
def test_what_somebody_started_in_a_half_restored_home_is_moved_aside(home, step):
    made, then = home.back_up(), everything(home)

    def bring_back() -> None:
        dying_when_something_is_renamed_or_told(step)
        restore(home.settings, made, home.now, {}, replace=True, tell=lambda *_: steps())

    assert in_another_process(bring_back) == -signal.SIGKILL
    for name in ("secrets.json", "weights/new"):
        (home.path / name).parent.mkdir(exist_ok=True)
        (home.path / name).write_text("made meanwhile")

    restored = home.restore(made)

    assert everything(home) == then
    assert "made meanwhile" in {path.read_text() for path in restored.aside.glob("secrets.json*")}
    assert {path.read_text() for path in restored.aside.glob("weights*/new")} == {"made meanwhile"}


def test_another_backup_cannot_be_restored_before_the_first_is_finished(home):
    made, other = home.back_up(), home.back_up()

    def bring_back() -> None:
        dying_when_something_is_renamed_or_told(len(verify(made).files) * 2 + 2)
        restore(home.settings, made, home.now, {}, replace=True, tell=lambda *_: steps())

    assert in_another_process(bring_back) == -signal.SIGKILL
    assert (home.path / ".restoring.json").exists()

    with pytest.raises(CannotRestore, match=made.name):
        home.restore(other, replace=True)


def test_a_full_disk_leaves_the_home_as_it_was(home, small_disk):
    made = home.back_up()
    disk = small_disk(500)
    target = Home(disk / "home")

    with pytest.raises(StorageFull, match=str(disk)):
        target.restore(made)

    assert list(target.path.iterdir()) == []
    assert home.restore(made, replace=True).missing == ()


def test_a_home_of_an_older_haulout_is_backed_up_before_it_is_changed(tmp_path):
    old = Home(tmp_path / "old")
    old.path.mkdir()
    database = connect(old.settings.database)
    SCHEMA.create_all(database)
    with database.begin() as connection:
        connection.execute(text("INSERT INTO person VALUES ('person-1', 1, 'volunteer', '2026-11-29 12:00:00.000000')"))

    changed = connected(old.settings)

    [made] = backups(old.path / "backups")
    assert (verify(made).revision, verify(made).counts["person"]) == ("", 1)
    with changed.connect() as connection:
        assert current(connection) == HEAD
    old.restore(made, replace=True)
    with connected(old.settings).connect() as connection:
        assert current(connection) == HEAD
        assert connection.execute(text("SELECT id FROM person")).scalar_one() == "person-1"


@pytest.fixture
def daily_services(services, home):
    """The services of the home with one photo."""
    with writing(home.database) as session:
        session.connection().execute(
            text("INSERT INTO ingestion VALUES (1, 'CARD', 'Beach', '2026-11-29 12:00:00', NULL, 1, 0, 0)")
        )
        photo = {"name": "IMG", "site": "Beach", "camera": "C", "burst": "b", "suffix": ".jpg", "size_bytes": 1}
        session.add(PhotoRow(id="ab" * 32, ingestion=1, width=1, height=1, ingested_at=NOON, **photo))
    return replace(services, settings=home.settings, database=home.database, now=lambda: NOON)


def at(services, moment: datetime):
    return replace(services, now=lambda: moment)


def test_a_backup_is_made_each_day_and_not_each_minute(daily_services):
    first = back_up_if_due(daily_services)

    assert first is not None
    assert last_backup(daily_services.settings.home) == NOON
    assert back_up_if_due(at(daily_services, NOON + timedelta(hours=23, minutes=59))) is None
    assert back_up_if_due(at(daily_services, NOON + timedelta(days=1))) is not None


def test_a_home_without_photos_has_nothing_to_lose(home, services):
    assert back_up_if_due(replace(services, settings=home.settings, database=home.database)) is None


def test_a_clock_that_was_put_back_stops_no_daily_backup(daily_services):
    back_up_if_due(daily_services)

    assert back_up_if_due(at(daily_services, NOON - timedelta(days=2))) is not None


def test_a_daily_backup_that_finds_no_room_is_logged_and_tried_again_in_an_hour(daily_services, caplog):
    settings = daily_services.settings
    full = replace(daily_services, settings=settings.model_copy(update={"no_room_mb": 10**9}))

    assert back_up_if_due(full) is None

    assert "tried again in an hour" in caplog.text
    assert "--to FOLDER" in caplog.text
    assert back_up_if_due(at(daily_services, NOON + timedelta(minutes=59))) is None
    assert back_up_if_due(at(daily_services, NOON + daily.AGAIN)) is not None


@pytest.fixture
def postgres_home(tmp_path, new_postgres_database) -> Home:
    return Home(tmp_path / "home", new_postgres_database()).fill()


@pytest.mark.postgres
def test_a_postgresql_database_comes_back_into_an_empty_one(postgres_home, tmp_path, new_postgres_database):
    made, before = postgres_home.back_up(), everything(postgres_home)
    other = Home(tmp_path / "other", new_postgres_database())

    other.restore(made)

    assert everything(other) == before
    with connected(other.settings).connect() as connection:
        assert current(connection) == HEAD
        with pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text("DELETE FROM log"))


@pytest.mark.postgres
def test_what_was_in_postgresql_is_moved_aside_too(postgres_home):
    made, then = postgres_home.back_up(), everything(postgres_home)
    postgres_home.answer(5)

    with pytest.raises(CannotRestore, match="table answer"):
        Home(postgres_home.path.with_name("new"), postgres_home.settings.database_url).restore(made)
    restored = postgres_home.restore(made, replace=True)

    assert everything(postgres_home) == then
    with postgres_home.database.connect() as connection:
        aside = f'"replaced_{restored.aside.name}".answer'
        assert connection.execute(text(f"SELECT count(*) FROM {aside}")).scalar_one() == 8


@pytest.mark.postgres
@pytest.mark.parametrize("step", [9, 13, 14, 15, 20, 24] if LONG else [14, 20])
def test_a_restore_into_postgresql_killed_at_any_step_can_be_repeated(postgres_home, step):
    made, then = postgres_home.back_up(), everything(postgres_home)
    postgres_home.answer(5)
    postgres_home.database.dispose()

    def bring_back() -> None:
        dying_when_something_is_renamed_or_told(step)
        restore(postgres_home.settings, made, postgres_home.now, {}, replace=True, tell=lambda *_: steps())

    assert in_another_process(bring_back) == -signal.SIGKILL
    unfinished = (postgres_home.path / ".restoring.json").exists()
    postgres_home.restore(made, replace=not unfinished)

    assert everything(postgres_home) == then


@pytest.mark.postgres
def test_a_dump_that_cannot_be_restored_leaves_the_database_as_it_was(postgres_home):
    made = postgres_home.back_up()
    manifest = read_manifest(made)
    wrong = manifest.model_copy(update={"counts": manifest.counts | {"answer": 17}})
    (made / "manifest.json").write_text(wrong.text())
    (made / "checksums-sha256.txt").write_text(wrong.checksums())
    postgres_home.answer(5)
    before = everything(postgres_home)

    with pytest.raises(DamagedBackup, match="other rows"):
        postgres_home.restore(made, replace=True)

    assert everything(postgres_home) == before
    connected(postgres_home.settings)


@pytest.mark.postgres
def test_without_postgresqls_programs_it_is_said_what_to_install(postgres_home, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ServiceUnavailable, match="postgresql-client"):
        postgres_home.back_up()

    assert postgres_home.folders() == []


def test_the_manifest_says_what_is_where(home):
    stored = json.loads((home.back_up() / "manifest.json").read_text())

    assert stored["database"] == "sqlite"
    assert stored["made_at"].startswith("2026-11-29T12:00:0")
    assert stored["left_out"] == {
        "originals": f"1 photos; copy {home.path / 'originals'} yourself, originals.csv lists them"
    }


def test_a_memory_stick_that_is_mounted_elsewhere_finishes_a_restore(home, tmp_path):
    made, then = home.back_up(), everything(home)

    def bring_back() -> None:
        dying_when_something_is_renamed_or_told(20)
        restore(home.settings, made, home.now, {}, replace=True, tell=lambda *_: steps())

    assert in_another_process(bring_back) == -signal.SIGKILL
    shutil.copytree(made, tmp_path / "elsewhere")

    home.restore(tmp_path / "elsewhere")

    assert everything(home) == then


def test_a_manifest_cannot_put_programs_into_a_home(home, empty):
    made = home.back_up()
    (made / "run").mkdir()
    (made / "run" / "supervisord.conf").write_text("[program:evil]")
    manifest = read_manifest(made)
    evil = describe(made / "run" / "supervisord.conf", "run/supervisord.conf")
    changed = manifest.model_copy(update={"files": (*manifest.files, evil)})
    (made / "manifest.json").write_text(changed.text())
    (made / "checksums-sha256.txt").write_text(changed.checksums())

    empty.restore(made)

    assert not (empty.path / "run").exists()


def told_by(monkeypatch, home: Home, *arguments: object) -> str:
    monkeypatch.setenv("HAULOUT_HOME", str(home.path))
    ended = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ended.exit_code == 0, ended.output + str(ended.exception)
    return " ".join(ended.output.split())


def test_the_operator_backs_up_checks_and_restores_by_commands(home, empty, monkeypatch):
    before = everything(home)
    usb = home.path.parent / "usb"

    told = told_by(monkeypatch, home, "backup", "--to", usb)
    [made] = backups(usb)
    assert f"Written: {made}" in told and "3 answers" in told and "originals" in told
    assert f"Whole: {made}" in told_by(monkeypatch, home, "backup", "--verify", made)

    told = told_by(monkeypatch, empty, "restore", made)

    assert everything(empty) == before
    assert "Missing: originals/ab/" in told and "haulout pictures" in told and "Next: haulout up" in told
    assert told_by(monkeypatch, empty, "pictures") == "All questions have their pictures."
