"""The handbooks' pictures are of the real pages and the real desk, of a drawn season, and made anew by this test."""

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from haulout.accounts import Role
from haulout.services import Services
from haulout.simulation.season import CLIFF, SPIT, SeasonPlan, write_season
from haulout.simulation.truth import TrueAnimal, TruePhoto, Truth, boxes_of
from haulout.testing import browser_enters
from haulout.web.handbook import FOLDER
from haulout.web.questions import LANGUAGES, config_for, data_for
from labeling_configs import box_dispute, boxes, gallery, pair
from labeling_configs.vocabulary import AnimalId, PhotoId, Question, Rectangle, Tile, TileId

pytestmark = pytest.mark.browser

PAGES = {
    "overview": "/",
    "photo": "/photos/{photo} .viewer",
    "batch": "/batches/1",
    "report": "/report",
    "people": "/people #everybody",
    "rocks": "/things",
    "walruses": "/individuals",
}
"""Address and, after a blank, the part that is shown, for the page is longer than the picture."""
WIDTH, HEIGHT = 1100, 760
DESKTOP: dict[str, Any] = {"viewport": {"width": WIDTH, "height": HEIGHT}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
PEOPLE = {"Vera": (Role.VOLUNTEER, DESKTOP), "Ilya": (Role.VOLUNTEER, PHONE), "Olga": (Role.EXPERT, DESKTOP)}
TASKS = {
    "task-boxes": (Question.BOXES, "Vera"),
    "task-boxes-phone": (Question.BOXES, "Ilya"),
    "task-dispute": (Question.BOX_DISPUTE, "Olga"),
    "task-pair": (Question.PAIR, "Olga"),
    "task-gallery": (Question.GALLERY, "Olga"),
}
"""What is asked, and whom."""
PATIENCE = 60_000
SHOWN_PICTURES_ARE_THERE = """() => [...document.images].every(image =>
    image.complete || image.getBoundingClientRect().top > innerHeight)"""
DESK_ON_TOP = "desk => { desk.scrollIntoView(); if (desk.getBoundingClientRect().top > 1) scrollTo(0, 0); }"
"""Not half of what stands above it, where the page is too short for more."""
KINDEST_SIZE = 2_000_000
"""Bytes of all pictures together."""
PLAN = SeasonPlan(
    "Kestrel Spit",
    date(2031, 8, 1),
    12,
    1,
    burst=1,
    max_animals=14,
    quiet=0.4,
    individuals=8,
    seed=20310724,
    width=960,
    height=720,
    cameras=(SPIT, CLIFF),
)


class DrawnAlbum:
    """Gives the photos of a drawn season one by one: clear ones with as few animals as are asked for before others."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self.folder = folder
        self.left = list(truth.photos.values())
        seen = [animal.individual for _, animal in truth.sightings()]
        self.often = sorted(set(seen), key=seen.count, reverse=True)
        self.next: TruePhoto | None = None

    def boxes(self, animals: int, _rng: np.random.Generator) -> np.ndarray:
        """Return the boxes of the next photo, the animals seen most often first."""
        self.next = min(
            self.left, key=lambda one: (len(one.counted) < animals, one.weather != "clear", len(one.counted))
        )
        self.left.remove(self.next)
        found = sorted(self.next.counted, key=lambda animal: self.often.index(animal.individual))
        return boxes_of(tuple(found))

    def picture(self, _found: np.ndarray, _rng: np.random.Generator) -> Image.Image:
        """Return the photo to these boxes."""
        assert self.next is not None
        return Image.open(self.folder / self.next.file)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("drawn")
    return folder, write_season(folder, PLAN, lambda _done, _total: None)


@pytest.fixture
def album(drawn: tuple[Path, Truth]) -> DrawnAlbum:
    return DrawnAlbum(*drawn)


@pytest.fixture
def rock(drawn: tuple[Path, Truth]) -> list[float]:
    first = next(photo for photo in drawn[1].photos.values() if photo.rocks)
    return [float(side) for side in max(first.rocks, key=lambda box: box[2] - box[0])]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the pictures go; HAULOUT_HANDBOOK_PICTURES names the handbooks' folder to renew them there."""
    wanted = os.environ.get("HAULOUT_HANDBOOK_PICTURES")
    return Path(wanted) if wanted else tmp_path_factory.mktemp("pictures")


def test_the_pages_in_the_handbooks_are_drawn_anew(chromium: Browser, whole_home, season, served, pictures: Path):
    address = served(whole_home)
    with closing(chromium.new_context(**DESKTOP, color_scheme="light")) as context:
        browser_enters(context, whole_home, address, name="Anna")
        page = context.new_page()
        for language in LANGUAGES:
            for name, path in PAGES.items():
                there, _, part = path.format(photo=season.photos[2].id).partition(" ")
                answer = page.goto(f"{address}{there}?language={language}")
                assert answer and answer.ok, f"{there} answers {answer and answer.status}"
                page.locator(part or "body").first.evaluate("part => part.scrollIntoView()")
                keep(page, pictures / f"{name}.{language}.webp")

    assert names_of(*PAGES) <= {path.name for path in pictures.iterdir()}


def test_the_tasks_in_the_handbooks_are_drawn_anew(desk: "Desk", drawn, pictures: Path):
    folder, truth = drawn
    photos = sorted(truth.photos.values(), key=lambda photo: -len(photo.counted) * (photo.weather == "clear"))
    found = boxes_of(photos[0].counted)
    tile = Tile(TileId("t"), PhotoId("p"), *[Rectangle(0, 0, PLAN.width, PLAN.height)] * 2)
    beach = desk.picture(Image.open(folder / photos[0].file))
    first, second, *others = [desk.picture(crop) for crop in portraits(folder, truth)]
    offered = [gallery.Candidate(f"W-{n:04}", one, f"W-{n:04}") for n, one in enumerate([second, *others], start=1)]
    guessed = boxes.write(found[:-1] + np.array([4, -3, 6, 2]), np.full(len(found) - 1, 0.8), tile)
    drawn_on = boxes.task_data(beach, tile)
    disputed = box_dispute.task_data(beach, tile)
    two = pair.task_data(first, second, AnimalId("a"), AnimalId("b"))
    several = gallery.task_data(first, AnimalId("a"), offered)

    desk.photograph("task-boxes", drawn_on, guessed, pictures)
    desk.photograph("task-boxes-phone", drawn_on, guessed, pictures)
    desk.photograph("task-dispute", disputed, guessed, pictures)
    desk.photograph("task-pair", two, [], pictures)
    desk.photograph("task-gallery", several, [], pictures)

    assert names_of(*TASKS) <= {path.name for path in pictures.iterdir()}


def test_the_handbooks_show_all_pictures_that_are_there_and_no_others():
    shown = {
        language: set(re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", "".join(book.read_text() for book in books)))
        for language in LANGUAGES
        if (books := sorted(FOLDER.glob(f"*.{language}.md")))
    }
    kept = {path.name for path in (FOLDER / "pictures").iterdir()}

    assert shown["en"] | shown["ru"] == kept == names_of(*PAGES, *TASKS)
    assert {name.replace(".en.", ".ru.") for name in shown["en"]} == shown["ru"]
    assert sum(path.stat().st_size for path in (FOLDER / "pictures").iterdir()) < KINDEST_SIZE


def names_of(*pictures: str) -> set[str]:
    return {f"{name}.{language}.webp" for name in pictures for language in LANGUAGES}


def keep(page: Page, file: Path) -> None:
    """Store what the page shows as a small picture."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function(SHOWN_PICTURES_ARE_THERE)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(file, quality=72, method=6)


def portraits(folder: Path, truth: Truth) -> Sequence[Image.Image]:
    """Return two pictures of one animal, then pictures of four others."""
    seen: dict[str, list[tuple[PhotoId, TrueAnimal]]] = {}
    for photo, animal in truth.sightings():
        if truth.photos[photo].weather == "clear" and animal.visible > 0.9:
            seen.setdefault(f"{animal.individual}-{animal.side}", []).append((photo, animal))
    ranked = sorted(seen.values(), key=lambda those: -sorted(one.length for _, one in those)[-2:][0] * (len(those) > 1))
    largest = [sorted(those, key=lambda one: -one[1].length) for those in ranked]
    wanted = [*largest[0][:2], *(those[0] for those in largest[1:5])]
    return [portrait(Image.open(folder / truth.photos[photo].file), animal) for photo, animal in wanted]


def portrait(photo: Image.Image, animal: TrueAnimal) -> Image.Image:
    x1, y1, x2, y2 = animal.box
    spare = 0.2 * animal.length
    crop = photo.crop((int(x1 - spare), int(y1 - spare), int(x2 + spare), int(y2 + spare)))
    return crop.resize((480, round(480 * crop.height / crop.width)), Image.Resampling.BICUBIC)


def asked(question: Question, data: dict[str, Any], predicted: Sequence[Any], language: str) -> dict[str, Any]:
    """Return what the server would tell the desk of a task."""
    return {
        "lease": "0" * 32,
        "question": question.value,
        "config": config_for(question, language),
        "data": data_for(data, language),
        "prediction": list(predicted) or None,
        "until": (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds"),
        "minutes": 60,
    }


class Desk:
    """The desk of the real application, at which people of our own get tasks of our own, and what they see is kept."""

    def __init__(self, chromium: Browser, services: Services, address: str) -> None:
        self.chromium, self.services, self.address = chromium, services, address
        self.drawn: dict[str, bytes] = {}
        self.next: dict[str, Any] = {}
        self.pages: dict[str, Page] = {}

    def picture(self, shown: Image.Image) -> str:
        """Keep a picture that tasks show; return its address."""
        file = io.BytesIO()
        shown.convert("RGB").save(file, "jpeg", quality=92)
        name = f"/desk/pictures/{len(self.drawn)}.jpg"
        self.drawn[name] = file.getvalue()
        return name

    def photograph(self, name: str, data: dict[str, Any], predicted: Sequence[Any], folder: Path) -> None:
        """Ask whom the picture is of, and keep what is seen of the task in each language."""
        question, person = TASKS[name]
        page = self.pages.get(person) or self._sits_down(person)
        for language in LANGUAGES:
            self.next = asked(question, data, predicted, language)
            page.goto(f"{self.address}/desk?question={question.value}&language={language}")
            expect(page.locator("#done")).to_be_enabled(timeout=PATIENCE)
            if question is not Question.BOXES:  # more stands above it than for a volunteer
                page.locator("#desk").evaluate(DESK_ON_TOP)
            keep(page, folder / f"{name}.{language}.webp")

    def close(self) -> None:
        """Let everybody leave."""
        for page in self.pages.values():
            page.context.close()

    def _sits_down(self, person: str) -> Page:
        role, size = PEOPLE[person]
        context = self.chromium.new_context(**size, color_scheme="light")
        context.set_default_timeout(PATIENCE)
        browser_enters(context, self.services, self.address, role, person)
        self.pages[person] = page = context.new_page()
        page.route("**/desk/pictures/*", self._give_picture)
        page.route("**/desk/next", lambda route: route.fulfill(json=self.next))
        return page

    def _give_picture(self, route: Route) -> None:
        route.fulfill(body=self.drawn[route.request.url.removeprefix(self.address)], content_type="image/jpeg")


@pytest.fixture
def desk(chromium: Browser, whole_home, served, label_studio_python) -> Iterator[Desk]:
    settings = whole_home.settings.model_copy(update={"label_studio_python": label_studio_python})
    services = replace(whole_home, settings=settings)
    with closing(Desk(chromium, services, served(services))) as desk:
        yield desk
