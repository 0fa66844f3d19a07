"""A home in which every page has something to show: what the small season lacks, put in by hand."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from sqlmodel import Session, select
from waitress.server import create_server

from haulout.comments import comment, mark_read
from haulout.db import writing
from haulout.services import Services
from haulout.tables import (
    AccountRow,
    AnimalRow,
    CameraRow,
    ChosenRow,
    CommentRow,
    ConditionRow,
    ConsensusRow,
    EventRow,
    ExaminedRow,
    ExperimentRow,
    FigureRow,
    ImportRow,
    ModelRow,
    OccupancyRow,
    SeasonRow,
    ServedRow,
    SiteRow,
    SpotDecisionRow,
    SpotRow,
    TideRow,
    TriagedRow,
    TriageRow,
    WithheldRow,
)
from haulout.teaching import Arm
from haulout.web import create_app
from haulout.withheld import KEPT, SHOWN, VOLUNTEERS, decide, withhold
from tests.platform.web.look.at_the_desk import home, screenshots, somebody  # noqa: F401

SITE = "Matveyev Island"
DAYS = 40
ASHORE = np.concatenate([np.zeros(6), np.linspace(3, 160, 9), np.full(8, 180.0), np.linspace(150, 4, 10), np.zeros(7)])
"""Animals on each of the days, at their most."""
MEASURES = {
    "tiles": 30,
    "animals": 412,
    "ap50": 0.58,
    "ap": 0.31,
    "recall": 0.6,
    "precision": 0.75,
    "count_mae": 1.25,
    "count_relative_error": -0.2,
    "expected_relative_error": 0.1,
    "ece": 0.05,
    "intervals": {"ap50": [0.412, 0.723], "recall": [0.4, 0.8], "precision": [0.66, 0.83], "count_mae": [0.8, 1.9]},
}
CONDITIONS = (
    ("light", "clear"),
    ("light", "veiled"),
    ("light", "night"),
    ("crowd", "none"),
    ("crowd", "few"),
    ("crowd", "heap"),
    ("camera", "CAM1"),
    ("camera", "CAM2-north-slope"),
)


@pytest.fixture
def rock() -> list[float]:
    """Return the box of what comes back at one place of the first camera."""
    return [400.0, 300.0, 500.0, 380.0]


@pytest.fixture
def whole_home(season, people, rock) -> Services:
    """Return services on the small season with its people, and the rest that pages tell of."""
    services: Services = season.services
    with writing(services.database) as session:
        _exam(session)
        _experiments(session, services)
        _places(session, services, [photo.id for photo in season.photos], rock)
        _triage(session, services, [photo.id for photo in season.photos])
        _figures(session, services)
        _doubts(session)
        _experts(session, services)
        _occupancy(session, services)
        _reserve(session, services)
        _comments(session, services)
        _withheld(session, services, [photo.id for photo in season.photos])
    settings = services.settings.model_copy(update={"admin_password": "a-password", "secret_key": "key", "site": SITE})
    return replace(services, settings=settings)


def _packed(rows: Sequence[tuple[float, ...]]) -> bytes:
    return np.array(rows, dtype=np.float32).reshape(-1, 6).tobytes()


def _exam(session: Session) -> None:
    row = session.get_one(ModelRow, "detector-2")
    conditions = [
        {"kind": kind, "name": name, "champion": MEASURES | {"ap50": 0.41}} | MEASURES for kind, name in CONDITIONS
    ]
    row.exam = MEASURES | {
        "digest": "5eed" * 16,
        "days": 12,
        "by_expert": 3,
        "sittings": 4,
        "threshold": 0.3,
        "champion": "detector-1",
        "champion_measures": MEASURES | {"ap50": 0.41},
        "difference": [0.1, 0.17, 0.2],
        "since": {"version": "detector-1", "same": 21, "changed": 2, "new": 7, "gone": 0},
        "conditions": conditions,
    }
    row.card = {
        "data": {"tiles": 30, "boxes": 70, "photos": ["a", "b"], "start": "detector-1", "digest": "d" * 64},
        "scores": {"held_out_ap50_from_scratch": 0.25},
        "code": "0.1.0+abc",
        "seed": 3,
    }
    a, b, c = (session.get_one(AnimalRow, f"animal-2-{number}").box for number in range(3))
    false, doubted = (10.0, 10.0, 60.0, 50.0), (700.0, 10.0, 780.0, 60.0)
    there = _packed([(*a, 0.97, 1), (*b, 0.9, 1), (*doubted, 0.5, 0), (*c, 0.95, 1)])
    drawn = _packed([(*a, 0.9, 0), (*false, 0.8, -1), (*b, 0.7, 1), (*doubted, 0.6, -2), (*c, 0.12, 2)])
    champion = _packed([(*c, 0.9, 2), (*false, 0.2, -1)])
    session.add(ExaminedRow(model="detector-2", tile="tile-3", there=there, drawn=drawn, champion=champion))


def _experiments(session: Session, services: Services) -> None:
    rng = np.random.default_rng(1)
    for week, mean in enumerate((0.4, 0.5, 0.56), start=1):
        scores = {"chosen": mean + 0.03, "random": mean - 0.03, "both": mean + 0.05}
        arms = {
            name: Arm(20, 60, 14.0 * week, score, score + rng.normal(0, 0.01, 200)).stored()
            for name, score in scores.items()
        }
        at = services.now() + timedelta(days=7 * week)
        row = ExperimentRow(digest=str(week), seed=1, seconds=120, steps=300, exam_tiles=30, exam_days=6, at=at)
        row.arms = arms
        session.add(row)


def _places(session: Session, services: Services, photos: list[str], rock: list[float]) -> None:
    told = {"days": 30, "photos": 110, "visible": 120, "emptied": 4, "occupied": 0, "examples": photos[:5]}
    for aside, decision in ((0.0, ""), (-120.0, "thing"), (120.0, "animal")):
        row = SpotRow(
            site=SITE,
            camera="CAM1",
            box=[rock[0] + aside, rock[1], rock[2] + aside, rock[3]],
            first=date(2026, 8, 1),
            last=date(2026, 8, 30),
            best=0.5,
            evidence=told,
            model="detector-2",
            found_at=services.now(),
        )
        session.add(row)
        session.flush()
        if decision:
            session.add(SpotDecisionRow(spot=row.id or 0, decision=decision, by="operator", at=services.now()))


def _triage(session: Session, services: Services, photos: list[str]) -> None:
    cut = {"positives": 480, "needed": 299, "missed": 1, "chance": 0.1, "bound": 0.0098}
    row = TriageRow(id=1, model="detector-2", digest="d", wanted=0.01, negatives=50, cut=cut, at=services.now())
    session.add(row)
    session.flush()
    for number, photo in enumerate(photos):
        verdict = ("empty", "animals", "look")[number % 3]
        session.add(TriagedRow(photo=photo, triage=1, chance=0.2, verdict=verdict))


def _figures(session: Session, services: Services) -> None:
    told = [("mean", "", 3.21, 2.5, 4.1), ("total", "", 642.4, 500, 825), ("maximum", "", 41.0, 38, 55)]
    told += [("empty", "", 0.604, 0.52, 0.68), ("recall", "", 0.81, 0.7, 0.89), ("precision", "", 0.92, 0.8, 0.97)]
    told += [("mean", f"2026-08-{day:02}", 2.0 + day / 3, 1.0 + day / 4, 3.5 + day / 2) for day in range(1, 12)]
    for name, during, value, low, high in told:
        row = FigureRow(site=SITE, name=name, during=during, value=value, low=low, high=high, drawn=37, model="m")
        row.at = services.now()
        session.add(row)


def _doubts(session: Session) -> None:
    for chosen in session.exec(select(ChosenRow)):
        if chosen.probability is None:
            chosen.doubts = {"uncertain": 0.8, "misplaced": 0.3, "missed": 0.12, "count": 0.5}
            chosen.minutes, chosen.novelty = 1.4, 0.9
    for consensus in session.exec(select(ConsensusRow).limit(2)):
        consensus.disturbed = {"people": 2, "boat": 1}


def _experts(session: Session, services: Services) -> None:
    for animal, sign in (("animal-1-0", "thin"), ("animal-2-0", "normal"), ("animal-2-0", "injury")):
        session.add(ConditionRow(animal=animal, sign=sign, person="person-2", at=services.now()))


def _occupancy(session: Session, services: Services) -> None:
    for year in (2025, 2026):
        for number, most in enumerate(ASHORE * (0.8 if year == 2025 else 1.0)):
            seen = 0 if number in (11, 12) else 48
            session.add(
                OccupancyRow(
                    site=SITE,
                    day=date(year, 7, 20) + timedelta(days=number),
                    photos=48,
                    visible=seen,
                    checked=seen // 10,
                    present=1.0 if most else 0.02,
                    maximum=most,
                    maximum_low=0.9 * most,
                    maximum_high=1.15 * most + (40 if not seen else 1),
                    mean=0.6 * most,
                    mean_low=0.5 * most,
                    mean_high=0.7 * most,
                    at=services.now(),
                )
            )
        _season(session, year)


def _season(session: Session, year: int) -> None:
    first, peak = date(year, 7, 20), date(year, 8, 8)
    hours = {str(hour): [1 + 0.3 * float(np.sin(hour / 4)), 0.6, 1.6] for hour in range(24)}
    tides = {str(metres): [1 - metres, 0.5 - metres, 1.5 - metres] for metres in (-0.5, 0.0, 0.5)}
    session.add(
        SeasonRow(
            site=SITE,
            year=year,
            index=70.5,
            index_low=64.0,
            index_high=77.0,
            maximum=180.0,
            maximum_low=162.0,
            maximum_high=207.0,
            days=DAYS,
            occupied=27,
            unseen=2,
            first=first,
            last=first + timedelta(days=DAYS - 1),
            profile={"hours": hours, "tides": tides},
            data="5eed" * 16,
        )
    )
    session.add(
        EventRow(
            site=SITE,
            number=1 if year == 2025 else 2,
            year=year,
            arrival=first + timedelta(days=6),
            arrival_low=first + timedelta(days=5),
            arrival_high=first + timedelta(days=6),
            departure=first + timedelta(days=32),
            departure_low=first + timedelta(days=32),
            departure_high=first + timedelta(days=34),
            peak=peak,
            peak_low=peak - timedelta(days=2),
            peak_high=peak + timedelta(days=3),
            maximum=180.0,
            maximum_low=162.0,
            maximum_high=207.0,
        )
    )


def _reserve(session: Session, services: Services) -> None:
    session.add(SiteRow(name=SITE, latitude=69.4567, longitude=58.5432, changed_at=services.now()))
    session.add(CameraRow(site=SITE, camera="CAM1", view="south beach"))
    for hour in range(0, 240, 6):
        at = services.now().replace(month=8, day=1, hour=0) + timedelta(hours=hour)
        session.add(TideRow(site=SITE, at=at, metres=0.6 * float(np.sin(hour / 2))))
    row = ImportRow(source="old boxes", kind="coco", sha256="2" * 64, photos=3, boxes=11, unknown=1, at=services.now())
    session.add(row)


def _comments(session: Session, services: Services) -> None:
    session.add(AccountRow(id="vera", name="Вера", folded="вера", created_at=services.now()))
    session.flush()
    for task, text in (
        (2, "Посмотрите на шрам на левом боку."),
        (90, "Тот же бивень?"),
        (3, "Детёныш у воды?\nИли камень."),
    ):
        comment(session, "vera", task, text, services.now())
    mark_read(session.get_one(CommentRow, 1), "Igor", services.now())
    for task, ended in ((2, "skipped: blurred"), (90, "skipped: not sure"), (3, "skipped: person")):
        now = services.now()
        session.add(ServedRow(id=f"{task:032}", task=task, account="vera", at=now, until=now, ended=ended))


def _withheld(session: Session, services: Services, photos: list[str]) -> None:
    for photo, why in zip(photos[:4], (VOLUNTEERS, "import-mega", VOLUNTEERS, VOLUNTEERS), strict=True):
        withhold(session, photo, why, services.now())
    decide(session.get_one(WithheldRow, photos[2]), SHOWN, "Olga", services.now())
    decide(session.get_one(WithheldRow, photos[3]), KEPT, "Olga", services.now())


@pytest.fixture
def served() -> Iterator[Callable[[Services], str]]:
    """Serve the pages of a home; the answer is their address."""
    servers = []

    def serve(services: Services) -> str:
        servers.append(create_server(create_app(services), host="127.0.0.1", port=0))
        threading.Thread(target=servers[-1].run, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].effective_port}"

    yield serve
    for server in servers:
        server.close()
