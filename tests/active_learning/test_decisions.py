"""The catalogue as a ledger of decisions: what was decided can be told again and taken back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.decisions import (
    BrokenLedger,
    Change,
    Decision,
    Move,
    NotUndone,
    follow,
    in_force,
    overruling,
    replay,
    split,
    undo,
)

ANIMALS = "abcdefgh"
PARTITIONS = st.lists(st.lists(st.integers(0, 4), min_size=len(ANIMALS), max_size=len(ANIMALS)), min_size=1, max_size=6)


class Ledger:
    """Decisions written down one after the other."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    @property
    def catalogue(self):
        return replay(self.decisions)

    @property
    def used(self):
        return {move.after for decision in self.decisions for move in decision.moves if move.after}

    def write(self, *decisions: Decision) -> None:
        for decision in decisions:
            self.decisions.append(replace(decision, number=len(self.decisions) + 1))

    def say(self, *components: str) -> list[Change]:
        """Let the components be what the experts' answers lead to."""
        drafts = follow(self.catalogue, [tuple(one) for one in components], self.used)
        self.write(*drafts)
        return [draft.change for draft in drafts]

    def groups(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for animal, code in sorted(self.catalogue.items()):
            found[code] = found.get(code, "") + animal
        return found


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_each_individual_is_named_joined_merged_and_split_by_a_decision_of_its_own(ledger):
    assert ledger.say("ab", "c") == [Change.NAMED, Change.NAMED]
    assert ledger.say("ab", "cd", "e") == [Change.JOINED, Change.NAMED]
    assert ledger.say("abcd", "e") == [Change.MERGED]
    assert ledger.groups() == {"W0001": "abcd", "W0003": "e"}
    assert ledger.say("ab", "cd", "e") == [Change.SPLIT]
    assert ledger.groups() == {"W0001": "ab", "W0003": "e", "W0004": "cd"}


def test_nothing_new_decides_nothing(ledger):
    ledger.say("ab", "c")

    assert ledger.say("ab", "c") == []


def test_undoing_a_merge_gives_everybody_their_name_back_and_holds_them_apart(ledger):
    ledger.say("ab", "cd")
    before = ledger.catalogue
    ledger.say("abcd")

    ledger.write(undo(ledger.decisions, 3))

    assert ledger.catalogue == before
    assert overruling(ledger.decisions) == ({("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")}, [])


def test_who_was_seen_after_a_merge_stays_when_it_is_undone(ledger):
    ledger.say("ab", "cd")
    ledger.say("abcd")
    ledger.say("abcde")

    ledger.write(undo(ledger.decisions, 3))

    assert ledger.groups() == {"W0001": "abe", "W0002": "cd"}


def test_an_undoing_can_be_undone_and_then_holds_nothing_apart(ledger):
    ledger.say("ab", "cd")
    ledger.say("abcd")
    merged = ledger.catalogue
    ledger.write(undo(ledger.decisions, 3))

    ledger.write(undo(ledger.decisions, 4))

    assert ledger.catalogue == merged
    assert overruling(ledger.decisions) == (set(), [])
    assert [one.number for one in in_force(ledger.decisions)] == [1, 2, 3, 5]


def test_a_split_by_a_person_holds_apart_until_it_is_undone_which_holds_together(ledger):
    ledger.say("abcd")

    ledger.write(split(ledger.catalogue, "W0001", "cd", ledger.used))
    apart, groups = overruling(ledger.decisions), ledger.groups()
    ledger.write(undo(ledger.decisions, 2))

    assert groups == {"W0001": "ab", "W0002": "cd"}
    assert apart == ({("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")}, [])
    assert overruling(ledger.decisions) == (set(), [tuple("abcd")])
    assert ledger.groups() == {"W0001": "abcd"}


def test_a_code_is_never_given_to_somebody_else(ledger):
    ledger.say("a", "b")
    ledger.say("ab")
    ledger.say("ab", "c")

    assert ledger.groups() == {"W0001": "ab", "W0003": "c"}


@pytest.mark.parametrize(
    ("which", "why"),
    [(9, "there is no decision 9"), (1, "a name once given stays"), (3, "was undone before"), (2, "later decisions")],
)
def test_what_cannot_be_undone_is_refused_with_the_reason(ledger, which, why):
    ledger.say("ab", "cd")  # 1 and 2
    ledger.say("abcd")
    ledger.write(undo(ledger.decisions, 3))
    if which == 2:
        which = len(ledger.decisions) + 1
        ledger.say("ab", "cde")
        ledger.say("abe", "cd")

    with pytest.raises(NotUndone, match=why):
        undo(ledger.decisions, which)


@pytest.mark.parametrize(
    ("parting", "why"), [("ab", "not none and not all"), ("", "not none"), ("ax", "x is no sighting")]
)
def test_a_split_that_makes_no_sense_is_refused(ledger, parting, why):
    ledger.say("ab")

    with pytest.raises(NotUndone, match=why):
        split(ledger.catalogue, "W0001", parting, ledger.used)


def test_a_ledger_with_a_missing_decision_is_found_out(ledger):
    ledger.say("a", "b")
    ledger.say("ab")

    with pytest.raises(BrokenLedger, match="takes b from W0002"):
        replay([ledger.decisions[0], ledger.decisions[2]])


@given(PARTITIONS)
def test_whatever_the_experts_say_the_ledger_says_the_same_and_no_code_returns(labels):
    ledger = Ledger()
    retired: set[str] = set()
    for label in labels:
        groups = [
            "".join(a for a, one in zip(ANIMALS, label, strict=True) if one == group) for group in sorted(set(label))
        ]
        groups.sort()
        before = set(ledger.catalogue.values())

        ledger.say(*groups)

        now = set(ledger.catalogue.values())
        assert sorted(ledger.groups().values()) == groups
        assert not retired & (now - before)
        retired |= before - now


@given(PARTITIONS)
def test_undoing_the_last_decisions_one_by_one_restores_every_catalogue_before(labels):
    ledger = Ledger()
    for label in labels:
        ledger.say(*("".join(a for a, one in zip(ANIMALS, label, strict=True) if one == g) for g in sorted(set(label))))
    total = len(ledger.decisions)
    for number in range(total, 0, -1):
        if ledger.decisions[number - 1].change is Change.NAMED:
            break

        ledger.write(undo(ledger.decisions, number))

        assert ledger.catalogue == replay(ledger.decisions[: number - 1])


def test_a_move_says_where_from_and_where_to():
    ledger = Ledger()
    ledger.say("a")

    assert ledger.decisions[0].moves == (Move("a", None, "W0001"),)
