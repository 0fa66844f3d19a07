"""A folder of photos becomes a season: nothing twice, nothing invented, nothing lost, broken files named."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import piexif
import pytest
from PIL import Image
from sqlmodel import select

from active_learning.splits import is_exam
from haulout.db import reading
from haulout.ingest import CardGone, Ingested, NoSuchFolder, ingest
from haulout.ingest.capture import camera_of, time_in_exif, time_in_name
from haulout.services import Services
from haulout.tables import IngestionRow, PhotoRow, QuarantineRow

NOON = datetime(2026, 8, 1, 12)
DECODER_STARTS = 1.0
"""Seconds of processor time, once per card."""


def photo(
    path: Path,
    seed: int,
    taken: datetime | None = None,
    serial: str = "",
    orientation: int = 1,
    size: tuple[int, int] = (48, 32),
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif: dict[str, dict[int, object]] = {"0th": {piexif.ImageIFD.Orientation: orientation}, "Exif": {}, "GPS": {}}
    exif["GPS"] = {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSMapDatum: b"SECRET 71.5"}
    if taken:
        exif["Exif"][piexif.ExifIFD.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S").encode()
    if serial:
        exif["Exif"][piexif.ExifIFD.BodySerialNumber] = serial.encode()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=piexif.dump(exif))
    return path


def photos(services: Services) -> dict[str, PhotoRow]:
    with reading(services.database) as session:
        return {row.name: row for row in session.exec(select(PhotoRow))}


def broken(services: Services) -> list[QuarantineRow]:
    with reading(services.database) as session:
        return list(session.exec(select(QuarantineRow)))


def bursts(services: Services) -> set[frozenset[str]]:
    grouped: dict[str, set[str]] = defaultdict(set)
    for name, row in photos(services).items():
        grouped[row.burst].add(Path(name).stem)
    return {frozenset(group) for group in grouped.values()}


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "card"
    folder.mkdir()
    return folder


def test_a_photo_is_stored_with_what_its_file_tells(services: Services, card: Path) -> None:
    photo(card / "DCIM" / "IMG_1.JPG", 1, NOON, serial="A17", orientation=6)

    found = ingest(services, card, "Vaygach")

    assert (found.added, found.known, found.quarantined, found.undated) == (1, 0, (), 0)
    row = photos(services)["DCIM/IMG_1.JPG"]
    assert (row.site, row.camera, row.taken_at_original, row.taken_at) == ("Vaygach", "A17", NOON, NOON)
    assert (row.width, row.height, row.suffix) == (32, 48, ".jpg")
    assert services.storage.read_photo(row.id, row.suffix).shape == (48, 32, 3)
    assert services.storage.original(row.id, row.suffix).read_bytes() == (card / row.name).read_bytes()


def test_what_people_see_of_it_has_no_place_and_no_camera(services: Services, card: Path) -> None:
    photo(card / "IMG_1.jpg", 1, NOON, serial="SECRET serial")

    ingest(services, card)

    served = [path for path in services.storage.public.rglob("*") if path.is_file()]
    assert len(served) == 1
    assert b"SECRET" not in served[0].read_bytes()
    assert b"Exif" not in served[0].read_bytes()


def test_the_same_card_twice_adds_nothing(services: Services, card: Path) -> None:
    for n in range(3):
        photo(card / f"IMG_{n}.jpg", n, NOON + timedelta(minutes=5 * n))
    (card / "IMG_9.jpg").write_bytes(b"")
    (card / "IMG_9.tif").write_bytes(b"")
    ingest(services, card)
    before = photos(services)

    again = ingest(services, card)

    assert (again.added, again.known, len(again.quarantined)) == (0, 3, 2)
    assert photos(services) == before
    assert len(broken(services)) == 2


def test_the_same_card_brings_back_files_that_were_lost(services: Services, card: Path) -> None:
    photo(card / "IMG_1.jpg", 1)
    ingest(services, card)
    row = photos(services)["IMG_1.jpg"]
    lost = [services.storage.original(row.id, row.suffix), services.storage.public / services.storage.web_photo(row.id)]
    for path in lost:
        path.unlink()

    ingest(services, card)

    assert [path.is_file() for path in lost] == [True, True]


def test_one_photo_under_two_names_is_one_photo(services: Services, card: Path) -> None:
    photo(card / "a" / "IMG_1.jpg", 1, NOON)
    shutil.copy(card / "a" / "IMG_1.jpg", card / "copy of IMG_1.jpg")

    found = ingest(services, card)

    assert (found.added, found.known) == (1, 1)
    assert len(photos(services)) == 1
    with reading(services.database) as session:
        assert session.exec(select(IngestionRow.known)).one() == 1


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("empty.jpg", lambda path: path.write_bytes(b""), "is empty"),
        ("cut.jpg", lambda path: path.write_bytes(photo(path, 1).read_bytes()[:-700]), "truncated"),
        ("text.jpg", lambda path: path.write_text("Dear diary"), "begins with 'Dear diary'"),
        ("evil.png", lambda path: path.write_text("<svg xmlns='x'><script>1</script></svg>"), "is no JPEG"),
        ("bomb.png", lambda path: Image.new("1", (30000, 30000)).save(path), "has 30000 x 30000 pixels"),
    ],
)
def test_a_broken_file_is_put_aside_with_its_reason(
    services: Services, card: Path, name: str, write: Callable[[Path], object], reason: str
) -> None:
    write(card / name)
    photo(card / "good.jpg", 2)

    found = ingest(services, card)

    assert (found.added, [refused.path for refused in found.quarantined]) == (1, [name])
    assert reason in found.quarantined[0].reason
    (row,) = broken(services)
    assert (row.path, row.reason) == (str(card / name), found.quarantined[0].reason)
    assert (services.storage.home / str(row.kept_as)).read_bytes() == (card / name).read_bytes()
    assert len([path for path in services.storage.public.rglob("*") if path.is_file()]) == 1


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that another user of the machine may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """The administrator may read everything, and CI often is one."""
    administrator = os.geteuid() == 0
    if administrator:
        os.seteuid(65534)
    try:
        yield
    finally:
        if administrator:
            os.seteuid(0)


def test_a_file_that_may_not_be_read_is_named_and_read_once_it_may(
    make_services: Callable[..., Services], shared_folder: Path
) -> None:
    path = photo(shared_folder / "card" / "IMG_1.jpg", 1)
    path.chmod(0o000)
    with an_ordinary_user():
        services = make_services(shared_folder / "home")
        found = ingest(services, path.parent)
    assert [str(refused) for refused in found.quarantined] == ["IMG_1.jpg cannot be read: Permission denied"]
    assert [row.kept_as for row in broken(services)] == [None]

    path.chmod(0o644)
    found = ingest(services, path.parent)

    assert (found.added, found.quarantined, broken(services)) == (1, (), [])


def test_a_card_that_is_pulled_out_stops_the_reading_and_breaks_no_photo(services: Services, card: Path) -> None:
    for n in range(3):
        photo(card / f"IMG_{n}.jpg", n)

    def pull_out(message: str, done: int, total: int) -> None:
        if done == 1:
            shutil.rmtree(card)

    with pytest.raises(CardGone, match="Put it back"):
        ingest(services, card, tell=pull_out)

    assert broken(services) == []


def test_a_folder_that_does_not_exist_is_named(services: Services, tmp_path: Path) -> None:
    with pytest.raises(NoSuchFolder, match="no_card"):
        ingest(services, tmp_path / "no_card")


def test_files_of_the_system_are_ignored_and_all_others_are_listed(
    services: Services, card: Path, tmp_path: Path
) -> None:
    outside = photo(tmp_path / "outside" / "private.jpg", 7)
    for name in ("Thumbs.db", "DCIM/CANONMSC/M0100.CTG", ".hidden.jpg", ".Trashes/IMG_0.jpg", "clip.AVI", "notes.txt"):
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).write_bytes(b"x")
    (card / "raw.CR2").write_bytes(b"x")
    (card / "link.jpg").symlink_to(outside)
    (card / "linked").symlink_to(outside.parent)
    os.mkfifo(card / "pipe.jpg")

    found = ingest(services, card)

    assert found.added == 0
    assert [refused.path for refused in found.quarantined] == ["raw.CR2"]
    assert [row.path for row in broken(services)] == [str(card / "raw.CR2")]
    reasons = {refused.path: refused.reason for refused in found.passed_over}
    assert set(reasons) == {"clip.AVI", "notes.txt", "link.jpg", "pipe.jpg"}
    assert "video" in reasons["clip.AVI"]
    assert "link" in reasons["link.jpg"]


def test_a_name_that_is_no_text_is_no_obstacle(services: Services, card: Path) -> None:
    photo(card / "IMG_1.jpg", 1).rename(os.fsdecode(os.fsencode(card) + b"/caf\xe9.jpg"))
    Path(os.fsdecode(os.fsencode(card) + b"/\xff.jpg")).write_bytes(b"")

    found = ingest(services, card, tell=lambda message, done, total: message.encode("utf-8"))

    assert (found.added, len(found.quarantined)) == (1, 1)
    assert set(photos(services)) == {"caf\ufffd.jpg"}


def test_a_time_that_the_file_does_not_tell_is_not_invented(services: Services, card: Path) -> None:
    photo(card / "IMG_1.jpg", 1)
    photo(card / "RCNX_20200520_194550_01.jpg", 2)

    found = ingest(services, card, correction=timedelta(hours=1))

    assert (found.undated, found.dated_by_name) == (1, 1)
    stored = photos(services)
    assert (stored["IMG_1.jpg"].taken_at_original, stored["IMG_1.jpg"].taken_at) == (None, None)
    assert stored["RCNX_20200520_194550_01.jpg"].taken_at_original == datetime(2020, 5, 20, 19, 45, 50)
    assert stored["RCNX_20200520_194550_01.jpg"].taken_at == datetime(2020, 5, 20, 20, 45, 50)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("20200520_194550_01.jpg", datetime(2020, 5, 20, 19, 45, 50)),
        ("2019/IMG-20200520-194550.JPG", datetime(2020, 5, 20, 19, 45, 50)),
        ("20052020_194550.jpg", None),
        ("05202020_194550.jpg", None),
        ("20200231_120000.jpg", None),
        ("20200520_250000.jpg", None),
        ("20200520.jpg", None),
        ("120200520_1945501.jpg", None),
        ("20200520_194550_20210520_194550.jpg", None),
        ("20200520_194550/IMG_1.jpg", None),
    ],
)
def test_a_name_gives_a_time_only_when_it_is_certain(name: str, moment: datetime | None) -> None:
    assert time_in_name(name) == moment


@pytest.mark.parametrize(
    ("exif", "moment"),
    [
        ({"taken": "2026:08:01 12:00:00", "taken_fraction": "25"}, NOON + timedelta(milliseconds=250)),
        ({"taken": "0000:00:00 00:00:00", "digitized": "2026:08:01 12:00:00"}, NOON),
        ({"taken": "2026:08:01 12:00:00", "taken_fraction": "²"}, NOON),
        ({"taken": "yesterday"}, None),
        ({}, None),
    ],
)
def test_exif_gives_the_time_with_its_fraction(exif: dict[str, str], moment: datetime | None) -> None:
    assert time_in_exif(exif) == moment


@pytest.mark.parametrize(
    ("exif", "name", "camera"),
    [
        ({"model": "HC600", "serial": "H1"}, "north/IMG_1.jpg", "HC600 H1"),
        ({"model": "HC600"}, "north/DCIM/IMG_1.jpg", "HC600, north"),
        ({"model": "HC600"}, "DCIM/100/IMG_1.jpg", "HC600"),
        ({}, "north/IMG_1.jpg", "north"),
        ({}, "IMG_1.jpg", "unknown"),
    ],
)
def test_a_camera_is_known_by_its_number_or_else_by_its_folder(exif: dict[str, str], name: str, camera: str) -> None:
    assert camera_of(exif, name) == camera


def test_photos_at_most_half_a_minute_apart_by_one_camera_form_a_burst(services: Services, card: Path) -> None:
    for name, seconds in {"a": 0, "b": 30, "c": 60, "d": 91}.items():
        photo(card / "north" / f"{name}.jpg", seconds, NOON + timedelta(seconds=seconds))
    photo(card / "south" / "e.jpg", 500, NOON)
    photo(card / "north" / "f.jpg", 501)
    photo(card / "north" / "g.jpg", 502)

    ingest(services, card)

    assert bursts(services) == {frozenset(group) for group in ("abc", "d", "e", "f", "g")}


def test_bursts_do_not_depend_on_the_order_in_which_cards_arrive(
    make_services: Callable[..., Services], tmp_path: Path
) -> None:
    seconds = [0, 25, 50, 75, 150, 175, 176]
    named = []
    for order in ([0, 1, 2, 3, 4, 5, 6], [6, 0, 3, 5, 2, 4, 1]):
        services = make_services(tmp_path / f"home{order[0]}")
        for n in order:
            folder = tmp_path / f"cards{order[0]}" / str(n)
            photo(folder / f"{n}.jpg", n, NOON + timedelta(seconds=seconds[n]), serial="A")
            ingest(services, folder)
        named.append({name: row.burst for name, row in photos(services).items()})

    assert named[0] == named[1]
    assert len(set(named[0].values())) == 2
    first_ones = {name for name, row in photos(services).items() if row.burst == row.id[:16]}
    assert first_ones == {"0.jpg", "4.jpg"}


def test_a_burst_ends_at_midnight_so_that_a_day_is_on_one_side_of_the_split(services: Services, card: Path) -> None:
    days = [datetime(2026, 8, 1) + timedelta(days=n) for n in range(30)]
    for n, day in enumerate(days):
        first, second = ("a", "b") if n % 2 else ("b", "a")
        photo(card / f"{n}{first}.jpg", 2 * n, day - timedelta(seconds=10), serial="A")
        photo(card / f"{n}{second}.jpg", 2 * n + 1, day + timedelta(seconds=10), serial="A")

    ingest(services, card, "Vaygach")

    rows = list(photos(services).values())
    assert len({row.burst for row in rows}) == len(rows)
    settings = services.settings
    for row in rows:
        day: date = row.taken_at.date()  # type: ignore[union-attr]
        exam = is_exam("Vaygach", day, settings.exam_share, str(settings.seed))
        assert row.split == ("exam" if exam else "train")
    assert {row.split for row in rows} == {"exam", "train"}


def test_undated_photos_are_split_too(services: Services, card: Path) -> None:
    for n in range(60):
        photo(card / f"IMG_{n}.jpg", n)

    ingest(services, card)

    exam = sum(row.split == "exam" for row in photos(services).values())
    assert 3 <= exam <= 25


def test_progress_is_told(services: Services, card: Path) -> None:
    for n in range(3):
        photo(card / f"IMG_{n}.jpg", n)
    told: list[tuple[int, int]] = []

    ingest(services, card, tell=lambda message, done, total: told.append((done, total)))

    assert told == [(0, 0), (0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_reading_is_written_down(services: Services, card: Path) -> None:
    photo(card / "IMG_1.jpg", 1)
    (card / "IMG_2.jpg").write_bytes(b"")

    ingest(services, card, "Vaygach")

    with reading(services.database) as session:
        row = session.exec(select(IngestionRow)).one()
    assert (row.folder, row.site, row.added, row.known, row.quarantined) == (str(card), "Vaygach", 1, 0, 1)
    assert row.finished_at == services.now()


def test_two_readings_at_once_add_each_photo_once(make_services: Callable[..., Services], tmp_path: Path) -> None:
    for n in range(60):
        photo(tmp_path / "card" / f"IMG_{n}.jpg", n, NOON + timedelta(seconds=20 * n), serial="A")
    url = f"sqlite:///{tmp_path / 'season.sqlite'}"
    found: list[Ingested] = []

    def read(services: Services) -> None:
        found.append(ingest(services, tmp_path / "card"))

    both = [make_services(tmp_path / "home", url) for _ in range(2)]
    threads = [threading.Thread(target=read, args=[services]) for services in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [f.added + f.known for f in found] == [60, 60]
    assert sum(f.added for f in found) == 60
    stored = photos(both[0])
    assert len(stored) == 60
    assert len({row.burst for row in stored.values()}) == 1


READ_AND_TELL = """
import sys
from pathlib import Path
from haulout.bootstrap import build
from haulout.config import Settings
from haulout.ingest import ingest

