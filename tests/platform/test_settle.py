"""Votes become a consensus, a consensus becomes animals, and doubt becomes a question."""

import pytest

from haulout.collect import collect
from haulout.db import writing
from haulout.dispatch import dispatch
from haulout.selection import select_batch
from haulout.settle import settle
from haulout.tables import (
    AnimalRow,
    BrokenRow,
    ConditionRow,
    ConsensusRow,
    DisputeRow,
    EmbeddingRow,
    IndividualRow,
    MarkRow,
    SightingRow,
    TaskRow,
    TileRow,
)
from labeling_configs.vocabulary import PhotoId, Rectangle, Tile, TileId

LEFT, RIGHT = (20, 50, 120, 150), (220, 50, 320, 150)


@pytest.fixture
def tile(coordinator):
    photo = coordinator.photo([LEFT, RIGHT])
    select_batch(coordinator.services)
    dispatch(coordinator.services)
    return coordinator.tile(photo)


def take_in(coordinator) -> int:
    collect(coordinator.services, sweep=True)
    return settle(coordinator.services)


def test_three_people_who_agree_settle_a_tile_and_name_its_animals(coordinator, tile):
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, tile, LEFT, RIGHT)

    take_in(coordinator)

    (consensus,) = coordinator.rows(ConsensusRow)
    assert (consensus.state, consensus.voters, consensus.agreement) == ("agreed", 3, 1.0)
    assert sorted(animal.box for animal in coordinator.rows(AnimalRow)) == [pytest.approx(LEFT), pytest.approx(RIGHT)]
    assert coordinator.task(tile.id).state == "retired"


def test_people_who_disagree_are_joined_by_one_more_and_at_last_by_an_expert(coordinator, tile):
    overlaps = []
    for names, boxes in ((("anna", "boris", "clara"), [LEFT]), (("dorota",), []), (("emil",), [])):
        for place, name in enumerate(names):
            coordinator.draw(name, tile, *(boxes if place != 1 else [RIGHT]))
        take_in(coordinator)
        overlaps.append(coordinator.task(tile.id).overlap)

    dispute = coordinator.task(tile.id, "box_dispute")
    assert overlaps == [4, 5, 5]
    assert coordinator.rows(ConsensusRow)[0].state == "disputed"
    assert (coordinator.task(tile.id).state, dispute.state, dispute.overlap) == ("retired", "open", 1)
    assert coordinator.rows(AnimalRow) == []


def test_what_an_expert_says_of_a_dispute_is_the_consensus(coordinator, tile):
    for place, name in enumerate(("anna", "boris", "clara", "dorota", "emil")):
        coordinator.draw(name, tile, *([LEFT] if place % 2 else [RIGHT]))
    take_in(coordinator)
    dispatch(coordinator.services)

    coordinator.draw("elena", tile, LEFT, question="box_dispute")
    take_in(coordinator)

    (consensus,), (animal,) = coordinator.rows(ConsensusRow), coordinator.rows(AnimalRow)
    assert (consensus.state, consensus.boxes[0][5]) == ("agreed", ["person-6"])
    assert animal.box == pytest.approx(LEFT)
    assert coordinator.task(tile.id, "box_dispute").state == "retired"


def test_a_tile_that_most_call_unusable_is_not_settled_by_the_one_who_drew(coordinator, tile):
    coordinator.draw("anna", tile, LEFT)
    for name in ("boris", "clara", "dorota"):
        coordinator.draw(name, tile, unusable=True)

    take_in(coordinator)

    assert coordinator.rows(ConsensusRow)[0].state == "unusable"
    assert coordinator.rows(AnimalRow) == []


def test_an_animal_whose_box_moves_a_little_stays_the_same_animal_in_the_same_crop(coordinator, tile):
    answers = [coordinator.draw(name, tile, LEFT) for name in ("anna", "boris", "clara")]
    take_in(coordinator)
    (before,) = coordinator.rows(AnimalRow)

    result = coordinator.label_studio.tasks[coordinator.task(tile.id).label_studio_task].answers[answers[0]].result
    wider = [{**region, "value": {**region["value"], "width": region["value"]["width"] * 1.2}} for region in result]
    for name, answer in zip(("anna", "boris"), answers, strict=False):
        coordinator.person(name).change(answer, wider)
    take_in(coordinator)

    (after,) = coordinator.rows(AnimalRow)
    assert (after.id, after.crop) == (before.id, before.crop)
    assert before.box[2] < after.box[2] <= 140


