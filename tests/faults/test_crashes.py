"""A coordinator that is killed at any moment loses nothing and doubles nothing, on the real Label Studio.

With HAULOUT_FAULTS_LONG=1 a third of the moments, 10 kills at each of them, and 200 at random ones.
"""

import json
import multiprocessing
import os
import random
import signal
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlmodel import select

from haulout.bootstrap import build
from haulout.config import Settings
from haulout.db import reading
from haulout.fsck import fsck
from haulout.tables import AliasRow, AnswerRow, PhotoRow, QuarantineRow, TaskRow
from labeling_configs import boxes
from labeling_configs.vocabulary import Question
from tests.faults.crashing import Order, obey

LONG, OUT = bool(os.environ.get("HAULOUT_FAULTS_LONG")), os.environ.get("HAULOUT_FAULTS_OUT")
"""More of everything, and where to write down, as JSON, how many kills there were and at which moments."""
PEOPLE = ("anna", "boris", "clara")
PHOTOS = 3
"""Photos on each card; every season gets a few cards and then makes room for the next."""
CARDS = 6

pytestmark = [pytest.mark.label_studio, pytest.mark.timeout(3600)]


@dataclass
class Season:
    """A home whose passes are killed, and what its people were told that is stored."""

    settings: Settings
    folder: Path
    server: object
    acknowledged: dict[int, tuple[str, list]] = field(default_factory=dict)
    cards: int = 0

    def new_card(self) -> None:
        """Bring photos nobody has seen."""
        self.cards += 1
        seed = self.cards + 1000 * int(self.folder.name.rsplit("-", 1)[1])
        new_card(self.card(), seed, PHOTOS)

    def card(self) -> Path:
        return self.settings.home / f"card-{self.cards:03d}"

    def pass_once(self, **order: object) -> tuple[int, list[str]]:
        """Let a child make a pass; return how it ended and the moments it lived through."""
        told = self.folder / "told.txt"
        told.write_text("")
        child = CONTEXT.Process(target=obey, args=(Order(self.settings, self.card(), told, **order),))
        child.start()
        child.join(300)
        return child.exitcode, told.read_text().splitlines()

    def answer(self, rng: random.Random) -> None:
        """Let people answer some of what Label Studio serves them, and note what it acknowledged."""
        services = build(self.settings)
        label_studio = services.label_studio()
        project = label_studio.find_project(Question.BOXES)
        for name in rng.sample(PEOPLE, 2) if project else ():
            person = label_studio.as_person(
                label_studio.sign_up(f"{name}@crash.invalid", "long-enough-7", name).api_key
            )
            for _ in range(2):
                if (served := person.next_task(project)) is None:
                    break
                result = [_box(rng)] if rng.random() < 0.7 else []
                number = person.submit(served.id, result, 3.0, uuid.uuid4().hex, served.prediction)
                self.acknowledged[number] = (served.key, result)
        services.database.dispose()

    def troubles(self) -> list[str]:
        """Say what was lost or doubled; nothing when all is well."""
        services = build(self.settings)
        found = [f"fsck: {one}" for one in fsck(services)]
        with reading(services.database) as session:
            tasks = session.exec(select(TaskRow)).all()
            keys = {task.id: task.key for task in tasks}
            stored = Counter(
                (row.label_studio_annotation, keys[row.task]) for row in session.exec(select(AnswerRow)).all()
            )
            aliases = set(session.exec(select(AliasRow.label_studio_task)))
            photos = session.exec(select(PhotoRow)).all()
            found += [f"put aside: {row.path} {row.reason}" for row in session.exec(select(QuarantineRow))]
        for number, (key, _) in self.acknowledged.items():
            if stored[(number, key)] != 1:
                found.append(f"answer {number} to {key} is stored {stored[(number, key)]} times")
        if len(photos) != PHOTOS * self.cards:
            found.append(f"{len(photos)} photos of {PHOTOS * self.cards}")
        asked = self._asked_in_label_studio(aliases)
        found += [f"task {key} is asked {times} times" for key, times in asked.items() if times != 1]
        found += [f"task {task.key} was never sent" for task in tasks if task.key not in asked]
        services.database.dispose()
        return found

    def _asked_in_label_studio(self, aliases: set[int]) -> Counter:
        services = build(self.settings)
        label_studio = services.label_studio()
        keys: Counter = Counter()
        for question in Question:
            project = label_studio.find_project(question)
            for page in label_studio.swept(project) if project else ():
                keys.update(task.key for task in page if task.id not in aliases)
        services.database.dispose()
        return keys


def new_card(card: Path, seed: int, photos: int) -> Path:
    """Make a memory card with small photos that nobody has seen."""
    card.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(photos):
        noise = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize((160, 120))
        picture.save(card / f"2026080{seed % 9 + 1}_{number:02d}0000.jpg", quality=70)
    return card


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.crashing"])


