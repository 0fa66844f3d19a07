"""Marks on two animals in a real browser: put, moved, joined and removed by keys alone and by one finger."""

import re
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import expect

from haulout.accounts import Role
from tests.platform.web.look.at_the_desk import PHONE, Fingers, Person, answers

pytestmark = pytest.mark.browser

PLACE = """([name, x, y]) => {
    const picture = window.Htx.annotationStore.selected.names.get(name);
    const frame = picture.stageRef.content.getBoundingClientRect();
    return [frame.left + frame.width * x / 100, frame.top + frame.height * y / 100];
}"""


def marks_of(result: list[dict[str, Any]]) -> list[tuple[str, str, int, int]]:
    points = [one for one in result if one["type"] == "keypointlabels"]
    told = ((one["to_name"], one["value"]["keypointlabels"][0], one["value"]) for one in points)
    return [(image, kind, round(value["x"]), round(value["y"])) for image, kind, value in told]


def links_of(result: list[dict[str, Any]]) -> list[set[str]]:
    return [{one["from_id"], one["to_id"]} for one in result if one["type"] == "relation"]


def taps(person: Person, picture: str, *path: tuple[float, float]) -> None:
    places = [tuple(person.page.evaluate(PLACE, [picture, *one])) for one in path]
    with closing(Fingers(person.context.new_cdp_session(person.page))) as fingers:
        fingers.on("touchStart", places[:1])
        for place in places[1:]:
            fingers.on("touchMove", [place])


def test_marks_are_put_moved_joined_and_removed_by_keys_alone(somebody, home, screenshots):
    person = somebody(Role.EXPERT)
    person.sits_down("pair")
    heard = person.page.locator("#heard")
    first, second = person.page.locator(".cross:visible").all()

    first.focus()
    person.presses("Shift+ArrowLeft", "Shift+ArrowLeft", "4", "Shift+ArrowDown", "Enter")
    second.focus()
    person.presses("7", "Shift+ArrowUp", "2")
    assert marks_of(person.regions()) == [
        ("first", "scar", 40, 50),
        ("first", "scar", 40, 55),
        ("second", "spot", 50, 50),
        ("second", "chip", 50, 45),
    ]
    grips = person.page.locator(".grip.mark")
    expect(grips).to_have_count(4)
    expect(grips.nth(2)).to_have_attribute("aria-label", re.compile(r"^Mark 3 of 4: Spot, Second animal\."))
    grips.nth(0).focus()
    person.presses("Shift+ArrowRight", "Enter")
    expect(heard).to_contain_text("Now the same mark on the other animal")
    person.presses("Tab", "Tab", "4", "Enter")
    expect(heard).to_have_text("Joined: the two are the same mark.")
    expect(person.page.locator(".grip.mark[aria-label*='Joined']")).to_have_count(2)
    person.page.wait_for_timeout(300)
    person.page.screenshot(path=screenshots / "desk-marks-en-1280.png")
    grips.nth(1).focus()
    person.presses("Delete")
    expect(heard).to_have_text("Mark removed. Marks left: 3")
    person.presses("y", "Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Stored. Thank you.")

    stored = answers(home, person.account)[0].result
    assert sorted(marks_of(stored)) == [
        ("first", "scar", 45, 50),
        ("second", "chip", 50, 45),
        ("second", "scar", 50, 50),
    ]
    joined = {one["id"] for one in stored if one.get("value", {}).get("keypointlabels") == ["scar"]}
    assert links_of(stored) == [joined]
    assert person.heard == []


def test_two_joined_marks_are_parted_by_the_same_keys(somebody):
    person = somebody(Role.EXPERT)
    person.sits_down("pair")
    first, second = person.page.locator(".cross:visible").all()
    first.focus()
    person.presses("1")
    second.focus()
    person.presses("1")
    grips = person.page.locator(".grip.mark")
    expect(grips).to_have_count(2)

    linked = []
    for _ in range(2):
        grips.nth(0).focus()
        person.presses("Enter")
        grips.nth(1).focus()
        person.presses("Enter")
        linked.append(len(links_of(person.regions())))
        person.page.wait_for_timeout(300)

    assert linked == [1, 0]


def test_a_finger_puts_moves_turns_joins_and_removes_marks(somebody, home, screenshots):
    person = somebody(Role.EXPERT, **PHONE)
    person.sits_down("pair", language="ru")
    tools = person.page.locator(".marktools")

    taps(person, "first", (30, 30))
    expect(tools).to_be_visible()
    tools.locator("select").select_option(label="Шрам")
    tools.get_by_role("button", name="Соединить").tap()
    taps(person, "second", (80, 20))
    expect(tools).to_be_hidden()
    taps(person, "second", (60, 60))
    tools.locator("select").select_option(label="Шрам")
    taps(person, "second", (60, 60), (60, 65), (60, 75))
    expect(tools.locator("select")).to_have_value("Шрам")
    expect(tools).to_be_in_viewport(ratio=0.99)
    person.page.screenshot(path=screenshots / "desk-marks-ru-390.png")
    taps(person, "first", (30, 30))
    tools.get_by_role("button", name="Соединить").tap()
    taps(person, "second", (60, 75))
    assert marks_of(person.regions()) == [("first", "scar", 30, 30), ("second", "scar", 60, 75)]
    assert len(links_of(person.regions())) == 1
    taps(person, "first", (80, 80))
    tools.get_by_role("button", name="Убрать").tap()

    assert marks_of(person.regions()) == [("first", "scar", 30, 30), ("second", "scar", 60, 75)]
    assert person.barriers() == []
    assert person.heard == []
