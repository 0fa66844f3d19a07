"""A made-up season for `report.py`, written in bulk: photos, boxes, answers, identities, and what a run told."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sqlalchemy import Connection, insert
from sqlmodel import SQLModel

from haulout.db import writing
from haulout.services import Services
from haulout.tables import ProposalRow

SITE, SIZE, SIDE, FEATURES = "Matveyev Island", (4000, 3000), 110, 320
MODEL, LATEST, PICTURES = "detector-7", 2026, 12
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Wanted:
    """How large the season is; photos and answers are those of each year, two answers on a tile."""

    photos: int = 20_000
    days: int = 60
    cameras: int = 2
    boxes: int = 30
    answers: int = 2_000
    years: int = 1
    individuals: int = 200
    seed: int = 0


def make(services: Services, wanted: Wanted, now: datetime) -> None:
    """Fill the home; every photo shows one of a few pictures."""
    pictures = list(draw_pictures(services.settings.home, wanted.seed))
    with writing(services.database) as session:
        store = Store(session.connection())
        store.add("ingestion", [{"id": 1, "folder": "CARD", "site": SITE, "started_at": now}])
        store.add("model", [model(number, now) for number in range(1, 8)])
        store.add("person", [person(number, now) for number in range(12)])
        store.add("run", [{"id": 1, "started_at": now, "finished_at": now, "heard_at": now, "state": "done"}])
        effort = {"opening": 7.5, "drawn": 3.9, "kept": 0.8}
        swayed = {"overlooked": [[30, 400], [9, 90]], "believed": [[20, 210], [4, 70]]}
        store.add("crowd", [{"answers": wanted.answers, "effort": effort, "anchoring": swayed, "at": now}])
        names = [{"id": f"W-{n:04}", "first_animal": "", "named_at": now} for n in range(wanted.individuals)]
        store.add("individual", names)
        for year in range(LATEST + 1 - wanted.years, LATEST + 1):
            Year(store, services, wanted, year, pictures, now).fill()


class Store:
    """Writes many rows at once, columns that are not given as the tables have them by default."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, name: str, rows: Rows) -> None:
        table = SQLModel.metadata.tables[name]
        usual = {"summary": {}, "learned": {}, "usability": {}, "anchoring": {}, "effort": {}, "card": {}, "exam": {}}
        usual |= {"details": {}, "disturbed": {}, "stage": "", "message": "", "done": 0, "total": 0, "pushed": ""}
        usual |= {"skipped": False, "gone": False, "model": "", "model_shown": "", "gold": 0, "priority": 0.0}
        usual |= {"overlap": 2, "blind": False, "added": 0, "known": 0, "quarantined": 0, "by_expert": False}
        usual |= {"found": 1.0, "brightness": 120.0, "contrast": 60.0, "missed": 0.0, "risk": 0.02, "unusable": 0.0}
        filled = {column: usual[column] for column in table.columns.keys() if column in usual}
        for start in range(0, len(rows), 5_000):
            self._connection.execute(insert(table), [filled | dict(row) for row in rows[start : start + 5_000]])


