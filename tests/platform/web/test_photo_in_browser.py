"""The layers of a photo and a tile are switched by keyboard alone, without a script; pages fit a phone."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page
from waitress.server import create_server

from haulout.testing import browser_enters

pytestmark = pytest.mark.browser


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = create_server(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


@pytest.fixture
def page(chromium: Browser, season, address: str) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    browser_enters(context, season.services, address)
    yield context.new_page()
    context.close()


def wait_until(page: Page, true: str) -> None:
    """Ask again and again: the pages' content policy forbids what Playwright's own waiting does."""
    for _ in range(200):
        if page.evaluate(true):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never: {true}")


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


def test_arrows_lead_from_photo_to_photo_and_digits_switch_layers_which_stay_so(
    page: Page, address: str, season
) -> None:
    page.goto(f"{address}/photos/{season.photos[2].id}")
    page.keyboard.press("2")
    assert not page.locator("#votes").is_visible(), "a digit means something only where the boxes are"

    page.locator(".stage").focus()
    page.keyboard.press("2")
    page.keyboard.press("1")
    assert (page.locator("#votes").is_visible(), page.locator("#machine").is_visible()) == (True, False)

    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/photos/{season.photos[3].id}#stage")
    assert page.evaluate("document.activeElement.id") == "stage"
    assert (page.locator("#votes").is_visible(), page.locator("#machine").is_visible()) == (True, False)

    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/photos/{season.photos[2].id}#stage")


def test_arrows_scroll_a_photo_that_is_zoomed_in_and_stay_in_its_middle(page: Page, address: str, season) -> None:
    page.goto(f"{address}/photos/{season.photos[2].id}")
    page.locator("#zoom-4").check()
    stage = page.locator(".stage")
    middle = "s => (s.scrollLeft + s.clientWidth / 2) / s.scrollWidth"
    assert stage.evaluate(middle) == pytest.approx(0.5, abs=0.01)
    stage.focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, "document.querySelector('.stage').scrollLeft > document.querySelector('.stage').clientWidth * 1.5")
    assert page.url.endswith(season.photos[2].id)


def test_a_missing_picture_is_drawn_and_leaves_no_broken_one(page: Page, address: str, season) -> None:
    season.services.storage.original(season.photos[0].id, ".jpg").unlink()
    page.goto(f"{address}/photos?day=2026-08-01")
    shown = page.locator(".card img")
    shown.scroll_into_view_if_needed()
    wait_until(page, "document.querySelector('.card img').complete")
    assert shown.evaluate("image => image.naturalWidth") == 400


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
        "individuals/W0001",
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
