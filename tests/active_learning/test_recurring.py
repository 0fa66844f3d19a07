"""What is a rock and what is a walrus that sleeps."""

from dataclasses import replace

import numpy as np
import pytest

from active_learning.recurring import Rules, Watched, find_recurring, lying_on, reaches
from labeling_configs.vocabulary import Rectangle

ROCK = np.array([100.0, 100, 140, 130])
WHOLE = Rectangle(0, 0, 800, 600)
NOBODY = np.zeros((0, 4))


def watch(
    days: range | list[int], per_day: int = 4, box=ROCK, jitter: float = 1.0, seen: float = 0.9, empty=(0, 9)
) -> Watched:
    """A camera that takes some photos a day; the box is there in most, and people looked on the days `empty`."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.array(days), per_day)
    there = np.flatnonzero(rng.random(len(day)) < seen)
    boxes = box + rng.normal(0, jitter, (len(there), 4))
    settled = tuple((int(np.flatnonzero(day == one)[0]), WHOLE, NOBODY) for one in empty if one in day)
    return Watched(day, np.ones(len(day), bool), there, boxes, np.full(len(there), 0.4), settled)


def test_a_box_that_comes_back_for_weeks_where_people_saw_nothing_is_proposed():
    (place,) = find_recurring(watch(range(30)), Rules())

    assert np.abs(np.array(place.box) - ROCK).max() < 1
    assert (place.first, place.last, place.days, place.emptied, place.occupied) == (0, 29, 30, 2, 0)
    assert place.photos > 0.8 * place.visible == 0.8 * 120
    assert 0 in {watch(range(30)).day[photo] for photo in place.examples}


def test_a_walrus_that_sleeps_through_three_days_of_a_photo_a_minute_is_not():
    assert find_recurring(watch(range(3), per_day=1440, empty=(0, 2)), Rules()) == ()


def test_a_place_seen_on_many_days_of_two_weeks_waits_for_the_third():
    assert find_recurring(watch(range(20)), Rules()) == ()
    assert len(find_recurring(watch(range(20)), Rules(weeks=2))) == 1


def test_a_few_days_far_apart_are_not_weeks():
    assert find_recurring(watch([0, 1, 2, 28, 29], per_day=20, empty=(0, 29)), Rules()) == ()


def test_a_favourite_place_that_is_empty_half_of_the_time_is_not_proposed():
    assert find_recurring(watch(range(40), seen=0.4), Rules()) == ()


def test_boxes_that_move_are_alive():
    assert find_recurring(watch(range(40), jitter=7), Rules()) == ()


def test_nothing_is_proposed_before_people_found_the_place_empty_on_two_days():
    assert find_recurring(watch(range(40), empty=(3,)), Rules()) == ()
    assert find_recurring(watch(range(40), empty=()), Rules()) == ()


def test_a_place_where_people_found_animals_is_not_proposed():
    watched = watch(range(40), empty=range(0, 40, 4))
    animals = tuple((photo + 1, WHOLE, ROCK[None] + 2) for photo, _, _ in watched.settled)
    assert find_recurring(watched, Rules())
    assert find_recurring(replace(watched, settled=watched.settled + animals), Rules()) == ()


def test_people_who_looked_elsewhere_have_not_seen_the_place():
    watched = watch(range(40))
    elsewhere = tuple((photo, Rectangle(400, 0, 800, 600), boxes) for photo, _, boxes in watched.settled)
    assert find_recurring(replace(watched, settled=elsewhere), Rules()) == ()


def test_nights_and_fog_do_not_count_against_a_place():
    watched = watch(range(40), per_day=2, seen=1.0)
    hidden = np.arange(len(watched.day)) % 2 == 1
    night = replace(watched, visible=~hidden).without(hidden[watched.photo])

    (place,) = find_recurring(night, Rules(share=0.9))

    assert (place.photos, place.visible) == (40, 40)


def test_two_rocks_among_walruses_are_both_found_and_no_walrus_is():
    rng = np.random.default_rng(1)
    first, second = watch(range(30)), watch(range(30), box=np.array([300.0, 200, 420, 280]))
    photo = np.repeat(np.arange(120), 30)
    corner = rng.uniform(0, 500, (len(photo), 2))
    walruses = np.hstack([corner, corner + rng.uniform(40, 80, (len(photo), 2))])
    parts = [first.boxes, second.boxes, walruses]
    everything = replace(
        first,
        photo=np.concatenate([first.photo, second.photo, photo]),
        boxes=np.concatenate(parts),
        scores=np.full(sum(len(part) for part in parts), 0.4),
    )

    places = find_recurring(everything, Rules())

    assert sorted(round(place.box[0], -1) for place in places) == [100, 300]


def test_a_camera_without_boxes_has_no_places():
    empty = Watched(np.arange(5), np.ones(5, bool), np.zeros(0, int), NOBODY, np.zeros(0))
    assert find_recurring(empty, Rules()) == ()


@pytest.mark.parametrize(
    ("box", "score", "thing"),
    [
        (ROCK, 0.4, True),
        (ROCK + 2, 0.55, True),
        (ROCK, 0.9, False),
        (ROCK + np.array([-15, -15, 15, 15]), 0.4, False),
        (ROCK + np.array([10, 8, -10, -8]), 0.4, False),
        (ROCK + 100, 0.4, False),
    ],
    ids=["the rock", "the rock, a little surer", "much surer", "larger", "smaller", "elsewhere"],
)
def test_only_the_same_box_lies_on_a_place(box, score, thing):
    assert lying_on(box[None], np.array([score]), ROCK, best=0.45).tolist() == [thing]


def test_a_thing_stays_as_long_as_it_is_seen_again_within_weeks():
    assert reaches(np.array([5, 12, 30, 80]), last=10, weeks=3) == 30
    assert reaches(np.array([], dtype=int), last=10, weeks=3) == 10
