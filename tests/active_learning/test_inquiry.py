"""Experts are asked what saves most wrong identities per second, never the same pair twice."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.doubts import Cost, deciding_gain, doubts, expected_wrong, gain, is_enough
from active_learning.evidence import Scores, gather
from active_learning.expertise import Reliability
from active_learning.inquiry import Reason, audit, plan
from active_learning.partition import as_decided, settle
from active_learning.tempering import Tempering
from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same

E, F = Person("e"), Person("f")
COST = Cost()


def settled(names, chances, answers=None, photos=None):
    herd = [Animal(AnimalId(n), PhotoId((photos or {}).get(n, n)), (0, 0, 9, 9), 1.0) for n in names]
    scores = Scores([tuple(pair) for pair in chances], np.array(list(chances.values()), dtype=float), 0.01)
    told = {tuple(pair): given for pair, given in (answers or {}).items()}
    rates = dict.fromkeys((E, F), Reliability(0.97, 0.97))
    return settle(gather(herd, scores, told, rates, tempering=Tempering(1, 0.3, 0)))


def pairs(inquiries):
    return [pair for inquiry in inquiries for pair in inquiry.pairs]


def test_the_most_doubtful_pair_comes_first():
    there = settled("abcdef", {"ab": 0.02, "cd": 0.45, "ef": 0.9})

    assert pairs(plan(there, E, {}, 9, COST)) == [("c", "d"), ("e", "f"), ("a", "b")]


def test_two_herds_of_sightings_are_worth_more_than_two_animals():
    sure = dict.fromkeys(("ab", "bc", "ac", "de", "ef", "df"), 0.999)
    there = settled("abcdefxy", sure | {"cd": 0.1, "xy": 0.2})

    assert pairs(plan(there, E, {}, 1, COST)) == [("c", "d")]


def test_a_pair_asked_of_an_expert_before_is_never_asked_of_him_again_but_of_another():
    there = settled("ab", {"ab": 0.4})

    assert plan(there, E, {("a", "b"): [E]}, 9, COST) == ()
    assert pairs(plan(there, F, {("a", "b"): [E]}, 9, COST)) == [("a", "b")]


def test_a_bridge_that_holds_two_herds_together_is_checked():
    sure = dict.fromkeys(("ab", "bc", "ac", "de", "ef", "df"), 0.9999)
    there = settled("abcdef", sure | {"cd": 0.7})

    (first, *_) = plan(there, E, {}, 1, COST)

    assert (first.reason, first.pairs) == (Reason.BRIDGE, (("c", "d"),))


def test_a_contradiction_goes_to_an_expert_who_has_not_spoken():
    there = settled("ab", {"ab": 0.5}, {"ab": {E: Same.SAME, F: Same.DIFFERENT}})

    (asked,) = plan(there, Person("g"), {("a", "b"): [E, F]}, 1, COST)

    assert asked.reason is Reason.CONTRADICTION


def test_several_rivals_make_a_gallery_and_a_slow_gallery_makes_pairs():
    sure = dict.fromkeys(("ab", "cd", "ef"), 0.9999)
    there = settled("abcdefx", sure | {"ax": 0.3, "cx": 0.3, "ex": 0.3})

    (gallery,) = plan(there, E, {}, 1, COST)
    (pair,) = plan(there, E, {}, 1, Cost(gallery=90))

    assert (gallery.animal, set(gallery.candidates)) == ("x", set("ace"))
    assert len(pair.candidates) == 1


def test_nobody_is_asked_about_two_animals_of_one_photo():
    assert plan(settled("ab", {"ab": 0.5}, photos={"a": "one", "b": "one"}), E, {}, 9, COST) == ()


def test_the_bound_on_wrong_identities_adds_every_risk_and_says_when_to_stop():
    there = settled("abcd", {"ab": 0.3, "cd": 0.8})

    assert expected_wrong(there) == pytest.approx(0.3 + 0.2)
    assert is_enough(there, 0.51) and not is_enough(there, 0.49)


def test_an_answer_of_a_careless_expert_gains_less():
    there = doubts(settled("ab", {"ab": 0.4}))

    sure, careless, blind = (gain(there, Cost(reliability=Reliability(r, r)))[0] for r in (0.97, 0.7, 0.5))

    assert sure > careless > blind == pytest.approx(0, abs=1e-12)


def test_audits_are_drawn_with_a_stated_chance_among_pairs_nobody_was_asked():
    there = settled("abcdef", {"ab": 0.1, "bc": 0.2, "cd": 0.5, "ef": 0.9})

    drawn = [audit(there, E, {("a", "b"): [F]}, 1, COST, np.random.default_rng(seed))[0] for seed in range(200)]

    assert {one.pairs[0] for one in drawn} == {("b", "c"), ("c", "d"), ("e", "f")}
    assert {one.chance for one in drawn} == {1 / 3}
    assert drawn[0].reason is Reason.AUDIT


LETTERS = "abcdefgh"
PAIRS = [a + b for place, a in enumerate(LETTERS) for b in LETTERS[place + 1 :]]


@given(
    st.dictionaries(st.sampled_from(PAIRS), st.sampled_from([0.01, 0.2, 0.5, 0.9, 0.999]), max_size=16),
    st.sets(st.sampled_from(PAIRS), max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_known_no_question_repeats_itself_or_gains_nothing(chances, asked):
    there = settled(LETTERS, chances)

    planned = plan(there, E, {tuple(pair): [E] for pair in asked}, 9, COST)

    found = pairs(planned)
    assert len(set(found)) == len(found)
    assert not set(found) & {tuple(pair) for pair in asked}
    assert all(inquiry.gain > 0 for inquiry in planned)


TWO = partial(deciding_gain, agreeing=2)


def test_where_experts_alone_merge_the_likeliest_pair_comes_first_however_sure_the_machine_is():
    there = as_decided(settled("abcdef", {"ab": 0.02, "cd": 0.45, "ef": 0.999}).evidence, [])

    assert pairs(plan(there, E, {}, 9, COST, worth=TWO)) == [("e", "f"), ("c", "d"), ("a", "b")]


def test_a_question_that_is_likelier_to_harm_than_to_help_is_not_asked():
    there = as_decided(settled("abcd", {"ab": 0.0001, "cd": 0.01}).evidence, [])

    assert pairs(plan(there, E, {}, 9, COST, worth=TWO)) == [("c", "d")]


def test_the_gain_of_a_question_is_what_it_merges_rightly_less_what_it_merges_wrongly():
    found = doubts(as_decided(settled("ab", {"ab": 0.4}).evidence, []))
    rates = Reliability(same=0.9, different=0.8)

    (gained,) = deciding_gain(found, Cost(reliability=rates, cannot_tell=0.1), 2)

    assert gained == pytest.approx(0.9 * (0.4 * 0.9**2 - 0.6 * 0.2**2))


def test_a_split_of_what_was_merged_against_the_evidence_is_worth_asking_for():
    there = as_decided(settled("abc", {"ab": 0.999, "bc": 0.001}).evidence, ["abc"])

    (first, *_) = plan(there, E, {}, 9, COST, worth=TWO)

    assert (first.reason, first.pairs) == (Reason.BRIDGE, (("b", "c"),))


@pytest.mark.parametrize(("distinct", "shown"), [(None, 3), ("abcd", 2), ("ab", 1), ("", 1)])
def test_only_individuals_known_to_be_distinct_are_shown_in_one_gallery(distinct, shown):
    sure = {"ab": 0.9999, "cd": 0.9999}
    there = settled("abcdex", sure | {"ax": 0.3, "cx": 0.3, "ex": 0.3})

    found = plan(there, E, {}, 1, COST, distinct=distinct)

    assert [len(one.candidates) for one in found] == [shown]
