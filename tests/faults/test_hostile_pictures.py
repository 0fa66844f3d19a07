"""A memory card full of harm: each file is taken in clean or refused with the reason, and nothing else happens."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from sqlmodel import select

from haulout.db import reading
from haulout.ingest import Ingested, ingest
from haulout.services import Services
from haulout.storage.decoder import BrokenPicture, Decoder
from haulout.storage.pictures import WEB_SIDE
from haulout.tables import PhotoRow, QuarantineRow
from haulout.testing import enters
from haulout.web import create_app
from tests.faults.hostile_pictures import SECRETS, TAKEN, bombs, lay_out

MOST_MEMORY = 512
"""MB that the process which decodes may take at any time."""


@dataclass(frozen=True)
class CardOfHarm:
    """A card after it was read, and what was expected of each file."""

    services: Services
    expected: dict[str, tuple[str, str]]
    read: Ingested
    card: Path
    before: dict[str, str]


@pytest.fixture(scope="module")
def harm(tmp_path_factory) -> CardOfHarm:
    from tests.platform.conftest import make_services

    folder = tmp_path_factory.mktemp("harm")
    card = folder / "card"
    card.mkdir()
    expected = lay_out(card)
    before = digests(card)
    services = make_services.__wrapped__()(folder / "home", f"sqlite:///{folder / 'season.sqlite'}")
    return CardOfHarm(services, expected, ingest(services, card, "Beach"), card, before)


def digests(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: the bytes of files, where links point."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = os.fsencode(path.relative_to(folder)).decode("latin-1")
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    return found


def as_told(name: str) -> str:
    """Return a file's name as the operator is told it."""
    return os.fsencode(name).decode("utf-8", "replace")


def test_every_file_is_taken_in_or_refused_with_the_reason_expected(harm) -> None:
    with reading(harm.services.database) as session:
        taken = set(session.exec(select(PhotoRow.name)))
    reasons = {one.path: one.reason for one in (*harm.read.quarantined, *harm.read.passed_over)}

    wrong = {}
    for name, (what, expected) in harm.expected.items():
        told = as_told(name)
        reason = "hidden" if told not in taken and told not in reasons else reasons.get(told, "")
        if not re.search(expected, reason) or (expected == TAKEN and reason):
            wrong[what] = f"{reason!r} instead of {expected!r}"
    assert wrong == {}
    assert len(harm.expected) >= 170


def test_what_is_put_aside_says_which_file_and_why(harm) -> None:
    with reading(harm.services.database) as session:
        rows = list(session.exec(select(QuarantineRow)))

    assert len(rows) == len(harm.read.quarantined) > 50
    assert all(row.reason and row.path.startswith(str(harm.card)) for row in rows)
    kept = [harm.services.settings.home / row.kept_as for row in rows if row.kept_as]
    assert kept and all(path.parent == harm.services.storage.quarantine for path in kept)


def test_nothing_but_the_home_was_written_and_nothing_on_the_card_was_changed(harm) -> None:
    root = harm.card.parent
    written = {path.relative_to(root).parts[0] for path in root.rglob("*")}

    assert digests(harm.card) == harm.before
    assert written <= {"card", "home", "season.sqlite", "season.sqlite-wal", "season.sqlite-shm"}
    assert not Path("/tmp/haulout-evil.jpg").exists() and not (root.parent / "evil.jpg").exists()
    names = {path.name for path in (root / "home").rglob("*") if path.is_file()}
    assert all(re.fullmatch(r"[0-9a-f]{64}(\.[A-Za-z0-9]+)?", name) for name in names), "named by their content only"


def test_only_pixels_are_served_of_what_was_taken_in(harm) -> None:
    served = [path for path in harm.services.storage.public.rglob("*") if path.is_file()]

    assert len(served) > 60
    for path in served:
        content = path.read_bytes()
        assert not [secret for secret in SECRETS if secret in content], path
        assert content.endswith(b"\xff\xd9") and content.count(b"\xff\xe1") == 0, path
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB") and max(image.size) <= WEB_SIDE
            assert not image.getexif() and not image.info.keys() & {"icc_profile", "xmp", "comment", "exif"}


def test_originals_and_quarantine_are_closed_to_others_and_no_address_leads_there(harm) -> None:
    client = enters(create_app(harm.services).test_client())
    storage = harm.services.storage
    secret = next(path for path in storage.originals.rglob("*") if path.is_file())

    assert {folder.stat().st_mode & 0o777 for folder in (storage.originals, storage.quarantine)} == {0o700}
    for way in (
        f"/pictures/../originals/{secret.parent.name}/{secret.name}",
        f"/pictures/..%2foriginals/{secret.name}",
    ):
        for address in (way, way.replace("/pictures/", "/pictures/photos/../"), f"//{secret}"):
            assert client.get(address).status_code in (301, 308, 404)


def test_pages_show_names_of_files_as_text(harm) -> None:
    client = enters(create_app(harm.services).test_client())

    pages = [client.get(address) for address in ("/", "/photos", "/photos?limit=200")]

    assert all(page.status_code == 200 for page in pages)
    assert all(b"<img src=x" not in page.data and b"\x1b[31m" not in page.data for page in pages)
    with reading(harm.services.database) as session:
        photos = list(session.exec(select(PhotoRow)))
    for photo in photos:
        page = client.get(f"/photos/{photo.id}")
        assert page.status_code == 200 and b"<img src=x" not in page.data, photo.name


def test_a_second_reading_finds_the_same_and_adds_nothing(harm) -> None:
    again = ingest(harm.services, harm.card, "Beach")

    assert again.added == 0
    assert {one.path for one in again.quarantined} == {one.path for one in harm.read.quarantined}


def test_no_picture_takes_more_memory_than_the_decoder_may_have(tmp_path) -> None:
    path, most = tmp_path / "picture", {}
    with Decoder() as decoder:
        for what, _, content, _ in bombs():
            path.write_bytes(content)
            most[what] = memory_of(decoder, path)

    assert {what: size for what, size in most.items() if size > MOST_MEMORY} == {}
    assert max(most.values()) > MOST_MEMORY / 2, "or the largest picture is no longer among them"


def memory_of(decoder: Decoder, path: Path) -> int:
    """Return the most MB that the process had while it decoded the file."""
    decoder._running()
    own = Path(f"/proc/{decoder._process.pid}")
    (own / "clear_refs").write_text("5")  # begins the measuring of the maximum anew
    try:
        decoder.examine(path, path.with_suffix(".jpg"))
    except BrokenPicture:
        pass
    if decoder._process is None:
        return 0  # it was ended, by its own limits
    return int(re.search(r"VmHWM:\s+(\d+)", (own / "status").read_text())[1]) // 1024
