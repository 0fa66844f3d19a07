"""Every page, as a browser draws it: whole, quiet, narrow enough for a phone, in the reader's language, accessible."""

import copy
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response
from sqlmodel import select
from waitress.server import create_server

from haulout.accounts import Role
from haulout.comments import comment
from haulout.db import writing
from haulout.services import Services
from haulout.tables import AccountRow, CrowdRow, ServedRow, SpoolRow
from haulout.testing import browser_enters, enter, enters
from haulout.web import create_app

pytestmark = pytest.mark.browser

WIDTHS = {1280: 900, 390: 844}
NO_PAGES = {"static", "pages.running", "paper.report_pdf", "things.picture", "handbook.picture", "me.picture", "breaks"}
"""What carries no layout, such as the part of a page that a script fetches anew."""
OF_VISITORS = {"entry.sign_in", "entry.sign_up", "entry.enter", "second_factor.code", "second_factor.picture"}
"""What shows something only to who is not signed in."""
ELSEWHERE = {"desk.page", "tutorial.page"} | OF_VISITORS
"""Pages that have a test of their own, such as those on which people draw."""
FOR_PROGRAMS = {"api", "pictures", "desk", "editor", "tutorial"}
"""Blueprints whose addresses with arguments give pictures and data."""
EXAMPLES = {
    "pages.photo": {"photo": "/photos/{photo}"},
    "pages.tile": {"tile": "/tiles/{tile}"},
    "pages.person": {"person": "/people/person-0", "person-suspected": "/people/person-1"},
    "pages.batch": {"batch": "/batches/1", "batch-filtered": "/batches/1?reason=random"},
    "pages.model": {"model": "/models/detector-2", "model-unexamined": "/models/reid-1"},
    "pages.individual": {"individual": "/individuals/W0001"},
    "pages.walrus_table": {"walrus-table-sparse": "/individuals/W0002/table"},
    "disputes.dispute": {"dispute": "/individuals/disputes/animal-1-1/animal-2-1"},
    "handbook.read": {f"handbook-{who}": f"/handbook/{who}" for who in ("operator", "volunteer", "expert")},
}
"""Addresses of the pages that need something to show, by endpoint and name."""
STATES = {"photos-none": "/photos?camera=nowhere", "not-found": "/nowhere", "refused": "/things/1", "broken": "/breaks"}
STATUSES = {"visitor-sign-up-closed": 403, "not-found": 404, "refused": 405, "broken": 500}
NAMES = """Haulout Label Studio English Redis PostgreSQL Matveyev Island CAM haulout narrow detector reid
person animal draws nonsense was child will careful now Linux Python Enter Organization Skip Backspace
Ctrl Alt Shift Tab Delete make mega Anna Olga Igor""".split()
"""Latin words that a Russian page may show: proper names, and what the season's people and files are called."""
OF_PROGRAMS = "application json next null people places problem read unseen yes".split()
"""Words of the interface that the page for programs names in its sentences."""
SERIOUS = {"serious", "critical"}
AXE = {"resultTypes": ["violations"], "preload": False}
PICTURES_LOADED = """async () => {
    document.querySelectorAll("img[loading=lazy]").forEach(image => image.loading = "eager");
    await Promise.all([...document.images].map(image => image.decode().catch(() => 0)));
    await document.fonts.ready;
}"""
WORDS_SHOWN = """() => {
    const ours = node => !node.closest("[lang=en], code, pre, .path, script, style");
    const told = [document.title];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (ours(walk.currentNode.parentElement)) told.push(walk.currentNode.data);
    for (const name of ["aria-label", "alt", "title", "placeholder"])
        document.querySelectorAll(`body [${name}]`).forEach(it => ours(it) && told.push(it.getAttribute(name)));
    return told.join("\\n");
}"""


@dataclass(frozen=True)
class Look:
    """How a visitor looks at pages."""

    language: str
    colours: str
    axe_at: int
    """The width at which the page is searched for barriers: half of the test's time, so not at both."""


ENGLISH, RUSSIAN = Look("en", "light", 1280), Look("ru", "dark", 390)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which continuous integration keeps the pictures of the pages."""
    wanted = os.environ.get("HAULOUT_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def served() -> Iterator[Callable[[Services], tuple[Flask, str]]]:
    """Serve a home's pages as `haulout serve` does; one address more breaks."""
    servers = []

    def serve(services: Services) -> tuple[Flask, str]:
        app = create_app(services)
        app.add_url_rule("/breaks", "breaks", _breaks)
        app.extensions["haulout_policy"]["breaks"] = 0
        servers.append(create_server(app, host="127.0.0.1", port=0))
        threading.Thread(target=servers[-1].run, daemon=True).start()
        return app, f"http://127.0.0.1:{servers[-1].effective_port}"

    yield serve
    for server in servers:
        server.close()


def _breaks() -> str:
    raise RuntimeError("this page breaks on purpose")


@pytest.mark.parametrize("look", [ENGLISH, RUSSIAN], ids=lambda look: look.language)
def test_every_page_of_a_filled_home_looks_right(chromium: Browser, whole_home, people, served, screenshots, look):
    app, address = served(whole_home)
    example = {"photo": people.season.photos[2].id, "tile": people.disputed}

    assert complaints(chromium, whole_home, address, addresses(app, example), look, screenshots) == ""


@pytest.mark.parametrize("look", [ENGLISH, RUSSIAN], ids=lambda look: look.language)
def test_every_page_of_an_empty_home_looks_right(chromium: Browser, empty_home, served, screenshots, look):
    app, address = served(empty_home)
    pages = {f"empty-{name}": path for name, path in addresses(app, None).items()}

    assert complaints(chromium, empty_home, address, pages, look, screenshots) == ""


