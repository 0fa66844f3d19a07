"""Boxes that a reserve already has: read strictly, heard as one voice or shown as a detector's, and never lost."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from active_learning.tiling import lay_tiles
from haulout.answers import HELD, machine_boxes, read_vote
from haulout.collect import collect, is_quiet
from haulout.db import reading
from haulout.dispatch import dispatch
from haulout.errors import BadImport
from haulout.gold import ask_gold
from haulout.imports import document as documents
from haulout.imports import import_boxes, told_of
from haulout.imports.votes import pieces_of
from haulout.lease import SEASON, LeaseTaken, lease
from haulout.loop import listen
from haulout.propose import propose
from haulout.report import read_people, read_retirement
from haulout.retrain.material import labelled_tiles
from haulout.selection import select_batch
from haulout.selection.batch import Asked
from haulout.serving import detector_version
from haulout.settle import exclude_person, learn_people, settle
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    BrokenRow,
    ChosenRow,
    ConsensusRow,
    ImportedRow,
    ImportRow,
    ModelRow,
    PersonRow,
    ProposalRow,
    TaskRow,
    TileRow,
)
from labeling_configs.vocabulary import COLD, PhotoId

LEFT, RIGHT = (20.0, 50.0, 120.0, 150.0), (220.0, 50.0, 320.0, 150.0)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def coco(*photos, **more):
    """Return a COCO document: of each photo and its boxes, as corners."""
    images, annotations = [], []
    for number, (photo, *boxes) in enumerate(photos):
        named = {"file_name": photo} if isinstance(photo, str) else {"file_name": photo.name, "sha256": photo.id}
        images.append({"id": number, **named})
        for x1, y1, x2, y2 in boxes:
            annotations.append({"image_id": number, "category_id": 7, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    return {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "Walrus"}], **more}


def megadetector(*photos, **more):
    """Return a MegaDetector document: of each photo, rows of category, conf, x, y, width and height."""
    images = [
        {
            "file": photo if isinstance(photo, str) else photo.name,
            **({} if isinstance(photo, str) else {"sha256": photo.id}),
            "detections": [{"category": str(c), "conf": conf, "bbox": box} for c, conf, *box in rows],
        }
        for photo, *rows in photos
    ]
    categories = {"1": "animal", "2": "person", "3": "vehicle"}
    return {"info": {"format_version": "1.3"}, "detection_categories": categories, "images": images, **more}


@pytest.fixture
def take(coordinator, tmp_path):
    """Return a function that writes a document, or bytes, to a file and imports it."""

    def import_file(content, file="old.json", **options):
        path = tmp_path / file
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return import_boxes(coordinator.services, path, site="Beach", **options)

    return import_file


def everything(coordinator):
    return [coordinator.rows(table) for table in (ImportRow, ImportedRow, AnswerRow, TaskRow, TileRow, PersonRow)]


def stored(coordinator, photo):
    (row,) = coordinator.rows(ImportedRow, ImportedRow.photo == photo.id)
    return np.frombuffer(row.packed).reshape(-1, 6).tolist()


# What somebody drew


def test_a_coco_file_is_one_more_voice_on_its_photos_and_waits_for_selection(coordinator, take):
    photo, empty = coordinator.photo([LEFT]), coordinator.photo()

    found = take(coco((photo, LEFT, RIGHT), (empty,)))

    assert (len(found.new), found.voiced) == (2, 2)
    assert stored(coordinator, photo) == [[*LEFT, 1.0, 0.0], [*RIGHT, 1.0, 0.0]]
    tasks = {task.subject: task for task in coordinator.rows(TaskRow)}
    assert {task.state for task in tasks.values()} == {HELD} and len(tasks) == 2
    (person,) = coordinator.rows(PersonRow)
    assert (person.id, person.role, person.label_studio_user) == ("import-old", "import", -1)
    assert sorted(answer.label_studio_annotation for answer in coordinator.rows(AnswerRow)) == [-2, -1]


def test_one_voice_alone_settles_no_tile_with_animals_and_nobody_is_asked_yet(coordinator, take):
    photo = coordinator.photo([LEFT])
    take(coco((photo, LEFT)))

    settle(coordinator.services)
    dispatch(coordinator.services)

    (consensus,) = coordinator.rows(ConsensusRow)
    assert (consensus.state, consensus.voters, len(consensus.boxes)) == ("open", 1, 1)
    assert coordinator.rows(BrokenRow) == [] and coordinator.rows(AnimalRow) == []
    collect(coordinator.services)
    assert coordinator.label_studio.tasks == {} and is_quiet(coordinator.services)


def test_a_tile_that_a_file_answers_is_asked_of_one_person_less_and_then_settled(coordinator, take):
    photo = coordinator.photo([LEFT])
    take(coco((photo, LEFT, RIGHT)))
    settle(coordinator.services)

    select_batch(coordinator.services)
    dispatch(coordinator.services)
    tile = coordinator.tile(photo)
    asked = coordinator.task(tile.id)
    assert (asked.state, asked.overlap, asked.batch) == ("open", 1, 1)
    assert [task.overlap for task in coordinator.label_studio.tasks.values()] == [1]
    coordinator.draw("anna", tile, LEFT, RIGHT)
    collect(coordinator.services, sweep=True)
    settle(coordinator.services)

    (consensus,) = coordinator.rows(ConsensusRow)
    assert (consensus.state, consensus.voters) == ("agreed", 2)
    assert sorted(animal.box for animal in coordinator.rows(AnimalRow)) == [pytest.approx(LEFT), pytest.approx(RIGHT)]
    assert coordinator.task(tile.id).state == "retired"


def test_more_people_are_asked_where_one_contradicts_the_file(coordinator, take):
    photo = coordinator.photo([LEFT])
    take(coco((photo, LEFT)))
    settle(coordinator.services)
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    tile = coordinator.tile(photo)

    coordinator.draw("anna", tile, RIGHT)
    collect(coordinator.services)
    settle(coordinator.services)

    task = coordinator.task(tile.id)
    assert (task.state, task.overlap) == ("open", 2)


def test_a_sweep_for_deletions_and_a_rebuild_leave_imported_answers_alone(coordinator, take):
    photo = coordinator.photo([LEFT])
    coordinator.set(least_votes=1, wanted_risk=2.0)
    take(coco((photo, LEFT)))
    settle(coordinator.services)
    before = [(row.id, row.box) for row in coordinator.rows(AnimalRow)]
    dispatch(coordinator.services)

    collect(coordinator.services, sweep=True)
    learn_people(coordinator.services, force=True)
    settle(coordinator.services, everything=True)

    assert [answer.gone for answer in coordinator.rows(AnswerRow)] == [False]
    assert [(row.id, row.box) for row in coordinator.rows(AnimalRow)] == before and before


def test_a_file_counts_on_tiles_that_people_were_asked_about_before(coordinator, take):
    photo = coordinator.photo([LEFT])
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    tile = coordinator.tile(photo)
    coordinator.draw("anna", tile, LEFT)
    collect(coordinator.services)
    settle(coordinator.services)
    assert coordinator.task(tile.id).state == "open"

    take(coco((photo, LEFT)))
    settle(coordinator.services)

    assert coordinator.task(tile.id).state == "retired"
    assert coordinator.rows(ConsensusRow)[0].voters == 2


def test_the_queue_stays_short_however_large_the_file(coordinator, take):
    coordinator.set(batch_size=5)
    photos = [coordinator.photo([LEFT]) for _ in range(12)]
    take(coco(*((photo, LEFT) for photo in photos)))
    settle(coordinator.services)

    select_batch(coordinator.services)

    assert sorted(task.state for task in coordinator.rows(TaskRow)) == [HELD] * 7 + ["open"] * 5


def test_tiles_that_a_file_answers_are_chosen_before_others_that_are_worth_as_much(coordinator, take):
    coordinator.set(batch_size=10, random_share=0.0, exam_share=0.0, easy_share=0.0, positive_share=0.0)
    photos = [coordinator.photo([LEFT], score=0.5, model="starter-1") for _ in range(30)]
    for photo in photos:
        coordinator.propose(photo, [LEFT], COLD)
    take(coco(*((photo, LEFT) for photo in photos[::3])))
    settle(coordinator.services)

    select_batch(coordinator.services)

    held = {f"{photo.id}-0-0-400-300" for photo in photos[::3]}
    assert len(held & {row.tile for row in coordinator.rows(ChosenRow)}) >= 8


def test_chance_may_draw_what_a_file_has_settled_and_nobody_is_asked_again(coordinator, take):
    coordinator.set(batch_size=4, random_share=1.0, exam_share=0.0, easy_share=0.0, positive_share=0.0)
    coordinator.set(least_votes=1, wanted_risk=2.0)
    photos = [coordinator.photo([LEFT]) for _ in range(4)]
    take(coco(*((photo, LEFT) for photo in photos[:2])))
    settle(coordinator.services)

    select_batch(coordinator.services)

    chosen = coordinator.rows(ChosenRow)
    assert {row.probability for row in chosen} == {1.0} and len(chosen) == 4
    assert sorted(task.state for task in coordinator.rows(TaskRow)) == ["open", "open", "retired", "retired"]
    dispatch(coordinator.services)
    collect(coordinator.services)
    assert len(coordinator.label_studio.tasks) == 2 and is_quiet(coordinator.services)


def test_worth_never_chooses_what_a_file_has_settled(coordinator, take):
    coordinator.set(batch_size=4, random_share=0.0, exam_share=0.0, easy_share=0.0, positive_share=0.0)
    coordinator.set(least_votes=1, wanted_risk=2.0)
    photos = [coordinator.photo([LEFT]) for _ in range(6)]
    take(coco(*((photo, LEFT) for photo in photos[:4])))
    settle(coordinator.services)

    select_batch(coordinator.services)

    assert {row.tile[:64] for row in coordinator.rows(ChosenRow)} == {photo.id for photo in photos[4:]}


def test_an_exam_holds_nothing_that_only_a_file_picked_but_training_does(coordinator, take):
    coordinator.set(least_votes=1, wanted_risk=2.0)
    train, exam = coordinator.photo([LEFT]), coordinator.photo([LEFT], split="exam")
    take(coco((train, LEFT), (exam, LEFT)))
    settle(coordinator.services)

    with reading(coordinator.services.database) as session:
        storage = coordinator.services.storage
        assert [tile.photo.id for tile in labelled_tiles(session, storage, "train")] == [train.id]
        assert labelled_tiles(session, storage, "exam") == []


def test_files_that_contradict_each_other_wait_for_people_and_bother_no_expert(coordinator, take):
    photo = coordinator.photo([LEFT])
    coordinator.set(most_votes=2, worthwhile=1.0)
    take(coco((photo, LEFT)), "one.json")
    take(coco((photo, RIGHT)), "other.json")

    settle(coordinator.services)

    assert [(row.state, row.voters) for row in coordinator.rows(ConsensusRow)] == [("open", 2)]
    assert {task.question for task in coordinator.rows(TaskRow)} == {"boxes"}


def test_an_excluded_file_has_no_voice_and_is_heard_again_when_taken_back(coordinator, take):
    photo = coordinator.photo([LEFT])
    take(coco((photo, LEFT)))
    settle(coordinator.services)
    voters = []

    for excluded in (True, False):
        exclude_person(coordinator.services, "import-old", excluded=excluded, reason="a test")
        settle(coordinator.services)
        voters += [row.voters for row in coordinator.rows(ConsensusRow)]

    assert voters == [0, 1]


def test_nobody_is_asked_for_a_person_more_because_an_excluded_file_is_not_heard(coordinator, take):
    photo = coordinator.photo([LEFT])
    take(coco((photo, LEFT)))
    settle(coordinator.services)
    select_batch(coordinator.services)

    exclude_person(coordinator.services, "import-old", excluded=True, reason="a test")
    settle(coordinator.services)

    assert coordinator.task(coordinator.tile(photo).id).overlap == 2


def test_a_file_is_measured_like_a_person_but_is_no_work_and_no_volunteer(coordinator, take):
    photo = coordinator.photo([LEFT])
    take(coco((photo, LEFT)))
    settle(coordinator.services)
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    coordinator.draw("anna", coordinator.tile(photo), LEFT)
    collect(coordinator.services)
    learn_people(coordinator.services)
    settle(coordinator.services)

    with reading(coordinator.services.database) as session:
        assert {line.row.id: line.answers for line in read_people(session)} == {"import-old": 1, "person-1": 1}
        retirement = read_retirement(session, 5, coordinator.services.now())
    assert (retirement.finished, retirement.people, retirement.alarms) == (1, ((1, 1),), ())
    ask_gold(coordinator.services)


def test_a_crowd_is_cut_into_tiles_and_each_animal_is_there_once(coordinator, take):
    coordinator.set(least_votes=1, most_animals_per_tile=4, wanted_risk=5.0)
    photo = coordinator.photo(size=(800, 600))
    boxes = [(x, y, x + 60.0, y + 44.0) for x in range(10, 700, 90) for y in range(10, 500, 70)]

    take(coco((photo, *boxes)))
    settle(coordinator.services)

    assert len(coordinator.rows(TileRow)) > 8
    assert sorted(row.box for row in coordinator.rows(AnimalRow)) == [
        pytest.approx(box, abs=1e-6) for box in sorted(boxes)
    ]


def test_a_sliver_of_an_animal_that_another_tile_shows_whole_is_not_drawn_and_a_large_animal_is_never_lost():
    whole = np.array([[450.0, 10.0, 560.0, 90.0]])
    tiles = lay_tiles(
        PhotoId("p"), 1000, 100, np.array([[x, 10, x + 100, 90] for x in (0, 120, 240, 700, 820)]), None, 3
    )
    pieces = list(pieces_of(tiles, whole))
    assert len(tiles) == 2 and sorted(len(piece) for piece in pieces) in ([0, 1], [1, 1])

    large = np.array([[100.0, 5.0, 950.0, 95.0]])
    hull = np.concatenate(list(pieces_of(tiles, large)))
    assert (hull[:, 0].min(), hull[:, 2].max()) == (100.0, 950.0)


def test_a_photo_with_more_boxes_on_a_tile_than_an_answer_holds_is_kept_but_not_heard(coordinator, take):
    photo = coordinator.photo([LEFT])
    select_batch(coordinator.services)
    boxes = [(x / 2, y, x / 2 + 3, y + 3.0) for x in range(0, 700, 20) for y in range(0, 290, 18)]
    assert len(boxes) > 500

    found = take(coco((photo, *boxes)))

    assert (len(found.crowded), found.voiced) == (1, 0)
    assert len(stored(coordinator, photo)) == len(boxes) and coordinator.rows(AnswerRow) == []


# Once is enough


def test_the_same_file_twice_adds_nothing_under_any_name(coordinator, take):
    document = coco((coordinator.photo([LEFT]), LEFT))
    take(document)
    before = everything(coordinator)

    found = take(document, "another.json", name="another")

    assert everything(coordinator) == before
    assert (list(found.new), found.voiced, found.source.source) == ([], 0, "old")


def test_the_same_file_again_takes_in_the_photos_that_came_since(coordinator, take):
    known = coordinator.photo([LEFT])
    number = coordinator._photos + 1
    document = coco((known, LEFT), (f"card/IMG_{number}.PNG", RIGHT))
    assert [len(take(document).matched.unknown), coordinator.rows(ImportRow)[0].unknown] == [1, 1]

    late = coordinator.photo([RIGHT])
    found = take(document)

    assert [one.photo.id for one in found.new] == [late.id]
    (row,) = coordinator.rows(ImportRow)
    assert (row.photos, row.boxes, row.unknown) == (2, 2, 0)
    assert len(coordinator.rows(AnswerRow)) == 2


def test_another_file_of_the_same_name_is_refused_until_it_is_named(coordinator, take):
    first, second = coordinator.photo([LEFT]), coordinator.photo([RIGHT])
    take(coco((first, LEFT)))
    before = everything(coordinator)

    with pytest.raises(BadImport, match="--name"):
        take(coco((second, RIGHT)))
    assert everything(coordinator) == before

    take(coco((second, RIGHT)), name="newer")
    assert [row.source for row in coordinator.rows(ImportRow)] == ["old", "newer"]


@pytest.mark.parametrize("name", ["", "-x", "a b", "Ёж", "x" * 41, "../x", "a\x00", "A"])
def test_a_name_that_cannot_be_a_pseudonym_is_refused(coordinator, take, name):
    document = coco((coordinator.photo(), LEFT))

    with pytest.raises(BadImport, match="--name"):
        take(document, "разметка.json", name=name or None)


def test_a_mended_file_is_no_second_opinion_on_what_it_repeats(coordinator, take):
    photos = [coordinator.photo([LEFT]) for _ in range(4)]
    take(coco(*((photo, LEFT) for photo in photos[:3])))

    found = take(coco(*((photo, LEFT) for photo in photos[:2]), (photos[2],), (photos[3], RIGHT)), "mended.json")

    assert {one.photo.id for one in found.repeated} == {photo.id for photo in photos[:3]}
    assert (len(found.new), found.voiced) == (4, 1)


def test_two_people_who_marked_the_same_photos_elsewhere_are_two_voices(coordinator, take):
    photos = [coordinator.photo([LEFT]) for _ in range(3)]
    take(coco(*((photo, LEFT) for photo in photos)), "anna.json")

    found = take(coco(*((photo, np.array(LEFT) + 1.5) for photo in photos)), "boris.json")

    assert (found.repeated, found.voiced) == ([], 3)
    settle(coordinator.services)
    assert {row.voters for row in coordinator.rows(ConsensusRow)} == {2}


def test_what_people_here_agreed_on_is_no_new_opinion_when_it_comes_back(coordinator, take):
    photo = coordinator.photo([LEFT])
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, coordinator.tile(photo), LEFT, RIGHT)
    listen(coordinator.services)

    found = take(coco((photo, LEFT, RIGHT)))

    assert [one.photo.id for one in found.repeated] == [photo.id] and found.voiced == 0


def test_an_import_waits_its_turn_while_another_pass_changes_the_season(coordinator, take):
    document = coco((coordinator.photo(), LEFT))

    with lease(coordinator.services.database, SEASON), pytest.raises(LeaseTaken):
        take(document)

    assert coordinator.rows(ImportRow) == []


def test_a_crash_in_the_middle_leaves_nothing(coordinator, take, tmp_path):
    photos = [coordinator.photo([LEFT]) for _ in range(3)]
    clock, calls = coordinator.services.now, []

    def failing():
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("the power went")
        return clock()

    coordinator.services = replace(coordinator.services, now=failing)
    with pytest.raises(RuntimeError, match="the power went"):
        take(coco(*((photo, LEFT) for photo in photos)))

    assert everything(coordinator) == [[]] * 6


# Which photo is meant


def test_a_photo_is_found_by_its_sha256_whatever_its_name_and_site(coordinator, take):
    photo = coordinator.photo([LEFT])
    document = coco(("elsewhere/renamed.jpg", LEFT))
    document["images"][0]["sha256"] = photo.id.upper()

    assert [one.photo.id for one in take(document).new] == [photo.id]


def test_a_sha256_that_nobody_has_is_unknown_even_if_the_name_fits(coordinator, take):
    photo, other = coordinator.photo(), coordinator.photo()
    document = coco((photo, LEFT), (other, LEFT))
    document["images"][0]["sha256"] = "0" * 64

    assert len(take(document).matched.unknown) == 1


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("A/IMG_1.JPG", "A/IMG_1.JPG"),
        ("d:\\cards\\B\\img_1.jpg", "B/IMG_1.JPG"),
        ("IMG_2.JPG", "A/IMG_2.JPG"),
        ("../../IMG_2.JPG", "A/IMG_2.JPG"),
        ("IMG_1.JPG", None),
        ("C/IMG_1.JPG", None),
        ("MG_2.JPG", None),
        ("", None),
    ],
)
def test_a_name_means_the_photo_whose_path_ends_most_like_it(coordinator, take, told, meant):
    anchor = coordinator.photo()
    photos = {}
    for name in ("A/IMG_1.JPG", "B/IMG_1.JPG", "A/IMG_2.JPG"):
        photos[name] = coordinator.photo()
        photos[name].name = name
        coordinator.store(photos[name])

    found = take(coco((anchor,), (told, LEFT)))

    assert {one.photo.name for one in found.new} - {anchor.name} == ({meant} if meant else set())
    assert len(found.matched.ambiguous) == (told in ("IMG_1.JPG", "C/IMG_1.JPG"))


def test_names_are_those_of_one_site(coordinator, take):
    here, there = coordinator.photo(), coordinator.photo()
    there.site = "Another"
    coordinator.store(there)

    found = take(coco((here.name, LEFT), (there.name, LEFT)))

    assert [one.photo.id for one in found.new] == [here.id] and len(found.matched.unknown) == 1


def test_nothing_is_stored_when_no_photo_is_known_and_the_operator_is_told_what_to_do(coordinator, take):
    with pytest.raises(BadImport, match=r"None of the 2 photos .*images\[0\].*haulout ingest"):
        take(coco(("a.jpg", LEFT), ("b.jpg", LEFT)))

    assert everything(coordinator) == [[]] * 6


# What a detector drew


def test_a_detectors_boxes_are_what_people_are_shown_until_one_of_our_own_serves(coordinator, take):
    photo = coordinator.photo()

    found = take(megadetector((photo, (1, 0.8, 0.05, 0.2, 0.25, 0.3), (2, 0.9, 0.5, 0.5, 0.1, 0.1))))

    assert found.serves and detector_version(coordinator.services) == "import-old"
    assert stored(coordinator, photo)[1] == [200, 150, 240, 180, 0.9, 1]
    (row,) = coordinator.rows(ProposalRow, ProposalRow.model == "import-old")
    (cold,) = coordinator.rows(ProposalRow, ProposalRow.model == COLD)
    assert row.boxes().tolist() == [[20, 60, 120, 150]] and row.scores() == pytest.approx([0.8])
    assert row.expected_animals == pytest.approx(0.8) and row.features == cold.features
    assert coordinator.rows(AnswerRow) == coordinator.rows(TaskRow) == []

    coordinator.set(random_share=0.0, exam_share=0.0, blind_share=0.0)
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    (task,) = coordinator.label_studio.tasks.values()
    assert [len(result) for result, _ in task.predictions.values()] == [1]

    coordinator.store(
        ModelRow(version="det-1", kind="detector", state="serving", sha256="", created_at=found.source.at)
    )
    assert detector_version(coordinator.services) == "det-1"


def test_a_photo_that_no_file_names_was_not_looked_at_and_is_asked_about_blind(coordinator, take):
    coordinator.set(random_share=0.0, exam_share=0.0, blind_share=0.0)
    named, other = coordinator.photo(), coordinator.photo()
    take(megadetector((named, (1, 0.8, 0.05, 0.2, 0.25, 0.3))))

    select_batch(coordinator.services)

    looked = {row.photo: row.looked for row in coordinator.rows(ProposalRow, ProposalRow.model == "import-old")}
    assert looked == {named.id: True, other.id: False}
    assert {task.subject[:64]: task.blind for task in coordinator.rows(TaskRow)} == {named.id: False, other.id: True}
    with reading(coordinator.services.database) as session:
        season = Asked.read(session, "import-old", coordinator.services.settings)
    assert {one.photo.id: sum(one.doubts.values()) for one in season.candidates}[other.id] == 1.0


def test_photos_that_come_later_are_looked_up_in_all_files(coordinator, take):
    first = coordinator.photo()
    late = f"IMG_{coordinator._photos + 1}.PNG"
    old = megadetector((first, (1, 0.8, 0.05, 0.2, 0.25, 0.3)), (late, (1, 0.7, 0.5, 0.5, 0.2, 0.2)))
    take(old)
    photo = coordinator.photo()
    take(megadetector((first, (1, 0.9, 0.05, 0.2, 0.25, 0.3))), "newer.json")
    assert detector_version(coordinator.services) == "import-newer"
    assert [row.looked for row in coordinator.rows(ProposalRow, ProposalRow.photo == photo.id)] == [False, False]

    take(old)

    (row,) = coordinator.rows(ProposalRow, ProposalRow.photo == photo.id, ProposalRow.model == "import-newer")
    assert row.looked and row.scores() == pytest.approx([0.7])
    (row,) = coordinator.rows(ProposalRow, ProposalRow.photo == first.id, ProposalRow.model == "import-newer")
    assert row.scores() == pytest.approx([0.9])


def test_with_a_starter_a_detectors_boxes_are_kept_and_not_shown(coordinator, take):
    coordinator.set(starter="builtin")
    photo = coordinator.photo()

    found = take(megadetector((photo, (1, 0.8, 0.05, 0.2, 0.25, 0.3))))

    assert not found.serves and "HAULOUT_STARTER" in " ".join(told_of(found))
    assert coordinator.rows(ProposalRow, ProposalRow.model == "import-old") == []
    assert len(stored(coordinator, photo)) == 1


def test_boxes_of_a_file_are_shown_from_the_score_of_a_starter_on(coordinator, take):
    photo = coordinator.photo()
    take(megadetector((photo, (1, 0.2, 0.05, 0.2, 0.25, 0.3), (1, 0.1, 0.5, 0.2, 0.25, 0.3))))
    select_batch(coordinator.services)

    with reading(coordinator.services.database) as session:
        boxes, _ = machine_boxes(session, coordinator.tile(photo), "import-old", None)

    assert boxes.tolist() == [[20, 60, 120, 150]]


def test_propose_draws_nothing_twice_after_an_import(coordinator, take):
    take(megadetector((coordinator.photo(), (1, 0.8, 0.05, 0.2, 0.25, 0.3))))

    assert propose(coordinator.services) == 0


# Files that are wrong


def replaced(document, where, value):
    """Return the document with one value replaced; "annotations.0.bbox" says where."""
    changed = json.loads(json.dumps(document))
    *path, last = [int(step) if step.isdigit() else step for step in where.split(".")]
    inside = changed
    for step in path:
        inside = inside[step]
    inside[last] = value
    return changed


BAD_COCO = {
    "annotations.0.bbox": [
        [1, 2, 3],
        "x",
        None,
        [1, 2, None, 4],
        [1, 2, 0, 4],
        [1, 2, -3, 4],
        [1, 2, True, 4],
        [10**400, 1, 2, 3],
    ],
    "annotations.0.category_id": [None, 1.5, [], True],
    "annotations.0.iscrowd": [1, True, "no"],
    "images.0.sha256": ["", 5, "g" * 64, "0" * 63],
    "images.0.width": [0, -1, 1.5, "400", 10**400, 399],
    "images.0.file_name": [None, 5, [], "  "],
    "images.0.id": [None, 1.5, [], True, 1],
}


@pytest.mark.parametrize(("where", "value"), [(where, value) for where, all_ in BAD_COCO.items() for value in all_])
def test_a_photo_of_which_anything_is_wrong_is_left_out_as_a_whole_and_the_others_are_taken(
    coordinator, take, where, value
):
    bad, good = coordinator.photo(), coordinator.photo()
    size = {"width": 400, "height": 300}
    document = coco((bad, LEFT, RIGHT), ("nobody.jpg",), (good, LEFT))
    document["images"][0] |= size
    document["images"][2] |= size

    found = take(replaced(document, where, value))

    assert [one.photo.id for one in found.new] == [good.id]
    assert any(line.startswith("images[0]") for line in found.matched.unusable)
    assert coordinator.rows(ImportedRow, ImportedRow.photo == bad.id) == []


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ([-1.9, -1.4, 100, 100], [0, 0, 98.1, 98.6]),
        ([300, 200, 101.9, 101.4], [300, 200, 400, 300]),
        ([-2.1, 0, 100, 100], None),
        ([300, 200, 102.1, 100], None),
        ([1e308, 0, 1e308, 10], None),
        ([0, 0, 1e-9, 10], []),
        ([10, 10, 0.9, 50], []),
        ([10, 10, 1.0, 50], [10, 10, 11, 60]),
    ],
)
def test_boxes_are_cut_off_at_the_border_and_refused_far_beyond_it(coordinator, take, box, kept):
    photo, other = coordinator.photo(), coordinator.photo()
    document = replaced(coco((photo, LEFT), (other,)), "annotations.0.bbox", box)

    found = take(document)

    assert len(found.matched.unusable) == (kept is None)
    if kept is not None:
        assert [row[:4] for row in stored(coordinator, photo)] == ([pytest.approx(kept)] if kept else [])
        assert found.matched.tiny == (not kept)


def test_boxes_twice_count_once_strays_are_listed_and_other_animals_are_not_read(coordinator, take):
    photo = coordinator.photo()
    document = coco((photo, LEFT, LEFT))
    document["categories"].append({"id": 8, "name": "seal"})
    document["annotations"] += [
        {"image_id": 0, "category_id": 8, "bbox": [1, 1, 9, 9]},
        {"image_id": 99, "category_id": 7, "bbox": [1, 1, 9, 9]},
        "nonsense",
    ]

    found = take(document)

    assert (found.listing.repeated, found.listing.others) == (1, 1)
    assert found.listing.stray == ["annotations[3]", "annotations[4]"]
    assert stored(coordinator, photo) == [[*LEFT, 1.0, 0.0]]


def test_a_photo_that_a_file_lists_twice_is_left_out(coordinator, take):
    photo, other = coordinator.photo(), coordinator.photo()

    found = take(coco((photo, LEFT), (photo, RIGHT), (other,)))

    assert [one.photo.id for one in found.new] == [other.id] and len(found.matched.unusable) == 2


@pytest.mark.parametrize(
    ("categories", "wanted"),
    [
        ([{"id": 7, "name": "ringed seal"}], None),
        ([{"id": 7, "name": " WALRUS"}, {"id": 8, "name": "bear"}], None),
        ([{"id": 7, "name": "морж"}, {"id": 8, "name": "медведь"}], None),
        ([{"id": 7, "name": "adult"}, {"id": 8, "name": "pup"}], "Adult"),
    ],
)
def test_the_category_is_the_named_one_or_walrus_or_the_only_one(coordinator, take, categories, wanted):
    photo = coordinator.photo()

    take(coco((photo, LEFT), categories=categories), category=wanted)

    assert len(stored(coordinator, photo)) == 1


@pytest.mark.parametrize(
    ("categories", "wanted"),
    [
        ([{"id": 7, "name": "adult"}, {"id": 8, "name": "pup"}], None),
        ([{"id": 7, "name": "adult"}], "walrus"),
        ([{"id": 7, "name": "walrus"}, {"id": 8, "name": "walrus"}], None),
        ([], None),
        ([5, {"name": "walrus"}, {"id": 7, "name": 5}], None),
    ],
)
def test_a_file_that_does_not_say_what_a_walrus_is_is_refused_with_its_categories(
    coordinator, take, categories, wanted
):
    with pytest.raises(BadImport, match="--category"):
        take(coco((coordinator.photo(), LEFT), categories=categories), category=wanted)


BAD_MEGADETECTOR = {
    "images.0.detections": [None, {}, "none"],
    "images.0.failure": ["Failure image access", 5],
    "images.0.detections.0": [None, 5, []],
    "images.0.detections.0.conf": [None, "0.9", -0.1, 1.1, True, 10**400],
    "images.0.detections.0.category": [1, None],
    "images.0.detections.0.bbox": [
        [0, 0, 1],
        [0.5, 0.5, 0.6, 0.1],
        [0, 0, 0, 0.1],
        [0, 0, 10**400, 0.1],
        [-0.1, 0, 0.3, 0.1],
    ],
    "images.0.file": [None, 5],
}


@pytest.mark.parametrize(
    ("where", "value"), [(where, value) for where, all_ in BAD_MEGADETECTOR.items() for value in all_]
)
def test_what_a_detector_says_wrongly_of_a_photo_is_listed_and_the_other_photos_are_taken(
    coordinator, take, where, value
):
    coordinator.set(starter="builtin")
    bad, good = coordinator.photo(), coordinator.photo()
    document = megadetector((bad, (1, 0.8, 0.1, 0.1, 0.2, 0.2)), (good, (1, 0.8, 0.1, 0.1, 0.2, 0.2)))

    found = take(replaced(document, where, value))

    assert [one.photo.id for one in found.new] == [good.id] and len(found.matched.unusable) == 1


@pytest.mark.parametrize("version", [None, "1.2", 1.2, "2.0", "new", "nan", "inf", [], True, 10**400])
def test_other_versions_of_the_format_are_refused(coordinator, take, version):
    document = megadetector((coordinator.photo(), (1, 0.8, 0.1, 0.1, 0.2, 0.2)), info={"format_version": version})

    with pytest.raises(BadImport, match=r"old\.json.*format_version"):
        take(document)


@pytest.mark.parametrize("categories", [{}, [], {"1": "beast"}, {"1": None}])
def test_a_detector_that_knows_no_animals_is_refused(coordinator, take, categories):
    document = megadetector((coordinator.photo(), (1, 0.8, 0.1, 0.1, 0.2, 0.2)), detection_categories=categories)

    with pytest.raises(BadImport, match="animal"):
        take(document)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'[{"image_id": 1, "score": 0.5}]',
        b"{}",
        b'{"images": [], "annotations": [], "categories": 5}',
        b'{"images": 5, "annotations": [], "categories": [{"id": 1, "name": "walrus"}]}',
        b'{"images": [], "images": [], "annotations": [], "categories": []}',
        b'{"images": [NaN]}',
        b'{"images": [Infinity]}',
        b"\xff\xfe{",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"images": ' + b"9" * 5000 + b"}",
        b'{"info": {"format_version": "1.3"}, "detection_categories": {"1": "animal"}, "images": {}}',
    ],
)
def test_what_is_no_file_of_boxes_is_refused_by_its_name_and_leaves_nothing(coordinator, take, content):
    with pytest.raises(BadImport, match=r"old\.json"):
        take(content)

    assert everything(coordinator) == [[]] * 6


@pytest.mark.parametrize("more", ['"extra": NaN', '"extra": [-Infinity]', '"images": []', '"extra": {"a": 1, "a": 1}'])
def test_a_good_file_with_anything_that_strict_json_does_not_have_is_refused(coordinator, take, more):
    content = json.dumps(coco((coordinator.photo(), LEFT)))[:-1] + f", {more}}}"

    with pytest.raises(BadImport, match=r"old\.json is no strict JSON"):
        take(content.encode())


def test_a_file_that_is_too_large_or_no_file_is_refused(coordinator, take, monkeypatch, tmp_path):
    document = coco((coordinator.photo(), LEFT))
    monkeypatch.setattr(documents, "LARGEST", len(json.dumps(document)) - 1)

    with pytest.raises(BadImport, match="Split it"):
        take(document)
    for path in (tmp_path, tmp_path / "nothing.json"):
        with pytest.raises(BadImport, match="no file"):
            import_boxes(coordinator.services, path)


def test_a_byte_order_mark_does_no_harm(coordinator, take):
    assert take(b"\xef\xbb\xbf" + json.dumps(coco((coordinator.photo(), LEFT))).encode()).voiced == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**320)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["IMG_1.PNG", "1", "walrus", "animal", "\ud800", "\x00", "[red]"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


def entries(**fields):
    return st.lists(
        st.fixed_dictionaries({}, optional={name: JSON | more for name, more in fields.items()}) | JSON, max_size=5
    )


NUMBER = st.floats(-50, 500) | st.integers(-5, 400) | st.integers(min_value=10**300)
BOX = st.lists(NUMBER, min_size=4, max_size=4)
COCO = st.fixed_dictionaries(
    {
        "images": entries(
            id=st.integers(0, 3), file_name=st.just("IMG_1.PNG"), width=st.just(400), height=st.just(300)
        ),
        "annotations": entries(image_id=st.integers(0, 3), category_id=st.just(1), bbox=BOX, iscrowd=st.just(0)),
        "categories": entries(id=st.just(1), name=st.just("walrus")),
    }
)
DETECTIONS = entries(
    category=st.sampled_from(["1", "2", "4"]),
    conf=st.floats(0, 1),
    bbox=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
MEGADETECTOR = st.fixed_dictionaries(
    {
        "info": st.just({"format_version": "1.4"}) | JSON,
        "detection_categories": st.just({"1": "animal", "2": "person"}) | JSON,
        "images": entries(file=st.just("IMG_1.PNG"), detections=DETECTIONS, failure=st.none()),
    }
)


@QUICK
@given(document=COCO | MEGADETECTOR | JSON)
def test_whatever_a_file_holds_it_is_taken_in_or_refused_in_words_and_never_half(coordinator, take, document):
    coordinator.set(starter="builtin")
    if not coordinator._photos:
        coordinator.photo()
    name = f"i{len(coordinator.rows(ImportRow))}"
    before = everything(coordinator)
    try:
        content = json.dumps(document).encode()
        found = take(content, name=name)
    except BadImport as error:
        assert everything(coordinator) == before and "old.json" in str(error)
        return
    for line in told_of(found, everything=True):
        assert line.encode() and "\x00" not in line
    for row in coordinator.rows(ImportedRow):
        boxes = np.frombuffer(row.packed).reshape(-1, 6)
        assert np.isfinite(boxes).all() and (boxes[:, 2:4] - boxes[:, :2] >= 1 - 1e-9).all()
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= 400).all() and (boxes[:, 3] <= 300).all()
    tiles = {row.id: row.word() for row in coordinator.rows(TileRow)}
    tasks = {row.id: row for row in coordinator.rows(TaskRow)}
    for answer in coordinator.rows(AnswerRow):
        vote, broken = read_vote(answer, tasks[answer.task], tiles[tasks[answer.task].subject])
        assert broken == () and len(vote.boxes) == len(answer.result)
    assert len(found.new) >= found.voiced


@QUICK
@given(
    content=st.binary(max_size=40) | st.text(alphabet='{}[],:"0123456789eE.-truefalsn \\u', max_size=40).map(str.encode)
)
def test_bytes_that_are_no_json_are_refused_in_words(take, content):
    with pytest.raises(BadImport, match=r"old\.json"):
        take(content)


def test_what_was_left_out_is_told_in_a_few_lines_or_all(coordinator, take):
    photo = coordinator.photo()
    found = take(coco((photo, LEFT), *((f"nobody-{number}.jpg", LEFT) for number in range(30))))

    few, all_ = told_of(found), told_of(found, everything=True)

    assert few[0] == "import-old: boxes of 1 photos taken in, 1 in all; 0 photos known before."
    assert any("20 more; --all" in line for line in few)
    assert sum("nobody-" in line for line in few) == 10 and sum("nobody-" in line for line in all_) == 30
