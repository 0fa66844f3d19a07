"""Every question is complete, and Label Studio's own checker accepts it with what we write for it."""

import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest
from label_studio_sdk.label_interface import LabelInterface

from labeling_configs import box_dispute, boxes, catalog, gallery, pair
from labeling_configs.gallery import Candidate
from labeling_configs.vocabulary import (
    AnimalId,
    Condition,
    Disturbance,
    Mark,
    MarkKind,
    MarkLink,
    PhotoId,
    Question,
    Rectangle,
    Same,
    Side,
    Tile,
    TileId,
)

SHOWN = Rectangle(1000, 200, 2000, 600)
TILE = Tile(TileId("t1"), PhotoId("p1"), SHOWN, SHOWN)
BOXES, SCORES = np.array([[1100.0, 280, 1400, 440]]), np.array([0.9])
ANNA, BORIS = AnimalId("anna"), AnimalId("boris")
MARK = Mark(MarkKind.SCAR, 1200.0, 300.0)
LABEL_STUDIOS_OWN = {*"hkruv", "shift+1", "shift+2"}  # pan, key point, rectangle, unselect, move, zoom to fit, to 100 %
HANDED_OUT = "1234567890qwetasdfgzxcvbyiopjklnm"
"""The keys that Label Studio gives, in this order, to what has none of its own."""
SHOWING, ASKING = ("Image", "Header", "Text", "Choices"), ("KeyPointLabels", "Choices")


def written_boxes(**said):
    return boxes.write(BOXES, SCORES, TILE, disturbances=list(Disturbance), **said)


CASES = {
    Question.BOXES: (boxes.task_data("/a.jpg", TILE), written_boxes(unusable=True)),
    Question.BOX_DISPUTE: (box_dispute.task_data("/a.jpg", TILE), written_boxes()),
    Question.PAIR: (
        pair.task_data("/a.jpg", "/b.jpg", ANNA, BORIS),
        pair.write(
            Same.SAME,
            ANNA,
            BORIS,
            SHOWN,
            SHOWN,
            confidence=3,
            sides=[(ANNA, Side.LEFT), (BORIS, Side.RIGHT)],
            marks=[(ANNA, MARK), (BORIS, MARK)],
            links=[MarkLink(MARK, MARK)],
            conditions=[(ANNA, Condition.THIN), (ANNA, Condition.INJURY), (BORIS, Condition.DISEASE)],
        ),
    ),
    Question.GALLERY: (
        gallery.task_data("/q.jpg", ANNA, [Candidate("W001", "/c.jpg", "Olga")]),
        gallery.write("W001"),
    ),
}


def tags(question, *names):
    return [tag for tag in ET.fromstring(catalog.xml(question)).iter() if tag.tag in names]


@pytest.mark.parametrize("question", list(Question))
def test_every_question_has_a_module_a_configuration_and_titles_that_label_studio_takes(question):
    entry = catalog.CATALOG[question]
    assert entry.module.__name__ == f"labeling_configs.{question}"
    assert all(callable(getattr(entry.module, name)) for name in ("task_data", "write", "read"))
    assert all(3 <= len(title) <= 50 for title in (entry.title_en, entry.title_ru))
    assert entry.xml == catalog.xml(question)


@pytest.mark.parametrize("question", list(Question))
def test_label_studio_accepts_the_configuration_the_task_and_the_prediction(question):
    data, written = CASES[question]
    interface = LabelInterface(catalog.xml(question))
    interface.validate()
    assert interface.validate_task({"data": data})
    prediction = {"result": written, "score": 0.5, "model_version": "v1"}
    assert interface.validate_prediction(prediction, return_errors=True) == []


def test_the_check_of_predictions_can_fail():
    interface = LabelInterface(catalog.xml(Question.BOXES))
    strange = [entry | {"from_name": "seal"} for entry in boxes.write(BOXES, SCORES, TILE)]
    prediction = {"result": strange, "score": 0.5, "model_version": "v1"}
    assert interface.validate_prediction(prediction, return_errors=True) != []


def test_a_task_holds_everything_its_configuration_shows():
    for question, (data, _) in CASES.items():
        asked = {text[1:] for tag in tags(question, *SHOWING) if (text := tag.get("value", "")).startswith("$")}
        assert asked <= data.keys(), question


@pytest.mark.parametrize("question", list(Question))
def test_everything_people_read_is_in_both_languages(question):
    text = " ".join(tag.get("value", "") for tag in tags(question, "Label", "Choice", "Panel"))
    title = tags(question, "Header")[0].get("value")
    assert all(" · " in tag.get("value") for tag in tags(question, "Label", "Choice", "Panel")), text
    assert any("а" <= letter <= "я" for letter in title) and any("a" <= letter <= "z" for letter in title)


@pytest.mark.parametrize("question", list(Question))
def test_no_key_means_two_things(question):
    keys = Counter(tag.get("hotkey") for tag in tags(question, "Label", "Choice", "Rating") if tag.get("hotkey"))
    assert set(keys.values()) <= {1}
    assert not LABEL_STUDIOS_OWN & keys.keys()
    without = sum(not tag.get("hotkey") for tag in tags(question, "Label", "Choice", "Rating"))
    handed_out = [key for key in HANDED_OUT if key not in keys][:without]
    assert len(handed_out) == without and not LABEL_STUDIOS_OWN & set(handed_out)


def test_the_pair_offers_every_mark_side_and_answer_on_both_photos():
    controls = {tag.get("name"): {one.get("alias") for one in tag} for tag in tags(Question.PAIR, *ASKING)}
    kinds, sides = {kind.value for kind in MarkKind}, {side.value for side in Side}
    assert controls["marks_first"] == controls["marks_second"] == kinds
    assert controls["side_first"] == controls["side_second"] == sides
    assert controls["same"] == {same.value for same in Same}


def test_every_disturbance_and_every_condition_may_be_ticked_and_none_must_be():
    several = {}
    for question in (Question.BOXES, Question.BOX_DISPUTE, Question.PAIR):
        for tag in tags(question, "Choices"):
            if tag.get("choice") == "multiple":
                assert tag.get("required") is None
                several[question, tag.get("name")] = {one.get("alias") for one in tag}
    kinds, signs = {kind.value for kind in Disturbance}, {sign.value for sign in Condition}
    assert several == {
        (Question.BOXES, "disturbance"): kinds,
        (Question.BOX_DISPUTE, "disturbance"): kinds,
        (Question.PAIR, "condition_first"): signs,
        (Question.PAIR, "condition_second"): signs,
    }


def test_both_photos_of_a_pair_have_a_width_without_which_label_studio_shows_nothing():
    views = [view for view in tags(Question.PAIR, "View") if view.find("Image") is not None]
    assert [view.get("style") for view in views] == ["width:49%; min-width:300px; flex-grow:1"] * 2


@pytest.mark.parametrize("question", list(Question))
def test_every_question_carries_the_style_that_keeps_submit_on_a_phones_screen(question):
    (style,) = ET.fromstring(catalog.xml(question)).findall("Style")
    assert ".lsf-bottombar" in style.text and "@media" in style.text
