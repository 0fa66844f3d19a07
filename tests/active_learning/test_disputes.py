"""Contradictions come out by name with both sides' evidence instead of being averaged away."""

import numpy as np

from active_learning.disputes import Saying, disputes
from active_learning.evidence import Scores, gather
from active_learning.expertise import Reliability
from active_learning.identity import Contradiction
from active_learning.partition import settle
from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same

E, F, G = Person("e"), Person("f"), Person("g")
SURE = dict.fromkeys((E, F, G), Reliability(0.97, 0.97))
SAME, DIFFERENT = Same.SAME, Same.DIFFERENT


def heard(names, chances, answers, photos=None):
    herd = [Animal(AnimalId(n), PhotoId((photos or {}).get(n, n)), (0, 0, 9, 9), 1.0) for n in names]
    told = {tuple(pair): given for pair, given in answers.items()}
    scores = Scores([tuple(pair) for pair in chances], np.array(list(chances.values()), dtype=float), 0.01)
    return disputes(settle(gather(herd, scores, told, SURE)), told)


def test_experts_who_contradict_each_other_are_a_dispute_until_a_third_decides():
    tied = {"ab": {E: SAME, F: DIFFERENT}}

    found = heard("ab", {"ab": 0.5}, tied)

    assert [(one.why, one.refused) for one in found] == [(Contradiction.EXPERTS_DISAGREE, ("a", "b"))]
    assert found[0].same == (Saying(("a", "b"), E, SAME),)
    assert found[0].different == (Saying(("a", "b"), F, DIFFERENT),)
    assert heard("ab", {"ab": 0.5}, {"ab": tied["ab"] | {G: SAME}}) == ()


def test_two_of_one_photo_that_a_chain_makes_the_same_are_a_dispute_with_the_chain():
    photos = {"a": "one", "d": "one"}
    chances = {"ab": 0.99, "cd": 0.99, "bc": 0.5}

    (found,) = heard("abcd", chances, {"bc": {E: SAME}}, photos)

    assert (found.why, found.refused, found.chain) == (Contradiction.ONE_PHOTO, ("b", "c"), tuple("abcd"))
    assert found.strength == -np.inf


def test_a_pair_called_different_inside_one_individual_is_a_dispute():
    chances = {"ab": 0.9999, "bc": 0.9999, "ac": 0.98}

    (found,) = heard("abc", chances, {"ac": {E: DIFFERENT}, "ab": {E: SAME}, "bc": {E: SAME, F: SAME}})

    assert (found.why, found.refused, found.chain) == (Contradiction.CALLED_DIFFERENT, ("a", "c"), tuple("abc"))
    assert len(found.same) == 3


def test_a_pair_called_the_same_across_a_boundary_called_different_is_a_dispute():
    chances = {"ab": 0.999, "cd": 0.999}
    answers = {"bc": {E: SAME}, "ad": {E: DIFFERENT, F: DIFFERENT}}

    (found,) = heard("abcd", chances, answers)

    assert (found.why, found.refused, found.chain) == (Contradiction.CALLED_DIFFERENT, ("b", "c"), ("b", "c"))
    assert {one.expert for one in found.different} == {E, F}


def test_experts_who_agree_with_the_catalogue_dispute_nothing():
    answers = {"ab": {E: SAME}, "bc": {E: DIFFERENT, F: Same.CANNOT_TELL}, "ax": {E: SAME}}

    assert heard("abc", {"ab": 0.9, "bc": 0.3}, answers) == ()
