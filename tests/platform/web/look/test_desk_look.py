"""The desk in a real browser with Label Studio's real editor: drawn on by mouse, finger and keys, and never lost."""

import json
import re

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from haulout.accounts import Role
from haulout.db import reading, writing
from haulout.tables import AccountRow, CommentRow, ServedRow, WithheldRow
from tests.platform.web.look.at_the_desk import DESKTOP, PHONE, answers, boxes_of, only

pytestmark = pytest.mark.browser

DRAWING = 90_000
"""Milliseconds for the first pictures, which are drawn when the first one comes."""
ZOOM = "() => window.Htx.annotationStore.selected.names.get('photo').currentZoom"
LACKS = """() => {
    const store = window.Htx, all = store.annotationStore, chosen = all.selected;
    const photo = chosen.names.get("photo"), walrus = chosen.names.get("walrus"), [box] = chosen.regions;
    const used = {
        store: [store, "resetState assignConfig assignTask initializeStore annotationStore"],
        all: [all, "predictions addAnnotation addAnnotationFromPrediction selectAnnotation selected"],
        annotation: [chosen, `names regions createResult serializeAnnotation undo selectArea unselectAreas
            reinitHistory`],
        photo: [photo, `stageRef stageWidth naturalWidth naturalHeight currentZoom zoomingPositionX zoomingPositionY
            setZoom setZoomPosition updateImageAfterZoom zoomOriginalCoords fixZoomedCoords internalToCanvasX
            internalToCanvasY canvasToInternalX canvasToInternalY containerRef onResize sizeToFit`],
        control: [walrus, "toname type resultType children"],
        label: [walrus.children[0], "alias selected toggleSelected"],
        box: [box, "object type score x y width height setPositionInternal notifyDrawingFinished deleteRegion"],
    };
    return Object.entries(used).flatMap(([name, [it, names]]) =>
        names.trim().split(/\\s+/).filter(one => !(one in it)).map(one => `${name}.${one}`));
}"""


def test_boxes_of_the_machine_are_corrected_with_the_mouse_and_stored(somebody, home, screenshots):
    person = somebody()
    person.sits_down()
    shown = person.regions()

    person.drags(60, 20, 80, 40)
    person.drags(5, 5, 15, 15)
    person.page.screenshot(path=screenshots / "desk-boxes-en-1280.png")
    person.page.keyboard.press("Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Stored. Thank you.")

    [stored] = answers(home, person.account)
    assert [one["origin"] for one in stored.result] == ["prediction"] * len(shown) + ["manual", "manual"]
    assert boxes_of(stored.result)[-2:] == [[60, 20, 20, 20], [5, 5, 10, 10]]
    assert person.heard == []


def test_a_finger_draws_moves_and_removes_boxes_and_two_fingers_look_closer(somebody, home, screenshots):
    person = somebody(**PHONE)
    person.sits_down(language="ru")
    first = len(person.regions())

    person.touches((60, 20), (70, 30), (85, 45))
    assert boxes_of(person.regions())[first:] == [[60, 20, 25, 25]]
    person.touches((70, 30))
    person.touches((70, 30), (65, 35), (60, 40))
    assert boxes_of(person.regions())[first:] == [[50, 30, 25, 25]]
    person.page.screenshot(path=screenshots / "desk-boxes-ru-390.png")
    person.page.locator(".away").tap()
    assert len(person.regions()) == first

    person.touches((10, 60), (20, 70))
    person.pinches()
    assert person.page.evaluate(ZOOM) > 1.5
    person.page.locator("#done").tap()
    expect(person.page.locator("#said")).to_have_text("Сохранено. Спасибо.")
    assert boxes_of(answers(home, person.account)[0].result)[first:] == [[10, 60, 10, 10]]
    assert person.heard == []