home, card, url = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
services = build(Settings(home=home, database_url=url))
ingest(services, card, tell=lambda message, done, total: print(done, flush=True))
"""


def test_a_reading_that_was_killed_goes_on_where_it_stopped(
    make_services: Callable[..., Services], tmp_path: Path
) -> None:
    home, card, url = tmp_path / "home", tmp_path / "card", f"sqlite:///{tmp_path / 'season.sqlite'}"
    for n in range(120):
        photo(card / f"IMG_{n:03}.jpg", n, NOON + timedelta(minutes=5 * n), serial="A")
    services = make_services(home, url)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", READ_AND_TELL, str(home), str(card), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout
        for line in child.stdout:
            if int(line) == 70:
                child.send_signal(signal.SIGKILL)
                break
    before = len(photos(services))

    found = ingest(services, card)

    assert before == 50
    assert (found.added, found.known, found.quarantined) == (70, 50, ())
    stored = photos(services)
    assert len(stored) == 120
    assert all(services.storage.original(row.id, row.suffix).is_file() for row in stored.values())
    assert len(list((services.storage.public / "photos").glob("[!.]*"))) == 120


def test_ten_photos_of_a_megapixel_take_less_than_a_second_of_one_core(services: Services, card: Path) -> None:
    for n in range(20):
        photo(card / f"IMG_{n}.jpg", n, NOON, size=(1200, 900))
    began = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)

    ingest(services, card)

    ended = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    children = ended[1].ru_utime + ended[1].ru_stime - began[1].ru_utime - began[1].ru_stime
    assert ended[0] - began[0] + children < 2 + DECODER_STARTS
