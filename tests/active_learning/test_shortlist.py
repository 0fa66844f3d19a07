"""Experts compare look-alikes whose answer changes the catalogue."""

import numpy as np

from active_learning.shortlist import candidate_pairs, gallery_for
from labeling_configs.vocabulary import Animal, AnimalId, Individual, IndividualId, PhotoId


def animal(name, photo=None):
    return Animal(AnimalId(name), PhotoId(photo or f"photo {name}"), (0, 0, 9, 9), 1.0)


def at(*degrees):
    return np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def names(pairs):
    return [(pair.first, pair.second) for pair in pairs]


def test_the_most_alike_pair_comes_first_and_each_pair_once():
    pairs = candidate_pairs([animal(name) for name in "cab"], at(0, 90, 10))

    assert names(pairs) == [("b", "c"), ("a", "b"), ("a", "c")]
    assert np.isclose(pairs[0].similarity, np.cos(np.radians(10)))


def test_two_animals_of_one_photo_are_never_a_question():
    together = [animal("a", "one"), animal("b", "one"), animal("c")]

    assert names(candidate_pairs(together, at(0, 1, 90))) == [("b", "c"), ("a", "c")]


def test_judged_pairs_and_animals_known_to_be_one_are_not_asked_again():
    herd = [animal(name) for name in "abcd"]
    one = {AnimalId("c"): IndividualId("W0001"), AnimalId("d"): IndividualId("W0001")}

    asked = names(candidate_pairs(herd, at(0, 10, 20, 30), judged=[("b", "a")], individual_of=one))

    assert sorted(asked) == [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]


def test_nobody_is_in_more_pairs_of_his_own_than_asked_for():
    rng = np.random.default_rng(0)
    herd = [animal(f"{i:04}") for i in range(1500)]

    pairs = candidate_pairs(herd, rng.normal(size=(1500, 16)), per_animal=3)

    assert 1500 * 3 / 2 <= len(pairs) <= 1500 * 3


def test_the_most_alike_come_first_though_only_one_of_them_has_the_other_nearest():
    pairs = candidate_pairs([animal(name) for name in "abcde"], at(0, 8, 20, 60, 74), per_animal=1)

    assert names(pairs) == [("a", "b"), ("b", "c"), ("d", "e")]
    assert pairs[0].usefulness > pairs[1].usefulness > pairs[2].usefulness


def test_no_animals_and_a_lonely_one_have_no_pairs():
    assert candidate_pairs([], np.zeros((0, 4))) == ()
    assert candidate_pairs([animal("a")], at(0)) == ()


def test_a_gallery_shows_the_most_alike_individuals_by_their_best_sighting():
    herd = [animal(name) for name in "abcd"]
    catalogue = [
        Individual(IndividualId("W0001"), (AnimalId("a"), AnimalId("b"))),
        Individual(IndividualId("W0002"), (AnimalId("c"),)),
        Individual(IndividualId("W0003"), (AnimalId("d"), AnimalId("unknown"))),
    ]

    shown = gallery_for(animal("new"), at(12)[0], herd, at(0, 10, 50, 90), catalogue, most=2)

    assert [(one.individual, one.sighting) for one in shown] == [("W0001", "b"), ("W0002", "c")]


def test_a_gallery_leaves_out_whoever_was_in_the_same_photo_or_was_compared_before():
    herd = [animal("a", "one"), animal("b"), animal("c")]
    catalogue = [Individual(IndividualId(f"W{i}"), (one.id,)) for i, one in enumerate(herd)]

    shown = gallery_for(animal("new", "one"), at(0)[0], herd, at(0, 1, 2), catalogue, judged=[("b", "new")])

    assert [one.sighting for one in shown] == ["c"]


def test_a_gallery_without_any_animal_is_empty():
    assert gallery_for(animal("new"), at(0)[0], [], np.zeros((0, 2)), []) == ()