def test_boxes_are_drawn_moved_and_removed_by_keys_alone(somebody, home):
    person = somebody()
    person.sits_down()
    first = len(person.regions())
    heard = person.page.locator("#heard")

    person.presses("ArrowRight", "Shift+ArrowRight", "Enter")
    expect(heard).to_contain_text("First corner at 57 from the left, 50 from the top")
    person.presses("Shift+ArrowRight", "Shift+ArrowDown", "Shift+ArrowDown", "Enter")
    expect(heard).to_have_text(f"Box drawn. Boxes now: {first + 1}")
    assert boxes_of(person.regions())[first:] == [[57, 50, 6, 12]]
    expect(person.page.locator(".grip")).to_have_count(first + 1)
    person.presses(*["Tab"] * (first + 1))
    expect(person.page.locator(".grip").last).to_be_focused()
    person.presses("Shift+ArrowLeft", "Alt+Shift+ArrowDown")
    assert boxes_of(person.regions())[first:] == [[54, 50, 6, 15]]
    person.presses("Shift+Tab", "Delete")
    assert len(person.regions()) == first
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Stored. Thank you.")
    assert boxes_of(answers(home, person.account)[0].result) == [[54, 50, 6, 15]]
    assert person.heard == []


def test_a_box_of_the_machine_that_was_moved_by_keys_is_known_as_changed(somebody):
    person = somebody()
    person.sits_down()

    person.presses("Tab", "ArrowRight")

    assert person.regions()[0]["origin"] == "prediction-changed"


def test_an_answer_is_kept_in_the_browser_while_the_line_is_down_and_sent_when_it_is_back(somebody, home):
    person = somebody()
    person.sits_down()
    person.context.set_offline(True)
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_contain_text("the line is down")
    assert answers(home, person.account) == []
    assert len(json.loads(person.page.evaluate("() => localStorage.getItem('haulout.waiting')"))) == 1

    person.context.set_offline(False)
    expect(person.page.locator("#said")).to_have_text("The line is back: what was kept in this browser is stored now.")
    assert len(answers(home, person.account)) == 1
    assert person.page.evaluate("() => localStorage.getItem('haulout.waiting')") == "[]"


def test_what_one_person_left_in_the_browser_is_not_sent_by_another(somebody, home):
    person = somebody()
    person.sits_down()
    kept = [{"person": "somebody else", "address": "/desk/submit", "body": {"lease": "0" * 32, "result": []}}]
    person.page.evaluate("kept => localStorage.setItem('haulout.waiting', kept)", json.dumps(kept))

    person.page.reload()
    person.has_a_picture()

    assert json.loads(person.page.evaluate("() => localStorage.getItem('haulout.waiting')")) == kept


def test_a_picture_that_nobody_can_say_is_passed_on_and_the_next_one_comes_without_a_new_page(somebody, home):
    person = somebody()
    person.sits_down()
    person.page.evaluate("() => { window.same = true; }")

    person.passes_on("Without a reason")
    expect(person.page.locator("#said")).to_have_text("Passed on to somebody else.")
    person.has_a_picture()

    assert [row.skipped for row in answers(home, person.account)] == [True]
    assert person.page.evaluate("() => window.same")


def test_who_sees_a_person_says_so_by_passing_on_and_nobody_sees_the_picture_any_more(somebody, home, screenshots):
    person, other = somebody(**PHONE), somebody()
    person.sits_down(language="ru")
    person.page.locator("#skip").click()
    person.page.screenshot(path=screenshots / "desk-why-ru-390.png")
    assert person.barriers() == []
    person.presses("Escape")
    expect(person.page.locator("#why")).to_be_hidden()

    person.passes_on("На снимке человек")
    expect(person.page.locator("#said")).to_contain_text("Никто другой не увидит этот снимок")

    with reading(home.database) as session:
        [held] = session.exec(select(WithheldRow)).all()
        ends = session.exec(select(ServedRow.ended).where(ServedRow.account == person.account)).all()
    assert held.decision == "" and answers(home, person.account)[0].result[0]["value"] == {"choices": ["people"]}
    assert "skipped: person" in ends, ends
    other.sits_down()
    assert other.heard == []


def test_a_note_reaches_the_experts(somebody, home):
    person = somebody()
    person.sits_down()

    person.page.locator("#tell").click()
    person.page.locator("#comment-text").fill("Look at this scar")
    person.page.locator("#comment button").first.click()
    expect(person.page.locator("#said")).to_have_text("The experts will read it.")

    with reading(home.database) as session:
        assert [row.text for row in session.exec(select(CommentRow))] == ["Look at this scar"]


