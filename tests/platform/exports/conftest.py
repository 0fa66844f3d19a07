"""A small season in which every export has something to tell, and something it must never tell."""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import select

from haulout.db import writing
from haulout.exports.formats import export
from haulout.exports.manifest import Manifest
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    ConditionRow,
    ConsensusRow,
    EventRow,
    ExclusionRow,
    IndividualRow,
    IngestionRow,
    ModelRow,
    MoveRow,
    OccupancyRow,
    PersonRow,
    PhotoRow,
    ProposalRow,
    SeasonRow,
    SightingRow,
    SiteRow,
    TaskRow,
    TileRow,
    TokenRow,
)
from labeling_configs import boxes as box_question
from labeling_configs import pair
from labeling_configs.vocabulary import AnimalId, PhotoId, Rectangle, Same, Tile, TileId

SITE = "Cape Кожевникова"
LATITUDE, LONGITUDE = 69.712345, 60.543219
NOW = datetime(2026, 11, 23, 12)
WIDTH, HEIGHT = 400, 300
TOKEN = hashlib.sha256(b"a token").hexdigest()


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


class Season:
    """A database with words for what tests put into it."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.store(IngestionRow(id=1, folder="/media/anna@example.org/CARD", site=SITE, started_at=NOW))
        self._answers = 0

    def store(self, *rows: object) -> None:
        with writing(self.services.database) as session:
            for row in rows:
                session.merge(row)
                session.flush()

    def photo(self, name: str, taken: datetime | None, camera: str = "north", site: str = SITE, **more: object) -> str:
        row = {
            "id": sha(name),
            "name": f"DCIM/{name}.JPG",
            "ingestion": 1,
            "site": site,
            "camera": camera,
            "taken_at_original": taken,
            "taken_at": taken,
            "burst": sha(name)[:16],
            "width": WIDTH,
            "height": HEIGHT,
            "suffix": ".jpg",
            "size_bytes": 1,
            "ingested_at": NOW,
        }
        self.store(PhotoRow(**row | more))
        return sha(name)

    def machine(self, photo: str, *boxes: Sequence[float], model: str = "det-0002") -> None:
        """Let the detector draw boxes, each with its score at the end."""
        drawn = np.array(boxes, dtype=np.float64).reshape(-1, 5)
        packed = ProposalRow.pack(drawn[:, :4], drawn[:, 4])
        features, expected = np.zeros(8, np.float16).tobytes(), float(drawn[:, 4].sum())
        self.store(
            ProposalRow(
                photo=photo, model=model, packed=packed, features=features, expected_animals=expected, made_at=NOW
            )
        )

    def tile(self, photo: str, core: Sequence[int], state: str = "agreed", **more: object) -> str:
        """Let people settle a part of a photo."""
        name = f"{photo}-{'-'.join(map(str, core))}"
        row = {"tile": name, "state": state, "voters": 2, "agreement": 1, "boxes": [], "settled_at": NOW}
        self.store(TileRow(id=name, photo=photo, shown=list(core), core=list(core)), ConsensusRow(**row | more))
        return name

    def animal(self, name: str, tile: str, box: Sequence[float], individual: str = "", chance: float = 0.97) -> str:
        photo = tile.split("-")[0]
        self.store(
            AnimalRow(
                id=name, photo=photo, tile=tile, box=list(box), crop=[0, 0, 50, 50], probability=chance, settled_at=NOW
            )
        )
        if individual:
            self.store(IndividualRow(id=individual, first_animal=name, named_at=NOW))
            self.store(SightingRow(animal=name, individual=individual))
        return name

    def many_sightings(self, photo: str, many: int) -> None:
        """Give one individual so many sightings in a photo that has one tile."""
        with writing(self.services.database) as session:
            tile = f"{photo}-0-0-{WIDTH}-{HEIGHT}"
            box = {"box": [0, 0, 9, 9], "crop": [0, 0, 9, 9], "probability": 1.0, "settled_at": NOW}
            session.add_all(AnimalRow(id=f"b{row}", photo=photo, tile=tile, **box) for row in range(many))
            session.flush()
            session.add_all(SightingRow(animal=f"b{row}", individual="W0001") for row in range(many))

    def vote(self, person: str, tile: str, *boxes: Sequence[float], gold: int = 0, question: str = "boxes") -> int:
        """Let somebody answer about a tile, and return the answer's number."""
        photo, *edges = tile.split("-")
        rectangle = Rectangle(*map(int, edges))
        drawn = np.array(boxes, dtype=np.float64).reshape(-1, 4)
        result = box_question.write(drawn, None, Tile(TileId(tile), PhotoId(photo), rectangle, rectangle))
        return self._answer(person, question, tile, result, gold)

    def verdict(self, expert: str, first: str, second: str, same: Same, confidence: int = 4) -> int:
        crop = Rectangle(0, 0, 50, 50)
        result = pair.write(same, AnimalId(first), AnimalId(second), crop, crop, confidence=confidence)
        return self._answer(expert, "pair", f"{first}|{second}", result, 0)

    def _answer(self, person: str, question: str, subject: str, result: list, gold: int) -> int:
        self._answers += 1
        number = self._answers
        self.store(PersonRow(id=person, label_studio_user=9_870_000 + int(person.split("-")[1]), joined_at=NOW))
        task = TaskRow(
            id=number, question=question, subject=subject, gold=gold, key=f"secret-key-{number}", created_at=NOW
        )
        asked = (TaskRow.question == question, TaskRow.subject == subject, TaskRow.gold == gold)
        with writing(self.services.database) as session:
            known = session.exec(select(TaskRow).where(*asked)).first()
            if known is None:
                session.add(task)
                session.flush()
            session.add(
                AnswerRow(
                    id=number,
                    task=known.id if known else number,
                    person=person,
                    label_studio_annotation=number,
                    digest=str(number),
                    result=result,
                    seconds=12.345,
                    given_at=NOW.replace(hour=6, minute=number),
                    received_at=NOW.replace(hour=7, minute=number),
                )
            )
        return number

    def export(self, format_: str, target: Path, **more: object) -> Manifest:
        return export(self.services.database, format_, target, **more)


