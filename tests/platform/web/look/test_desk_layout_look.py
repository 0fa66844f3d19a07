"""What is asked, the pictures and the buttons are seen together: nobody scrolls between looking and answering."""

from typing import Any

import pytest

from haulout.accounts import Role

pytestmark = pytest.mark.browser

SIZES: dict[str, dict[str, Any]] = {
    "1100x760": {"viewport": {"width": 1100, "height": 760}},
    "1366x768": {"viewport": {"width": 1366, "height": 768}},
    "390x844": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
QUESTIONS = ("boxes", "box_dispute", "pair", "gallery")
LEAST = 110
"""Pixels of a side of a picture on the smallest window, so that an empty frame does not pass for one."""
SEEN = """() => {
    const chosen = window.Htx.annotationStore.selected, tags = [...chosen.names.values()];
    const told = node => { const { left, top, right, bottom } = node.getBoundingClientRect();
        return [left, top, right, bottom].map(Math.round); };
    return {
        bar: told(document.getElementById("bar")),
        pictures: tags.filter(tag => tag.type === "image").map(tag => told(tag.stageRef.content)),
        choices: told(document.querySelector("#editor .lsf-choices")),
        wide: document.documentElement.scrollWidth,
    };
}"""


@pytest.mark.parametrize("size", SIZES)
def test_pictures_answers_and_buttons_are_seen_together(somebody, screenshots, size):
    person = somebody(Role.EXPERT, **SIZES[size])
    width, height = SIZES[size]["viewport"].values()
    for question in QUESTIONS:
        person.sits_down(question, "ru")
        person.page.screenshot(path=screenshots / f"layout-{question}-ru-{size}.png")

        seen = person.page.evaluate(SEEN)

        # The first choices are those that a pair and a gallery must have; for boxes those that make drawing needless.
        for left, top, right, bottom in (*seen["pictures"], seen["choices"]):
            assert left >= 0 and right <= width and top >= 0 and bottom <= seen["bar"][1] + 1, (question, seen)
        assert all(right - left > LEAST < bottom - top for left, top, right, bottom in seen["pictures"]), question
        assert person.barriers() == [], question
        assert seen["bar"][3] <= height and seen["wide"] <= width, (question, seen)
