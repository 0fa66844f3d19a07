"""Makes a large season for `browsing.py`: three sites of four cameras, three years, every table that pages read."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import Connection, insert

from haulout.bootstrap import build
from haulout.config import Settings
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    BatchRow,
    ChosenRow,
    ConsensusRow,
    ExperimentRow,
    ImportedRow,
    ImportRow,
    IndividualRow,
    IngestionRow,
    ModelRow,
    PersonRow,
    PhotoRow,
    ProjectRow,
    ProposalRow,
    RunRow,
    SightingRow,
    SpotDecisionRow,
    SpotRow,
    TaskRow,
    TileRow,
    TriagedRow,
    TriageRow,
)
from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import Disturbance, PhotoId, Rectangle, Tile, TileId

SITES, CAMERAS, YEARS = ("Matveyev Island", "Dolgy", "Vaygach"), ("CAM1", "CAM2", "CAM3", "CAM4"), (2024, 2025, 2026)
FIRST_DAY, DAYS = (6, 15), 122
WIDTH, HEIGHT, FEATURES = 4000, 3000, 1280
MODEL, NOW = "detector-9", datetime(2026, 11, 1, 3)
UNSEEN = 0.02
"""Share of the photos, the newest ones, that no machine has looked at yet."""
TIMELESS = 0.01
ASKED = 0.06
"""Share of the photos that people were asked about, two tiles each."""
DISTURBED = 0.03
PEOPLE, INDIVIDUALS, SIGHTINGS, EXPERIMENTS, SPOTS = 60, 200, 4000, 20, 12
FULL = 700
"""Boxes on the fullest photo, and on each of its layers."""
CHUNK = 2000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Season:
    """What was made: the photos of which the browser is timed, and an individual and days to filter by."""

    full: str
    """A photo with FULL boxes of the machine and nothing else."""
    layered: str
    """A photo with FULL boxes of the machine, of people and of the consensus."""
    middle: str
    individual: str
    photos: int
    boxes: int


def make(folder: Path, photos: int, boxes: int, seed: int, database: str = "") -> Season:
    """Fill an empty home; some minutes for 100,000 photos."""
    services = build(Settings(home=folder, database_url=database, seed=seed))
    rng = np.random.default_rng(seed)
    taken = list(_photos(photos, rng))
    full, layered = taken[photos // 3], taken[photos // 2]
    with services.database.begin() as connection:
        _around(connection)
        _store(connection, PhotoRow, taken)
        drawn = _proposals(connection, taken, boxes, {full["id"], layered["id"]}, rng)
        _asked(connection, taken, {full["id"]}, layered["id"], rng)
    services.database.dispose()  # the last one who leaves folds the write-ahead log into the database
    for photo in {row["id"]: row for row in [full, layered, *_shown_first(taken)]}.values():
        _picture(services, photo["id"], rng)
    middle = taken[photos // 2 + 1]["id"]
    return Season(full["id"], layered["id"], middle, "W0007", photos, drawn)


def _photos(count: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Bursts of three, from six in the morning to ten at night, on every day of every camera."""
    places = list(product(YEARS, SITES, CAMERAS))
    for place, (year, site, camera) in enumerate(places):
        many = count * (place + 1) // len(places) - count * place // len(places)
        for number in range(many):
            day = number * DAYS // many
            bursts = max(1, many // DAYS // 3)
            minute = int(960 * (number % (3 * bursts)) // (3 * bursts))
            moment = datetime(year, *FIRST_DAY, 6) + timedelta(days=day, minutes=minute, seconds=2 * (number % 3))
            yield _photo(f"{year}-{site}-{camera}-{number}", site, camera, day, moment, rng)


def _photo(name: str, site: str, camera: str, day: int, moment: datetime, rng: np.random.Generator) -> dict[str, Any]:
    taken = None if rng.random() < TIMELESS else moment
    return {
        "id": hashlib.sha256(name.encode()).hexdigest(),
        "name": f"DCIM/100MEDIA/{name}.JPG",
        "ingestion": 1,
        "site": site,
        "camera": camera,
        "taken_at_original": taken,
        "taken_at": taken,
        "burst": hashlib.sha256(f"{site}{camera}{moment:%Y%m%d%H%M}".encode()).hexdigest()[:16],
        "width": WIDTH,
        "height": HEIGHT,
        "suffix": ".jpg",
        "size_bytes": 3_000_000,
        "split": "exam" if day % 5 == 0 else "train",
        "ingested_at": NOW,
    }


def _shown_first(taken: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(taken, key=lambda row: (row["taken_at"] or datetime.min, row["camera"], row["id"]))[:48]


def _around(connection: Connection) -> None:
    """What the overview reads besides photos."""
    rows: list[Any] = [
        IngestionRow(id=1, folder="CARD", site=SITES[0], started_at=NOW),
        RunRow(id=1, started_at=NOW, finished_at=NOW, state="done", stage="report", heard_at=NOW),
        BatchRow(id=1, run=1, created_at=NOW, seed=1, model=MODEL, code="0"),
        ModelRow(version=MODEL, kind="detector", state="serving", sha256="1" * 64, created_at=NOW),
        ModelRow(version="reid-3", kind="reidentifier", state="serving", sha256="2" * 64, created_at=NOW),
        TriageRow(id=1, model=MODEL, digest="3" * 64, wanted=0.01, cut=_cut(), negatives=900, at=NOW),
        ImportRow(id=1, source="MegaDetector", kind="megadetector", sha256="4" * 64, at=NOW),
        *(PersonRow(id=f"person-{number}", label_studio_user=number, joined_at=NOW) for number in range(PEOPLE)),
        *(ProjectRow(question=name, label_studio_project=n, asked="") for n, name in enumerate(("boxes", "pair"), 1)),
        *(IndividualRow(id=f"W-{n:04}", first_animal="", named_at=NOW) for n in range(1, INDIVIDUALS + 1)),
        *(_experiment(number) for number in range(EXPERIMENTS)),
        *(_spot(number) for number in range(1, SPOTS + 1)),
        *(SpotDecisionRow(spot=number, decision="thing", by="operator", at=NOW) for number in range(1, SPOTS)),
    ]
    for row in rows:
        connection.execute(insert(type(row)), row.model_dump(exclude_none=True))


def _cut() -> dict[str, Any]:
    return {"chance": 0.05, "positives": 400, "needed": 299, "missed": 0, "bound": 0.0075}


def _experiment(number: int) -> ExperimentRow:
    arms = {
        name: {"tiles": 50 * (number + 1), "boxes": 900, "minutes": 60.0, "ap50": ap50, "drawn": [ap50] * 300}
        for name, ap50 in (
            ("chosen", 0.5 + number / 100),
            ("random", 0.45 + number / 100),
            ("both", 0.6 + number / 100),
        )
    }
    return ExperimentRow(
        digest=str(number), seed=1, seconds=120, steps=300, exam_tiles=90, exam_days=20, arms=arms, at=NOW
    )


def _spot(number: int) -> SpotRow:
    camera, left = CAMERAS[number % len(CAMERAS)], 100.0 * number
    days = {"first": NOW.date() - timedelta(days=60), "last": NOW.date() - timedelta(days=20)}
    return SpotRow(
        site=SITES[0], camera=camera, box=[left, 90, left + 80, 150], best=0.5, model=MODEL, found_at=NOW, **days
    )


def _proposals(
    connection: Connection, taken: Sequence[dict[str, Any]], boxes: int, full: set[str], rng: np.random.Generator
) -> int:
    """A third of the photos shows next to nothing, a few hold hundreds; what triage says goes with it."""
    seen = taken[: round(len(taken) * (1 - UNSEEN))]
    crowd = rng.gamma(0.8, 1.0, len(seen)) * (rng.random(len(seen)) > 1 / 3) + 0.02
    alone = np.array([row["id"] in full for row in seen])
    many = rng.multinomial(boxes - FULL * alone.sum(), np.where(alone, 0, crowd) / crowd[~alone].sum())
    many = np.where(alone, FULL, many)
    for start in range(0, len(seen), CHUNK):
        part, counts = seen[start : start + CHUNK], many[start : start + CHUNK]
        looks = rng.standard_normal((len(part), FEATURES), dtype=np.float32).astype(np.float16)
        rows = [
            _proposal(row["id"], int(n), look.tobytes(), rng) for row, n, look in zip(part, counts, looks, strict=True)
        ]
        _store(connection, ProposalRow, rows)
        _store(connection, TriagedRow, [_triaged(row["photo"], row["expected_animals"]) for row in rows])
    return int(many.sum())


def _proposal(photo: str, count: int, features: bytes, rng: np.random.Generator) -> dict[str, Any]:
    scores = np.full(count, 0.9) if count == FULL else rng.beta(0.6, 1.2, count) * min(1.0, 0.02 * count)
    return {
        "photo": photo,
        "model": MODEL,
        "packed": ProposalRow.pack(_scattered(count, rng), scores),
        "features": features,
        "expected_animals": float(scores.sum()),
        "found": 1.0,
        "brightness": 120.0,
        "contrast": 50.0,
        "made_at": NOW,
    }


def _scattered(count: int, rng: np.random.Generator) -> Floats:
    corner = rng.uniform((0, 900), (WIDTH - 160, HEIGHT - 110), (count, 2))
    return np.hstack([corner, corner + rng.uniform((60, 40), (150, 100), (count, 2))])


def _triaged(photo: str, expected: float) -> dict[str, Any]:
    chance = expected / (1 + expected)
    verdict = "empty" if chance < 0.05 else "animals" if chance > 0.5 else "look"
    return {"photo": photo, "triage": 1, "chance": chance, "verdict": verdict}


def _asked(
    connection: Connection, taken: Sequence[dict[str, Any]], bare: set[str], layered: str, rng: np.random.Generator
) -> None:
    """Two tiles of some photos, and twenty-eight of one, with what three people drew and agreed on."""
    some = [row["id"] for row in taken if row["id"] not in bare and rng.random() < ASKED]
    cuts = [(photo, n, 2, 1) for photo in some if photo != layered for n in range(2)]
    tiles = [_tile(*cut) for cut in [*cuts, *((layered, n, 7, 4) for n in range(28))]]
    animals: list[str] = []
    for start in range(0, len(tiles), CHUNK):
        part = tiles[start : start + CHUNK]
        found = [_in_tile(tile, 25 if tile.photo == layered else int(rng.poisson(7)), rng) for tile in part]
        tasks = [_task(start + n + 1, tile) for n, tile in enumerate(part)]
        animals += _stored(connection, part, tasks, found, layered, rng)
    _store(connection, ImportedRow, [_imported(photo, rng) for photo in [layered, *some[::10]]])
    sighted = rng.choice(animals, min(SIGHTINGS, len(animals)), replace=False)
    names = [f"W-{n:04}" for n in rng.integers(1, INDIVIDUALS + 1, len(sighted))]
    _store(
        connection,
        SightingRow,
        [{"animal": str(a), "individual": name} for a, name in zip(sighted, names, strict=True)],
    )


def _stored(
    connection: Connection,
    tiles: Sequence[Tile],
    tasks: Sequence[dict[str, Any]],
    found: Sequence[Floats],
    layered: str,
    rng: np.random.Generator,
) -> list[str]:
    """Store everything about some tiles, and return the animals."""
    _store(connection, TileRow, [TileRow.of(tile).model_dump() for tile in tiles])
    _store(connection, TaskRow, tasks)
    _store(connection, ChosenRow, [{**_why(), "tile": tile.id} for tile in tiles])
    _store(connection, ConsensusRow, [_consensus(tile, boxes, rng) for tile, boxes in zip(tiles, found, strict=True)])
    voters = [1 if tile.photo == layered else int(rng.integers(2, 4)) for tile in tiles]
    given = [
        _answer(task["id"], person, box_question.write(boxes, None, tile))
        for task, tile, boxes, many in zip(tasks, tiles, found, voters, strict=True)
        for person in range(many)
    ]
    _store(connection, AnswerRow, given)
    rows = [
        _animal(tile, n, box) for tile, boxes in zip(tiles, found, strict=True) for n, box in enumerate(boxes.tolist())
    ]
    _store(connection, AnimalRow, rows)
    return [row["id"] for row in rows]


def _tile(photo: str, number: int, columns: int, rows: int) -> Tile:
    width, height = WIDTH // columns, HEIGHT // rows
    left, top = number % columns * width, number // columns * height
    part = Rectangle(left, top, left + width, top + height)
    return Tile(TileId(f"{photo[:16]}-{number}"), PhotoId(photo), part, part)


def _in_tile(tile: Tile, count: int, rng: np.random.Generator) -> Floats:
    core = tile.core
    corner = rng.uniform((core.x1, core.y1), (core.x2 - 100, core.y2 - 80), (count, 2))
    return np.hstack([corner, corner + rng.uniform((50, 30), (95, 75), (count, 2))])


def _task(number: int, tile: Tile) -> dict[str, Any]:
    state = {"state": "retired", "pushed": "retired:2", "priority": 0.5, "overlap": 2, "blind": False, "model": MODEL}
    what = {"question": "boxes", "subject": tile.id, "gold": 0, "batch": 1, "key": tile.id, "details": {}}
    return {"id": number, **what, **state, "label_studio_task": number, "created_at": NOW}


def _why() -> dict[str, Any]:
    return {
        "batch": 1,
        "reason": "random",
        "value": 1.0,
        "minutes": 1.0,
        "doubts": {},
        "probability": 0.1,
        "blind": False,
    }


def _consensus(tile: Tile, boxes: Floats, rng: np.random.Generator) -> dict[str, Any]:
    kind = list(Disturbance)[int(rng.integers(len(Disturbance)))].value
    return {
        "tile": tile.id,
        "state": "agreed",
        "voters": 2,
        "agreement": 0.9,
        "boxes": [[*(round(side, 1) for side in box), 0.97, ["person-0", "person-1"], 0.02] for box in boxes.tolist()],
        "disturbed": {kind: 2} if rng.random() < DISTURBED else {},
        "missed": 0.1,
        "risk": 0.03,
        "unusable": 0.0,
        "by_expert": False,
        "settled_at": NOW,
    }


def _answer(task: int, person: int, result: list[Any]) -> dict[str, Any]:
    who = {"task": task, "person": f"person-{(task + person) % PEOPLE}", "label_studio_annotation": 10 * task + person}
    flags = {"skipped": False, "gone": False, "model": MODEL, "model_shown": MODEL}
    return {**who, **flags, "digest": "d", "result": result, "seconds": 30.0, "given_at": NOW, "received_at": NOW}


def _animal(tile: Tile, number: int, box: list[float]) -> dict[str, Any]:
    crop = [round(box[0]) - 20, round(box[1]) - 20, round(box[2]) + 20, round(box[3]) + 20]
    name = f"{tile.id}-{number}"
    return {"id": name, "photo": tile.photo, "tile": tile.id, "box": box, "crop": crop} | {
        "probability": 0.97,
        "settled_at": NOW,
    }


def _imported(photo: str, rng: np.random.Generator) -> dict[str, Any]:
    boxes = _scattered(20, rng)
    return {"source": 1, "photo": photo, "packed": np.hstack([boxes, np.ones((20, 1))]).tobytes()}


def _store(connection: Connection, table: type, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), CHUNK):
        connection.execute(insert(table), list(rows[start : start + CHUNK]))


def _picture(services: Services, photo: str, rng: np.random.Generator) -> None:
    """A beach of noise: as many bytes as a real photo."""
    grain = rng.integers(60, 180, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    path = services.storage.original(photo, ".jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grain).save(path, quality=85)
