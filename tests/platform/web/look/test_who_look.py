"""A dispute with marks and a chain, and the answer of a search by photo, as a browser draws them for experts."""

from contextlib import closing

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from haulout.accounts import Role
from haulout.db import writing
from haulout.identify.step import embed_animals
from haulout.serving import serving_reidentifier
from haulout.tables import AnimalRow, AnswerRow, DisputeRow, MarkRow, ModelRow, SightingRow, TaskRow
from haulout.testing import browser_enters
from labeling_configs import pair
from labeling_configs.vocabulary import AnimalId, Mark, MarkKind, MarkLink, Rectangle, Same
from tests.platform.web.look.at_the_desk import DESKTOP, PHONE
from tests.platform.web.look.test_pages_look import ENGLISH, RUSSIAN, Visitor

pytestmark = pytest.mark.browser

PAIRS = (
    ("animal-1-0", "animal-2-0", "same"),
    ("animal-2-0", "animal-1-1", "same"),
    ("animal-1-0", "animal-1-1", "different"),
)
LIT = """() => [...document.querySelectorAll(".mark circle:not(.halo)")].map(it => getComputedStyle(it).stroke)"""


@pytest.fixture
def disputed(whole_home):
    """Return services in which W0001 and W0002 were linked by an answer that others contradict."""
    services = whole_home
    with writing(services.database) as session:
        session.add(DisputeRow(first="animal-2-0", second="animal-1-1", reason="called_different"))
        session.add(SightingRow(animal="animal-2-2", individual="W0001"))
        for number, (first, second, said) in enumerate(PAIRS, start=700):
            first, second = sorted((first, second))
            task = TaskRow(id=number, question="pair", subject=f"{first}|{second}", key=f"{number}", overlap=5)
            task.created_at, task.label_studio_task = services.now(), number
            session.add(task)
            session.flush()
            for expert in (2, 3):
                session.add(answer(session, services, task, expert, Same(said)))
    return services


def answer(session, services, task, expert, said):
    first, second = task.subject.split("|")
    crops = [Rectangle(*session.get_one(AnimalRow, name).crop) for name in (first, second)]
    marks, links = [], []
    for kind, x, y in ((MarkKind.TUSK_TIP, 0.8, 0.6), (MarkKind.SCAR, 0.4, 0.5)):
        at = [Mark(kind, crop.x1 + x * (crop.x2 - crop.x1), crop.y1 + y * (crop.y2 - crop.y1)) for crop in crops]
        marks += [(AnimalId(first), at[0]), (AnimalId(second), at[1])]
        links += [MarkLink(*at)] if kind is MarkKind.TUSK_TIP else []
    for animal, mark in marks:
        session.add(MarkRow(animal=animal, kind=mark.kind.value, x=mark.x, y=mark.y, person=f"person-{expert}"))
    written = pair.write(said, AnimalId(first), AnimalId(second), *crops, confidence=expert, marks=marks, links=links)
    return AnswerRow(
        task=task.id,
        person=f"person-{expert}",
        label_studio_annotation=10 * task.id + expert,
        digest="d",
        result=written,
        seconds=9.0,
        given_at=services.now(),
        received_at=services.now(),
    )


@pytest.mark.parametrize("look", [ENGLISH, RUSSIAN], ids=lambda look: look.language)
def test_a_dispute_with_marks_and_a_chain_looks_right(chromium, disputed, served, screenshots, look):
    address = served(disputed)

    with closing(chromium.new_context(**DESKTOP, color_scheme=look.colours, locale=look.language)) as context:
        browser_enters(context, disputed, address, Role.OPERATOR, "Anna")
        visitor = Visitor(context.new_page(), address, look)
        wrong = visitor.look_at("dispute-chain", "/individuals/disputes/animal-2-0/animal-1-1", screenshots)
        page = visitor.page
        before = set(page.evaluate(LIT))
        page.locator("button[data-kind=scar]").focus()
        page.keyboard.press("Shift")
        lit = page.evaluate(LIT)

    assert wrong == []
    assert len(before) == 1 and len(set(lit)) == 2 and sum(one not in before for one in lit) == 2


@pytest.mark.parametrize(("look", "size"), [(ENGLISH, DESKTOP), (RUSSIAN, PHONE)], ids=["en-1280", "ru-390"])
def test_a_picture_is_searched_for_by_keyboard_and_by_finger(
    chromium, whole_home, people, served, screenshots, look, size
):
    services = whole_home
    with writing(services.database) as session:
        for network in session.exec(select(ModelRow)).all():
            network.state = "retired"  # they have no weights; the starter and the frozen features stand in
            session.add(network)
    embed_animals(services, serving_reidentifier(services))
    photo = people.season.photos[2]
    picture = services.storage.original(photo.id, photo.suffix)

    with closing(chromium.new_context(**size, color_scheme=look.colours, locale=look.language)) as context:
        browser_enters(context, services, address := served(services), Role.OPERATOR, "Anna")
        visitor = Visitor(context.new_page(), address, look)
        page = visitor.page
        wrong = visitor.look_at("search-form", "/individuals/search", screenshots)
        page.set_viewport_size(size["viewport"])
        page.locator("#picture").set_input_files(picture)
        page.locator(".search-for button").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".query")).to_be_visible(timeout=60_000)
        page.evaluate("() => document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
        page.wait_for_load_state("networkidle")
        width = size["viewport"]["width"]
        page.screenshot(path=screenshots / f"searched-{look.language}-{width}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        shown = page.locator(".answer:visible").count()
        barriers = visitor._barriers()
        foreign = visitor._foreign_words(["Matveyev", "Island", "Haulout", "English", "Anna"])

    assert (wide <= width, wrong, barriers, foreign, shown) == (True, [], [], [], 1)
