"""People answer in Label Studio's own editor, by mouse and keyboard; what is read back is what they did."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page
from sqlmodel import select

from haulout.answers import STARTER_SHOWN_ABOVE
from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.ingest import ingest
from haulout.label_studio import LabelStudio, NewTask, local_file_url
from haulout.propose import propose
from haulout.selection import select_batch
from haulout.services import Services
from haulout.tables import ProjectRow, ProposalRow, TaskRow
from labeling_configs import boxes, catalog, pair
from labeling_configs.vocabulary import (
    AnimalId,
    Condition,
    Disturbance,
    MarkKind,
    Origin,
    Person,
    PhotoId,
    Question,
    Rectangle,
    Same,
    Tile,
    TileId,
)

pytestmark = [pytest.mark.label_studio, pytest.mark.browser]

PIXELS = 3
"""How far a mouse of whole screen pixels may miss, in pixels of the photo."""
SHOWN = Rectangle(1000, 200, 2000, 950)
TILE = Tile(TileId("t1"), PhotoId("p1"), SHOWN, SHOWN)
KEPT, WRONG, RIGHT = (1150.0, 300, 1400, 450), (1150.0, 600, 1350, 700), (1190.0, 670, 1390, 770)
DRAWN = (1600.0, 600, 1850, 800), (1500.0, 250, 1700, 400)
ANNA, BORIS = AnimalId("anna"), AnimalId("boris")
FIRST_CROP, SECOND_CROP = Rectangle(100, 100, 500, 400), Rectangle(900, 50, 1300, 350)
IN_THE_EDITOR = "() => window.Htx?.annotationStore?.selected?.regionStore.regions.length ?? -1"
NUMBERS = count(1)


@dataclass(frozen=True)
class Editor:
    """One person's browser, logged in."""

    page: Page
    url: str

    def start(self, project: int) -> None:
        """Open the link that people are given, and close the instructions."""
        self.page.goto(f"{self.url}/haulout/start?project={project}", wait_until="commit")
        instructions = self.page.get_by_text("Labeling Instructions")
        instructions.wait_for()
        self.page.keyboard.press("Escape")
        instructions.wait_for(state="hidden")

    def pictures(self, number: int) -> list[Locator]:
        """Wait until so many pictures are drawn."""
        drawn = """number => [...document.querySelectorAll("img[src^='blob:']")]
            .filter(image => image.naturalWidth > 0 && image.clientWidth > 50).length === number"""
        self.page.wait_for_function(drawn, arg=number)
        return self.page.locator("img[src^='blob:']").all()

    def wait_for_regions(self, number: int) -> None:
        """Wait until the editor holds so many boxes or marks."""
        self.page.wait_for_function(f"number => ({IN_THE_EDITOR})() === number", arg=number)

    def submit(self, act: Callable[[], None]) -> None:
        """Do what submits, and wait until Label Studio has the answer."""
        with self.page.expect_response(
            lambda told: "/annotations" in told.url and told.request.method == "POST"
        ) as told:
            act()
        assert told.value.ok