def test_when_everything_is_answered_the_page_says_so_kindly(somebody, screenshots):
    person = somebody()
    person.sits_down()
    for _ in range(3):
        person.has_a_picture()
        person.passes_on("I am not sure")
        expect(person.page.locator("#said")).to_have_text("Passed on to somebody else.")
        person.page.wait_for_timeout(300)

    expect(person.page.locator("#nothing")).to_be_visible()
    person.page.screenshot(path=screenshots / "desk-nothing-en-1280.png")


def test_a_picture_that_teaches_shows_what_was_right_in_words_and_waits(somebody, home, people, screenshots):
    only(home, people.teaching[0], gold=1)
    person = somebody()
    person.sits_down()
    there = len(person.regions())
    person.drags(80, 5, 90, 15)

    person.page.locator(".grip").first.focus()
    person.presses("Delete", "Control+Enter")
    expect(person.page.locator("#after")).to_be_visible()

    signs = person.page.locator(".verdict").all_inner_texts()
    assert sorted(signs) == sorted(["! missed", "✗ no walrus"] + ["✓ found"] * (there - 1))
    expect(person.page.locator("#after button")).to_be_in_viewport()
    expect(person.page.locator("#after")).to_contain_text(f"Found: {there - 1}. Missed: 1. No walrus: 1.")
    person.page.screenshot(path=screenshots / "desk-feedback-en-1280.png")
    assert person.barriers() == []
    person.presses("Control+Enter")
    expect(person.page.locator("#nothing")).to_be_visible()


def test_after_some_pictures_people_are_thanked_with_what_they_did(somebody, home, screenshots):
    person = somebody(**PHONE)
    person.sits_down()
    for _ in range(2):
        person.has_a_picture()
        person.page.locator("#done").tap()
        expect(person.page.locator("#said")).to_have_text("Stored. Thank you.")
        person.page.wait_for_timeout(500)

    thanks = person.page.locator("#thanks")
    expect(thanks).to_contain_text("Pictures answered: 2, today: 2.")
    person.page.screenshot(path=screenshots / "desk-thanks-en-390.png")
    thanks.locator("button").tap()
    expect(thanks).to_be_hidden()


def test_an_expert_answers_a_pair_by_keys(somebody, home, screenshots):
    person = somebody(Role.EXPERT)
    person.sits_down("pair")
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_contain_text("Please answer first")

    person.presses("y", "i", "i", "i", "i")
    person.page.screenshot(path=screenshots / "desk-pair-en-1280.png", full_page=True)
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Stored. Thank you.")

    said = {one["from_name"]: one["value"] for one in answers(home, person.account)[0].result}
    assert said["same"] == {"choices": ["same"]}
    assert said["confidence"] == {"rating": 4}
    assert person.heard == []


def test_an_expert_answers_a_gallery_by_keys(somebody, home, screenshots):
    person = somebody(Role.EXPERT)
    person.sits_down("gallery", language="ru")
    expect(person.page.get_by_text("Новый морж", exact=True)).to_be_visible()
    expect(person.page.get_by_text("New individual")).to_have_count(0)

    person.presses("n")
    person.page.screenshot(path=screenshots / "desk-gallery-ru-1280.png", full_page=True)
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Сохранено. Спасибо.")

    assert [one["value"] for one in answers(home, person.account)[0].result] == [{"choices": ["__new__"]}]
    assert person.heard == []


def test_an_expert_settles_a_dispute_by_keys(somebody, home, screenshots):
    person = somebody(Role.EXPERT)
    person.sits_down("box_dispute")
    expect(person.page.locator(".grip")).to_have_count(3)
    assert person.page.locator(".backing").all_inner_texts() == ["3 of 3", "2 of 3", "1 of 3"]
    expect(person.page.locator(".backing").first).to_be_visible()
    expect(person.page.locator(".grip").last).to_have_attribute("aria-label", re.compile(r"Drawn by 1 of 3 people\."))

    person.presses("Tab", "Tab", "Tab", "Delete")
    person.page.screenshot(path=screenshots / "desk-dispute-en-1280.png", full_page=True)
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Stored. Thank you.")

    assert [one["origin"] for one in answers(home, person.account)[0].result] == ["prediction", "prediction"]
    assert person.heard == []


