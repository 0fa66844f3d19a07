"""A photo in which anybody or anything saw people is the operator's alone until they decide."""

import json

import numpy as np
import pytest

from haulout import withheld
from haulout.collect import collect
from haulout.db import reading, writing
from haulout.dispatch import dispatch
from haulout.imports import import_boxes
from haulout.loop import hold_back_people, listen
from haulout.selection import select_batch
from haulout.tables import AnswerRow, TaskRow, TileRow, WithheldRow
from haulout.withheld import KEPT, SHOWN, VOLUNTEERS
from labeling_configs import boxes
from labeling_configs.vocabulary import Disturbance

BOX = (20, 50, 120, 150)


@pytest.fixture
def photo(coordinator):
    photo = coordinator.photo([BOX])
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    return photo


def ticked(coordinator, photo, *kinds, unusable=False):
    tile = coordinator.tile(photo)
    return boxes.write(np.array([BOX]), None, tile, unusable=unusable, disturbances=kinds)


def held(coordinator) -> set[str]:
    with reading(coordinator.services.database) as session:
        return withheld.photos(session)


def decide(coordinator, photo, decision: str) -> None:
    with writing(coordinator.services.database) as session:
        row = session.get_one(WithheldRow, photo.id)
        withheld.decide(row, decision, "Olga", coordinator.services.now())
        session.add(row)


def test_a_tick_of_people_holds_the_photo_back_as_soon_as_it_is_read(coordinator, photo):
    coordinator.say("anna", coordinator.tile(photo).id, ticked(coordinator, photo, Disturbance.PEOPLE))

    listen(coordinator.services)

    (row,) = coordinator.rows(WithheldRow)
    assert (row.photo, row.why, row.decision) == (photo.id, VOLUNTEERS, "")
    assert held(coordinator) == {photo.id}


@pytest.mark.parametrize("kinds", [(), (Disturbance.BOAT, Disturbance.BEAR)])
def test_what_else_disturbs_holds_nothing_back(coordinator, photo, kinds):
    coordinator.say("anna", coordinator.tile(photo).id, ticked(coordinator, photo, *kinds))

    listen(coordinator.services)

    assert held(coordinator) == set()


def test_one_who_calls_the_picture_unusable_may_have_seen_people_all_the_same(coordinator, photo):
    result = ticked(coordinator, photo, Disturbance.PEOPLE, unusable=True)
    coordinator.say("anna", coordinator.tile(photo).id, result)

    listen(coordinator.services)

    assert held(coordinator) == {photo.id}


def test_a_tick_that_was_taken_back_before_anybody_read_it_says_nothing(coordinator, photo):
    first = coordinator.say("anna", coordinator.tile(photo).id, ticked(coordinator, photo, Disturbance.PEOPLE))
    collect(coordinator.services)
    coordinator.person("anna").change(first, ticked(coordinator, photo))
    collect(coordinator.services)

    hold_back_people(coordinator.services)

    assert len(coordinator.rows(AnswerRow)) == 2
    assert held(coordinator) == set()


@pytest.mark.parametrize(("decision", "hidden"), [(SHOWN, False), (KEPT, True)])
def test_what_the_operator_decided_is_not_asked_again(coordinator, photo, decision, hidden):
    coordinator.say("anna", coordinator.tile(photo).id, ticked(coordinator, photo, Disturbance.PEOPLE))
    listen(coordinator.services)
    decide(coordinator, photo, decision)
    before = coordinator.rows(WithheldRow)[0].model_dump()

    coordinator.say("boris", coordinator.tile(photo).id, ticked(coordinator, photo, Disturbance.PEOPLE))
    listen(coordinator.services)
    with writing(coordinator.services.database) as session:
        again = withheld.withhold(session, photo.id, VOLUNTEERS, coordinator.services.now())

    assert not again
    assert coordinator.rows(WithheldRow)[0].model_dump() == before
    assert (photo.id in held(coordinator)) == hidden


def test_taking_a_decision_back_withholds_the_photo_and_counts_it_again(coordinator, photo):
    with writing(coordinator.services.database) as session:
        withheld.withhold(session, photo.id, VOLUNTEERS, coordinator.services.now())
    decide(coordinator, photo, SHOWN)
    with reading(coordinator.services.database) as session:
        assert withheld.waiting(session).photos == 0

    decide(coordinator, photo, "")

    with reading(coordinator.services.database) as session:
        assert withheld.is_withheld(session, photo.id)
        assert withheld.waiting(session).photos == 1
    assert coordinator.rows(WithheldRow)[0].by == ""


@pytest.mark.parametrize(
    ("category", "conf", "hidden"), [("2", 0.2, True), ("2", 0.19, False), ("1", 0.9, False), ("3", 0.9, False)]
)
def test_a_detector_s_box_of_a_person_holds_a_photo_back_from_its_usual_score_on(
    coordinator, tmp_path, category, conf, hidden
):
    photo = coordinator.photo()
    detections = [{"category": category, "conf": conf, "bbox": [0.1, 0.1, 0.2, 0.2]}]
    document = {
        "info": {"format_version": "1.3"},
        "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
        "images": [{"file": photo.name, "sha256": photo.id, "detections": detections}],
    }
    path = tmp_path / "mega.json"
    path.write_text(json.dumps(document))

    for _ in range(2):
        import_boxes(coordinator.services, path)

    assert [(row.photo, row.why) for row in coordinator.rows(WithheldRow)] == [(photo.id, "import-mega")] * hidden


@pytest.mark.parametrize(
    ("question", "kind", "hidden"),
    [
        ("boxes", Disturbance.PEOPLE, True),
        ("box_dispute", Disturbance.PEOPLE, True),
        ("pair", Disturbance.PEOPLE, False),
        ("boxes", Disturbance.BEAR, False),
    ],
)
def test_an_answer_holds_its_photo_back_before_anybody_reads_it(coordinator, photo, question, kind, hidden):
    task = TaskRow(
        question=question, subject=coordinator.tile(photo).id, key="k", created_at=coordinator.services.now()
    )
    result = ticked(coordinator, photo, kind)

    with writing(coordinator.services.database) as session:
        seen = withheld.seen_in(session, task, result)
        assert seen == (photo.id if hidden else None)
        if seen:
            assert withheld.withhold(session, seen, withheld.VOLUNTEERS, coordinator.services.now())

    assert held(coordinator) == ({photo.id} if hidden else set())


def test_nonsense_in_place_of_an_answer_holds_nothing_back(coordinator, photo):
    (tile,) = coordinator.rows(TileRow, TileRow.photo == photo.id)

    assert not withheld.saw_people([{"type": "nonsense"}, 7, None], tile)
