"""Empty photos are set aside once that is safe, rocks once a person has named them; nothing is lost either way."""

from datetime import timedelta

import numpy as np
import pytest

from haulout.aside import read_aside, set_aside
from haulout.candidates import read_candidates
from haulout.db import reading
from haulout.selection import select_batch
from haulout.spots import read_things
from haulout.tables import (
    BatchRow,
    ChosenRow,
    ConsensusRow,
    ModelRow,
    ProposalRow,
    SpotDecisionRow,
    SpotRow,
    TaskRow,
    TileRow,
    TriagedRow,
    TriageRow,
)
from haulout.triage import UnknownSpot, decide, find_things, triage_photos
from labeling_configs.vocabulary import COLD, Rectangle, Tile

WALRUS = (50, 60, 110, 100)
ROCK = (200, 200, 260, 240)


def settle(coordinator, photo, boxes=(), reason: str = "random", state: str = "agreed") -> None:
    """Let people have agreed on the whole photo, after it was drawn for this reason."""
    tile = f"{photo.id[:16]}-0-0"
    whole = Rectangle(0, 0, photo.width, photo.height)
    now = coordinator.services.now()
    coordinator.store(BatchRow(id=1, created_at=now, seed=1, model=COLD, code="0"))
    coordinator.store(TileRow.of(Tile(tile, photo.id, whole, whole)))
    told = [[*box, 0.95, ["person-1"], 0.0] for box in boxes]
    settled = ConsensusRow(tile=tile, state=state, voters=2, agreement=1.0, boxes=told, settled_at=now)
    chance = 0.1 if reason in ("random", "exam") else None
    coordinator.store(settled, ChosenRow(batch=1, tile=tile, reason=reason, value=1.0, probability=chance))
    task = TaskRow(question="boxes", subject=tile, batch=1, key=tile, state="retired", created_at=now)
    coordinator.store(task)


def beach(coordinator, animals: int, empty: int, **how) -> tuple[list, list]:
    """Photos that people know, with and without an animal that the machine saw."""
    full = [coordinator.photo([WALRUS]) for _ in range(animals)]
    bare = [coordinator.photo() for _ in range(empty)]
    for photo in full:
        settle(coordinator, photo, [WALRUS], **how)
    for photo in bare:
        settle(coordinator, photo, **how)
    return full, bare


def verdicts(coordinator) -> dict[str, str]:
    return {row.photo: row.verdict for row in coordinator.rows(TriagedRow)}


def test_empty_photos_are_set_aside_when_enough_is_labelled(coordinator):
    coordinator.set(missed_photos=0.2)
    full, bare = beach(coordinator, 14, 14)
    new_empty, new_full = coordinator.photo(), coordinator.photo([WALRUS, (150, 60, 210, 100)])

    triage_photos(coordinator.services, None)

    said = verdicts(coordinator)
    assert {said[photo.id] for photo in (*bare, new_empty)} == {"empty"}
    assert {said[photo.id] for photo in (*full, new_full)} <= {"animals", "look"}
    with reading(coordinator.services.database) as session:
        told = read_aside(session)
        assert set_aside(session, COLD) == {photo.id for photo in (*bare, new_empty)}
        assert set_aside(session, "another detector") == set(), "its chances say nothing of other boxes"
    assert (told.cut.positives, told.cut.needed, told.cut.enough, told.empty) == (14, 14, True, 15)
    assert told.cut.bound <= 0.2


def test_too_few_labelled_animals_set_nothing_aside_and_that_is_said(coordinator):
    said = []
    beach(coordinator, 14, 14)

    triage_photos(coordinator.services, None, lambda message, *_: said.append(message))

    assert set(verdicts(coordinator).values()) <= {"animals", "look"}
    assert said[-1] == "No photo is set aside: 14 labelled photos with animals, 299 are needed"


def test_only_photos_asked_by_chance_and_settled_as_a_whole_teach_it(coordinator):
    coordinator.set(missed_photos=0.2)
    beach(coordinator, 5, 5)
    beach(coordinator, 5, 5, reason="positive")
    beach(coordinator, 5, 5, state="disputed")

    triage_photos(coordinator.services, None)

    (row,) = coordinator.rows(TriageRow)
    assert (row.cut["positives"], row.negatives) == (5, 5)