def test_a_new_volunteer_sees_three_drawn_pictures_first(somebody, home, screenshots):
    person = somebody()
    with writing(home.database) as session:
        session.get_one(AccountRow, person.account).taught_at = None
    person.page.goto(f"{person.address}/desk")
    assert person.page.url.endswith("/first-pictures")
    person.has_a_picture(DRAWING)

    person.drags(31, 65, 60.5, 83)
    person.page.screenshot(path=screenshots / "tutorial-1-en-1280.png")
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_contain_text("Found: 1. Missed: 4. No walrus: 0.")
    person.page.screenshot(path=screenshots / "tutorial-1-judged-en-1280.png")
    person.presses("Control+Enter")
    expect(person.page.locator("#step")).to_have_text("Picture 2 of 3")
    person.has_a_picture()
    person.page.screenshot(path=screenshots / "tutorial-2-en-1280.png")
    person.presses("Control+Enter")
    expect(person.page.locator("#said")).to_contain_text("Found: 5. Missed: 2. No walrus: 0.")
    person.presses("Control+Enter")
    expect(person.page.locator("#step")).to_have_text("Picture 3 of 3")
    person.has_a_picture()
    person.presses("Tab", "Delete", "Delete", "Control+Enter")
    expect(person.page.locator("#said")).to_have_text("Right: there is nobody here.")
    person.presses("Control+Enter")
    expect(person.page.locator("#finish button")).to_be_focused()
    person.page.screenshot(path=screenshots / "tutorial-end-en-1280.png")
    person.presses("Enter")
    person.page.wait_for_url("**/desk", wait_until="commit")

    with reading(home.database) as session:
        assert session.get_one(AccountRow, person.account).taught_at is not None
    assert person.heard == []


@pytest.mark.parametrize("page", ["desk?question=boxes", "desk?question=pair", "first-pictures", "field-guide"])
@pytest.mark.parametrize(
    ("language", "colours", "size"), [("en", "dark", DESKTOP), ("ru", "light", PHONE), ("ru", "dark", PHONE)]
)
def test_the_pages_of_the_desk_are_accessible_and_narrow_enough(somebody, screenshots, page, language, colours, size):
    person = somebody(Role.EXPERT, color_scheme=colours, **size)
    separator = "&" if "?" in page else "?"
    person.page.goto(f"{person.address}/{page}{separator}language={language}")
    if page != "field-guide":
        person.has_a_picture(DRAWING)
        person.page.locator("summary").first.click()
    person.page.evaluate("() => Promise.all([...document.images].map(image => image.decode().catch(() => 0)))")
    width = size["viewport"]["width"]
    name = page.replace("?question=", "-")
    person.page.screenshot(path=screenshots / f"{name}-{language}-{colours}-{width}.png", full_page=True)

    assert person.page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert person.barriers() == []
    assert person.heard == []


def test_the_keys_of_our_own_buttons_are_not_taken_by_the_editor(somebody, home):
    person = somebody()
    person.sits_down()

    person.page.locator("#tell").focus()
    person.presses("Enter")
    person.page.keyboard.type("1 y n backspace")
    person.page.locator("#comment button").first.focus()
    person.presses("Enter")
    expect(person.page.locator("#said")).to_have_text("The experts will read it.")
    person.page.locator("#skip").focus()
    person.presses(" ", "Enter")
    expect(person.page.locator("#said")).to_have_text("Passed on to somebody else.")

    with reading(home.database) as session:
        assert [row.text for row in session.exec(select(CommentRow))] == ["1 y n backspace"]


def test_the_editor_of_the_pinned_label_studio_has_what_the_desk_uses(somebody):
    person = somebody()
    person.sits_down()

    missing = person.page.evaluate(LACKS)

    assert missing == [], f"Label Studio's editor has changed: {missing} are gone; see web/static/editor.js"
