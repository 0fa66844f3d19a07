"""The chance that a photo holds an animal, from its boxes and its looks."""

import json

import numpy as np
import pytest

from active_learning.triage import UNTAUGHT, Looked, Triage, learn


def season(photos: int, seed: int, *, rocks: bool = False):
    """Photos of twenty days: boxes score higher on animals; looks tell of animals when rocks score like them."""
    rng = np.random.default_rng(seed)
    occupied = rng.random(photos) < 0.5
    scores = [rng.beta(5, 2, rng.integers(1, 6)) if here or rocks else rng.beta(1, 6, 3) for here in occupied]
    looks = rng.normal(size=(photos, 12))
    looks[:, 0] += 3 * occupied
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    return Looked.of(scores, list(looks)), occupied, [f"day-{number % 20}" for number in range(photos)]


def test_photos_with_animals_get_higher_chances_on_days_never_seen():
    photos, occupied, days = season(300, 0)
    fresh, truth, _ = season(300, 1)

    triage, held_out = learn(photos, occupied, days)

    for chances, right in ((held_out, occupied), (triage.chances(fresh), truth)):
        assert np.median(chances[right]) > 0.9 and np.median(chances[~right]) < 0.1
        assert chances.mean() == pytest.approx(right.mean(), abs=0.05), "chances add up to the photos with animals"


def test_looks_tell_where_rocks_score_like_animals():
    photos, occupied, days = season(400, 2, rocks=True)
    blind = Looked(photos.boxes, photos.looks[:, :0])

    seeing, blind_chances = learn(photos, occupied, days)[1], learn(blind, occupied, days)[1]

    assert np.mean((seeing > 0.5) == occupied) > 0.8 > np.mean((blind_chances > 0.5) == occupied)


def test_a_day_says_nothing_of_itself():
    """Labels are chance, but each day has its own look: only who peeks at the day could foretell them."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(40), 10)
    occupied = (rng.random(40) < 0.5)[days]
    looks = np.eye(40)[days]

    _, held_out = learn(Looked.of([np.array([0.5])] * 400, list(looks)), occupied, [str(day) for day in days])

    assert abs(np.mean((held_out > 0.5) == occupied) - 0.5) < 0.2


def test_before_enough_is_labelled_the_boxes_are_believed():
    photos = Looked.of([np.array([0.5, 0.5]), np.zeros(0)], [np.zeros(0)] * 2)

    triage, held_out = learn(photos, np.array([True, False]), ["a", "b"])

    assert triage == UNTAUGHT
    assert held_out == pytest.approx([0.75, 0.0], abs=1e-3)


def test_what_was_learned_is_stored_and_read_as_it_was():
    photos, occupied, days = season(100, 4)
    triage, _ = learn(photos, occupied, days)

    again = Triage.of(json.loads(json.dumps(triage.to_json())))

    assert again.chances(photos) == pytest.approx(triage.chances(photos))


def test_learning_twice_is_the_same():
    photos, occupied, days = season(100, 5)
    first, second = learn(photos, occupied, days), learn(photos, occupied, days)
    assert first[0] == second[0] and (first[1] == second[1]).all()
