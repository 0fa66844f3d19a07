"""Votes become one consensus, whatever their order and whoever repeats himself."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.consensus import NoVotes, agree, cluster
from labeling_configs.vocabulary import Person, TileId, Vote

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)


def vote(person, *boxes, minute=0, **how):
    rows = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Vote(Person(person), TileId("t"), rows, (), BEGAN + timedelta(minutes=minute), 9.0, True, **how)


boxes = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
ballots = st.lists(st.lists(boxes, max_size=5), min_size=1, max_size=5)


@given(ballots, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_votes_and_of_boxes_does_not_matter(ballots, chance):
    votes = [vote(f"p{i}", *drawn) for i, drawn in enumerate(ballots)]
    shuffled = [vote(f"p{i}", *chance.sample(drawn, len(drawn))) for i, drawn in enumerate(ballots)]
    chance.shuffle(shuffled)

    assert agree(votes) == agree(shuffled)


@given(ballots)
@settings(max_examples=60, deadline=None)
def test_two_boxes_of_one_person_are_never_one_animal_and_no_box_is_lost(ballots):
    consensus = agree([vote(f"p{i}", *drawn) for i, drawn in enumerate(ballots)])

    assert all(len(set(box.drawn_by)) == len(box.drawn_by) for box in consensus.boxes)
    assert sum(len(box.drawn_by) for box in consensus.boxes) == sum(map(len, ballots))


def test_a_box_most_people_drew_is_accepted_at_the_median_and_a_single_one_is_not():
    votes = [vote("a", (0, 0, 10, 10), (50, 50, 60, 60)), vote("b", (1, 0, 11, 10)), vote("c", (0, 1, 10, 18))]

    consensus = agree(votes)

    assert consensus.accepted().tolist() == [[0, 0, 10, 10]]
    assert [box.probability for box in consensus.boxes] == pytest.approx([3.1 / 3.2, 1.1 / 3.2])
    assert consensus.agreement == pytest.approx((1 + 2 / 3) / 2)


def test_a_box_that_half_of_the_people_drew_is_not_accepted():
    assert len(agree([vote("a", (0, 0, 9, 9)), vote("b")]).accepted()) == 0


def test_neighbours_in_a_heap_stay_two_animals():
    heap = [(0, 0, 100, 100), (40, 0, 140, 100)]

    assert len(agree([vote("a", *heap), vote("b", *heap), vote("c", heap[0])]).accepted()) == 2


def test_only_the_latest_vote_of_a_person_counts():
    votes = [vote("a", (0, 0, 9, 9), minute=5), vote("a", minute=1), vote("b", (0, 0, 9, 9))]

    consensus = agree(votes)

    assert consensus.voters == 2
    assert len(consensus.accepted()) == 1


def test_skipped_and_unusable_votes_are_no_answers():
    votes = [vote("a", (0, 0, 9, 9)), vote("b", skipped=True), vote("c", unusable=True)]

    assert agree(votes).voters == 1
    with pytest.raises(NoVotes, match="2 votes"):
        agree(votes[1:])


def test_people_who_all_saw_nothing_agree():
    consensus = agree([vote("a"), vote("b")])

    assert (consensus.boxes, consensus.agreement, consensus.voters) == ((), 1.0, 2)


def test_the_best_overlap_is_joined_first():
    rows = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [1, 0, 11, 10]], dtype=np.float64)

    assert cluster(rows, [Person("a"), Person("a"), Person("b")], 0.3) == [[0, 2], [1]]
