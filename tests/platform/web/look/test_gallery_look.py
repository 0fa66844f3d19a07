"""A gallery with as many candidates as there are keys is answered on a phone as well as on a desk."""

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from haulout.accounts import Role
from haulout.db import writing
from haulout.tables import AnimalRow, TaskRow
from tests.platform.web.look.at_the_desk import DESKTOP, PHONE, answers

pytestmark = pytest.mark.browser

CANDIDATES = 9
FINGER, LEAST = 44, 150
"""Pixels: the least height of what is touched, and the least width of a picture that tells animals apart."""
ANSWERS = """() => [...document.querySelectorAll("#editor .lsf-choices label")].map(answer => {
    const told = it => { const { left, top, right, bottom } = it.getBoundingClientRect();
        return [left, top, right, bottom].map(Math.round); };
    const picture = answer.querySelector("img");
    return { answer: told(answer), picture: picture && told(picture), shown: picture ? picture.naturalWidth : 0 };
})"""


@pytest.fixture
def full(home) -> list[str]:
    """Offer nine candidates in each of two galleries; return them."""
    with writing(home.database) as session:
        task = session.exec(select(TaskRow).where(TaskRow.question == "gallery")).one()
        there = session.exec(select(AnimalRow).where(AnimalRow.id != task.subject).order_by(AnimalRow.id)).all()
        for number in range(CANDIDATES):
            copied = there[number % len(there)].model_dump()
            session.add(AnimalRow(**{**copied, "id": f"offered-{number}"}))
        task.details = {"candidates": {f"offered-{number}": f"W-{number + 1:04}" for number in range(CANDIDATES)}}
        session.add(task)
        session.add(
            TaskRow(**{**task.model_dump(), "id": None, "key": "2", "subject": "animal-1-0", "label_studio_task": 9})
        )
    return [f"offered-{number}" for number in range(CANDIDATES)]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["390", "1280"])
def test_nine_candidates_are_seen_beside_the_animal_and_one_is_chosen_by_touch(somebody, home, full, screenshots, size):
    person = somebody(Role.EXPERT, **size)
    person.sits_down("gallery", "ru")
    width, height = size["viewport"].values()
    name = screenshots / f"desk-gallery-9-ru-{width}.png"
    person.page.screenshot(path=name)
    offered = person.page.evaluate(ANSWERS)

    assert len(offered) == CANDIDATES + 2
    for one in offered:
        left, top, right, bottom = one["answer"]
        assert left >= 0 and right <= width and bottom - top >= FINGER, one
    pictures = [one["picture"] for one in offered[:CANDIDATES]]
    assert all(one["shown"] for one in offered[:CANDIDATES])
    assert min(right - left for left, _, right, _ in pictures) >= LEAST
    assert person.barriers() == []

    last = person.page.locator("#editor .lsf-choices label", has_text="W-0009")
    last.scroll_into_view_if_needed()
    person.page.screenshot(path=name.with_stem(f"{name.stem}-end"))
    animal, bar, chosen = (
        one.bounding_box() for one in (person.page.locator("#editor canvas").first, person.page.locator("#bar"), last)
    )
    assert animal["y"] >= 0 and animal["y"] + animal["height"] <= height
    assert chosen["y"] >= 0 and chosen["y"] + chosen["height"] <= bar["y"] + 1 <= height
    assert animal["y"] + animal["height"] <= chosen["y"] or animal["x"] + animal["width"] <= chosen["x"]

    # A phone's browser hides its address when one scrolls: the window grows by that.
    person.page.set_viewport_size({"width": width, "height": height + 56})
    person.page.wait_for_timeout(500)
    assert person.page.locator("#editor canvas").first.bounding_box()["height"] >= 0.9 * animal["height"]

    last.tap() if size is PHONE else last.click()
    person.page.locator("#done").tap() if size is PHONE else person.page.locator("#done").click()
    expect(person.page.locator("#said")).to_have_text("Сохранено. Спасибо.")
    person.has_a_picture()
    expect(person.page.locator("#editor canvas").first).to_be_in_viewport(ratio=0.99)
    assert answers(home, person.account)[0].result[0]["value"] == {"choices": [full[-1]]}
    assert person.heard == []