@pytest.fixture
def editor(chromium: Browser, label_studio, label_studio_server) -> Iterator[Editor]:
    """Log a new person in by the form, in a browser without memories."""
    email, password = f"person-{next(NUMBERS)}@haulout.invalid", "long-enough-3"
    label_studio.sign_up(email, password, "Person")
    context = chromium.new_context(viewport={"width": 1366, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{label_studio_server.url}/user/login/", wait_until="domcontentloaded")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/user/login" not in url, wait_until="commit")
    yield Editor(page, label_studio_server.url)
    context.close()


@pytest.fixture
def project_of(empty_label_studio, label_studio, label_studio_server) -> Callable[[Question], int]:
    def make(question: Question) -> int:
        entry = catalog.CATALOG[question]
        number = label_studio.ensure_project(question, entry.title_en, entry.xml, entry.instruction, overlap=1)
        label_studio.ensure_local_files(number, label_studio_server.documents / "tiles")
        return int(number)

    return make


@pytest.fixture
def picture(label_studio_server) -> Callable[[str, Rectangle], str]:
    def draw(name: str, shown: Rectangle) -> str:
        noise = np.random.default_rng(1).integers(90, 160, (shown.height, shown.width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(label_studio_server.documents / "tiles" / name)
        return local_file_url(f"tiles/{name}")

    return draw


def send(label_studio: LabelStudio, project: int, *tasks: NewTask) -> None:
    label_studio.send_tasks(project, tasks)
    label_studio.serve_version(project, "v1")


def middle(box: tuple[float, float, float, float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def on_screen(picture: Locator, shown: Rectangle, x: float, y: float) -> tuple[float, float]:
    place = picture.bounding_box()
    assert place
    across, down = (x - shown.x1) / shown.width, (y - shown.y1) / shown.height
    return place["x"] + across * place["width"], place["y"] + down * place["height"]


def drag(editor: Editor, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = editor.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=6)
    mouse.up()


def test_a_volunteer_keeps_one_box_moves_another_draws_the_missing_ones_and_ticks_a_boat_by_its_key(
    editor, label_studio, project_of, picture
):
    project = project_of(Question.BOXES)
    data = {**boxes.task_data(picture("tile.jpg", SHOWN), TILE), "key": "k"}
    predicted = boxes.write(np.array([KEPT, WRONG]), np.array([0.8, 0.6]), TILE)
    send(label_studio, project, NewTask(data, predicted, 1.0, "v1"))

    editor.start(project)
    (photo,) = editor.pictures(1)
    editor.wait_for_regions(2)
    for number, drawn in enumerate(DRAWN, start=3):
        drag(editor, on_screen(photo, SHOWN, *drawn[:2]), on_screen(photo, SHOWN, *drawn[2:]))
        editor.wait_for_regions(number)
    drag(editor, on_screen(photo, SHOWN, *middle(WRONG)), on_screen(photo, SHOWN, *middle(RIGHT)))
    editor.page.keyboard.press("4")
    editor.submit(editor.page.locator("button", has_text="Submit").first.click)

    (raw,) = label_studio.answers_since(project, None)
    answer = boxes.read(raw.result, TILE)
    assert answer.origins == (Origin.KEPT, Origin.MOVED, Origin.DRAWN, Origin.DRAWN)
    assert np.allclose(answer.boxes, [KEPT, RIGHT, *DRAWN], atol=PIXELS)
    vote = answer.to_vote(Person("anna"), TILE, raw.created_at, raw.seconds, blind=False)
    assert vote.disturbances == (Disturbance.BOAT,)
    assert not answer.broken and raw.model_version == "v1" and raw.seconds > 0


def test_an_expert_marks_both_animals_and_answers_by_keyboard(editor, label_studio, project_of, picture):
    project = project_of(Question.PAIR)
    pictures = picture("first.jpg", FIRST_CROP), picture("second.jpg", SECOND_CROP)
    send(label_studio, project, NewTask({**pair.task_data(*pictures, ANNA, BORIS), "key": "k"}, [], 1.0, "v1"))

    editor.start(project)
    first, second = editor.pictures(2)
    editor.page.keyboard.press("4")
    editor.page.mouse.click(*on_screen(first, FIRST_CROP, 200, 300))
    editor.wait_for_regions(1)
    editor.page.keyboard.press("f")
    editor.page.mouse.click(*on_screen(second, SECOND_CROP, 1200, 150))
    editor.wait_for_regions(2)
    for key in ("Shift+Q", "Shift+R", "Shift+S", "y"):
        editor.page.keyboard.press(key)
    editor.submit(lambda: editor.page.keyboard.press("Control+Enter"))

    (raw,) = label_studio.answers_since(project, None)
    answer = pair.read(raw.result, ANNA, BORIS, FIRST_CROP, SECOND_CROP)
    assert answer.answer is Same.SAME and not answer.broken
    assert [(animal, mark.kind) for animal, mark in answer.marks] == [(ANNA, MarkKind.SCAR), (BORIS, MarkKind.SCAR)]
    assert answer.conditions == ((ANNA, Condition.THIN), (ANNA, Condition.INJURY), (BORIS, Condition.NORMAL))
    places = [(mark.x, mark.y) for _, mark in answer.marks]
    assert np.allclose(places, [(200, 300), (1200, 150)], atol=PIXELS)


def test_a_bare_labeling_link_serves_the_task_with_the_highest_priority(editor, label_studio, project_of, picture):
    project = project_of(Question.BOXES)
    data = boxes.task_data(picture("tile.jpg", SHOWN), TILE)
    tasks = [NewTask({**data, "key": f"worth {worth}"}, [], worth, "v1") for worth in (0.1, 0.9, 0.5)]
    send(label_studio, project, *tasks)

    with editor.page.expect_response(lambda told: "id=next_task" in told.url) as served:
        editor.page.goto(f"{editor.url}/projects/{project}/data?labeling=1", wait_until="commit")

    sent = json.loads(served.value.request.post_data)
    assert "filters" in sent, "a browser that never pressed a button sends filters; without them this shows nothing"
    assert served.value.json()["data"]["key"] == "worth 0.9"


@pytest.mark.real_data
def test_a_volunteer_sees_a_real_photo_with_the_detectors_boxes(editor, coordinator_for, shared_data, tmp_path):
    coordinator = with_detector(coordinator_for(f"sqlite:///{tmp_path / 'season.sqlite'}"), shared_data)
    card = tmp_path / "card"
    card.mkdir()
    for name in ("es_test_5MSL0019-164.jpg", "es_test_5MSL0087-76.jpg", "es_test_5MSL0095-54.jpg"):
        copy(shared_data / "detect_pinniped_aerial" / "images" / name, card)

    assert ingest(coordinator, card).added == propose(coordinator) == 3
    select_batch(coordinator)
    assert dispatch(coordinator) > 0
    project, number = most_worth(coordinator)
    editor.start(project)
    (photo,) = editor.pictures(1)

    assert number > 0
    editor.wait_for_regions(number)
    assert photo.evaluate("image => image.naturalWidth") == 500


def with_detector(coordinator: Services, shared_data: Path) -> Services:
    weights = shared_data / "weights" / "yolox_nano" / "yolox_nano.onnx"
    changed = {"starter": str(weights), "batch_size": 3, "blind_share": 0.0}
    return replace(coordinator, settings=coordinator.settings.model_copy(update=changed))


def most_worth(coordinator: Services) -> tuple[int, int]:
    """Return the project of the boxes, and how many boxes the task that is asked first should show."""
    with reading(coordinator.database) as session:
        project = session.get(ProjectRow, Question.BOXES.value)
        task = max(session.exec(select(TaskRow)), key=lambda task: task.priority)
        proposal = next(row for row in session.exec(select(ProposalRow)) if task.subject.startswith(row.photo))
        return project.label_studio_project, int((proposal.scores() >= STARTER_SHOWN_ABOVE).sum())
