"""Agreed verdicts become components and contradictions become disputes."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.identity import Contradiction, Dispute, settle_identities
from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same, Verdict

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
SAME, DIFFERENT, UNSURE = Same.SAME, Same.DIFFERENT, Same.CANNOT_TELL


def herd(names, photos=None):
    return [Animal(AnimalId(n), PhotoId((photos or {}).get(n, n)), (0, 0, 9, 9), 1.0) for n in names]


def said(pair, answer=SAME, expert="e", minute=0, confidence=None):
    when = BEGAN + timedelta(minutes=minute)
    return Verdict(Person(expert), AnimalId(pair[0]), AnimalId(pair[1]), answer, when, 9.0, confidence=confidence)


def parts(identities):
    return ["".join(component) for component in identities.components]


def test_a_chain_of_agreed_verdicts_is_one_individual_in_order_of_time():
    identities = settle_identities(herd("dcba"), [said("ab"), said("bd")])

    assert parts(identities) == ["dba", "c"]
    assert identities.disputes == ()


def test_cannot_tell_joins_nobody_and_disputes_nothing():
    identities = settle_identities(herd("ab"), [said("ab", UNSURE)])

    assert (parts(identities), identities.disputes) == (["a", "b"], ())


def test_experts_who_contradict_each_other_are_a_dispute_until_a_third_decides():
    tied = [said("ab", SAME, "e"), said("ba", DIFFERENT, "f")]

    identities = settle_identities(herd("ab"), tied)

    assert parts(identities) == ["a", "b"]
    assert identities.disputes == (Dispute(("a", "b"), ("a", "b"), Contradiction.EXPERTS_DISAGREE),)
    assert parts(settle_identities(herd("ab"), [*tied, said("ab", SAME, "g")])) == ["ab"]
    assert parts(settle_identities(herd("ab"), [*tied, said("ab", DIFFERENT, "g")])) == ["a", "b"]


def test_an_expert_who_changes_his_mind_counts_once():
    changed = [said("ab", DIFFERENT, minute=9), said("ba", SAME, minute=1)]

    assert parts(settle_identities(herd("ab"), changed)) == ["a", "b"]


def test_two_animals_of_one_photo_are_never_merged_and_the_weakest_link_of_the_chain_is_refused():
    animals = herd("abcd", {"a": "one", "d": "one"})
    verdicts = [said("ab"), said("ab", expert="f"), said("bc"), said("cd"), said("cd", expert="f")]

    identities = settle_identities(animals, verdicts)

    assert parts(identities) == ["ab", "cd"]
    assert identities.disputes == (Dispute(("a", "b", "c", "d"), ("b", "c"), Contradiction.ONE_PHOTO),)


def test_two_animals_called_different_are_not_merged_by_way_of_a_third():
    verdicts = [said("ab", confidence=3), said("bc", confidence=1), said("ac", DIFFERENT)]

    identities = settle_identities(herd("abc"), verdicts)

    assert parts(identities) == ["ab", "c"]
    assert identities.disputes == (Dispute(("a", "b", "c"), ("b", "c"), Contradiction.CALLED_DIFFERENT),)


def test_animals_known_to_be_apart_stay_apart():
    assert parts(settle_identities(herd("ab"), [said("ab")], cannot_link=[("b", "a")])) == ["a", "b"]


def test_verdicts_on_animals_that_are_gone_and_on_one_animal_twice_are_passed_over():
    assert parts(settle_identities(herd("ab"), [said("ax"), said("aa")])) == ["a", "b"]


letters = st.sampled_from("abcdefgh")
judgements = st.lists(
    st.tuples(letters, letters, st.sampled_from(list(Same)), st.sampled_from("ef"), st.integers(0, 3)), max_size=25
)


@given(judgements, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_of_verdicts_never_matters_and_no_photo_holds_one_individual_twice(judgements, chance):
    animals = herd("abcdefgh", {"a": "one", "b": "one", "c": "two", "d": "two"})
    verdicts = [said(a + b, answer, expert, minute) for a, b, answer, expert, minute in judgements]
    identities = settle_identities(animals, verdicts)
    chance.shuffle(verdicts)

    assert settle_identities(animals, verdicts) == identities
    assert sorted("".join(parts(identities))) == list("abcdefgh")
    assert not any({"a", "b"} <= set(part) or {"c", "d"} <= set(part) for part in parts(identities))


@pytest.mark.timeout(20)
def test_a_long_chain_is_settled_in_no_time():
    names = [f"{i:05}" for i in range(4000)]
    verdicts = [said((a, b)) for a, b in pairwise(names)]

    assert len(settle_identities(herd(names), verdicts).components) == 1