def test_a_detector_trained_here_is_judged_on_exam_photos_alone(coordinator):
    coordinator.set(missed_photos=0.2)
    now = coordinator.services.now()
    coordinator.store(ModelRow(version="det-0001", kind="detector", state="serving", sha256="0", created_at=now))
    for number in range(12):
        split = "exam" if number < 4 else "train"
        settle(coordinator, coordinator.photo([WALRUS], split=split, model="det-0001"), [WALRUS])

    triage_photos(coordinator.services, None)

    (row,) = coordinator.rows(TriageRow)
    assert (row.model, row.cut["positives"]) == ("det-0001", 4)


def test_the_same_photos_and_answers_are_learned_from_once(coordinator):
    beach(coordinator, 9, 9)
    triage_photos(coordinator.services, None)
    triage_photos(coordinator.services, None)
    assert len(coordinator.rows(TriageRow)) == 1

    settle(coordinator, coordinator.photo([WALRUS]), [WALRUS])
    triage_photos(coordinator.services, None)

    assert len(coordinator.rows(TriageRow)) == 2
    assert {row.triage for row in coordinator.rows(TriagedRow)} == {2}


def test_what_people_found_counts_whatever_the_machine_says(coordinator):
    coordinator.set(missed_photos=0.2)
    beach(coordinator, 14, 14)
    overlooked = coordinator.photo()
    settle(coordinator, overlooked, [WALRUS], reason="novel")

    triage_photos(coordinator.services, None)

    assert verdicts(coordinator)[overlooked.id] == "animals"


def test_set_aside_photos_are_asked_about_by_chance_alone(coordinator):
    coordinator.set(missed_photos=0.2, batch_size=20, random_share=0.4, exam_share=0.0, easy_share=0.0)
    beach(coordinator, 14, 14)
    empty = {coordinator.photo().id for _ in range(60)}
    for _ in range(10):
        coordinator.photo([WALRUS])
    triage_photos(coordinator.services, None)

    batch = select_batch(coordinator.services)

    photos = {row.id: row.photo for row in coordinator.rows(TileRow)}
    why = {photos[row.tile]: row for row in coordinator.rows(ChosenRow, ChosenRow.batch == batch)}
    by_worth = [photo for photo, row in why.items() if row.reason != "random"]
    drawn = [row for photo, row in why.items() if row.reason == "random"]
    assert by_worth and empty.isdisjoint(by_worth)
    assert empty & set(why), "figures need them too"
    assert [row.probability for row in drawn] == pytest.approx([8 / 70] * 8), "all tiles had the same chance"


def test_when_all_that_is_left_is_set_aside_chance_goes_on_asking(coordinator):
    coordinator.set(missed_photos=0.2, batch_size=10, random_share=0.4, exam_share=0.0, easy_share=0.0)
    beach(coordinator, 14, 14)
    for _ in range(30):
        coordinator.photo()
    triage_photos(coordinator.services, None)

    batch = select_batch(coordinator.services)

    assert {row.reason for row in coordinator.rows(ChosenRow, ChosenRow.batch == batch)} == {"random"}


def rocky(coordinator, days: int = 30) -> list:
    """A camera whose machine sees the same rock every day, with a walrus every third day; people looked twice."""
    photos = []
    for day in range(days):
        animals = [WALRUS] if day % 3 == 0 else []
        photos.append(coordinator.photo([ROCK, *animals], score=0.6))
    for photo in (photos[1], photos[days - 2]):
        settle(coordinator, photo)
    return photos


def test_a_rock_is_proposed_and_its_boxes_stay_until_somebody_decides(coordinator):
    photos = rocky(coordinator)

    assert find_things(coordinator.services, None) == 1

    (spot,) = coordinator.rows(SpotRow)
    assert np.allclose(spot.box, ROCK) and spot.camera == "CAM1"
    assert (spot.evidence["days"], spot.evidence["emptied"], spot.evidence["occupied"]) == (30, 2, 0)
    assert set(spot.evidence["examples"]) <= {photo.id for photo in photos}
    assert expected(coordinator, photos[0]) == pytest.approx(1.2)


