"""Coming in with a real browser: the proof of work, the second factor, signing out; and how those pages look."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from waitress.server import create_server

from haulout.accounts import Role
from haulout.accounts.managing import invite, way_in
from haulout.services import Services
from haulout.web import create_app
from tests.platform.web.look.test_pages_look import AXE, SERIOUS, screenshots  # noqa: F401

pytestmark = pytest.mark.browser

PASSWORD = "quiet rocks under fog"
LOOKS = {"en": (1280, 900, "light"), "ru": (390, 844, "dark")}
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SUBMIT = "main form[action='{}'] button"


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture
def home(empty_home) -> Services:
    settings = empty_home.settings.model_copy(update={"secret_key": "key", "sign_up": "open"})
    return replace(empty_home, settings=settings, now=utc_now)


@pytest.fixture
def address(home) -> Iterator[str]:
    server = create_server(create_app(home), host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


class Visitor:
    """Goes from page to page, and notes what is wrong with their looks."""

    def __init__(self, page: Page, address: str, language: str, folder: Path) -> None:
        self.page, self.address, self.language, self.folder = page, address, language, folder
        self.wrong: list[str] = []
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("console", lambda told: self.wrong.append(told.text) if "Security" in told.text else None)

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.address + path)

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.page.fill(f"input[name={name}]", value)

    def send(self, action: str) -> None:
        before = self.page.url
        with self.page.expect_navigation():
            self.page.click(SUBMIT.format(action))
        assert self.page.url, before

    def sign_out(self) -> None:
        with self.page.expect_navigation():
            self.page.click("header form[action='/sign-out'] button")

    def look(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}.{self.language}.png", full_page=True)
        found = Axe().run(self.page, options=AXE).response["violations"]
        self.wrong += [f"{name}: {one['id']}, {one['help']}" for one in found if one["impact"] in SERIOUS]
        if self.page.evaluate(OVERFLOW) > 0:
            self.wrong.append(f"{name}: wider than the window")

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.address)


@pytest.fixture(params=LOOKS)
def visitor(request, chromium: Browser, address, screenshots) -> Iterator[Visitor]:  # noqa: F811
    width, height, colours = LOOKS[request.param]
    size = {"width": width, "height": height}
    with closing(chromium.new_context(viewport=size, color_scheme=colours, locale=request.param)) as context:
        yield Visitor(context.new_page(), address, request.param, screenshots)


def test_people_sign_up_in_and_out_and_experts_show_a_second_factor(visitor: Visitor, home: Services):
    _openly(visitor)
    _as_an_expert(visitor, home)
    _by_a_link(visitor, home)

    assert visitor.wrong == []


def _openly(visitor: Visitor) -> None:
    """Sign up with the proof of work, out, in with a wrong password and with the right one."""
    visitor.open("/sign-up")
    visitor.fill(name="Anna", password="password1")
    visitor.page.wait_for_timeout(3100)  # nobody types faster, and the pages know
    visitor.send("/sign-up")  # the script sends it once the task is solved
    visitor.look("entry-sign-up-refused")
    visitor.fill(password=PASSWORD)
    visitor.page.wait_for_timeout(3100)
    visitor.send("/sign-up")
    visitor.open("/account")
    visitor.look("entry-account")
    visitor.sign_out()
    assert visitor.path == "/sign-in"
    visitor.fill(name="anna", password="wrong")
    visitor.send("/sign-in")
    visitor.look("entry-sign-in-refused")
    visitor.fill(password=PASSWORD)
    visitor.send("/sign-in")
    assert visitor.path != "/sign-in"
    visitor.sign_out()


def _as_an_expert(visitor: Visitor, home: Services) -> None:
    """Sign up by an invitation, set the second factor up, and use it at the next sign-in."""
    visitor.open(invite(home, Role.EXPERT, 1, 7).replace(home.settings.pages, visitor.address))
    visitor.look("entry-sign-up-invited")
    visitor.fill(name="Boris", password=PASSWORD)
    visitor.send("/sign-up")
    assert visitor.path.startswith("/sign-in/code")
    visitor.page.wait_for_function("document.querySelector('.qr img').naturalWidth > 100")
    visitor.page.click("details summary")
    visitor.look("entry-second-factor")
    secret = visitor.page.inner_text(".secret")
    visitor.fill(code=pyotp.TOTP(secret).now())
    visitor.send("/sign-in/code")
    assert visitor.path == "/" and visitor.page.locator("nav a[href='/photos']").is_visible()
    visitor.open("/account")
    visitor.look("entry-account-expert")
    visitor.sign_out()
    visitor.fill(name="Boris", password=PASSWORD)
    visitor.send("/sign-in")
    visitor.look("entry-code")
    visitor.fill(code=pyotp.TOTP(secret).at(time.time() + 30))  # the present one was used
    visitor.send("/sign-in/code")
    assert visitor.path == "/"
    visitor.sign_out()


def _by_a_link(visitor: Visitor, home: Services) -> None:
    """Come in as the operator by a link that opens once."""
    link = way_in(home).replace(home.settings.pages, visitor.address)
    visitor.open(link)
    visitor.look("entry-link")
    visitor.send("/enter")
    assert visitor.page.locator("nav a[href='/watch']").is_visible()
    visitor.sign_out()
    visitor.open(link)
    visitor.look("entry-link-over")