@pytest.fixture
def new_season(tmp_path_factory, label_studio_server, free_port, request):
    """Make seasons, each in an emptied Label Studio."""
    headers = {"Authorization": f"Token {label_studio_server.token}"}
    database = getattr(request, "param", "sqlite")
    made = []

    def empty() -> None:
        with httpx.Client(base_url=label_studio_server.url, headers=headers, timeout=60) as http:
            for project in http.get("/api/projects/", params={"page_size": 100}).json()["results"]:
                http.delete(f"/api/projects/{project['id']}/").raise_for_status()
        for card in label_studio_server.documents.parent.glob("card-*"):
            for file in card.iterdir():
                file.unlink()
            card.rmdir()

    def make() -> Season:
        empty()
        folder = tmp_path_factory.mktemp("crash-")
        folder = folder.rename(folder.with_name(f"crash-{len(made) + 1}-{uuid.uuid4().int % 10**6}"))
        url = f"sqlite:///{folder}/season.sqlite"
        if database == "postgresql":
            url = request.getfixturevalue("new_postgres_database")()
        made.append(
            Season(
                Settings(
                    home=label_studio_server.documents.parent,
                    port=free_port(),
                    database_url=url,
                    label_studio_url=label_studio_server.url,
                    label_studio_token=label_studio_server.token,
                    starter="none",
                    batch_size=2,
                    exam_share=0.0,  # or a card of an exam day would ask nothing
                    site="Beach",
                    secret_key="a key for tests",
                    webhook_secret="a bell for tests",
                ),
                folder,
                label_studio_server,
            )
        )
        journal = label_studio_server.documents.parent / "journal"
        for file in journal.glob("*.jsonl"):
            file.unlink()
        return made[-1]

    yield make
    empty()


def _box(rng: random.Random) -> dict:
    left, top = rng.uniform(0, 60), rng.uniform(0, 60)
    value = {"x": left, "y": top, "width": 30, "height": 30, "rotation": 0, "rectanglelabels": [boxes.LABEL]}
    return {
        "id": uuid.uuid4().hex[:10],
        "type": "rectanglelabels",
        "from_name": boxes.CONTROL,
        "to_name": boxes.IMAGE,
        "original_width": 160,
        "original_height": 120,
        "value": value,
    }


def _season_of_kills(new_season, kills: list[dict], name: str) -> list[str]:
    """Kill one pass after the other, let each be made up for, and return all that went wrong."""
    rng = random.Random(7)
    season, troubles, killed = None, [], Counter()
    for number, kill in enumerate(kills):
        if season is None or season.cards == CARDS:
            season = new_season()
        season.new_card()
        season.answer(rng)
        code, moments = season.pass_once(**kill)
        killed[moments[-1] if code == -signal.SIGKILL and moments else f"ended with {code}"] += 1
        season.answer(rng)
        code, _ = season.pass_once()
        if code:
            troubles.append(f"the pass after kill {number} ({kill}) ended with {code}")
        troubles += [f"{kill} at {moments[-1:]}: {trouble}" for trouble in season.troubles()]
        if OUT:
            told = {"kills": number + 1, "at": killed, "troubles": troubles}
            Path(f"{OUT}.{name}.json").write_text(json.dumps(told, indent=1))
    return troubles


def _moments(new_season) -> int:
    """Count the moments of a pass that is left alone, in a season that has answers to take in."""
    season = new_season()
    season.new_card()
    season.pass_once()
    season.answer(random.Random(7))
    season.new_card()
    code, moments = season.pass_once()
    assert code == 0
    assert season.troubles() == []
    return len(moments)


@pytest.mark.parametrize(
    "new_season",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
    indirect=True,
)
def test_killed_at_any_moment_nothing_is_lost_and_nothing_doubled(new_season, request):
    total = _moments(new_season)
    sqlite = "sqlite" in request.node.name
    wanted, repeats = (33, 10) if LONG and sqlite else (33, 1) if LONG else (5 if sqlite else 2, 1)
    step = max(1, total // wanted)
    kills = [{"at": at} for at in range(1, total + 1, step)] * repeats

    troubles = _season_of_kills(new_season, kills, request.node.callspec.id)

    assert total >= 30
    assert troubles == []


def test_killed_at_random_nothing_is_lost_and_nothing_doubled(new_season):
    rng = random.Random(11)
    kills = [{"after": rng.uniform(0.05, 4.0)} for _ in range(200 if LONG else 2)]

    assert _season_of_kills(new_season, kills, "random") == []


def test_a_coordinator_that_trusts_what_it_heard_doubles_its_tasks(new_season):
    season = new_season()
    season.new_card()
    _, moments = season.pass_once()
    imports = [place for place, name in enumerate(moments, 1) if name.startswith("after POST") and "import" in name]
    season = new_season()
    season.new_card()

    season.pass_once(at=imports[0], naive=True)
    season.pass_once(naive=True)

    assert any("is asked 2 times" in trouble for trouble in season.troubles())