def test_a_confirmed_rock_is_neither_counted_nor_shown_and_stays_stored(coordinator):
    photos = rocky(coordinator)
    find_things(coordinator.services, None)

    decide(coordinator.services, coordinator.rows(SpotRow)[0].id, "thing", "operator")

    assert [expected(coordinator, photo) for photo in photos[:2]] == pytest.approx([0.6, 0.0])
    with reading(coordinator.services.database) as session:
        candidates = read_candidates(session, COLD, coordinator.services.settings)
    scores = {one.photo.id: len(one.scores) for one in candidates}
    assert [scores[photo.id] for photo in photos[:2]] == [1, 0]
    stored = next(row for row in coordinator.rows(ProposalRow) if row.photo == photos[0].id)
    assert len(stored.boxes()) == 2, "nothing is deleted"


def expected(coordinator, photo) -> float:
    (row,) = coordinator.rows(ProposalRow, ProposalRow.photo == photo.id)
    return row.expected_animals


def test_a_decision_is_taken_back_without_a_trace_lost(coordinator):
    photos = rocky(coordinator)
    find_things(coordinator.services, None)
    spot = coordinator.rows(SpotRow)[0].id

    for decision in ("thing", "open"):
        decide(coordinator.services, spot, decision, "operator")

    assert expected(coordinator, photos[1]) == pytest.approx(0.6)
    assert [row.decision for row in coordinator.rows(SpotDecisionRow)] == ["thing", "open"]
    assert find_things(coordinator.services, None) == 1, "it waits again, once"


def test_the_next_runs_ask_nobody_about_a_place_again(coordinator):
    rocky(coordinator)
    find_things(coordinator.services, None)
    for decision in ("thing", "animal"):
        decide(coordinator.services, coordinator.rows(SpotRow)[0].id, decision, "operator")
        assert find_things(coordinator.services, None) == 0
    assert len(coordinator.rows(SpotRow)) == 1


def test_a_place_nobody_decided_on_is_told_anew_and_vanishes_with_its_boxes(coordinator):
    photos = rocky(coordinator)
    find_things(coordinator.services, None)
    find_things(coordinator.services, None)
    assert len(coordinator.rows(SpotRow)) == 1

    for photo in photos:
        coordinator.propose(photo, [], COLD)

    assert find_things(coordinator.services, None) == 0
    assert coordinator.rows(SpotRow) == []


def test_a_thing_is_believed_to_be_there_for_some_weeks_and_longer_when_it_is_seen_again(coordinator):
    photos = rocky(coordinator)
    find_things(coordinator.services, None)
    decide(coordinator.services, coordinator.rows(SpotRow)[0].id, "thing", "operator")
    late = photos[-1].model_copy(update={"taken_at": photos[-1].taken_at + timedelta(days=40)})
    assert (marked(coordinator, photos[-1]), marked(coordinator, late)) == (True, False)

    for _ in range(25):
        coordinator.photo([ROCK], score=0.6)
    find_things(coordinator.services, None)

    assert marked(coordinator, late)
    assert len(coordinator.rows(SpotRow)) == 1


def marked(coordinator, photo) -> bool:
    with reading(coordinator.services.database) as session:
        return bool(read_things(session).on(photo, np.array([ROCK], dtype=float), np.array([0.6]))[0])


def test_a_walrus_of_another_size_on_the_rock_is_counted(coordinator):
    rocky(coordinator)
    find_things(coordinator.services, None)
    decide(coordinator.services, coordinator.rows(SpotRow)[0].id, "thing", "operator")

    photo = coordinator.photo([(180, 180, 290, 260)], score=0.6)
    find_things(coordinator.services, None)

    assert expected(coordinator, photo) == pytest.approx(0.6)


def test_a_decision_about_no_place_is_refused(coordinator):
    with pytest.raises(UnknownSpot, match="There is no place 7"):
        decide(coordinator.services, 7, "thing", "operator")
