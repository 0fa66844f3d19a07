"""A small season whose figures can be counted by hand: five days of one camera, one day of another."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlmodel import Session

from active_learning.crowd import Crowd, Skill, to_json
from active_learning.gold import GoldKind, GoldTile
from haulout.config import Settings
from haulout.db import writing
from haulout.services import Services
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    BatchRow,
    ChosenRow,
    ConsensusRow,
    CrowdRow,
    DecisionRow,
    DisputeRow,
    ExclusionRow,
    IdentityRow,
    IndividualRow,
    IngestionRow,
    MarkRow,
    ModelRow,
    PersonRow,
    PhotoRow,
    ProjectRow,
    ProposalRow,
    QuarantineRow,
    RunRow,
    SightingRow,
    SuspicionRow,
    TaskRow,
    TileRow,
)
from haulout.testing import enters
from haulout.web import create_app
from labeling_configs import boxes as box_question
from labeling_configs.vocabulary import Origin, Person, PhotoId, Rectangle, Tile, TileId

SIZE = (800, 600)
SECRET = "bell-secret"
NOON = datetime(2026, 8, 1, 12)
SETTLED = datetime(2026, 8, 10, 8)
COUNTS = (0, 2, 3, 1, 0)
"""Animals in the photo of each day; people have settled all of these photos."""


class SeasonMaker:
    """Fills a home with photos and everything that Haulout and people made of them."""

    def __init__(self, services: Services, album: "Beaches") -> None:
        self.services = services
        self.album = album
        self.rng = np.random.default_rng(7)
        self.photos: list[PhotoRow] = []

    def fill(self) -> None:
        with writing(self.services.database) as session:
            session.add(IngestionRow(id=1, folder="CARD", site="Matveyev Island", started_at=NOON))
            self._quarantine(session)
            self._people_and_runs(session)
            self._models(session)
            for day, animals in enumerate(COUNTS):
                self._settled_photo(session, day, animals)
            self._unsettled_photo(session, "CAM2", NOON + timedelta(days=1, hours=1), 4)
            self._unsettled_photo(session, "CAM2", None, 1)
            self._identities(session)

    def _quarantine(self, session: Session) -> None:
        reason = "ends in the middle of the picture <b>"
        session.add(QuarantineRow(ingestion=1, path="DCIM/IMG_0007.JPG", sha256="0" * 64, reason=reason, at=NOON))

    def _people_and_runs(self, session: Session) -> None:
        for number, role in enumerate(("volunteer", "volunteer", "expert")):
            session.add(PersonRow(id=f"person-{number}", label_studio_user=number, role=role, joined_at=NOON))
        for question, number in (("boxes", 11), ("box_dispute", 12), ("pair", 13), ("gallery", 14)):
            session.add(ProjectRow(question=question, label_studio_project=number, asked=""))
        later = SETTLED + timedelta(days=1)
        session.add(RunRow(id=1, started_at=SETTLED, finished_at=later, state="done", stage="report", heard_at=later))
        session.flush()
        session.add(
            BatchRow(id=1, run=1, created_at=SETTLED, seed=5, model="detector-1", code="0.1.0"),
        )
        session.flush()

    def _models(self, session: Session) -> None:
        for number, (version, kind, state, exam) in enumerate(
            (
                ("detector-1", "detector", "retired", {"ap50": 0.41, "count_mae": 2.5}),
                (
                    "detector-2",
                    "detector",
                    "serving",
                    {"ap50": 0.58, "count_mae": 1.25, "difference": [0.1, 0.17, 0.2]},
                ),
                ("reid-1", "reidentifier", "serving", {"rank1": 0.75}),
            )
        ):
            made = SETTLED + timedelta(hours=number)
            session.add(ModelRow(version=version, kind=kind, state=state, sha256="1" * 64, exam=exam, created_at=made))
            reason = "AP50 is 0.170 higher, interval 0.100 to 0.200"
            session.add(DecisionRow(kind=kind, version=version, decision="promoted", reason=reason, by="exam", at=made))

    def _settled_photo(self, session: Session, day: int, animals: int) -> None:
        found = self._draw(animals)
        photo = self._photo(session, "CAM1", NOON + timedelta(days=day), found)
        self._proposal(session, photo, found, score=0.9)
        tile = self._tile(session, photo)
        self._asked(session, tile, day)
        self._votes(session, tile, found)
        session.add(
            ConsensusRow(
                tile=tile.id,
                state="agreed",
                voters=2,
                agreement=0.9,
                boxes=[[*box, 0.97, ["person-0", "person-1"]] for box in found.tolist()],
                settled_at=SETTLED,
            )
        )
        session.flush()
        for number, (x1, y1, x2, y2) in enumerate(found.tolist()):
            crop = [int(x1) - 20, int(y1) - 20, int(x2) + 20, int(y2) + 20]
            session.add(
                AnimalRow(
                    id=f"animal-{day}-{number}",
                    photo=photo.id,
                    tile=tile.id,
                    box=[x1, y1, x2, y2],
                    crop=crop,
                    probability=0.97,
                    settled_at=SETTLED,
                )
            )
        session.flush()

    def _unsettled_photo(self, session: Session, camera: str, taken_at: datetime | None, animals: int) -> None:
        found = self._draw(animals)
        photo = self._photo(session, camera, taken_at, found)
        self._proposal(session, photo, found, score=0.5)

    def _draw(self, animals: int) -> np.ndarray:
        return self.album.boxes(animals, self.rng)

    def _photo(self, session: Session, camera: str, taken_at: datetime | None, found: np.ndarray) -> PhotoRow:
        image = self.album.picture(found, self.rng)
        path = self.services.settings.home / "new.jpg"
        exif = Image.Exif()
        exif[0x010E] = "SECRET POSITION"
        image.save(path, exif=exif, quality=88)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.services.storage.keep_original(path, sha256, ".jpg")
        photo = PhotoRow(
            id=sha256,
            name=f"IMG_{len(self.photos):04d}.JPG",
            ingestion=1,
            site="Matveyev Island",
            camera=camera,
            taken_at_original=taken_at,
            taken_at=taken_at,
            burst=f"burst-{len(self.photos)}",
            width=image.width,
            height=image.height,
            suffix=".jpg",
            size_bytes=path.stat().st_size,
            split="exam" if len(self.photos) == 4 else "train",
            ingested_at=SETTLED,
        )
        session.add(photo)
        session.flush()
        self.photos.append(photo)
        return photo

    def _proposal(self, session: Session, photo: PhotoRow, found: np.ndarray, score: float) -> None:
        moved = found + self.rng.normal(0, 5, found.shape)
        scores = np.full(len(found), score)
        session.add(
            ProposalRow(
                photo=photo.id,
                model="detector-2",
                packed=ProposalRow.pack(moved, scores),
                features=b"",
                expected_animals=float(scores.sum()),
                made_at=SETTLED,
            )
        )

    def _tile(self, session: Session, photo: PhotoRow) -> Tile:
        whole = Rectangle(0, 0, photo.width, photo.height)
        tile = Tile(TileId(f"tile-{len(self.photos)}"), PhotoId(photo.id), whole, whole)
        session.add(TileRow.of(tile))
        session.flush()
        return tile

    def _asked(self, session: Session, tile: Tile, day: int) -> None:
        reason = ("uncertain", "novel", "random", "exam", "random")[day]
        chance = 0.2 if reason in ("random", "exam") else None
        session.add(
            ChosenRow(batch=1, tile=tile.id, reason=reason, value=1 / (day + 1), probability=chance, blind=day == 2)
        )
        state = "retired" if day else "open"
        task = TaskRow(
            id=day + 1, question="boxes", subject=tile.id, batch=1, key=tile.id, state=state, created_at=SETTLED
        )
        session.add(task)
        session.flush()

    def _votes(self, session: Session, tile: Tile, found: np.ndarray) -> None:
        for person in (0, 1):
            drawn = np.clip(found + self.rng.normal(0, 3, found.shape), 1, [tile.shown.x2 - 1, tile.shown.y2 - 1] * 2)
            session.add(
                AnswerRow(
                    task=len(self.photos),
                    person=f"person-{person}",
                    label_studio_annotation=10 * len(self.photos) + person,
                    digest="d",
                    result=box_question.write(drawn, None, tile),
                    seconds=30.0,
                    given_at=SETTLED,
                    received_at=SETTLED,
                )
            )
        session.flush()

    def _identities(self, session: Session) -> None:
        for name, animals in (("W0001", ("animal-1-0", "animal-2-0")), ("W0002", ("animal-1-1",))):
            session.add(IndividualRow(id=name, first_animal=animals[0], named_at=SETTLED))
            session.flush()
            session.add_all(SightingRow(animal=animal, individual=name) for animal in animals)
        self._decisions(session)
        animal = session.get(AnimalRow, "animal-1-0")
        assert animal is not None
        x, y = animal.box[0] + 30, animal.box[1] + 25
        session.add(MarkRow(animal="animal-1-0", kind="scar", x=x, y=y, person="person-2"))
        session.add(MarkRow(animal="animal-1-0", kind="tusk_tip", x=x + 60, y=y + 25, person="person-2"))
        session.add(DisputeRow(first="animal-1-1", second="animal-2-1", reason="experts_disagree"))
        pair = TaskRow(id=90, question="pair", subject="animal-1-1|animal-2-1", key="pair", created_at=SETTLED)
        session.add(pair)
        session.flush()
        self._expert_changes_an_answer(session)

    def _decisions(self, session: Session) -> None:
        """The catalogue as it came to be: two names, one of them seen again."""
        for change, moves, pairs in (
            ("named", [["animal-1-0", None, "W0001"]], []),
            ("named", [["animal-1-1", None, "W0002"]], []),
            ("joined", [["animal-2-0", None, "W0001"]], [["animal-1-0", "animal-2-0", 2, 0]]),
        ):
            told = {"apart": [], "together": [], "pairs": pairs, "code": "1.0", "at": SETTLED}
            session.add(IdentityRow(change=change, moves=moves, **told))
            session.flush()

    def _expert_changes_an_answer(self, session: Session) -> None:
        for digest, skipped, gone, annotation in (
            ("a", False, False, 900),
            ("b", True, False, 900),
            ("c", False, True, 901),
        ):
            session.add(
                AnswerRow(
                    task=90,
                    person="person-2",
                    label_studio_annotation=annotation,
                    digest=digest,
                    result=[],
                    skipped=skipped,
                    gone=gone,
                    seconds=120.0,
                    given_at=SETTLED,
                    received_at=SETTLED,
                )
            )


class PeopleMaker:
    """Adds to a season what shows people: who draws how well, who is suspected, gold of both kinds, a disputed tile."""

    def __init__(self, season: SeasonMaker) -> None:
        self.season = season
        self.teaching: list[str] = []
        self.measuring: list[str] = []
        self.disputed = ""
        self._annotations = 5000

    def fill(self) -> None:
        with writing(self.season.services.database) as session:
            for number in range(3, 8):
                session.add(PersonRow(id=f"person-{number}", label_studio_user=number, joined_at=NOON))
            session.flush()
            self._gold(session)
            self._disputed(session)
            self._learned(session)

    def _gold(self, session: Session) -> None:
        """Add three teaching and six measuring tiles that person-0 has answered: of two animals they found one."""
        while len(self.teaching) < 3 or len(self.measuring) < 6:
            tile, found = self._new_tile(session)
            teaches = GoldTile(tile.id, 2).kind is GoldKind.TEACHING
            kind, wanted = (self.teaching, 3) if teaches else (self.measuring, 6)
            if len(kind) == wanted:
                continue
            kind.append(tile.id)
            session.add(self._consensus(tile, [[*box, 0.95, ["person-2"], 0.0] for box in found.tolist()], expert=True))
            day = SETTLED + timedelta(days=4 * len(kind))
            self._answer(session, self._task(session, tile, gold=0, overlap=2), "person-1", found, tile, day)
            drawn = np.array([found[0] + 2, [10, 10, 90, 70]])
            self._answer(session, self._task(session, tile, gold=1, overlap=1), "person-0", drawn, tile, day)

    def _disputed(self, session: Session) -> None:
        """Five people, one of them excluded; they agree on one of three animals."""
        tile, found = self._new_tile(session, animals=3)
        self.disputed = tile.id
        task = self._task(session, tile, gold=0, overlap=5)
        self._answer(session, task, "person-0", found[:3], tile, SETTLED, [Origin.KEPT, Origin.MOVED, Origin.DRAWN])
        self._answer(session, task, "person-1", found[:1], tile, SETTLED, [Origin.KEPT])
        self._answer(session, task, "person-3", found[:2], tile, SETTLED, shown=False)
        self._answer(session, task, "person-4", found[:0], tile, SETTLED, unusable=True)
        self._answer(session, task, "person-5", found[:0], tile, SETTLED, skipped=True)
        everybody = ["person-0", "person-1", "person-3"]
        boxes = [[*found[0].tolist(), 0.99, everybody, 0.01], [*found[1].tolist(), 0.7, ["person-0", "person-3"], 0.2]]
        boxes.append([*found[2].tolist(), 0.3, ["person-0"], 0.4])
        session.add(self._consensus(tile, boxes, expert=False))

    def _learned(self, session: Session) -> None:
        finds = np.array([[0.93, 0.6, 0.2], [0.98, 0.8, 0.4], [0.85, 0.4, 0.1]])
        skills = {
            Person("person-0"): Skill(finds, 0.04, 0.8, tiles=220, animals=400.0),
            Person("person-1"): Skill(finds - 0.15, 0.2, 1.6, tiles=40, animals=60.0),
            Person("person-3"): Skill(finds - 0.1, 0.3, 1.4, tiles=3, animals=4.0),
        }
        learned = to_json(Crowd(skills, finds=finds - 0.05, rounds=9))
        swayed = {"overlooked": [[30, 100], [6, 60]], "believed": [[20, 50], [0, 0]]}
        session.add(CrowdRow(answers=300, learned=learned, anchoring=swayed, at=SETTLED))
        reason = "nobody else confirms 31 of 34 boxes on 9 of 11 tiles"
        session.add(
            SuspicionRow(
                person="person-1",
                kind="random_boxes",
                evidence=4.5,
                trust=0.5,
                tiles=["tile-2", "tile-3"],
                reason=reason,
                at=SETTLED,
            )
        )
        for person, excluded in (("person-4", True), ("person-5", True), ("person-5", False)):
            why = "draws <b>nonsense</b>" if excluded else "was a child, will be careful now"
            session.add(ExclusionRow(person=person, excluded=excluded, reason=why, by="operator", at=SETTLED))

    def _new_tile(self, session: Session, animals: int = 2) -> tuple[Tile, np.ndarray]:
        found = self.season._draw(animals)
        photo = self.season._photo(session, "CAM3", NOON + timedelta(days=20, hours=len(self.season.photos)), found)
        photo.split = "train"
        self.season._proposal(session, photo, found, score=0.8)
        whole = Rectangle(0, 0, photo.width, photo.height)
        tile = Tile(TileId(f"{photo.id[:16]}-0-0"), PhotoId(photo.id), whole, whole)
        session.add(TileRow.of(tile))
        session.flush()
        return tile, found

    def _task(self, session: Session, tile: Tile, gold: int, overlap: int) -> TaskRow:
        key = f"{tile.id}:{gold}"
        task = TaskRow(question="boxes", subject=tile.id, gold=gold, key=key, state="retired", created_at=SETTLED)
        task.overlap, task.model = overlap, "detector-2"
        session.add(task)
        session.flush()
        return task

    def _consensus(self, tile: Tile, boxes: list, *, expert: bool) -> ConsensusRow:
        return ConsensusRow(
            tile=tile.id,
            state="agreed" if expert else "disputed",
            voters=1 if expert else 3,
            agreement=0.8,
            boxes=boxes,
            missed=0.1,
            risk=0.05 if expert else 0.21,
            by_expert=expert,
            settled_at=SETTLED,
        )

    def _answer(
        self,
        session: Session,
        task: TaskRow,
        person: str,
        drawn: np.ndarray,
        tile: Tile,
        at: datetime,
        origins: list[Origin] | None = None,
        *,
        shown: bool = True,
        unusable: bool = False,
        skipped: bool = False,
    ) -> None:
        self._annotations += 1
        session.add(
            AnswerRow(
                task=task.id or 0,
                person=person,
                label_studio_annotation=self._annotations,
                digest="d",
                result=box_question.write(drawn, None, tile, origins=origins, unusable=unusable),
                skipped=skipped,
                seconds=41.0,
                model="detector-2",
                model_shown="detector-2" if shown else "",
                given_at=at,
                received_at=at,
            )
        )
        session.flush()


class Beaches:
    """Where a season's photos come from: each is drawn as plainly as can be."""

    def boxes(self, animals: int, rng: np.random.Generator) -> np.ndarray:
        """Return where the animals of the next photo lie."""
        lefts = 60 + 170 * np.arange(animals) + rng.integers(0, 40, animals)
        tops = 330 + rng.integers(0, 120, animals)
        return np.stack([lefts, tops, lefts + 130, tops + 80], axis=1).astype(np.float64)

    def picture(self, found: np.ndarray, rng: np.random.Generator) -> Image.Image:
        """Return the photo of these animals."""
        return beach(found, rng)