@pytest.mark.parametrize("look", [ENGLISH, RUSSIAN], ids=lambda look: look.language)
def test_what_volunteers_and_visitors_see_looks_right(chromium: Browser, whole_home, served, screenshots, look):
    _, address = served(whole_home)
    account, token = enter(whole_home, Role.VOLUNTEER, "Anna")
    _answered(whole_home, account)

    size = {"width": 1280, "height": WIDTHS[1280]}
    with closing(chromium.new_context(viewport=size, color_scheme=look.colours, locale=look.language)) as context:
        visitor = Visitor(context.new_page(), address, look)
        wrong = visitor.look_at("visitor-welcome", "/welcome", screenshots)
        wrong += visitor.look_at("visitor-sign-in", "/sign-in", screenshots)
        wrong += visitor.look_at("visitor-sign-up-closed", "/sign-up", screenshots)
        context.add_cookies([{"name": "haulout", "value": token, "url": address}])
        wrong += visitor.look_at("volunteer-me", "/me", screenshots)

    assert wrong == []


def _answered(services: Services, account: str) -> None:
    """Let the account be the season's first person, who answered on two days and wrote a comment."""
    with writing(services.database) as session:
        session.get_one(AccountRow, account).label_studio_user = 0
        for task in (2, 3, 4):
            at, name = services.now() - timedelta(days=task // 3), f"answer-{task}"
            session.add(ServedRow(id=name, task=task, account=account, at=at, until=at))
            session.flush()
            session.add(SpoolRow(unique_id=name, served=name, task=task, account=account, result=[], given_at=at))
        comment(session, account, 2, "Посмотрите на этот шрам.", services.now())
        newest = session.exec(select(CrowdRow)).one()
        for weeks, animals in ((3, 20), (2, 60), (1, 160)):
            learned = copy.deepcopy(newest.learned)
            learned["skills"]["person-0"][4] = float(animals)
            learned["skills"]["person-0"][0][0][0] = 0.9 - 0.07 * weeks
            session.add(CrowdRow(id=-weeks, answers=9, learned=learned, at=newest.at - timedelta(weeks=weeks)))


def addresses(app: Flask, example: dict[str, str] | None) -> dict[str, str]:
    """Return the addresses of all pages by name, those that need something to show only with an example of it."""
    found = {} if example is None else dict(STATES)
    client = enters(app.test_client())
    for rule in app.url_map.iter_rules():
        blueprint, _, name = rule.endpoint.rpartition(".")
        if "GET" not in (rule.methods or ()) or rule.endpoint in NO_PAGES | ELSEWHERE:
            continue
        if not rule.arguments:
            if client.get(rule.rule).mimetype == "text/html":
                found[(blueprint if name == "page" else name).replace("_", "-")] = rule.rule
        elif example is not None and blueprint not in FOR_PROGRAMS:
            assert rule.endpoint in EXAMPLES, f"{rule.endpoint} needs an example of its address {rule.rule} here"
            found |= {name: path.format(**example) for name, path in EXAMPLES[rule.endpoint].items()}
    return found


def complaints(
    chromium: Browser, services: Services, address: str, pages: dict[str, str], look: Look, screenshots: Path
) -> str:
    """Visit the pages and return what is wrong with them, line by line; leave their pictures behind."""
    size = {"width": 1280, "height": WIDTHS[1280]}
    with closing(chromium.new_context(viewport=size, color_scheme=look.colours, locale=look.language)) as context:
        browser_enters(context, services, address, name="Anna")
        visitor = Visitor(context.new_page(), address, look)
        return "\n".join(
            f"{name}: {wrong}" for name in pages for wrong in visitor.look_at(name, pages[name], screenshots)
        )


class Visitor:
    """Looks at one page after the other and notes what a reader would complain about."""

    def __init__(self, page: Page, address: str, look: Look) -> None:
        self.page, self.address, self.look = page, address, look
        self.expected = 200
        self.heard: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(f"script: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", lambda request: self.heard.append(f"failed: {request.url}"))
        page.on("response", self._response)

    def look_at(self, name: str, path: str, screenshots: Path) -> list[str]:
        """Return what is wrong with the page at either width."""
        self.heard = []
        self.expected = STATUSES.get(name, 200)
        self.page.goto(self.address + path)
        self.page.evaluate(PICTURES_LOADED)
        for width, height in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": height})
            picture = screenshots / f"{name}-{self.look.language}-{width}.png"
            self.page.screenshot(path=picture, full_page=True)
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                self.heard.append(f"{wide} pixels wide on a screen of {width}")
            if width == self.look.axe_at:
                self.heard += self._barriers()
        return self.heard + self._foreign_words(NAMES + (OF_PROGRAMS if name.endswith("api") else []))

    def _barriers(self) -> list[str]:
        found = Axe().run(self.page, options=AXE).response["violations"]
        return [f"axe: {one['id']}: {one['nodes'][0]['html'][:150]}" for one in found if one["impact"] in SERIOUS]

    def _foreign_words(self, known: list[str]) -> list[str]:
        if self.look.language == "en":
            return []
        words = re.findall(r"(?<![\w-])[A-Za-z][a-z]{2,}(?![\w-])", self.page.evaluate(WORDS_SHOWN))
        return [f"English: {word}" for word in sorted({*words} - {*known})]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and f"status of {self.expected}" not in message.text:
            self.heard.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.heard.append(f"asks another server: {request.url}")

    def _response(self, response: Response) -> None:
        document = response.request.is_navigation_request()
        if response.status != (self.expected if document else 200) and response.status != 304:
            self.heard.append(f"{response.status}: {response.url}")
