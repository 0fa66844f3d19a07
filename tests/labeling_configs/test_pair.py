"""A pair's answer, its marks and the links between them; each only as far as it can be trusted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_configs import pair
from labeling_configs.vocabulary import FATNESS, AnimalId, Condition, Mark, MarkKind, MarkLink, Rectangle, Same, Side

ANNA, BORIS = AnimalId("a" * 8), AnimalId("b" * 8)
LEFT, RIGHT = Rectangle(100, 200, 500, 400), Rectangle(3000, 50, 3300, 650)
CHIP, SCAR = Mark(MarkKind.CHIP, 120.0, 260.0), Mark(MarkKind.SCAR, 400.0, 390.0)
CHIP_TOO = Mark(MarkKind.CHIP, 3100.0, 90.0)


def read(result):
    return pair.read(result, ANNA, BORIS, LEFT, RIGHT)


def choice(control="same", shown="first", picked="same"):
    return {"type": "choices", "from_name": control, "to_name": shown, "value": {"choices": [picked]}}


def mark(name="m1", side="first", label="chip", x=5.0, y=30.0):
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]}
    return {"id": name, "type": "keypointlabels", "from_name": f"marks_{side}", "to_name": side, "value": value}


def relation(start, end, labels=("same_mark",)):
    return {"type": "relation", "from_id": start, "to_id": end, "direction": "right", "labels": list(labels)}


def test_a_full_answer_comes_back_as_it_was_given():
    marks = ((ANNA, CHIP), (ANNA, SCAR), (BORIS, CHIP_TOO))
    link, sides = MarkLink(CHIP, CHIP_TOO), ((ANNA, Side.LEFT), (BORIS, Side.UNCLEAR))
    written = pair.write(Same.SAME, ANNA, BORIS, LEFT, RIGHT, confidence=4, sides=sides, marks=marks, links=[link])
    answer = read(written)
    assert (answer.answer, answer.confidence, answer.sides, answer.broken) == (Same.SAME, 4, sides, ())
    assert [(animal, one.kind) for animal, one in answer.marks] == [(animal, one.kind) for animal, one in marks]
    assert [(one.x, one.y) for _, one in answer.marks] == [pytest.approx((one.x, one.y)) for _, one in marks]
    assert answer.links == (MarkLink(answer.marks[0][1], answer.marks[2][1]),)


def looks(*signs, side="first"):
    value = {"choices": list(signs)}
    return {"type": "choices", "from_name": f"condition_{side}", "to_name": side, "value": value}


def test_how_both_animals_look_comes_back_as_it_was_given():
    conditions = ((ANNA, Condition.THIN), (ANNA, Condition.INJURY), (BORIS, Condition.DISEASE))
    answer = read(pair.write(Same.SAME, ANNA, BORIS, LEFT, RIGHT, conditions=conditions))
    assert (answer.conditions, answer.broken) == (conditions, ())


def test_one_animal_cannot_be_thin_and_fat_but_it_may_be_hurt_and_the_other_may_be_fat():
    answer = read([choice(), looks("thin", "fat", "injury"), looks("fat", side="second")])
    assert answer.conditions == ((ANNA, Condition.INJURY), (BORIS, Condition.FAT))
    assert [(part.what, "thin and fat" in part.reason) for part in answer.broken] == [("condition_first", True)]
    assert answer.answer is Same.SAME


def test_degrees_of_fatness_in_two_entries_contradict_each_other_too():
    answer = read([choice(), looks("thin"), looks("normal")])
    assert answer.conditions == () and len(answer.broken) == 1


def test_a_strange_condition_is_a_complaint_and_the_rest_is_read():
    answer = read([choice(), looks("pregnant", "normal"), looks("thin") | {"to_name": "second"}])
    assert answer.conditions == ((ANNA, Condition.NORMAL),)
    assert [part.what for part in answer.broken] == ["result[1]", "result[2]"]


def test_a_strangers_condition_cannot_be_written():
    with pytest.raises(pair.NoPair, match="carl"):
        pair.write(Same.SAME, ANNA, BORIS, LEFT, RIGHT, conditions=[(AnimalId("carl"), Condition.THIN)])


@pytest.mark.parametrize("same", list(Same))
def test_every_answer_can_be_given_alone(same):
    answer = read(pair.write(same, ANNA, BORIS, LEFT, RIGHT))
    assert (answer.answer, answer.confidence, answer.marks, answer.broken) == (same, None, (), ())


def test_a_prediction_may_say_nothing():
    assert pair.write(None, ANNA, BORIS, LEFT, RIGHT) == []


def test_an_unanswered_question_is_a_complaint_but_its_marks_are_kept():
    answer = read([mark()])
    assert answer.answer is None
    assert answer.marks == ((ANNA, Mark(MarkKind.CHIP, 120.0, 260.0)),)
    assert [part.what for part in answer.broken] == ["same"]


def test_marks_are_in_pixels_of_their_own_photo():
    answer = read([choice(), mark("m1", "first", x=50, y=50), mark("m2", "second", x=50, y=50)])
    assert [(animal, one.x, one.y) for animal, one in answer.marks] == [(ANNA, 300, 300), (BORIS, 3150, 350)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (mark(label="freckle"), "'freckle' is no kind of mark"),
        (mark(x=float("nan")), "x must be a finite number"),
        (mark(y=101), "off the image"),
        (mark(x=None), "x must be a finite number"),
        (mark(side="third"), "control 'marks_third'"),
        (mark() | {"to_name": "second"}, "on 'second'"),
        (mark(label=["chip"]), "exactly one label"),
        (choice("side_first", "first", "top"), "no choice ['top']"),
        (relation("m8", "m9"), "must join a mark on the first photo"),
        (relation(["m8"], {"m": 9}), "must join a mark on the first photo"),
    ],
)
def test_a_bad_part_is_rejected_with_its_reason_and_the_rest_is_read(entry, reason):
    answer = read([entry, choice(), mark("good")])
    assert answer.answer is Same.SAME
    assert len(answer.marks) == 1
    assert [(part.what, reason in part.reason) for part in answer.broken] == [("result[0]", True)], answer.broken


def test_a_link_drawn_from_right_to_left_is_the_same_link():
    answer = read([choice(), mark("m1", "first"), mark("m2", "second"), relation("m2", "m1", labels=())])
    assert answer.links == (MarkLink(answer.marks[0][1], answer.marks[1][1]),)
    assert answer.broken == ()


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        ([relation("m1", "m3")], "must join a mark on the first photo"),
        ([relation("m1", "m1")], "must join a mark on the first photo"),
        ([relation("m1", "m2", labels=["enemy"])], "unknown relation ['enemy']"),
    ],
)
def test_a_link_that_says_nothing_is_a_complaint(links, reason):
    answer = read([choice(), mark("m1"), mark("m2", "second"), mark("m3"), *links])
    assert answer.links == ()
    assert [reason in part.reason for part in answer.broken] == [True], answer.broken


def test_a_mark_is_the_same_as_one_other_mark_only():
    links = [relation("m1", "m2"), relation("m3", "m2")]
    answer = read([choice(), mark("m1"), mark("m2", "second"), mark("m3"), *links])
    assert len(answer.links) == 1
    assert "already linked" in answer.broken[0].reason


def test_two_marks_with_one_id_are_both_kept_and_the_second_cannot_be_linked():
    answer = read([choice(), mark("m1"), mark("m1", "second"), relation("m1", "m1")])
    assert len(answer.marks) == 2
    assert answer.links == ()
    assert len(answer.broken) == 2


def test_an_animal_cannot_be_paired_with_itself():
    with pytest.raises(pair.NoPair, match="cannot be compared with itself"):
        pair.task_data("/a.jpg", "/b.jpg", ANNA, ANNA)


def test_a_strangers_mark_or_an_unknown_link_cannot_be_written():
    with pytest.raises(pair.NoPair, match="carl"):
        pair.write(Same.SAME, ANNA, BORIS, LEFT, RIGHT, marks=[(AnimalId("carl"), CHIP)])
    with pytest.raises(pair.UnknownMark):
        pair.write(Same.SAME, ANNA, BORIS, LEFT, RIGHT, marks=[(ANNA, CHIP)], links=[MarkLink(CHIP, CHIP_TOO)])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
percent = st.floats(-2, 102) | st.floats() | anything
names = st.sampled_from(["m1", "m2", "m3"]) | anything
nearly = st.one_of(
    st.builds(mark, names, st.sampled_from(["first", "second"]), st.sampled_from(["chip", "scar"]), percent, percent),
    st.builds(relation, names, names),
    st.builds(looks, *[st.sampled_from(list(Condition)) | anything] * 2, side=st.sampled_from(["first", "second"])),
    st.builds(
        choice,
        st.sampled_from(["same", "side_first", "condition_first"]) | anything,
        st.just("first") | anything,
        anything,
    ),
    anything,
)


@given(anything | st.lists(nearly, max_size=8))
def test_no_answer_whatever_breaks_the_reader_or_puts_a_mark_off_its_photo(result):
    answer = read(result)
    for animal, one in answer.marks:
        shown = LEFT if animal == ANNA else RIGHT
        assert np.isfinite((one.x, one.y)).all()
        assert shown.x1 <= one.x <= shown.x2 and shown.y1 <= one.y <= shown.y2
    fatness = [animal for animal, condition in answer.conditions if condition in FATNESS]
    assert len(fatness) == len(set(fatness)) and len(answer.conditions) == len(set(answer.conditions))
    on = {animal: {one for whose, one in answer.marks if whose == animal} for animal in (ANNA, BORIS)}
    assert all(link.left in on[ANNA] and link.right in on[BORIS] for link in answer.links)