def test_an_animal_that_people_take_back_goes_with_all_that_was_derived_from_it(coordinator, tile):
    answers = [coordinator.draw(name, tile, LEFT, RIGHT) for name in ("anna", "boris", "clara")]
    take_in(coordinator)
    first, second = (animal.id for animal in coordinator.rows(AnimalRow))
    with writing(coordinator.services.database) as session:
        session.add(IndividualRow(id="W0001", first_animal=first, named_at=coordinator.services.now()))
        session.flush()
        session.add(SightingRow(animal=first, individual="W0001"))
        session.add(MarkRow(animal=first, kind="scar", x=30, y=60, person="person-1"))
        session.add(ConditionRow(animal=first, sign="thin", person="person-1", at=coordinator.services.now()))
        session.add(EmbeddingRow(animal=first, model="reid-frozen", packed=b""))
        session.add(DisputeRow(first=first, second=second, reason="one_photo"))

    for name, answer in zip(("anna", "boris", "clara"), answers, strict=True):
        coordinator.person(name).change(answer, [])
    take_in(coordinator)

    for table in (AnimalRow, SightingRow, MarkRow, ConditionRow, EmbeddingRow, DisputeRow):
        assert coordinator.rows(table) == []


def test_a_deleted_answer_opens_the_tile_again(coordinator, tile):
    answers = [coordinator.draw(name, tile, LEFT) for name in ("anna", "boris", "clara")]
    take_in(coordinator)

    for answer in answers[:2]:
        coordinator.label_studio.delete_answer(answer)
    take_in(coordinator)

    assert (coordinator.rows(ConsensusRow)[0].state, coordinator.rows(ConsensusRow)[0].voters) == ("open", 1)
    assert coordinator.task(tile.id).state == "open"
    assert coordinator.rows(AnimalRow) == []


def test_only_tiles_with_new_answers_are_settled_and_rebuilding_all_gives_the_same(coordinator, tile):
    for name in ("anna", "boris", "clara"):
        coordinator.draw(name, tile, LEFT, RIGHT)
    settled = [take_in(coordinator), take_in(coordinator)]
    before = [row.model_dump(exclude={"settled_at"}) for row in coordinator.rows(AnimalRow)]

    rebuilt = settle(coordinator.services, everything=True)

    assert (settled, rebuilt) == ([1, 0], 1)
    assert [row.model_dump(exclude={"settled_at"}) for row in coordinator.rows(AnimalRow)] == before


def test_a_part_that_cannot_be_read_is_noted_once_and_the_rest_counts(coordinator, tile):
    for name in ("anna", "boris"):
        coordinator.draw(name, tile, LEFT)
    good = coordinator.label_studio.tasks[coordinator.task(tile.id).label_studio_task]
    region = next(iter(good.answers.values())).result[0]
    strange = {**region, "id": "strange", "value": {**region["value"], "rectanglelabels": ["seal"]}}
    coordinator.say("clara", tile.id, [region, strange])

    take_in(coordinator)
    settle(coordinator.services, everything=True)

    (broken,) = coordinator.rows(BrokenRow)
    assert "seal" in broken.reason
    assert coordinator.rows(ConsensusRow)[0].state == "agreed"
    assert len(coordinator.rows(TaskRow)) == 1


def test_an_animal_cut_by_the_edges_of_two_tiles_is_one_animal(coordinator):
    across, photo = (150, 100, 250, 200), coordinator.photo()
    halves = [
        Tile(TileId("left"), PhotoId(photo.id), Rectangle(0, 0, 220, 300), Rectangle(0, 0, 200, 300)),
        Tile(TileId("right"), PhotoId(photo.id), Rectangle(180, 0, 400, 300), Rectangle(200, 0, 400, 300)),
    ]
    for half in halves:
        coordinator.store(TileRow.of(half))
        coordinator.store(
            TaskRow(question="boxes", subject=half.id, key=half.id, overlap=2, created_at=photo.ingested_at)
        )
    dispatch(coordinator.services)

    animals = []
    for half, piece in zip(halves, [(150, 100, 220, 200), (180, 100, 250, 200)], strict=True):
        for name in ("anna", "boris"):
            coordinator.draw(name, half, piece)
        take_in(coordinator)
        animals.append(coordinator.rows(AnimalRow))

    (alone,), (whole,) = animals
    assert whole.box == pytest.approx(across, abs=1)
    assert (whole.id, whole.tile) == (alone.id, "right")