def beach(found: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Draw sea, shingle and walruses."""
    width, height = SIZE
    rows = np.linspace(0, 1, height)[:, None, None]
    grain = rng.integers(-20, 20, (height // 4, width // 4, 1)).repeat(4, axis=0).repeat(4, axis=1)
    sea, shingle = np.array([96, 124, 138]), np.array([120, 118, 104])
    pixels = np.where(rows < 0.28, np.array([188, 199, 205]), np.where(rows < 0.5, sea, shingle) + grain)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for x1, y1, x2, y2 in found.tolist():
        brown = (int(rng.integers(105, 140)), 78, 62)
        pen.ellipse((x1, y1 + 15, x2 - 10, y2), fill=brown)
        pen.ellipse((x2 - 48, y1, x2, y1 + 50), fill=brown)
        pen.polygon((x2 - 22, y1 + 38, x2 - 14, y1 + 38, x2 - 17, y2 - 5), fill=(240, 234, 214))
    return image


@pytest.fixture
def empty_home(tmp_path: Path, make_services: Callable[..., Services]) -> Services:
    services = make_services(tmp_path / "home", f"sqlite:///{tmp_path / 'season.sqlite'}")
    return replace(services, settings=Settings(home=tmp_path / "home", webhook_secret=SECRET))


@pytest.fixture
def album() -> Beaches:
    return Beaches()


@pytest.fixture
def season(empty_home: Services, album: Beaches) -> SeasonMaker:
    maker = SeasonMaker(empty_home, album)
    maker.fill()
    return maker


@pytest.fixture
def people(season: SeasonMaker) -> PeopleMaker:
    maker = PeopleMaker(season)
    maker.fill()
    return maker


@pytest.fixture
def rung() -> list[int]:
    return []


@pytest.fixture
def app(season: SeasonMaker, rung: list[int]) -> Flask:
    return create_app(season.services, rung.append)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return the operator's browser."""
    return enters(app.test_client())


@pytest.fixture
def empty_client(empty_home: Services) -> FlaskClient:
    return enters(create_app(empty_home).test_client())
