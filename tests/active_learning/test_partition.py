"""All evidence together becomes one partition, whatever the order it came in and however it was added."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.evidence import Scores, gather
from active_learning.expertise import Reliability
from active_learning.partition import as_decided, blocks, settle
from active_learning.tempering import Tempering
from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same

SURE = {Person("e"): Reliability(0.97, 0.97), Person("f"): Reliability(0.97, 0.97)}
PRIOR = 0.01


def herd(names, photos=None):
    return [Animal(AnimalId(n), PhotoId((photos or {}).get(n, n)), (0, 0, 9, 9), 1.0) for n in names]


def scored(chances):
    return Scores([tuple(pair) for pair in chances], np.array(list(chances.values()), dtype=float), PRIOR)


def evidence(names, chances, answers=None, photos=None, **more):
    told = {tuple(pair): given for pair, given in (answers or {}).items()}
    return gather(herd(names, photos), scored(chances), told, SURE, **more)


def parts(settled):
    return ["".join(component) for component in settled.components]


def test_what_the_machine_is_sure_of_is_joined_and_what_it_doubts_is_not():
    settled = settle(evidence("abcd", {"ab": 0.99, "bc": 0.3, "cd": 0.97}))

    assert parts(settled) == ["ab", "cd"]


def test_the_prior_counts_once_per_boundary_so_that_two_doubtful_pairs_join_together():
    one = settle(evidence("abc", {"ab": 0.999, "bc": 0.4}))
    two = settle(evidence("abc", {"ab": 0.999, "bc": 0.4, "ac": 0.4}))

    assert (parts(one), parts(two)) == (["ab", "c"], ["abc"])


def test_an_expert_overrules_the_machine_both_ways():
    said = {"ab": {Person("e"): Same.DIFFERENT}, "cd": {Person("e"): Same.SAME}}

    assert parts(settle(evidence("abcd", {"ab": 0.8, "cd": 0.2}, said))) == ["a", "b", "cd"]


def test_an_expert_who_cannot_tell_changes_nothing():
    said = {"ab": {Person("e"): Same.CANNOT_TELL}}

    assert parts(settle(evidence("ab", {"ab": 0.6}, said))) == parts(settle(evidence("ab", {"ab": 0.6})))


def test_two_animals_of_one_photo_are_never_joined_and_the_surer_one_wins():
    settled = settle(evidence("abc", {"ac": 0.9999, "bc": 0.99, "ab": 0.9}, photos={"a": "one", "b": "one"}))

    assert parts(settled) == ["ac", "b"]


def test_a_barred_pair_stays_apart_whatever_speaks_for_it():
    assert parts(settle(evidence("ab", {"ab": 0.9999}, cannot_link=[("b", "a")]))) == ["a", "b"]


def test_same_burst_and_place_tips_a_doubtful_pair():
    assert parts(settle(evidence("ab", {"ab": 0.4}, bonus={("b", "a"): 3.0}))) == ["ab"]


def test_experts_cut_a_cluster_that_the_machine_has_joined_at_its_weakest_place():
    inside = dict.fromkeys(("ab", "bc", "ac", "de", "ef", "df"), 0.995)
    across = {"cd": 0.9, "af": 0.6}
    said = {"cd": {Person("e"): Same.DIFFERENT, Person("f"): Same.DIFFERENT}}

    assert parts(settle(evidence("abcdef", inside | across))) == ["abcdef"]
    assert parts(settle(evidence("abcdef", inside | across, said))) == ["abc", "def"]


def test_the_weakest_cut_says_how_sure_a_cluster_is():
    settled = settle(evidence("abc", {"ab": 0.999, "bc": 0.8}, tempering=Tempering(1, 0.3, 0)))

    assert settled.cuts[0].side == (2,)
    assert settled.cuts[0].strength == pytest.approx(np.log(0.8 / 0.2))


LETTERS = "abcdefghij"
PAIRS = [a + b for place, a in enumerate(LETTERS) for b in LETTERS[place + 1 :]]
chances = st.dictionaries(st.sampled_from(PAIRS), st.sampled_from([0.001, 0.02, 0.2, 0.6, 0.9, 0.99]), max_size=18)
sayings = st.dictionaries(
    st.sampled_from(PAIRS),
    st.dictionaries(st.sampled_from([Person("e"), Person("f")]), st.sampled_from(list(Same)), min_size=1),
    max_size=6,
)
PHOTOS = {"a": "one", "b": "one", "c": "two", "d": "two"}


@given(chances, sayings, st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_the_order_of_animals_and_evidence_never_matters_and_no_photo_holds_one_individual_twice(told, said, chance):
    there = settle(evidence(LETTERS, told, said, PHOTOS))
    shuffled = [[list(items.items()), chance.shuffle][0] for items in (told, said)]
    for items in shuffled:
        chance.shuffle(items)
    names = list(LETTERS)
    chance.shuffle(names)
    turned = {pair[::-1]: value for pair, value in shuffled[0]}

    again = settle(evidence(names, turned, dict(shuffled[1]), PHOTOS))

    assert (again.components, again.cuts) == (there.components, there.cuts)
    assert sorted("".join(parts(there))) == list(LETTERS)
    assert not any({"a", "b"} <= set(part) or {"c", "d"} <= set(part) for part in parts(there))


@given(chances, chances, sayings, sayings)
@settings(max_examples=200, deadline=None)
def test_evidence_added_bit_by_bit_gives_the_same_as_all_at_once(told, more, said, saying):
    before = settle(evidence(LETTERS[:8], told, said, PHOTOS))
    now = evidence(LETTERS, told | more, said | saying, PHOTOS)

    added, fresh = settle(now, before), settle(now)

    assert (added.components, added.cuts) == (fresh.components, fresh.cuts)


@given(chances, sayings)
@settings(max_examples=100, deadline=None)
def test_no_boundary_is_left_that_should_be_joined_and_no_cluster_that_should_be_cut(told, said):
    settled = settle(evidence(LETTERS, told, said))

    assert all(cut.strength > -1e-5 for cut in settled.cuts.values())
    ends = np.sort(settled.label[np.column_stack([settled.evidence.first, settled.evidence.second])], axis=1)
    for one, other in {tuple(pair) for pair in ends.tolist() if pair[0] != pair[1]}:
        joined = settle(merged_only(settled, one, other))
        assert joined.cuts[joined.label[one]].strength <= 1e-5 or joined.label[one] != joined.label[other]


def merged_only(settled, one, other):
    """The evidence with only the pairs across one boundary, as machine's between the two."""
    rows = np.isin(settled.label, [one, other])
    evidence = settled.evidence
    kept = rows[evidence.first] & rows[evidence.second]
    columns = ("first", "second", "machine", "scored", "experts", "same", "different", "barred")
    return replace(evidence, **{name: getattr(evidence, name)[kept] for name in columns})


def test_only_what_new_evidence_touches_is_done_again():
    told = {a + b: 0.99 for a, b in ("ab", "cd", "ef", "gh")}
    before = settle(evidence(LETTERS, told))

    after = settle(evidence(LETTERS, told | {"ac": 0.5}), before)

    assert (before.redone, after.redone) == (10, 4)
    assert len(set(blocks(after.evidence).tolist())) == 5


def test_what_was_decided_is_kept_whatever_the_evidence_says_and_its_weakest_cut_tells_how_sure_that_is():
    told = evidence("abcd", {"ab": 0.99, "bc": 0.99, "cd": 0.001})

    decided = as_decided(told, ["ab", "dc", "xy"])

    assert parts(decided) == ["ab", "cd"]
    assert decided.cuts[0].strength > 0 > decided.cuts[2].strength


def test_a_catalogue_of_nobody_can_be_decided_on():
    assert as_decided(evidence("", {}), ["ab"]).components == ()
