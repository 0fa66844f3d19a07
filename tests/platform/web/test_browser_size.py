"""Pages ask the database as much of a large season as of a small one, and find photos in their order."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, insert
from sqlmodel import Session

from haulout.db import connect, create_tables, reading
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    ConsensusRow,
    IndividualRow,
    IngestionRow,
    ModelRow,
    PersonRow,
    PhotoRow,
    ProposalRow,
    SightingRow,
    TaskRow,
    TileRow,
    TriagedRow,
    TriageRow,
)
from haulout.testing import enters
from haulout.web import create_app
from haulout.web.photos import find, neighbours
from haulout.web.wanted import Filter
from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import PhotoId, Rectangle, Tile, TileId

NOON = datetime(2026, 8, 1, 12)
MODEL = "detector-1"
WAYS = {
    "site": ("", "North"),
    "camera": ("", "CAM1"),
    "first": ("", "2026-08-02"),
    "shows": ("", "animals", "nothing", "unseen"),
    "triage": ("", "look"),
    "split": ("", "exam"),
    "disturbed": ("", "boat"),
    "individual": ("", "W-1"),
}
EVERY = [Filter.of(dict(zip(WAYS, parts, strict=True))) for parts in product(*WAYS.values())][::11]
"""Every eleventh combination: each pair of filters is among them."""
LONG_READ = re.compile(r"SCAN (?:photo|proposal|triaged|consensus|animal|answer|tile)\b(?! USING (?:COVERING )?INDEX)")
"""A table read row by row; its index is not, nor what a condition on it leaves."""


def fill(engine: Engine, photos: int, tiles: int = 1) -> list[PhotoRow]:
    """Make photos of two sites and two cameras, many at the same second, some without a time; people saw a tenth."""
    create_tables(engine)
    rows = [_photo(number) for number in range(photos)]
    asked = rows[::10]
    words = [_tile(photo, number, tiles) for photo in asked for number in range(tiles)]
    with engine.begin() as connection:

        def store(*rows: object) -> None:
            for table in dict.fromkeys(type(row) for row in rows):
                connection.execute(insert(table), [row.model_dump() for row in rows if type(row) is table])

        store(IngestionRow(id=1, folder="CARD", site="North", started_at=NOON))
        store(ModelRow(version=MODEL, kind="detector", state="serving", sha256="0", created_at=NOON))
        store(TriageRow(id=1, model=MODEL, digest="", wanted=0.01, cut=CUT, negatives=1, at=NOON))
        store(PersonRow(id="person-0", label_studio_user=1, joined_at=NOON))
        store(IndividualRow(id="W-1", first_animal="", named_at=NOON), *rows)
        store(*(_proposal(photo, number) for number, photo in enumerate(rows) if number % 7))
        store(*(_triaged(photo, number) for number, photo in enumerate(rows) if number % 7))
        store(*(TileRow.of(tile) for tile in words))
        store(*(_consensus(tile, number) for number, tile in enumerate(words)))
        store(*(_task(tile, number) for number, tile in enumerate(words, 1)))
        store(*(_answer(tile, number) for number, tile in enumerate(words, 1)))
        store(*(_animal(tile) for tile in words))
        store(*(SightingRow(animal=tile.id, individual="W-1") for tile in words[::3]))
    return rows


CUT = {"chance": 0.0, "positives": 0, "needed": 299, "missed": 0, "bound": 1.0}


def _photo(number: int) -> PhotoRow:
    taken = None if number % 11 == 0 else NOON + timedelta(minutes=number // 4 * 30)
    return PhotoRow(
        id=hashlib.sha256(str(number).encode()).hexdigest(),
        name=f"{number}.JPG",
        ingestion=1,
        site="North" if number % 3 else "South",
        camera=f"CAM{number % 2}",
        taken_at_original=taken,
        taken_at=taken,
        burst=str(number // 4),
        width=800,
        height=600,
        suffix=".jpg",
        size_bytes=1,
        split="exam" if number % 5 == 0 else "train",
        ingested_at=NOON,
    )


def _proposal(photo: PhotoRow, number: int) -> ProposalRow:
    boxes = np.tile([10.0, 10.0, 90.0, 70.0], (number % 4, 1))
    packed = ProposalRow.pack(boxes, np.full(len(boxes), 0.9))
    expected = 0.9 * len(boxes)
    return ProposalRow(
        photo=photo.id, model=MODEL, packed=packed, features=b"0" * 64, expected_animals=expected, made_at=NOON
    )


def _triaged(photo: PhotoRow, number: int) -> TriagedRow:
    return TriagedRow(photo=photo.id, triage=1, chance=0.5, verdict=("empty", "animals", "look")[number % 3])


def _tile(photo: PhotoRow, number: int, tiles: int) -> Tile:
    width = 800 // tiles
    part = Rectangle(number * width, 0, (number + 1) * width, 600)
    return Tile(TileId(f"{photo.id[:16]}-{number}"), PhotoId(photo.id), part, part)


def _consensus(tile: Tile, number: int) -> ConsensusRow:
    ticks = ({}, {"boat": 1}, {"bear": 2})[number % 3]
    box = [*_box(tile), 0.9, ["person-0"], 0.0]
    return ConsensusRow(
        tile=tile.id, state="agreed", voters=1, agreement=1, boxes=[box], disturbed=ticks, settled_at=NOON
    )


def _box(tile: Tile) -> list[float]:
    return [tile.core.x1 + 5.0, 100.0, tile.core.x1 + 45.0, 140.0]


def _task(tile: Tile, number: int) -> TaskRow:
    return TaskRow(id=number, question="boxes", subject=tile.id, key=tile.id, state="retired", created_at=NOON)


def _answer(tile: Tile, number: int) -> AnswerRow:
    result = box_question.write(np.array([_box(tile)]), None, tile)
    return AnswerRow(
        id=number,
        task=number,
        person="person-0",
        label_studio_annotation=number,
        digest="",
        result=result,
        given_at=NOON,
        received_at=NOON,
    )


def _animal(tile: Tile) -> AnimalRow:
    return AnimalRow(
        id=tile.id, photo=tile.photo, tile=tile.id, box=_box(tile), crop=[0, 0, 9, 9], probability=0.9, settled_at=NOON
    )


@pytest.fixture
def filled(tmp_path: Path, make_services: Callable[..., Services]) -> Callable[..., Services]:
    def make(photos: int, tiles: int = 1) -> Services:
        services = make_services(tmp_path / f"home-{photos}", f"sqlite:///{tmp_path / f'{photos}-{tiles}.sqlite'}")
        fill(services.database, photos, tiles)
        return services

    return make


@contextmanager
def listening(engine: Engine) -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """Give what is asked of the database meanwhile, with its parameters."""
    heard: list[tuple[str, tuple[object, ...]]] = []

    def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
        heard.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield heard
    finally:
        event.remove(engine, "before_cursor_execute", note)


def asked_by(services: Services, path: str) -> list[tuple[str, tuple[object, ...]]]:
    client: FlaskClient = enters(create_app(services).test_client())
    client.get("/watch")  # the counter in the navigation is read every few seconds, whatever page is shown
    with listening(services.database) as heard:
        assert client.get(path).status_code == 200
    return heard


@pytest.mark.parametrize(
    "path",
    ["/", "/photos", "/photos?shows=animals&triage=look&disturbed=boat", "/photos?after={}", "/photos?before={}"],
)
def test_a_page_asks_no_more_of_many_photos_than_of_few(filled, path: str) -> None:
    here = _photo(60).id
    few, many = (asked_by(filled(photos), path.format(here)) for photos in (100, 500))
    assert len(many) <= len(few) < 40, "fewer when photos without a time fill the page"


def test_a_photo_s_page_asks_as_much_of_many_tiles_as_of_one(filled) -> None:
    path = f"/photos/{_photo(10).id}"
    one, eight = (asked_by(filled(40, tiles), path) for tiles in (1, 8))
    assert len(one) == len(eight) < 20


@pytest.mark.parametrize("path", ["/", "/photos", f"/photos/{_photo(10).id}", f"/photos?after={_photo(60).id}"])
def test_no_page_reads_a_table_of_photos_or_boxes_row_by_row(filled, path: str) -> None:
    services = filled(200)
    assert long_reads(services, asked_by(services, path)) == []


def test_no_filter_reads_a_table_of_photos_or_boxes_row_by_row(filled) -> None:
    services = filled(100)
    with listening(services.database) as heard, reading(services.database) as session:
        for wanted in EVERY:
            find(session, wanted)
            find(session, wanted, after=_photo(60).id)
    assert len(heard) > 2 * len(EVERY)
    assert long_reads(services, heard) == []


def test_photos_are_read_in_their_order_and_not_sorted(filled) -> None:
    services = filled(40)
    with listening(services.database) as heard, reading(services.database) as session:
        for wanted in EVERY:
            if not wanted.disturbed and not wanted.individual:  # few photos, which are listed and then sorted
                find(session, wanted)
    with services.database.connect() as connection:
        pages = [(sql, values) for sql, values in heard if "ORDER BY photo.taken_at" in sql]
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values) for sql, values in pages]
        steps = [row[3] for plan in plans for row in plan]
    assert len(steps) > 20
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def long_reads(services: Services, asked: list[tuple[str, tuple[object, ...]]]) -> list[str]:
    with services.database.connect() as connection:
        queries = [(sql, values) for sql, values in asked if sql.lstrip().startswith("SELECT")]
        plans = [(sql, connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)) for sql, values in queries]
        return [f"{row[3]}: {sql}" for sql, plan in plans for row in plan if LONG_READ.match(row[3])]


def test_boxes_are_never_read_to_find_photos(filled) -> None:
    services = filled(40)
    with listening(services.database) as heard, reading(services.database) as session:
        for wanted in EVERY[::3]:
            find(session, wanted)
    asked = [(sql, values) for sql, values in heard if "EXISTS" in sql]
    with services.database.connect() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values) for sql, values in asked]
        used = {row[3] for plan in plans for row in plan if re.search(" (proposal|triaged) ", row[3])}
    assert len(used) > 1
    assert [one for one in used if not re.search("(proposal_expects|triaged_verdict)", one)] == []


def in_order(photos: list[PhotoRow]) -> list[str]:
    def key(photo: PhotoRow) -> tuple[datetime, str, str]:
        return photo.taken_at or datetime.min, photo.camera, photo.id

    return [photo.id for photo in sorted(photos, key=key)]


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({}, lambda photo: True),
        ({"site": "North"}, lambda photo: photo.site == "North"),
        ({"site": "North", "camera": "CAM1"}, lambda photo: (photo.site, photo.camera) == ("North", "CAM1")),
        ({"camera": "CAM0", "split": "exam"}, lambda photo: (photo.camera, photo.split) == ("CAM0", "exam")),
        ({"first": "2026-08-02"}, lambda photo: photo.taken_at and photo.taken_at >= datetime(2026, 8, 2)),
    ],
)
def test_leafing_on_and_back_shows_every_photo_once_in_order(tmp_path: Path, said, fits) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'season.sqlite'}")
    wanted, expected = Filter.of(said), in_order([photo for photo in fill(engine, 300) if fits(photo)])
    with reading(engine) as session:
        onward, pages = leafed(session, wanted, forwards=True)
        back, _ = leafed(session, wanted, forwards=False, start=onward[-1])
        assert onward == expected
        assert back == onward[: len(back)]
        assert len(back) == 24 * (pages - 1)
        assert find(session, wanted).total == len(expected)


def leafed(session: Session, wanted: Filter, *, forwards: bool, start: str = "") -> tuple[list[str], int]:
    """Follow the links to the last page, or from the last one to the first; the page one starts on is left out then."""
    found = find(session, wanted) if forwards else last_page(session, wanted)
    seen = [card.photo.id for card in found.cards] if forwards else []
    pages = 1
    while found.later if forwards else found.earlier:
        after, before = (found.cards[-1].photo.id, "") if forwards else ("", found.cards[0].photo.id)
        found = find(session, wanted, after, before)
        page, pages = [card.photo.id for card in found.cards], pages + 1
        seen = seen + page if forwards else page + seen
    assert not (found.later if forwards else found.earlier)
    return seen, pages


def test_the_first_page_is_full_whence_ever_one_comes_back(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'season.sqlite'}")
    ids = in_order(fill(engine, 60))
    with reading(engine) as session:
        for here in (ids[0], ids[10]):
            found = find(session, Filter(), before=here)
            assert [card.photo.id for card in found.cards] == ids[:24]
            assert (found.total, found.earlier, found.later) == (60, False, True)
        assert [card.photo.id for card in find(session, Filter(), after=ids[-1]).cards] == ids[:24]


def last_page(session: Session, wanted: Filter):
    found = find(session, wanted)
    while found.later:
        found = find(session, wanted, found.cards[-1].photo.id)
    return found


def test_the_photos_of_a_camera_follow_one_another_from_the_first_to_the_last(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'season.sqlite'}")
    rows = [photo for photo in fill(engine, 120) if (photo.site, photo.camera) == ("North", "CAM1")]
    ids = in_order(rows)
    with reading(engine) as session:
        both = [neighbours(session, session.get_one(PhotoRow, one)) for one in ids]
    assert [before for before, _ in both] == [None, *ids[:-1]]
    assert [after for _, after in both] == [*ids[1:], None]


def test_photos_an_imported_file_says_nothing_of_were_not_looked_at(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'season.sqlite'}")
    fill(engine, 8)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE proposal SET found = 0")
    with reading(engine) as session:
        assert find(session, Filter(shows="unseen")).total == 8
        assert find(session, Filter(shows="nothing")).total == 0
        assert {card.expected for card in find(session, Filter()).cards} == {None}


@pytest.mark.postgres
def test_postgresql_finds_the_same_photos(tmp_path: Path, new_postgres_database: Callable[[], str]) -> None:
    lite, large = connect(f"sqlite:///{tmp_path / 'season.sqlite'}"), connect(new_postgres_database())
    for engine in (lite, large):
        fill(engine, 120)
    with reading(lite) as one, reading(large) as other:
        for wanted in EVERY[::3]:
            for after, before in (("", ""), (_photo(60).id, ""), ("", _photo(61).id)):
                assert shown(one, wanted, after, before) == shown(other, wanted, after, before), wanted
    large.dispose()


def shown(session: Session, wanted: Filter, after: str, before: str) -> tuple[object, ...]:
    found = find(session, wanted, after, before)
    return [card.photo.id for card in found.cards], found.total, found.earlier, found.later