class Year:
    """One year of the season."""

    def __init__(
        self, store: Store, services: Services, wanted: Wanted, year: int, pictures: Sequence[Path], now: datetime
    ) -> None:
        self.store, self.wanted, self.year, self.pictures, self.now = store, wanted, year, pictures, now
        self.public = services.settings.public
        self.rng = np.random.default_rng([wanted.seed, year])
        self.first = date(year, 7, 18) + timedelta(days=int(self.rng.integers(0, 12)))
        self.herd = herd(wanted.days, wanted.boxes, self.rng)
        self.unseen = set(self.rng.choice(wanted.days, wanted.days // 12, replace=False).tolist())

    def fill(self) -> None:
        photos = list(self.photos())
        self.store.add("photo", photos)
        self.store.add("proposal", list(self.proposals(photos)))
        asked = [photos[n] for n in self.rng.choice(len(photos), self.wanted.answers // 2, replace=False)]
        self.answered(asked)
        self.told({photo["taken_at"].date() for photo in asked})

    def photos(self) -> Iterator[dict[str, Any]]:
        """Cameras take photos through the day, as many on each day."""
        each = self.wanted.photos // (self.wanted.days * self.wanted.cameras)
        for number in range(self.wanted.photos):
            camera, rest = number % self.wanted.cameras, number // self.wanted.cameras
            day, shot = min(rest // max(each, 1), self.wanted.days - 1), rest % max(each, 1)
            taken = datetime.combine(self.first + timedelta(days=day), time(5)) + timedelta(minutes=900 * shot // each)
            sha = hashlib.sha256(f"{self.year}-{number}".encode()).hexdigest()
            link(self.pictures[number % len(self.pictures)], self.public / "photos" / f"{sha}.jpg")
            yield {
                "id": sha, "name": f"IMG_{number:05}.JPG", "ingestion": 1, "site": SITE, "camera": f"CAM{camera + 1}",
                "taken_at_original": taken, "taken_at": taken, "burst": f"{self.year}-{number // 4}", "width": SIZE[0],
                "height": SIZE[1], "suffix": ".jpg", "size_bytes": 3_000_000, "split": "train", "ingested_at": self.now,
                "animals": int(self.rng.poisson(self.herd[day])),
            }  # fmt: skip

    def proposals(self, photos: Rows) -> Iterator[dict[str, Any]]:
        features = self.rng.standard_normal(FEATURES).astype(np.float16).tobytes()
        for photo in photos:
            boxes = scatter(photo["animals"], self.rng)
            scores = self.rng.uniform(0.6, 1.0, len(boxes))
            yield {
                "photo": photo["id"], "model": MODEL, "packed": ProposalRow.pack(boxes, scores), "features": features,
                "expected_animals": float(scores.sum()), "made_at": self.now,
            }  # fmt: skip

    def answered(self, asked: Rows) -> None:
        """Two people answered a tile that shows the whole photo; every animal was found."""
        drawn = {photo["id"]: scatter(photo["animals"], self.rng) for photo in asked}
        whole = [0, 0, *SIZE]
        self.store.add("tile", [{"id": f"{p['id']}-0", "photo": p["id"], "shown": whole, "core": whole} for p in asked])
        ids = {photo["id"]: self.year * 100_000 + number for number, photo in enumerate(asked)}
        self.store.add("task", [self.task(photo["id"], ids[photo["id"]]) for photo in asked])
        self.store.add("answer", [self.answer(p, ids[p["id"]], n) for p in asked for n in (0, 1)])
        self.store.add("consensus", [self.consensus(photo["id"], drawn[photo["id"]]) for photo in asked])
        animals = [self.animal(p, box, n) for p in asked for n, box in enumerate(drawn[p["id"]].tolist())]
        self.store.add("animal", animals)
        self.recognised(animals)

    def task(self, photo: str, number: int) -> dict[str, Any]:
        return {
            "id": number, "question": "boxes", "subject": f"{photo}-0", "key": f"k{number}", "state": "retired",
            "created_at": self.now,
        }  # fmt: skip

    def answer(self, photo: Mapping[str, Any], task: int, nth: int) -> dict[str, Any]:
        seconds = float(9 + 4 * photo["animals"] * self.rng.uniform(0.5, 1.5))
        return {
            "task": task, "person": f"person-{int(self.rng.integers(2, 12))}", "digest": "d", "seconds": seconds,
            "label_studio_annotation": 2 * task + nth, "given_at": self.now, "received_at": self.now,
            "result": [{"value": {"x": 1, "y": 2, "width": 3, "height": 4}}] * photo["animals"],
        }  # fmt: skip

    def consensus(self, photo: str, boxes: NDArray[np.float64]) -> dict[str, Any]:
        disturbed = (
            {str(self.rng.choice(["people", "boat", "bear", "aircraft"])): 2} if self.rng.random() < 0.02 else {}
        )
        return {
            "tile": f"{photo}-0", "state": "agreed", "voters": 2, "agreement": 0.95, "settled_at": self.now,
            "boxes": [[*box, 0.97, ["person-2", "person-3"], 0.02] for box in boxes.tolist()], "disturbed": disturbed,
        }  # fmt: skip

    def animal(self, photo: Mapping[str, Any], box: list[float], number: int) -> dict[str, Any]:
        crop = [int(side) for side in (box[0] - 20, box[1] - 20, box[2] + 20, box[3] + 20)]
        return {
            "id": f"{photo['id'][:20]}-{number}", "photo": photo["id"], "tile": f"{photo['id']}-0", "box": box,
            "crop": crop, "probability": 0.97, "settled_at": self.now,
        }  # fmt: skip

    def recognised(self, animals: Rows) -> None:
        """A part of the known walruses came this year; experts described some of what they saw."""
        came = self.rng.choice(self.wanted.individuals, max(1, self.wanted.individuals // 2), replace=False)
        many = min(len(animals), 6 * len(came))
        shown = [animals[n]["id"] for n in self.rng.choice(len(animals), many, replace=False)]
        for animal in shown:
            link(self.pictures[int(self.rng.integers(len(self.pictures)))], self.public / "crops" / f"{animal}.jpg")
        whose = [f"W-{int(one):04}" for one in self.rng.choice(came, many)]
        self.store.add("sighting", [{"animal": a, "individual": w} for a, w in zip(shown, whose, strict=True)])
        signs = self.rng.choice(["thin", "normal", "normal", "fat", "injury"], many // 20)
        said = [
            {"animal": a, "sign": str(s), "person": "person-0", "at": self.now}
            for a, s in zip(shown, signs, strict=False)
        ]
        self.store.add("condition", said)

    def told(self, checked: set[date]) -> None:
        """Make up what the run told of each day, of two events, and of the year."""
        days = [self.first + timedelta(days=n) for n in range(self.wanted.days)]
        digest = hashlib.sha256(str(self.year).encode()).hexdigest()
        rows = [self.day(day, n, day in checked) for n, day in enumerate(days)]
        self.store.add("occupancy", rows)
        self.store.add("event", list(self.events(days)))
        most, mean = max(row["maximum"] for row in rows), float(np.mean([row["mean"] for row in rows]))
        hours = {
            str(h): [1 + 0.4 * np.sin(h / 4), 0.8 + 0.4 * np.sin(h / 4), 1.2 + 0.4 * np.sin(h / 4)]
            for h in range(5, 20)
        }
        tides = {str(t / 2): [1.2 - t / 12, 1.0 - t / 12, 1.4 - t / 12] for t in range(7)}
        self.store.add("season", [{
            "site": SITE, "year": self.year, "index": mean, "index_low": 0.9 * mean, "index_high": 1.1 * mean,
            "maximum": most, "maximum_low": 0.93 * most, "maximum_high": 1.1 * most, "days": len(days),
            "occupied": sum(row["maximum"] >= 0.5 for row in rows), "unseen": len(self.unseen), "first": days[0],
            "last": days[-1], "profile": {"hours": hours, "tides": tides}, "data": digest,
        }])  # fmt: skip

    def day(self, day: date, number: int, checked: bool) -> dict[str, Any]:
        each = self.wanted.photos // self.wanted.days
        seen, most = number not in self.unseen, 1.3 * float(self.herd[number])
        spread = 1.2 * most**0.5 + 0.02 * most
        return {
            "site": SITE, "day": day, "photos": each, "visible": each - each // 8 if seen else 0,
            "checked": each // 20 if checked and seen else 0, "present": float(most > 0.5), "maximum": round(most),
            "maximum_low": max(most - spread, 0), "maximum_high": most + spread, "mean": 0.8 * most,
            "mean_low": 0.75 * most, "mean_high": 0.85 * most, "run": 1, "at": self.now,
        }  # fmt: skip

    def events(self, days: Sequence[date]) -> Iterator[dict[str, Any]]:
        there = [n for n, many in enumerate(self.herd) if many >= 0.5]
        breaks = [0, *(n for n in range(1, len(there)) if there[n] > there[n - 1] + 1), len(there)]
        for number, (start, stop) in enumerate(pairwise(breaks), 100 * self.year):
            run = there[start:stop]
            peak = max(run, key=lambda n: self.herd[n])
            dates = {"arrival": run[0], "departure": run[-1], "peak": peak}
            around = {"arrival": (2, 0), "departure": (0, 1), "peak": (1, 1)}
            spans = {f"{name}{end}": days[min(max(at + shift, 0), len(days) - 1)] for name, at in dates.items()
                     for end, shift in (("", 0), ("_low", -around[name][0]), ("_high", around[name][1]))}  # fmt: skip
            most = 1.3 * float(self.herd[peak])
            yield {
                "site": SITE, "number": number, "year": self.year, **spans, "arrival_open": run[0] == 0,
                "departure_open": run[-1] == len(days) - 1, "maximum": most, "maximum_low": 0.93 * most,
                "maximum_high": 1.1 * most,
            }  # fmt: skip


def herd(days: int, mean: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return how many animals are ashore each day: none, two waves with a pause between them, none."""
    at = np.linspace(0, 1, days)
    waves = np.exp(-(((at - 0.35) / 0.12) ** 2)) + 0.6 * np.exp(-(((at - 0.75) / 0.07) ** 2))
    many = np.where(waves > 0.08, waves * rng.uniform(0.8, 1.2, days), 0.0)
    return many * mean / max(many.mean(), 1e-9)


def scatter(many: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return so many boxes, shape (n, 4)."""
    corners = rng.uniform((100, 1200), (SIZE[0] - 200, SIZE[1] - 200), (many, 2))
    return np.hstack([corners, corners + SIDE]).round(1)


def model(number: int, now: datetime) -> dict[str, Any]:
    score = 0.3 + 0.05 * number
    exam = {"ap50": [score - 0.05, score, score + 0.05], "count_mae": 3 - 0.2 * number, "difference": [0.01, 0.05, 0.1]}
    state = "serving" if number == 7 else "retired"
    made = now - timedelta(weeks=8 - number)
    return {"version": f"detector-{number}", "kind": "detector", "state": state, "sha256": "0" * 64, "exam": exam,
            "created_at": made}  # fmt: skip


def person(number: int, now: datetime) -> dict[str, Any]:
    role = "expert" if number < 2 else "volunteer"
    return {"id": f"person-{number}", "label_studio_user": number, "role": role, "joined_at": now}


def draw_pictures(home: Path, seed: int) -> Iterator[Path]:
    """Draw beaches with animals, as large as the pages show photos."""
    rng = np.random.default_rng(seed)
    for number in range(PICTURES):
        image = Image.new("RGB", (2048, 1536), (120, 118, 104))
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, 2048, 420), fill=(188, 199, 205))
        pen.rectangle((0, 420, 2048, 640), fill=(96, 124, 138))
        for x, y in rng.uniform((50, 700), (1900, 1400), (12 + 8 * number, 2)).tolist():
            pen.ellipse((x, y, x + 90, y + 50), fill=(int(rng.integers(105, 140)), 78, 62))
        path = home / f"picture-{number}.jpg"
        image.save(path, quality=85)
        yield path


def link(picture: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    os.link(picture, to)
