"""Simulated people err as real ones do: more on small, hidden or wrongly turned animals."""

from dataclasses import replace
from datetime import datetime

import numpy as np

from haulout.simulation.people import EXPERTS, VOLUNTEERS, overlaps, truth_at
from haulout.simulation.truth import TrueAnimal, TruePhoto, boxes_of
from labeling_configs.vocabulary import FATNESS, Condition, Disturbance, IndividualId, Rectangle, Same, Side, no_boxes

TILE = Rectangle(0, 0, 1000, 800)
GOOD, CARELESS, SPAMMER = VOLUNTEERS[0], VOLUNTEERS[3], VOLUNTEERS[4]
ROCKS = np.array([[600.0, 600.0, 700.0, 650.0]])


def animal(x: float, y: float, size: float, name: str = "a", side: Side = Side.LEFT) -> TrueAnimal:
    return TrueAnimal((x, y, x + size, y + size / 2), 1.0, IndividualId(name), side, ())


HERD = tuple(animal(100.0 * place + 20, 300, 90, str(place)) for place in range(9))


def found(volunteer, animals, rng, rounds=60):
    """Share of the animals drawn with an overlap of at least one half, over many looks at the tile."""
    shares = []
    for _ in range(rounds):
        boxes, _ = volunteer.look_at(animals, TILE, no_boxes(), rng)
        shares.append((overlaps(boxes_of(animals), boxes).max(axis=1, initial=0) >= 0.5).mean())
    return np.mean(shares)


def test_the_good_find_more_than_the_careless_and_the_spammer_almost_nothing():
    rng = np.random.default_rng(1)
    good, careless, spam = (found(volunteer, HERD, rng) for volunteer in (GOOD, CARELESS, SPAMMER))
    assert good > 0.95 > careless > 0.6 > 0.1 > spam


def test_small_and_hidden_animals_are_missed_more_often():
    rng = np.random.default_rng(2)
    small = tuple(animal(100.0 * place, 300, 20) for place in range(9))
    hidden = tuple(replace(one, visible=0.27) for one in HERD)
    assert found(CARELESS, small, rng) < found(CARELESS, HERD, rng) - 0.15
    assert found(CARELESS, hidden, rng) < found(CARELESS, HERD, rng) - 0.1


def test_good_predictions_are_mostly_left_as_they_are_and_save_time():
    rng = np.random.default_rng(3)
    shown = boxes_of(HERD) + 3.0
    helped, quick = GOOD.look_at(HERD, TILE, shown, rng)
    _, slow = GOOD.look_at(HERD, TILE, no_boxes(), rng)
    kept = sum(any(np.array_equal(box, prediction) for prediction in shown) for box in helped)
    assert kept >= 6
    assert quick < slow


def test_a_prediction_on_a_rock_is_kept_less_often_than_one_on_an_animal():
    rng = np.random.default_rng(4)
    votes = [GOOD.look_at(HERD, TILE, ROCKS, rng)[0] for _ in range(200)]
    share = np.mean([overlaps(ROCKS, boxes).max() > 0.9 for boxes in votes])
    assert 0.05 < share < 0.4


def test_only_the_careless_draw_rocks():
    rng = np.random.default_rng(5)
    careful, careless = (
        sum(len(who.look_at((), TILE, no_boxes(), rng, ROCKS)[0]) for _ in range(300)) for who in (GOOD, CARELESS)
    )
    assert careful < 5 < careless


def test_a_spammer_is_impossibly_fast_and_stays_inside_the_tile():
    rng = np.random.default_rng(6)
    for _ in range(50):
        boxes, seconds = SPAMMER.look_at(HERD, TILE, boxes_of(HERD[:3]), rng)
        assert seconds <= 2
        assert boxes.shape[1] == 4
        assert (boxes >= 0).all() and (boxes[:, [0, 2]] <= 1000).all() and (boxes[:, [1, 3]] <= 800).all()


