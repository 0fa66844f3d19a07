"""Who is who: from experts' answers on pairs and galleries to individuals, and to the next questions."""

import numpy as np
import pytest

from haulout.collect import collect
from haulout.db import writing
from haulout.identify.step import embed_animals
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    BrokenRow,
    ConditionRow,
    DisputeRow,
    EmbeddingRow,
    IndividualRow,
    LikenessRow,
    MarkRow,
    SideRow,
    SightingRow,
    TaskRow,
)
from labeling_configs import gallery, pair
from labeling_configs.vocabulary import AnimalId, Condition, Mark, MarkKind, Rectangle, Same, Side
from tests.platform.beach import BIG, SMALL, VERSION, Beach


@pytest.fixture
def beach(coordinator) -> Beach:
    return Beach(coordinator)


def test_animals_that_look_alike_are_asked_about_most_alike_first_and_never_twice(beach, coordinator):
    for name, looks in (("a", (1, 0)), ("b", (1, 0.1)), ("c", (0, 1))):
        beach.animal(name, looks)
    coordinator.set(pairs_per_run=2)
    beach.services = coordinator.services

    first, again = beach.plan(), beach.plan()

    best = max(coordinator.rows(TaskRow), key=lambda task: task.priority)
    assert len(first) == 2 and again == first
    assert best.subject == "a|b"
    assert all(task.details["reason"] in ("boundary", "audit") for task in coordinator.rows(TaskRow))


