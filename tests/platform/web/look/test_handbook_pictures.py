"""The handbooks' pictures are of the real pages and tasks, of a drawn season, and made anew by this test."""

import io
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from waitress.server import create_server

from haulout.label_studio import NewTask, local_file_url
from haulout.simulation.season import CLIFF, SPIT, SeasonPlan, write_season
from haulout.simulation.truth import TrueAnimal, TruePhoto, Truth, boxes_of
from haulout.web import create_app
from haulout.web.handbook import FOLDER
from labeling_configs import box_dispute, boxes, catalog, gallery, pair
from labeling_configs.vocabulary import AnimalId, PhotoId, Question, Rectangle, Tile, TileId

pytestmark = [pytest.mark.browser, pytest.mark.label_studio]

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
TASKS = ("task-boxes", "task-boxes-phone", "task-dispute", "task-pair", "task-gallery")
NAMES = {f"{name}.{language}.webp" for name in PAGES for language in ("en", "ru")} | {f"{name}.webp" for name in TASKS}
WIDTH, HEIGHT = 1100, 760
PHONE = {"width": 390, "height": 780}
SHOWN_PICTURES_ARE_THERE = """() => [...document.images].every(image =>
    image.complete || image.getBoundingClientRect().top > innerHeight)"""
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


def test_the_pages_in_the_handbooks_are_drawn_anew(chromium: Browser, whole_home, season, pictures: Path):
    server = create_server(create_app(whole_home), host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    size = {"width": WIDTH, "height": HEIGHT}
    with closing(chromium.new_context(viewport=size, color_scheme="light")) as context:
        page = context.new_page()
        for language in ("en", "ru"):
            for name, path in PAGES.items():
                there, _, part = path.format(photo=season.photos[2].id).partition(" ")
                answer = page.goto(f"http://127.0.0.1:{server.effective_port}{there}?language={language}")
                assert answer and answer.ok, f"{there} answers {answer and answer.status}"
                page.locator(part or "body").first.evaluate("part => part.scrollIntoView()")
                keep(page, pictures / f"{name}.{language}.webp")
    server.close()

    assert {path.name for path in pictures.glob("*.??.webp")} == {name for name in NAMES if name[-8] == "."}


@pytest.mark.skipif(
    "HAULOUT_HANDBOOK_PICTURES" not in os.environ,
    reason="takes a minute and a half of Label Studio: name the folder in HAULOUT_HANDBOOK_PICTURES",
)
def test_the_tasks_in_the_handbooks_are_drawn_anew(tasks: "Tasks", drawn, pictures: Path):
    folder, truth = drawn
    photos = sorted(truth.photos.values(), key=lambda photo: -len(photo.counted) * (photo.weather == "clear"))
    tile, found = (
        Tile(TileId("t"), PhotoId("p"), *[Rectangle(0, 0, PLAN.width, PLAN.height)] * 2),
        boxes_of(photos[0].counted),
    )
    url = tasks.show(Image.open(folder / photos[0].file))
    guessed = boxes.write(found[:-1] + np.array([4, -3, 6, 2]), np.full(len(found) - 1, 0.8), tile)

    tasks.photograph(Question.BOXES, boxes.task_data(url, tile), guessed, pictures / "task-boxes.webp")
    tasks.photograph(Question.BOXES, boxes.task_data(url, tile), guessed, pictures / "task-boxes-phone.webp", PHONE)
    told = box_dispute.task_data(url, tile, caption="5 · 3")
    tasks.photograph(Question.BOX_DISPUTE, told, guessed, pictures / "task-dispute.webp")
    first, second, *others = [tasks.show(crop) for crop in portraits(folder, truth)]
    asked = pair.task_data(first, second, AnimalId("a"), AnimalId("b"))
    tasks.photograph(Question.PAIR, asked, [], pictures / "task-pair.webp")
    offered = [gallery.Candidate(f"W-{n:04}", one, f"W-{n:04}") for n, one in enumerate([second, *others], start=1)]
    told = gallery.task_data(first, AnimalId("a"), offered)
    tasks.photograph(Question.GALLERY, told, [], pictures / "task-gallery.webp")

    assert {path.name for path in pictures.glob("task-*.webp")} == {f"{name}.webp" for name in TASKS}


def test_the_handbooks_show_all_pictures_that_are_there_and_no_others():
    shown = {
        language: set(re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", "".join(book.read_text() for book in books)))
        for language in ("en", "ru")
        if (books := sorted(FOLDER.glob(f"*.{language}.md")))
    }
    kept = {path.name for path in (FOLDER / "pictures").iterdir()}

    assert shown["en"] | shown["ru"] == kept == NAMES
    assert {name.replace(".en.", ".ru.") for name in shown["en"]} == shown["ru"]
    assert sum(path.stat().st_size for path in (FOLDER / "pictures").iterdir()) < KINDEST_SIZE


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


class Tasks:
    """Puts tasks into Label Studio and photographs what a person sees of them."""

    def __init__(self, page: Page, label_studio, server) -> None:
        self.page, self.label_studio, self.server = page, label_studio, server
        self.projects: list[int] = []

    def show(self, picture: Image.Image) -> str:
        """Store the picture where Label Studio finds it; return its address there."""
        name = f"handbook-{len(list((self.server.documents / 'tiles').iterdir()))}.jpg"
        picture.convert("RGB").save(self.server.documents / "tiles" / name)
        return local_file_url(f"tiles/{name}")

    def photograph(
        self, question: Question, data: dict, predicted: list, file: Path, size: dict[str, int] | None = None
    ) -> None:
        """Ask the question, open it as people do, and keep what is seen."""
        entry = catalog.CATALOG[question]
        project = self.label_studio.ensure_project(question, entry.title_en, entry.xml, entry.instruction, overlap=1)
        self.label_studio.ensure_local_files(project, self.server.documents / "tiles")
        self.label_studio.send_tasks(project, [NewTask({**data, "key": file.stem}, predicted, 1.0, "v1")])
        self.label_studio.serve_version(project, "v1")
        self.projects.append(project)
        self.page.set_viewport_size(size or {"width": WIDTH + 180, "height": HEIGHT + 300})
        self.page.goto(f"{self.server.url}/haulout/start?project={project}", wait_until="commit")
        instructions = self.page.get_by_text("Labeling Instructions")
        instructions.wait_for()
        self.page.keyboard.press("Escape")
        instructions.wait_for(state="hidden")
        drawn = """() => [...document.querySelectorAll("img")].some(image => image.clientWidth > 50)
            && [...document.images].every(image => image.complete)"""
        self.page.wait_for_function(drawn)
        keep(self.page, file)


@pytest.fixture
def tasks(chromium: Browser, label_studio, label_studio_server) -> Iterator[Tasks]:
    """Log somebody in; the projects that were made are removed at the end."""
    email, password = "handbook@haulout.invalid", "long-enough-3"
    label_studio.sign_up(email, password, "Handbook")
    with closing(chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT})) as context:
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"{label_studio_server.url}/user/login/", wait_until="domcontentloaded")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/user/login" not in url, wait_until="commit")
        maker = Tasks(page, label_studio, label_studio_server)
        yield maker
    headers = {"Authorization": f"Token {label_studio_server.token}"}
    for project in set(maker.projects):
        httpx.delete(f"{label_studio_server.url}/api/projects/{project}/", headers=headers, timeout=60)
