"""The layers of a photo and a tile are switched by keyboard alone, without a script; pages fit a phone."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page
from waitress.server import create_server

pytestmark = pytest.mark.browser


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    yield page
    page.close()


def test_layers_and_zoom_work_by_keyboard(page: Page, address: str, season) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{address}/photos/{season.photos[2].id}")
    machine, votes = page.locator("#machine"), page.locator("#votes")
    assert (machine.is_visible(), votes.is_visible()) == (True, False)

    reach(page, "layer-machine")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert (machine.is_visible(), votes.is_visible()) == (False, True)

    stage = page.locator(".stage")
    reach(page, "zoom-1")
    page.keyboard.press("ArrowRight")
    assert width(stage.locator("svg")) == pytest.approx(2 * width(stage), abs=40)
    assert complaints == [], "the content policy blocked something"


def test_each_person_s_boxes_on_a_tile_are_hidden_by_keyboard(page: Page, address: str, people) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{address}/tiles/{people.disputed}")
    layers = [page.locator(f"svg .layer.{name}") for name in ("hand-0", "hand-2", "rejected", "sure")]
    assert [layer.is_visible() for layer in layers] == [True] * 4

    for identifier in ("layer-rejected", "layer-hand-0"):
        reach(page, identifier)
        page.keyboard.press("Space")

    assert [layer.is_visible() for layer in layers] == [False, True, False, True]
    assert complaints == [], "the content policy blocked something"


def test_no_page_is_wider_than_a_small_phone(page: Page, address: str, season, people) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    paths = [
        "",
        "photos",
        "batches",
        "batches/1",
        "models",
        "individuals",
        "individuals/W-0001",
        "quarantine",
        "report",
        "people",
        "people/person-0",
        "people/person-1",
        f"tiles/{people.disputed}",
    ]
    for path in [*paths, f"photos/{season.photos[2].id}"]:
        page.goto(f"{address}/{path}?language=ru")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def reach(page: Page, identifier: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == identifier:
            return
    raise AssertionError(f"{identifier} cannot be reached by keyboard")


def width(of: Locator) -> float:
    box = of.bounding_box()
    assert box is not None
    return box["width"]