def test_two_who_are_the_same_to_most_experts_become_one_individual(beach):
    for name in ("a", "b", "c"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    for expert in ("elena", "finn"):
        beach.judge(expert, "a", "b", Same.SAME)
        beach.judge(expert, "b", "c", Same.SAME)

    assert beach.settle() == {("a", "b", "c")}


def test_an_individual_keeps_its_code_when_it_is_seen_again(beach, coordinator):
    for name in ("a", "b", "c"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    for expert in ("elena", "finn"):
        beach.judge(expert, "a", "b", Same.SAME)
    beach.settle()
    (code,) = {row.individual for row in coordinator.rows(SightingRow)}
    for expert in ("elena", "finn"):
        beach.judge(expert, "b", "c", Same.SAME)

    beach.settle()

    assert {row.individual for row in coordinator.rows(SightingRow)} == {code}
    assert len(coordinator.rows(SightingRow)) == 3 and len(coordinator.rows(IndividualRow)) == 1


def test_a_dispute_is_written_down_and_one_more_expert_is_asked(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    beach.judge("elena", "a", "b", Same.SAME)
    beach.judge("finn", "a", "b", Same.DIFFERENT)

    individuals = beach.settle()
    beach.plan()

    (dispute,) = coordinator.rows(DisputeRow)
    task = coordinator.task("a|b", "pair")
    assert individuals == {("a",), ("b",)}
    assert (dispute.first, dispute.second) == ("a", "b")
    assert (task.state, task.overlap) == ("open", 3)


def test_a_question_stays_open_until_enough_different_experts_have_answered(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()

    beach.judge("elena", "a", "b", Same.SAME)
    beach.judge("elena", "a", "b", Same.SAME)
    beach.settle()
    after_one = beach.plan()
    beach.judge("finn", "a", "b", Same.SAME)
    beach.settle()

    assert after_one == {"pair:a|b"}
    assert beach.plan() == set()


def test_animals_too_small_to_recognise_are_never_asked_about(beach):
    beach.animal("a", (1, 0))
    beach.animal("b", (1, 0), box=SMALL)
    beach.animal("c", (1, 0), box=SMALL)

    assert beach.plan() == set()


def test_two_animals_in_one_photo_are_never_compared(beach, coordinator):
    photo = coordinator.photo([BIG, (150, 50, 250, 150)])
    beach.animal("a", (1, 0), photo=photo)
    beach.animal("b", (1, 0), (150, 50, 250, 150), photo)

    assert beach.plan() == set()


def test_an_animal_between_two_individuals_is_shown_both_in_a_gallery(beach, coordinator):
    known_individuals(beach)
    beach.animal("x", (1, 0.19))

    planned = beach.plan()

    task = coordinator.task("x", "gallery")
    assert "gallery:x" in planned
    assert len(task.details["candidates"]) == 2 == len(set(task.details["candidates"].values()))


def known_individuals(beach) -> None:
    """Two individuals, each seen twice, that look nearly alike."""
    for name, looks in (("a", (1, 0.2)), ("b", (1, 0.2)), ("c", (1, 0.18)), ("d", (1, 0.18))):
        beach.animal(name, looks)
    beach.plan()
    for expert in ("elena", "finn"):
        for first, second, same in (("a", "b", Same.SAME), ("c", "d", Same.SAME), ("a", "c", Same.DIFFERENT)):
            beach.judge(expert, first, second, same)
    beach.settle()


def test_a_choice_in_a_gallery_joins_that_individual_and_a_new_walrus_joins_none(beach, coordinator):
    known_individuals(beach)
    for name in ("x", "y"):
        beach.animal(name, (1, 0.19))
    beach.plan()
    chosen = min(coordinator.task("x", "gallery").details["candidates"])
    for expert in ("elena", "finn"):
        coordinator.say(expert, "x", gallery.write(chosen), "gallery")
        coordinator.say(expert, "y", gallery.write(gallery.NEW), "gallery")

    individuals = beach.settle()

    (with_x,) = [animals for animals in individuals if "x" in animals]
    assert set(with_x) in ({"a", "b", "x"}, {"c", "d", "x"}) and chosen in with_x
    assert ("y",) in individuals


def test_a_question_about_an_animal_that_is_gone_is_taken_back(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    with writing(coordinator.services.database) as session:
        session.delete(session.get_one(EmbeddingRow, ("a", VERSION)))
        session.delete(session.get_one(LikenessRow, ("a", "b")))
        session.flush()
        session.delete(session.get_one(AnimalRow, "a"))

    assert beach.plan() == set()
    assert ("retire", coordinator.task("a|b", "pair").label_studio_task) in coordinator.label_studio.calls


def test_marks_are_kept_where_the_expert_pointed(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    beach.judge("elena", "a", "b", Same.SAME, marks=[(AnimalId("a"), Mark(MarkKind.SCAR, 40, 70))])

    beach.settle()
    beach.settle()

    (mark,) = coordinator.rows(MarkRow)
    assert (mark.animal, mark.kind, mark.person) == ("a", "scar", "person-1")
    assert (mark.x, mark.y) == pytest.approx((40, 70))


def test_the_side_that_an_expert_saw_is_kept_as_they_said_it_last(beach, coordinator):
    for name in ("a", "b", "c"):
        beach.animal(name, (1, 0.1))
    beach.ask(("a", "b"), ("a", "c"))
    crop = Rectangle(*BIG)
    for subject, side in (("a|b", Side.LEFT), ("a|c", Side.RIGHT)):
        first, second = map(AnimalId, subject.split("|"))
        said = pair.write(Same.SAME, first, second, crop, crop, sides=[(first, side), (second, Side.FRONT)])
        coordinator.say("elena", subject, said, "pair")

    beach.settle()
    beach.settle()

    kept = {(row.animal, row.side) for row in coordinator.rows(SideRow)}
    assert kept == {("a", "right"), ("b", "front"), ("c", "front")}


def conditions(coordinator) -> set[tuple[str, str, str]]:
    return {(row.animal, row.sign, row.person) for row in coordinator.rows(ConditionRow)}


def test_how_animals_look_is_kept_by_expert_and_rebuilding_gives_the_same(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    beach.judge("elena", "a", "b", Same.SAME, looks=[("a", Condition.THIN), ("a", Condition.INJURY)])
    beach.judge("finn", "a", "b", Same.CANNOT_TELL, looks=[("a", Condition.THIN), ("b", Condition.FAT)])

    beach.settle()
    first = [row.model_dump(exclude={"id"}) for row in coordinator.rows(ConditionRow)]
    beach.settle()

    assert conditions(coordinator) == {
        ("a", "thin", "person-1"),
        ("a", "injury", "person-1"),
        ("a", "thin", "person-2"),
        ("b", "fat", "person-2"),
    }
    given = {answer.person: answer.given_at for answer in coordinator.rows(AnswerRow)}
    assert all(row.at == given[row.person] for row in coordinator.rows(ConditionRow))
    assert [row.model_dump(exclude={"id"}) for row in coordinator.rows(ConditionRow)] == first


def test_an_expert_who_sees_an_animal_in_two_pairs_has_said_what_they_said_last(beach, coordinator):
    for name in ("a", "b", "c"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    beach.judge("elena", "a", "b", Same.SAME, looks=[("a", Condition.THIN), ("b", Condition.NORMAL)])
    beach.judge("elena", "a", "c", Same.SAME, looks=[("a", Condition.NORMAL)])
    beach.judge("elena", "b", "c", Same.SAME)

    beach.settle()

    assert conditions(coordinator) == {("a", "normal", "person-1"), ("b", "normal", "person-1")}


def test_answers_that_are_taken_back_or_changed_describe_nobody_any_more(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    gone = beach.judge("elena", "a", "b", Same.SAME, looks=[("a", Condition.THIN)])
    changed = beach.judge("finn", "a", "b", Same.SAME, looks=[("a", Condition.FAT)])
    beach.settle()
    crop = Rectangle(*BIG)
    coordinator.label_studio.delete_answer(gone)
    coordinator.person("finn").change(changed, pair.write(Same.SAME, AnimalId("a"), AnimalId("b"), crop, crop))
    collect(coordinator.services, sweep=True)

    beach.settle()

    assert conditions(coordinator) == set()


def test_an_expert_s_contradiction_is_noted_and_left_out(beach, coordinator):
    for name in ("a", "b"):
        beach.animal(name, (1, 0.1))
    beach.plan()
    beach.judge("elena", "a", "b", Same.SAME, looks=[("a", Condition.THIN), ("a", Condition.FAT)])
    beach.judge("finn", "a", "b", Same.SAME)

    assert beach.settle() == {("a", "b")}
    assert conditions(coordinator) == set()
    assert [row.what for row in coordinator.rows(BrokenRow)] == ["condition_first"]


def test_each_animal_is_embedded_once(beach, coordinator):
    class Lengths:
        """Says of a crop how wide and high it is."""

        version = "reid-0007"

        def embed(self, crops):
            return np.array([crop.shape[:2] for crop in crops], dtype=np.float64)

    beach.animal("a", (1, 0))
    beach.animal("b", (1, 0), box=SMALL)

    embedded = [embed_animals(coordinator.services, Lengths()) for _ in range(2)]

    rows = coordinator.rows(EmbeddingRow, EmbeddingRow.model == "reid-0007")
    assert embedded == [2, 0]
    assert [np.frombuffer(row.packed, np.float16).tolist() for row in rows] == [[100, 100], [40, 40]]
