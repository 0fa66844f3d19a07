"""Whatever a browser sends, only what was asked for is kept; an honest answer is read as before."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_configs import boxes, gallery, pair
from labeling_configs.cleaning import Fault, Unacceptable, clean
from labeling_configs.controls import controls, relations
from labeling_configs.vocabulary import (
    AnimalId,
    Condition,
    Disturbance,
    Mark,
    MarkKind,
    MarkLink,
    Origin,
    PhotoId,
    Question,
    Rectangle,
    Same,
    Side,
    Tile,
    TileId,
)

WHOLE = Rectangle(0, 0, 400, 300)
TILE = Tile(TileId("tile"), PhotoId("photo"), WHOLE, WHOLE)
A, B = AnimalId("a"), AnimalId("b")


def box(**changed: object) -> dict:
    (good,) = boxes.write([[40, 30, 120, 90]], None, TILE)
    return {**good, "value": {**good["value"], **changed}}


def fault(result: object, question: Question = Question.BOXES) -> Fault | None:
    try:
        clean(question, result)
    except Unacceptable as found:
        return found.fault
    return None


def test_the_controls_are_those_of_the_configuration():
    asked = controls(Question.PAIR)

    assert asked["same"].labels == {one.value for one in Same} and asked["same"].required
    assert asked["marks_second"].labels == {kind.value for kind in MarkKind}
    assert (asked["confidence"].highest, asked["condition_first"].single, asked["side_first"].single) == (
        5,
        False,
        True,
    )
    assert relations(Question.PAIR) == {"same_mark"} and relations(Question.BOXES) == frozenset()


def test_an_honest_answer_about_boxes_is_read_as_before():
    given = boxes.write(
        [[40, 30, 120, 90], [200, 100, 399, 299]],
        None,
        TILE,
        origins=[Origin.KEPT, Origin.DRAWN],
        unusable=True,
        disturbances=[Disturbance.BOAT, Disturbance.PEOPLE],
    )

    read, before = boxes.read(clean(Question.BOXES, given), TILE), boxes.read(given, TILE)

    assert read.boxes.tolist() == before.boxes.tolist()
    assert (read.origins, read.unusable, read.disturbances) == (before.origins, True, before.disturbances)
    assert read.broken == ()


def test_an_honest_answer_about_a_pair_is_read_as_before():
    left, right = Mark(MarkKind.SCAR, 10, 20), Mark(MarkKind.SCAR, 30, 40)
    given = pair.write(
        Same.SAME,
        A,
        B,
        WHOLE,
        WHOLE,
        confidence=4,
        sides=[(A, Side.LEFT), (B, Side.LEFT)],
        marks=[(A, left), (B, right)],
        links=[MarkLink(left, right)],
        conditions=[(A, Condition.FAT), (A, Condition.INJURY)],
    )

    assert pair.read(clean(Question.PAIR, given), A, B, WHOLE, WHOLE) == pair.read(given, A, B, WHOLE, WHOLE)


def test_a_gallery_takes_what_its_task_offers_and_nothing_else():
    allowed = ("a", gallery.NEW, gallery.CANNOT_TELL)

    assert gallery.read(clean(Question.GALLERY, gallery.write("a"), allowed), ["a"]).choice == "a"
    with pytest.raises(Unacceptable):
        clean(Question.GALLERY, gallery.write("b"), allowed)


def test_an_empty_answer_says_that_nobody_is_there_but_a_pair_needs_an_answer():
    assert clean(Question.BOXES, []) == []
    assert fault([], Question.PAIR) is Fault.UNANSWERED
    assert fault([], Question.GALLERY) is Fault.UNANSWERED


def test_nothing_unknown_is_kept():
    region = box(secret="x") | {"meta": {"text": ["<script>"]}, "score": 0.5, "parentID": 3, "readonly": True}

    (kept,) = clean(Question.BOXES, [region])

    assert set(kept) == {
        *("id", "type", "from_name", "to_name", "original_width", "original_height"),
        *("image_rotation", "origin", "score", "value"),
    }
    assert set(kept["value"]) == {"x", "y", "width", "height", "rotation", "rectanglelabels"}


def test_a_region_named_strangely_gets_another_name():
    names = [clean(Question.BOXES, [{**box(), "id": name}])[0]["id"] for name in ("fine_1", "<b>", 7, None, "x" * 99)]

    assert names[0] == "fine_1" and len(set(names[1:])) == 1


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (None, Fault.NO_LIST),
        ({"result": []}, Fault.NO_LIST),
        ([7], Fault.STRANGE),
        ([box()] * 501, Fault.TOO_MANY),
        ([box(), box()], Fault.TWICE),
        ([{**box(), "from_name": "seal"}], Fault.STRANGE),
        ([{**box(), "from_name": []}], Fault.STRANGE),
        ([{**box(), "to_name": "first"}], Fault.STRANGE),
        ([{**box(), "type": "choices"}], Fault.STRANGE),
        ([{**box(), "value": []}], Fault.STRANGE),
        ([box(x=float("nan"))], Fault.NUMBER),
        ([box(x=True)], Fault.NUMBER),
        ([box(width=10**400)], Fault.NUMBER),
        ([box(x=1e308)], Fault.OUTSIDE),
        ([box(x=-0.6)], Fault.OUTSIDE),
        ([box(x=95, width=5.6)], Fault.OUTSIDE),
        ([box(width=0)], Fault.EMPTY),
        ([box(height=-3)], Fault.EMPTY),
        ([box(rotation=45)], Fault.TURNED),
        ([{**box(), "image_rotation": 90}], Fault.TURNED),
        ([box(rectanglelabels=["seal"])], Fault.LABEL),
        ([box(rectanglelabels=["walrus", "walrus"])], Fault.LABEL),
        ([{"type": "relation", "from_id": "a", "to_id": "b"}], Fault.RELATION),
    ],
)
def test_what_cannot_be_used_is_refused(result, expected):
    assert fault(result) is expected


def test_a_region_may_stick_out_by_a_rounding_error():
    assert fault([box(x=-0.4), {**box(x=95, width=5.4), "id": "other"}]) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["walrus", "photo"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "type", "from_name", "to_name", "value", "x", "y", "choices"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_anything_is_either_refused_or_clean(value):
    for question in Question:
        try:
            cleaned = clean(question, value)
        except Unacceptable:
            continue
        assert json.loads(json.dumps(cleaned, allow_nan=False)) == cleaned == clean(question, cleaned)