@pytest.fixture
def empty(services: Services) -> Season:
    """A site that has photos of nothing yet."""
    return Season(services)


@pytest.fixture
def season(empty: Season) -> Season:
    """Two cameras; people, a machine and experts; a pause, a move, an unusable photo, one without a time."""
    s = empty
    s.store(
        SiteRow(
            name=SITE,
            latitude=LATITUDE,
            longitude=LONGITUDE,
            geoprivacy="obscured",
            time_zone="Europe/Moscow",
            changed_at=NOW,
        ),
        ModelRow(version="det-0002", kind="detector", state="serving", sha256="ab" * 32, created_at=NOW),
        TokenRow(name="curve", sha256=TOKEN, scopes=["read"], created_at=NOW),
        MoveRow(site=SITE, camera="north", at=datetime(2026, 8, 3)),
    )
    whole, left = (0, 0, WIDTH, HEIGHT), (0, 0, 200, HEIGHT)
    full = s.photo("full", datetime(2026, 8, 1, 9))
    s.machine(full, (5, 5, 60, 60, 0.9))
    tile = s.tile(full, whole)
    s.animal("a1", tile, (10, 20, 110, 70), "W0001")
    s.animal("a2", tile, (200.25, 100, 260, 160), chance=0.95)
    s.vote("person-1", tile, (10, 20, 110, 70), (200.25, 100, 260, 160))
    s.vote("person-2", tile, (0, 0, 30, 30))
    s.vote("person-3", tile, (11, 21, 111, 71), question="box_dispute")
    s.vote("person-1", tile, (77, 77, 88, 88), gold=1)
    half = s.photo("half", datetime(2026, 8, 1, 10))
    s.machine(half, (10, 10, 60, 60, 0.9), (250, 10, 390, 90, 0.8), (300, 200, 340, 240, 0.1))
    s.animal("a3", s.tile(half, left, disturbed={"people": 2}), (10, 10, 60, 60))
    blank = s.photo("blank", datetime(2026, 8, 2, 9))
    s.machine(blank)
    s.tile(blank, whole)
    machine_blank = s.photo("machine-blank", datetime(2026, 8, 4, 9))
    s.machine(machine_blank, (0, 0, 9, 9, 0.2))
    fog = s.photo("fog", datetime(2026, 8, 5, 9))
    s.tile(fog, whole, "unusable")
    s.photo("unseen", datetime(2026, 8, 6, 9))
    later = s.photo("later", datetime(2026, 9, 20, 9))
    s.machine(later, (0, 0, 400, 300, 0.7))
    south = s.photo("south", datetime(2027, 8, 1, 9), camera="south")
    s.animal("a4", s.tile(south, whole), (0, 0, 40, 40), "W0001")
    s.animal("a5", f"{south}-0-0-400-300", (60, 0, 99, 40), "W0002")
    undated = s.photo("undated", None)
    s.animal("a6", s.tile(undated, whole), (0, 0, 40, 40), "W0002")
    s.verdict("person-3", "a1", "a4", Same.SAME)
    s.store(
        ConditionRow(id=1, animal="a1", sign="thin", person="person-3", at=NOW),
        ExclusionRow(id=1, person="person-2", excluded=True, reason="nonsense", by="operator", at=NOW),
        _occupancy(date(2026, 8, 1), 0.99),
        _occupancy(date(2026, 8, 2), 0.01),
        _occupancy(date(2026, 9, 20), 0.2),
        _event(),
        _season(),
    )
    return s


def _occupancy(day: date, present: float) -> OccupancyRow:
    figures = dict(maximum=2.0, maximum_low=1.5, maximum_high=3.0, mean=1.25, mean_low=1.0, mean_high=2.0)
    return OccupancyRow(site=SITE, day=day, photos=2, visible=2, checked=1, present=present, at=NOW, **figures)


def _event() -> EventRow:
    first, last = date(2026, 8, 1), date(2026, 8, 2)
    dates = {f"{what}{end}": first for what in ("arrival", "peak") for end in ("", "_low", "_high")}
    dates |= {f"departure{end}": last for end in ("", "_low", "_high")}
    return EventRow(site=SITE, number=1, year=2026, maximum=2, maximum_low=1, maximum_high=3, **dates)


def _season() -> SeasonRow:
    figures = {f"{what}{end}": 1.5 for what in ("index", "maximum") for end in ("", "_low", "_high")}
    days = dict(days=6, occupied=2, unseen=1, first=date(2026, 8, 1), last=date(2026, 9, 20))
    return SeasonRow(site=SITE, year=2026, data="cd" * 32, **figures, **days)


@pytest.fixture
def rows() -> Callable[[Path], list[dict[str, str]]]:
    """Read a CSV file by its header."""

    def read(path: Path) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(path.read_text())))

    return read
