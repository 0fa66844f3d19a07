"""Experts ask the catalogue whom a picture shows; of the picture nothing is kept, and none does harm."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from haulout.accounts import Role
from haulout.db import writing
from haulout.identify import search as searches
from haulout.identify.step import embed_animals
from haulout.serving import serving_reidentifier
from haulout.storage import sha256_of
from haulout.tables import AnimalRow, EmbeddingRow, IndividualRow, PhotoRow, SightingRow, TileRow
from haulout.testing import enters
from haulout.web import create_app
from haulout.web import search as page_of_search
from haulout.withheld import withhold
from tests.platform.conftest import NOON, Coordinator

ADDRESS = "/individuals/search"
SIZE = 200


def looks(seed: int) -> np.ndarray:
    """Return the picture of an animal whose spots are its own, in big pixels so that JPEG changes little."""
    spots = np.random.default_rng(seed).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    return np.array(Image.fromarray(spots).resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def encoded(image: np.ndarray, form: str = "JPEG") -> bytes:
    written = BytesIO()
    Image.fromarray(image).save(written, form)
    return written.getvalue()


@pytest.fixture
def coordinator(make_services, tmp_path) -> Coordinator:
    made = Coordinator(make_services(tmp_path / "home", f"sqlite:///{tmp_path}/season.sqlite"))
    made.set(secret_key="key", starter="none")
    return made


@pytest.fixture
def catalogue(coordinator) -> Coordinator:
    """Return a season with three animals that the network has looked at; two of them are W0001 and W0002."""
    for seed in (1, 2, 3):
        add(coordinator, f"animal-{seed}", seed, f"W000{seed}" if seed < 3 else "")
    embed_animals(coordinator.services, serving_reidentifier(coordinator.services))
    return coordinator


def add(coordinator: Coordinator, name: str, seed: int, individual: str) -> None:
    file = coordinator.services.settings.home / "new.png"
    file.write_bytes(encoded(looks(seed), "PNG"))
    photo = sha256_of(file)
    coordinator.services.storage.keep_original(file, photo, ".png")
    whole = [0, 0, SIZE, SIZE]
    with writing(coordinator.services.database) as session:
        session.add(
            PhotoRow(
                id=photo,
                name=f"{seed}.png",
                ingestion=1,
                site="Beach",
                camera="CAM1",
                width=SIZE,
                height=SIZE,
                suffix=".png",
                size_bytes=1,
                split="train",
                burst=photo,
                ingested_at=NOON,
            )
        )
        session.add(TileRow(id=f"{photo}-tile", photo=photo, shown=whole, core=whole))
        session.flush()
        row = AnimalRow(id=name, photo=photo, tile=f"{photo}-tile", box=whole, crop=whole, settled_at=NOON)
        row.probability = 0.9
        session.add(row)
        session.flush()
        if individual:
            session.add(IndividualRow(id=individual, first_animal=name, named_at=NOON))
            session.flush()
            session.add(SightingRow(animal=name, individual=individual))


def expert(coordinator: Coordinator) -> FlaskClient:
    return enters(create_app(coordinator.services).test_client(), Role.EXPERT, "Olga")


def ask(client: FlaskClient, content: bytes, name: str = "walrus.jpg"):
    return client.post(ADDRESS, data={"picture": (BytesIO(content), name)}, content_type="multipart/form-data")


def kept(coordinator: Coordinator) -> set[Path]:
    home = coordinator.services.settings.home
    return {path for path in home.rglob("*") if path.is_file() and "sqlite" not in path.name}


def test_the_walrus_of_the_picture_comes_first_and_nothing_of_it_is_kept(catalogue):
    client, before = expert(catalogue), kept(catalogue)

    answer = ask(client, encoded(looks(2)))

    page = answer.text
    assert answer.status_code == 200
    assert page.index("/individuals/W0002#animal-2") < page.index("/individuals/W0001#animal-1")
    assert "an animal without a name" in page and "Not in the catalogue:" in page
    assert "data:image/jpeg;base64," in page and "Compared with 3 animals." in page
    assert "img-src 'self' data:" in answer.headers["Content-Security-Policy"]
    assert kept(catalogue) == before
    assert not (catalogue.services.settings.home / searches.FOLDER).exists()


def test_animals_in_withheld_photos_are_not_found(catalogue):
    photo = catalogue.rows(AnimalRow, AnimalRow.id == "animal-2")[0].photo
    with writing(catalogue.services.database) as session:
        withhold(session, photo, "volunteers", NOON)

    page = ask(expert(catalogue), encoded(looks(2))).text

    assert "Compared with 2 animals." in page and "animal-2" not in page


def png_bomb() -> bytes:
    """Return a PNG of 30,000 x 30,000 pixels in some kilobytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(90_000))) + chunk(b"IEND", b"")
    )


