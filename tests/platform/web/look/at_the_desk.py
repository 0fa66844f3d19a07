"""People at the desk, each in a real browser of their own, and the questions that wait for them there."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlmodel import Session, select

from haulout.accounts import Role
from haulout.db import reading, writing
from haulout.services import Services
from haulout.tables import SpoolRow, TaskRow
from haulout.testing import browser_enters

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PATIENCE = 30_000
SERIOUS = {"serious", "critical"}
AXE = {"resultTypes": ["violations"], "preload": False}
REGIONS = "() => window.Htx.annotationStore.selected.serializeAnnotation()"
PLACE = """([x, y]) => {
    const photo = window.Htx.annotationStore.selected.names.get("photo");
    const frame = photo.stageRef.content.getBoundingClientRect();
    return [frame.left + frame.width * x / 100, frame.top + frame.height * y / 100];
}"""


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which continuous integration keeps the pictures of the pages."""
    wanted = os.environ.get("HAULOUT_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def home(season, people, label_studio_python) -> Services:
    """Return services with tasks of every kind that wait for somebody."""
    services: Services = season.services
    with writing(services.database) as session:
        for number, task in enumerate(session.exec(select(TaskRow)).all(), start=1):
            task.label_studio_task = number
            task.state = "open" if _is_ours(session, task, people) else "retired"
            task.overlap, task.model = 99, "detector-2"
            task.blind = task.subject == "tile-3"
            task.priority = 1.0 if task.subject == "tile-4" else 0.1
            session.add(task)
        session.add(_expert_task(services, "box_dispute", people.disputed, {}))
        session.add(_expert_task(services, "gallery", "animal-2-2", {"animal-1-0": "W-0001", "animal-1-1": "W-0002"}))
    settings = services.settings.model_copy(
        update={"secret_key": "key", "label_studio_python": label_studio_python, "newcomer_tiles": 0, "thanks_every": 2}
    )
    return replace(services, settings=settings, now=lambda: datetime.now(UTC).replace(tzinfo=None))


def _is_ours(session: Session, task: TaskRow, people: Any) -> bool:
    return task.question == "pair" or (not task.gold and task.subject in ("tile-2", "tile-3", "tile-4"))


def _expert_task(services: Services, question: str, subject: str, candidates: dict[str, str]) -> TaskRow:
    row = TaskRow(question=question, subject=subject, key=question, overlap=99, created_at=services.now())
    row.label_studio_task, row.details = 900 + len(question), {"candidates": candidates} if candidates else {}
    return row


class Person:
    """Somebody at the desk in a browser of their own."""

    def __init__(self, context: BrowserContext, services: Services, address: str, role: Role) -> None:
        context.set_default_timeout(PATIENCE)
        self.account = browser_enters(context, services, address, role)
        self.address, self.context = address, context
        self.page: Page = context.new_page()
        self.heard: list[str] = []
        self.page.on("console", lambda said: self.heard.append(said.text) if said.type == "error" else None)
        self.page.on("response", lambda answer: self.heard.append(answer.url) if answer.status >= 400 else None)
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))

    def sits_down(self, question: str = "boxes", language: str = "en") -> None:
        self.page.goto(f"{self.address}/desk?question={question}&language={language}")
        self.has_a_picture()

    def has_a_picture(self, patience: int = PATIENCE) -> None:
        shown = self.page.locator("#done:enabled")
        try:
            expect(shown).to_be_visible(timeout=patience)
        except AssertionError as error:
            said = self.page.locator("#said").inner_text()
            raise AssertionError(f"no picture comes: {said}; the console tells {self.heard}") from error

    def regions(self) -> list[dict[str, Any]]:
        return self.page.evaluate(REGIONS)  # type: ignore[no-any-return]

    def place(self, x: float, y: float) -> tuple[float, float]:
        left, top = self.page.evaluate(PLACE, [x, y])
        return left, top

    def drags(self, x1: float, y1: float, x2: float, y2: float) -> None:
        mouse = self.page.mouse
        mouse.move(*self.place(x1, y1))
        mouse.down()
        mouse.move(*self.place((x1 + x2) / 2, (y1 + y2) / 2))
        mouse.move(*self.place(x2, y2))
        mouse.up()

    def touches(self, *path: tuple[float, float]) -> None:
        """Put one finger down on the first place and lift it from the last."""
        places = [self.place(*one) for one in path]
        with closing(Fingers(self.context.new_cdp_session(self.page))) as fingers:
            fingers.on("touchStart", places[:1])
            for place in places[1:]:
                fingers.on("touchMove", [place])

    def pinches(self) -> None:
        """Put two fingers down and spread them."""
        x, y = self.place(50, 50)
        with closing(Fingers(self.context.new_cdp_session(self.page))) as fingers:
            fingers.on("touchStart", [(x - 20, y), (x + 20, y)])
            fingers.on("touchMove", [(x - 40, y), (x + 40, y)])
            fingers.on("touchMove", [(x - 60, y), (x + 60, y)])

    def presses(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def passes_on(self, why: str) -> None:
        self.page.locator("#skip").click()
        self.page.get_by_role("button", name=why, exact=True).click()

    def barriers(self) -> list[str]:
        """Return what is serious anywhere on the page, also inside Label Studio's editor."""
        found = Axe().run(self.page, options=AXE).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in found if one["impact"] in SERIOUS]


class Fingers:
    """What a touch screen tells the browser."""

    def __init__(self, devtools: Any) -> None:
        self.devtools = devtools

    def on(self, kind: str, places: list[tuple[float, float]]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def close(self) -> None:
        self.on("touchEnd", [])
        self.devtools.detach()


@pytest.fixture
def somebody(chromium: Browser, home: Services, served) -> Iterator[Callable[..., Person]]:
    """Let people come to the desk, each in a browser of their own."""
    address, contexts = served(home), []

    def comes(role: Role = Role.VOLUNTEER, **browser: Any) -> Person:
        contexts.append(chromium.new_context(**(browser or DESKTOP)))
        return Person(contexts[-1], home, address, role)

    yield comes
    for context in contexts:
        context.close()


def answers(services: Services, account: str) -> list[SpoolRow]:
    with reading(services.database) as session:
        return list(session.exec(select(SpoolRow).where(SpoolRow.account == account).order_by(SpoolRow.given_at)))


def boxes_of(result: list[dict[str, Any]]) -> list[list[int]]:
    values = [one["value"] for one in result if one["type"] == "rectanglelabels"]
    return [[round(value[side]) for side in ("x", "y", "width", "height")] for value in values]


def only(home: Services, *subjects: str, gold: int = 0) -> None:
    """Leave only the questions about these subjects to be asked."""
    with writing(home.database) as session:
        for task in session.exec(select(TaskRow)).all():
            task.state = "open" if task.subject in subjects and task.gold == gold else "retired"
            session.add(task)
