"""From an invitation to answers in Label Studio: two volunteers and an expert at the desk, in a real browser."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import Session, col, select

from active_learning.gold import GoldKind, GoldTile
from haulout.accounts import Role, passes
from haulout.answers import machine_boxes
from haulout.collect import collect
from haulout.db import reading, writing
from haulout.desk import deliver
from haulout.dispatch import dispatch
from haulout.ingest import ingest
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.services import Services
from haulout.tables import (
    AccountRow,
    AnimalRow,
    AnswerRow,
    ConsensusRow,
    IndividualRow,
    PhotoRow,
    ProjectRow,
    SightingRow,
    SpoolRow,
    TaskRow,
    TileRow,
)
from haulout.testing import answers_in, browser_enters
from labeling_configs.vocabulary import PhotoId, TileId
from tests.platform.web.look.at_the_desk import PLACE, Fingers

pytestmark = [pytest.mark.label_studio, pytest.mark.browser]

TILES = 10
PATIENCE = 60_000
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "locale": "en"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "locale": "ru",
}
SHOWN = "() => window.Htx.annotationStore.selected.serializeAnnotation().length"


@pytest.fixture
def home(coordinator_for, drawn_season, label_studio_python, tmp_path) -> Services:
    """Return a coordinator that asks ten box tiles, one of them blind and one to teach, and one of each for experts."""
    services = coordinator_for(f"sqlite:///{tmp_path / 'door.sqlite'}")
    wanted = {"starter": "builtin", "newcomer_tiles": 0, "thanks_every": 5, "label_studio_python": label_studio_python}
    services = replace(services, settings=services.settings.model_copy(update=wanted))
    ingest(services, drawn_season.card, None)
    propose(services)
    select_batch(services)
    with writing(services.database) as session:
        _ten_tiles(session, services, drawn_season.truth)
        _questions_for_experts(session, services, drawn_season.truth)
    dispatch(services)
    return services


def _ten_tiles(session: Session, services: Services, truth: Any) -> None:
    tasks = session.exec(select(TaskRow).order_by(col(TaskRow.id))).all()
    teaching = next(task for task in tasks if _teaches(session, task) and _there(session, task.subject, truth))
    # The machine would have something to show there.
    blind = next(task for task in tasks if task is not teaching and _machines_boxes(session, task))
    for number, task in enumerate(sorted(tasks, key=lambda task: (task is teaching, task is not blind))):
        task.state = "open" if task is not teaching and number < TILES - 1 else "retired"
        task.overlap, task.blind = 2, task is blind
        session.add(task)
    boxes = [[*box, 0.95, ["expert"], 0.0] for box in _there(session, teaching.subject, truth)]
    session.add(_consensus(services, teaching.subject, boxes, state="agreed"))
    copy = TaskRow(question="boxes", subject=teaching.subject, gold=1, key="gold", created_at=services.now())
    copy.batch, copy.overlap, copy.priority = teaching.batch, 2, 0.5
    session.add(copy)


def _machines_boxes(session: Session, task: TaskRow) -> int:
    return len(machine_boxes(session, session.get_one(TileRow, task.subject).word(), task.model, task.created_at)[0])


def _teaches(session: Session, task: TaskRow) -> bool:
    photo = session.get_one(PhotoRow, session.get_one(TileRow, task.subject).photo)
    return GoldTile(TileId(task.subject), 0, photo.split == "exam").kind is GoldKind.TEACHING


def _there(session: Session, tile: str, truth: Any) -> list[list[float]]:
    row = session.get_one(TileRow, tile).word()
    return truth.boxes_in(PhotoId(row.photo), row.shown).tolist()  # type: ignore[no-any-return]


def _consensus(services: Services, tile: str, boxes: list[list[Any]], state: str) -> ConsensusRow:
    row = ConsensusRow(tile=tile, state=state, voters=2, agreement=0.8, boxes=boxes, settled_at=services.now())
    row.missed, row.risk, row.by_expert = 0.1, 0.1, state == "agreed"
    return row


def _questions_for_experts(session: Session, services: Services, truth: Any) -> None:
    used = set(session.exec(select(ConsensusRow.tile)))
    tiles = [row for row in session.exec(select(TileRow)) if row.id not in used and _there(session, row.id, truth)]
    boxes = [[*box, 0.5, ["person"], 0.3] for box in _there(session, tiles[0].id, truth)]
    session.add(_consensus(services, tiles[0].id, boxes, state="disputed"))
    for number, tile in enumerate(tiles[:3]):
        x1, y1, x2, y2 = _there(session, tile.id, truth)[0]
        crop = [max(0, int(x1) - 10), max(0, int(y1) - 10), int(x2) + 10, int(y2) + 10]
        animal = AnimalRow(id=f"animal-{number}", photo=tile.photo, tile=tile.id, box=[x1, y1, x2, y2], crop=crop)
        animal.probability, animal.settled_at = 0.9, services.now()
        session.add(animal)
    session.flush()
    session.add(IndividualRow(id="W0001", first_animal="animal-1", named_at=services.now()))
    session.flush()
    session.add(SightingRow(animal="animal-1", individual="W0001"))
    for question, subject in (
        ("box_dispute", tiles[0].id),
        ("pair", "animal-0|animal-2"),
        ("gallery", "animal-0"),
    ):
        task = TaskRow(question=question, subject=subject, key=question, overlap=2, created_at=services.now())
        task.details = {"candidates": {"animal-1": "W0001"}} if question == "gallery" else {}
        session.add(task)


class Volunteer:
    """Somebody who was invited, in a browser of their own."""

    def __init__(self, chromium: Browser, address: str, name: str, how: dict[str, Any], shots: Path) -> None:
        self.context = chromium.new_context(**how)
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.address, self.name, self.shots = address, name, shots
        self.fingers = bool(how.get("has_touch"))
        self.told_how_it_was = 0
        self.machines_boxes: list[int] = []

    def sees(self, what: str) -> None:
        self.page.screenshot(path=self.shots / f"front-door-{what}-{self.name}.png")

    def signs_up(self, token: str) -> None:
        self.page.goto(f"{self.address}/sign-up?invite={token}")
        self.page.fill("input[name=name]", self.name)
        self.page.fill("input[name=password]", "seven quiet tusks at dawn")
        self.sees("sign-up")
        self.page.click("form.card button")
        self.page.goto(f"{self.address}/desk")

    def presses(self, where: str) -> None:
        button = self.page.locator(where)
        button.tap() if self.fingers else button.click()

    def draws(self) -> None:
        """Draw a box from a twentieth to a fifth of the picture, by finger on a phone."""
        places = [self.page.evaluate(PLACE, [share, share]) for share in (5, 12, 20)]
        before = self.page.evaluate(SHOWN)
        if self.fingers:
            with closing(Fingers(self.context.new_cdp_session(self.page))) as fingers:
                fingers.on("touchStart", places[:1])
                for place in places[1:]:
                    fingers.on("touchMove", [place])
        else:
            self.page.mouse.move(*places[0])
            self.page.mouse.down()
            for place in places[1:]:
                self.page.mouse.move(*place)
            self.page.mouse.up()
        assert self.page.evaluate(SHOWN) == before + 1

    def learns(self) -> None:
        """See the first three pictures: draw on one, and hear of each what was right and what was missed."""
        assert self.page.url.endswith("/first-pictures")
        for number in range(3):
            expect(self.page.locator("#done:enabled")).to_be_visible(timeout=PATIENCE)
            if number == 0:
                self.draws()
            self.presses("#done")
            expect(self.page.locator("#onwards")).to_be_visible()
            self.sees(f"tutorial-{number}")
            self.presses("#onwards")
        self.presses("#finish button")
        self.page.wait_for_url("**/desk", wait_until="commit")

    def answers(self) -> None:
        """Look at one picture, send it as it is, the second with a box more, and read what is said of it."""
        expect(self.page.locator("#done:enabled")).to_be_visible(timeout=PATIENCE)
        self.machines_boxes.append(self.page.evaluate(SHOWN))
        if len(self.machines_boxes) == 2:
            self.draws()
            self.sees("boxes")
        with self.page.expect_response("**/desk/submit") as stored:
            self.presses("#done")
        assert stored.value.status == 200
        if stored.value.json()["feedback"] is not None:
            self.told_how_it_was += 1
            expect(self.page.locator("#after")).to_be_visible()
            self.sees("feedback")
            self.presses("#after button")


class Expert(Volunteer):
    """Somebody who uses nothing but keys."""

    def settles(self, question: str, *keys: str) -> None:
        self.page.goto(f"{self.address}/desk?question={question}")
        self.answers_by_keys(question, *keys)

    def answers_by_keys(self, question: str, *keys: str) -> None:
        """Answer what the desk shows."""
        expect(self.page.locator("#done:enabled")).to_be_visible(timeout=PATIENCE)
        for key in keys:
            self.page.keyboard.press(key)
        self.sees(question)
        with self.page.expect_response("**/desk/submit") as stored:
            self.page.keyboard.press("Control+Enter")
        assert stored.value.status == 200


def test_two_volunteers_and_an_expert_answer_and_everything_arrives(home, address, chromium, label_studio, screenshots):
    with writing(home.database) as session:
        token = passes.invite(session, Role.VOLUNTEER, 2, 1, home.now())
    anna = Volunteer(chromium, address, "Anna", DESKTOP, screenshots)
    boris = Volunteer(chromium, address, "Борис", PHONE, screenshots)
    for person in (anna, boris):
        person.signs_up(token)
        person.learns()
    for _ in range(TILES):
        anna.answers()
        boris.answers()
    for person in (anna, boris):
        expect(person.page.locator("#nothing")).to_be_visible()
    expert = Expert(chromium, address, "Vera", DESKTOP, screenshots)
    account = browser_enters(expert.context, home, address, Role.EXPERT, "Vera")
    expert.settles("pair", "n")
    expert.settles("gallery", "1")
    expert.settles("box_dispute", "Tab", "Shift+ArrowRight")

    assert deliver(home, timedelta(0)).waiting == 0
    collect(home)

    for person in (anna, boris):
        assert person.told_how_it_was == 1  # of the one tile that teaches
        assert any(person.machines_boxes)
        assert _sent_blind(home, person.name) == [[]]
        assert _drawn(home, person.name) == 1
    assert _told_there(home, label_studio) == _told_here(home)
    assert len(_told_here(home)) == 2 * TILES + 3
    assert _said_by(home, account) == {"pair": "different", "gallery": "animal-1", "box_dispute": "prediction-changed"}
    for person in (anna, boris, expert):
        person.context.close()


def _told_here(home: Services) -> set[int]:
    with reading(home.database) as session:
        spooled = set(session.exec(select(SpoolRow.label_studio_annotation)))
        assert spooled == set(session.exec(select(AnswerRow.label_studio_annotation)))
        return spooled  # type: ignore[return-value]


def _told_there(home: Services, label_studio: Any) -> set[int]:

    with reading(home.database) as session:
        projects = session.exec(select(ProjectRow.label_studio_project)).all()
    return set[int]().union(*(answers_in(label_studio, project) for project in projects))


def _answers(home: Services, name: str) -> list[tuple[bool, list[dict[str, Any]]]]:
    """Return of each answer whether the machine's boxes were kept back, and what was said."""
    with reading(home.database) as session:
        account = session.exec(select(AccountRow.id).where(AccountRow.name == name)).one()
        query = select(TaskRow.blind, SpoolRow.result).join(SpoolRow, col(SpoolRow.task) == TaskRow.id)
        return list(session.exec(query.where(SpoolRow.account == account)).all())


def _sent_blind(home: Services, name: str) -> list[list[Any]]:
    return [[one for one in said if one.get("origin") != "manual"] for blind, said in _answers(home, name) if blind]


def _drawn(home: Services, name: str) -> int:
    return sum(one.get("origin") == "manual" for _, said in _answers(home, name) for one in said)


def _said_by(home: Services, account: str) -> dict[str, str]:
    with reading(home.database) as session:
        query = select(TaskRow.question, SpoolRow.result).join(SpoolRow, col(SpoolRow.task) == TaskRow.id)
        told = dict(session.exec(query.where(SpoolRow.account == account)).all())
    choices = {name: result[0]["value"]["choices"][0] for name, result in told.items() if name != "box_dispute"}
    return choices | {"box_dispute": told["box_dispute"][0]["origin"]}