HOSTILE = {
    "no picture": b"hello, I am no picture" * 99,
    "nothing": b"",
    "a bomb": png_bomb(),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "half a picture": encoded(looks(1))[:3000],
    "a gif": encoded(looks(1), "GIF"),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_picture_is_refused_and_not_kept(seen, content):
    client, before = expert(seen), kept(seen)

    answer = ask(client, content)

    assert answer.status_code == 400
    assert "This is no picture that can be searched for" in answer.text
    assert kept(seen) == before


@pytest.fixture
def seen(coordinator) -> Coordinator:
    """Return a season in which the network looked at one animal, whatever it saw."""
    add(coordinator, "animal-1", 1, "")
    coordinator.store(EmbeddingRow(animal="animal-1", model="reid-frozen", packed=bytes(8)))
    return coordinator


@pytest.mark.parametrize("name", ["../../originals/x.jpg", "/etc/passwd", "C:\\x.jpg", "a\r\nb.jpg", "x" * 3000])
def test_the_name_of_the_file_is_used_for_nothing(seen, name):
    before = kept(seen)

    answer = ask(expert(seen), b"no picture", name)

    assert answer.status_code == 400
    assert kept(seen) == before


def test_too_large_a_picture_is_not_read(seen):
    answer = ask(expert(seen), bytes(page_of_search.LARGEST + 1))

    assert answer.status_code == 413


@pytest.mark.parametrize("form", [{}, {"picture": "text"}])
def test_who_sends_no_picture_is_asked_for_one(seen, form):
    answer = expert(seen).post(ADDRESS, data=form)

    assert answer.status_code == 400 and "Choose a picture first." in answer.text


def test_before_anything_was_seen_the_page_says_what_to_do(coordinator):
    client = expert(coordinator)

    page, answer = client.get(ADDRESS), ask(client, encoded(looks(1)))

    assert "haulout run" in page.text and "<form class" not in page.text
    assert answer.status_code == 409 and "haulout run" in answer.text


def test_a_search_that_takes_too_long_ends_and_is_forgotten(seen):
    before = kept(seen)

    with pytest.raises(searches.NotSearched, match="No answer came within"):
        searches.search_for(seen.services, BytesIO(encoded(looks(1))), patience=0.05)

    assert kept(seen) == before


def test_a_search_that_breaks_says_so_and_is_forgotten(seen):
    before = kept(seen)

    answer = ask(expert(seen), encoded(looks(1)))

    assert answer.status_code == 500 and "The search did not end" in answer.text
    assert kept(seen) == before


def test_one_search_at_a_time(seen, monkeypatch):
    monkeypatch.setattr(page_of_search, "WAIT", 0.05)

    with page_of_search.AT_ONCE:
        answer = ask(expert(seen), encoded(looks(1)))

    assert answer.status_code == 503 and "Somebody else is searching" in answer.text
    assert answer.headers["Retry-After"]


def test_on_a_full_disk_nothing_is_searched(seen):
    seen.set(no_room_mb=10**9)

    answer = ask(expert(seen), encoded(looks(1)))

    assert answer.status_code == 507
    assert not (seen.services.settings.home / searches.FOLDER).exists()


def test_a_volunteer_searches_for_nobody(seen):
    volunteer = enters(create_app(seen.services).test_client(), Role.VOLUNTEER)

    assert [volunteer.get(ADDRESS).status_code, ask(volunteer, encoded(looks(1))).status_code] == [403, 403]
