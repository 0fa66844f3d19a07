"""A box is confirmed by another person who has one there, on the same tile."""

from datetime import UTC, datetime, timedelta

import numpy as np

from active_learning.confirmation import MOST_BOXES, in_columns
from labeling_configs.vocabulary import Origin, Person, TileId, Vote

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
WALRUS, ROCK = (0, 0, 100, 80), (500, 300, 560, 350)


def vote(person, *boxes, tile="t", minute=0, **how):
    rows = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    how = {"origins": (), "seconds": 9.0, "blind": True} | how
    return Vote(Person(person), TileId(tile), rows, given_at=BEGAN + timedelta(minutes=minute), **how)


def confirmed(*votes):
    """Say whose box, of which row among all boxes, who else confirms."""
    columns = in_columns(votes)
    person = [one.person for one in columns.votes]
    pairs = zip(columns.box.tolist(), columns.voter.tolist(), strict=True)
    return sorted((person[columns.owner[box]], box, person[voter]) for box, voter in pairs)


def test_two_people_confirm_each_others_box_and_neither_his_own():
    assert confirmed(vote("a", WALRUS, WALRUS), vote("b", WALRUS), vote("c", ROCK)) == [
        ("a", 0, "b"),
        ("a", 1, "b"),
        ("b", 2, "a"),
    ]


def test_boxes_of_different_tiles_confirm_nothing():
    assert confirmed(vote("a", WALRUS), vote("b", WALRUS, tile="u")) == []


def test_only_the_latest_answer_confirms_and_a_skip_never_does():
    votes = [vote("a", WALRUS), vote("b", WALRUS), vote("b", ROCK, minute=1), vote("c", WALRUS, skipped=True)]

    assert confirmed(*votes) == []
    assert [one.person for one in in_columns(votes).votes] == ["a", "b"]


def test_what_was_done_with_boxes_is_counted():
    origins = (Origin.KEPT, Origin.MOVED)
    columns = in_columns([vote("a", WALRUS, ROCK, WALRUS, origins=origins, deleted=np.zeros((2, 4)), seconds=5.0)])

    assert (columns.kept.tolist(), columns.drawn.tolist(), columns.changed.tolist()) == ([1], [1], [3])
    assert columns.left.tolist() == [True, False, False]
    assert columns.seconds.tolist() == [5.0]


def test_a_hostile_answer_is_compared_in_part_and_counted_in_full():
    columns = in_columns([vote("a", *[WALRUS] * (MOST_BOXES + 9)), vote("b", WALRUS)])

    assert columns.drawn.tolist() == [MOST_BOXES + 9, 1]
    assert len(columns.owner) == MOST_BOXES + 1


def test_no_votes_have_no_columns():
    columns = in_columns([])

    assert columns.by_person() == []
    assert len(columns.box) == len(columns.owner) == 0