def test_the_same_seed_gives_the_same_answer():
    first, second = (GOOD.look_at(HERD, TILE, no_boxes(), np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and first[1] == second[1]


def ticks(volunteer, there, rounds=500):
    rng = np.random.default_rng(10)
    noticed = [volunteer.notices(there, rng) for _ in range(rounds)]
    return {kind: sum(kind in one for one in noticed) / rounds for kind in Disturbance}


def test_most_volunteers_tick_the_boat_that_is_there_and_hardly_one_that_is_not():
    with_boat, without = ticks(GOOD, [Disturbance.BOAT]), ticks(GOOD, [])
    assert with_boat[Disturbance.BOAT] > 0.8 > 0.02 > max(without.values())
    assert ticks(CARELESS, [Disturbance.BOAT])[Disturbance.BOAT] < with_boat[Disturbance.BOAT]


def test_a_spammer_ticks_what_is_there_no_more_often_than_what_is_not():
    spam = ticks(SPAMMER, [Disturbance.BOAT])
    assert abs(spam[Disturbance.BOAT] - spam[Disturbance.BEAR]) < 0.05


def described(conditions, size=200, rounds=500):
    rng = np.random.default_rng(11)
    seen = replace(animal(0, 0, size), conditions=conditions)
    return [EXPERTS[1].describe(seen, rng) for _ in range(rounds)]


def test_experts_mostly_say_how_a_well_seen_animal_looks_and_never_contradict_themselves():
    said = described((Condition.THIN, Condition.INJURY))
    assert 0.5 < said.count((Condition.THIN, Condition.INJURY)) / len(said) < 0.9
    assert 0.1 < said.count(()) / len(said) < 0.3
    assert any(Condition.NORMAL in one for one in said)
    assert all(sum(sign in FATNESS for sign in one) <= 1 for one in said)


def test_experts_say_nothing_of_small_animals_and_no_injury_that_is_not_there():
    assert set(described((Condition.THIN,), size=30)) == {()}
    assert not any(Condition.INJURY in one for one in described((Condition.NORMAL,)))


def answers(first, second, rounds=400):
    rng = np.random.default_rng(8)
    given = [EXPERTS[0].judge(first, second, rng)[0] for _ in range(rounds)]
    return {answer: given.count(answer) / rounds for answer in Same}


def test_experts_are_mostly_right_on_two_large_pictures_of_one_flank():
    same = answers(animal(0, 0, 300), animal(0, 0, 250))
    different = answers(animal(0, 0, 300), animal(0, 0, 250, "b"))
    assert same[Same.SAME] > 0.9 and 0 < same[Same.DIFFERENT] < 0.06
    assert different[Same.DIFFERENT] > 0.9


def test_experts_cannot_tell_left_from_right_or_small_animals():
    flanks = answers(animal(0, 0, 300), animal(0, 0, 300, side=Side.RIGHT))
    small = answers(animal(0, 0, 300), animal(0, 0, 30))
    assert flanks[Same.CANNOT_TELL] > 0.8
    assert small[Same.CANNOT_TELL] > 0.5


def test_a_gallery_gets_one_answer_for_each_candidate_in_order():
    candidates = [animal(0, 0, 300, name) for name in ("b", "a", "c")]
    given, seconds = EXPERTS[0].choose(animal(0, 0, 300), candidates, np.random.default_rng(9))
    assert given == (Same.DIFFERENT, Same.SAME, Same.DIFFERENT)
    assert seconds > 5


def test_the_truth_at_a_box_is_the_counted_animal_it_overlaps_best():
    hidden = replace(animal(500, 500, 100), visible=0.1)
    photo = TruePhoto("f", "c", datetime(2031, 8, 1), 1000, 800, "clear", (*HERD, hidden))
    empty = replace(photo, animals=())
    x1, y1, x2, y2 = HERD[4].box
    assert truth_at(photo, (x1 + 8, y1 - 3, x2, y2)) is HERD[4]
    assert truth_at(photo, hidden.box) is None
    assert truth_at(photo, (0, 0, 5, 5)) is None
    assert truth_at(empty, (0, 0, 5, 5)) is None
