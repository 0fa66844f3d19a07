"""Votes become rows that point at each other, in an order that depends on nothing but the votes."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.ballots import MACHINE, Ballots, Sight, latest, latest_by_tile
from labeling_configs.vocabulary import Origin, Person, TileId, Vote

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
WALRUS, ROCK = (0, 0, 100, 80), (500, 300, 560, 350)


def vote(person, *boxes, tile="t", blind=True, machine=(), minute=0, origins=(), **how):
    rows, seen = (np.array(some, dtype=np.float64).reshape(-1, 4) for some in (boxes, machine))
    at = BEGAN + timedelta(minutes=minute)
    return Vote(Person(person), TileId(tile), rows, origins, at, 9.0, blind, machine=seen, **how)


def chances(ballots):
    """Who had the chance of which sight, and drew or not, at each place."""
    rows = zip(ballots.chance_place, ballots.chance_voter, ballots.chance_sight, ballots.chance_drew, strict=True)
    return {
        (int(place), ballots.people[ballots.voter_person[voter]]): (Sight(sight), bool(drew))
        for place, voter, sight, drew in rows
    }


def test_everybody_on_a_tile_has_a_chance_at_each_of_its_places_and_nobody_else_has():
    ballots = Ballots.of([vote("a", WALRUS), vote("b"), vote("c", ROCK, tile="u")])

    assert ballots.tiles == ("t", "u")
    assert chances(ballots) == {
        (0, "a"): (Sight.BLIND, True),
        (0, "b"): (Sight.BLIND, False),
        (1, "c"): (Sight.BLIND, True),
    }


def test_what_people_had_before_their_eyes_depends_on_where_the_machine_drew():
    shown = vote("a", WALRUS, ROCK, blind=False, machine=[WALRUS])
    blind = vote("b", WALRUS, machine=[WALRUS])

    seen = chances(Ballots.of([shown, blind]))

    assert (seen[0, "a"], seen[1, "a"]) == ((Sight.SHOWN, True), (Sight.UNSHOWN, True))
    assert (seen[0, "b"], seen[1, "b"]) == ((Sight.BLIND, True), (Sight.BLIND, False))
    assert (seen[0, MACHINE], seen[1, MACHINE]) == ((Sight.BLIND, True), (Sight.BLIND, False))


def test_a_machine_that_drew_nothing_was_there_only_for_those_who_were_not_blind():
    assert MACHINE in Ballots.of([vote("a", blind=False)]).people
    assert MACHINE not in Ballots.of([vote("a", blind=True)]).people


def test_only_what_was_drawn_or_moved_by_hand_is_ones_own():
    origins = (Origin.KEPT, Origin.MOVED, Origin.DRAWN)
    three = [(0, 0, 9, 9), (100, 0, 109, 9), (200, 0, 209, 9)]

    assisted = Ballots.of([vote("a", *three, origins=origins, blind=False)])
    blind = Ballots.of([vote("a", *three, origins=origins)])

    assert assisted.box_own.tolist() == [False, True, True]
    assert blind.box_own.all()


def test_skipped_and_unusable_votes_are_not_laid_out_and_the_machine_is_not_counted_as_a_voter():
    votes = [vote("a", WALRUS, machine=[WALRUS]), vote("b", skipped=True), vote("c", unusable=True)]

    ballots = Ballots.of([*votes, vote("d", tile="u", skipped=True)])

    assert ballots.tiles == ("t",)
    assert ballots.people == ("a", MACHINE)
    assert ballots.voters_of.tolist() == [1]


def test_no_votes_are_no_ballots():
    ballots = Ballots.of([])

    assert (ballots.tiles, ballots.people, len(ballots.box), len(ballots.chance_place)) == ((), (), 0, 0)


def test_trust_is_everybodys_full_say_unless_it_is_named():
    ballots = Ballots.of([vote("a"), vote("b")], {Person("b"): 0.25})

    assert ballots.voter_weight.tolist() == [1.0, 0.25]


boxes = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
given_votes = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("tuv"), st.lists(boxes, max_size=3), st.integers(0, 2)),
    max_size=10,
)


@given(given_votes, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_the_order_of_votes_does_not_matter_even_of_those_of_one_moment(answers, chance):
    votes = [vote(person, *drawn, tile=tile, minute=minute) for person, tile, drawn, minute in answers]
    shuffled = chance.sample(votes, len(votes))

    one, other = Ballots.of(votes), Ballots.of(shuffled)

    assert (one.tiles, one.people) == (other.tiles, other.people)
    columns = [column.name for column in fields(one) if column.name not in ("tiles", "people")]
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


@given(given_votes)
@settings(max_examples=80, deadline=None)
def test_places_hold_one_box_of_a_voter_at_most_and_all_on_the_voters_tile(answers):
    ballots = Ballots.of(vote(person, *drawn, tile=tile) for person, tile, drawn, _ in answers)

    pairs = list(zip(ballots.box_place.tolist(), ballots.box_voter.tolist(), strict=True))

    assert len(set(pairs)) == len(pairs)
    assert np.array_equal(ballots.place_tile[ballots.box_place], ballots.voter_tile[ballots.box_voter])
    assert ballots.chance_drew.sum() == len(pairs)
    drew = ballots.chance_drew
    assert set(pairs) == set(zip(ballots.chance_place[drew].tolist(), ballots.chance_voter[drew].tolist(), strict=True))


def test_the_latest_votes_come_by_tile_and_person():
    first, second = vote("b", WALRUS, minute=1), vote("b", ROCK, minute=2)
    other, elsewhere = vote("a", minute=9), vote("b", tile="s", minute=0)

    assert latest([second, first]) == [second]
    assert latest_by_tile([second, other, first, elsewhere]) == {"s": [elsewhere], "t": [other, second]}


def test_portions_hold_every_tile_once_and_say_what_the_whole_says():
    boxes = [(10, 10, 60, 60), (200, 10, 260, 70), (400, 10, 460, 80)]
    votes = [
        vote(person, *boxes[: (number + place) % 4], tile=f"tile-{number:02}")
        for number in range(12)
        for place, person in enumerate(("anna", "boris", "clara")[: 1 + number % 3])
    ]
    whole = Ballots.of(votes)

    portions = whole.portions(5)

    assert len(portions) > 3
    assert sum((part.tiles for part, _ in portions), ()) == whole.tiles
    for part, places in portions:
        assert (part.said != whole.said[places]).nnz == 0
        assert [part.tiles[row] for row in part.place_tile] == [whole.tiles[row] for row in whole.place_tile[places]]
        assert np.array_equal(part.box, whole.box[np.isin(whole.box_place, np.arange(places.start, places.stop))])
    assert np.array_equal(np.vstack([part.looked.toarray() for part, _ in portions]), whole.looked.toarray())
