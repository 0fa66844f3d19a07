"""A tile is retired, asked again or handed to an expert, as the expected cost of being wrong has it."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.consensus import NoVotes, agree
from active_learning.crowd import Crowd, Skill
from active_learning.retirement import Step, Stopping, next_step, risk
from labeling_configs.vocabulary import Consensus, ConsensusBox, Person, TileId, Vote

WALRUS, ROCK = (0, 0, 200, 160), (500, 500, 700, 640)
FINDS = np.tile([0.98, 0.9, 0.1], (3, 1))
KNOWN = Crowd({Person(f"p{i}"): Skill(FINDS, 0.02, 0.6, 100, 300) for i in range(9)}, strays=0.02, spread=0.6)
"""People who are known to be careful, so that few of them are enough."""


def decide(*ballots, crowd=KNOWN, unusable=0.0, **rules):
    votes = [cast(f"p{i}", ballot) for i, ballot in enumerate(ballots)]
    try:
        consensus = agree(votes, crowd)
    except NoVotes:
        consensus = None
    decision = next_step(consensus, votes, unusable, Stopping(**rules))
    return decision.step, decision.overlap


def cast(person, ballot):
    rows = np.array([] if isinstance(ballot, str) else ballot, dtype=np.float64).reshape(-1, 4)
    how = {"skipped": ballot == "skip", "unusable": ballot == "unusable"}
    return Vote(Person(person), TileId("t"), rows, (), datetime(2026, 7, 1, tzinfo=UTC), 9.0, True, **how)


def said(*boxes, voters=3, missed=0.0):
    """A consensus with boxes of 100 pixels, each given as its probability and how likely it is misplaced."""
    rows = tuple(ConsensusBox((0, 0, 100, 100), chance, (), misplaced) for chance, misplaced in boxes)
    return Consensus(TileId("t"), rows, voters, 1.0, missed)


@pytest.mark.parametrize(
    ("ballots", "expected"),
    [
        ([], (Step.ASK_MORE, 2)),
        ([[WALRUS]], (Step.ASK_MORE, 2)),
        ([[WALRUS], [WALRUS]], (Step.RETIRE, 2)),
        ([[WALRUS], []], (Step.ASK_MORE, 3)),
        ([[WALRUS], [], [], []], (Step.RETIRE, 4)),
        ([[WALRUS], [WALRUS], [WALRUS], []], (Step.RETIRE, 4)),
        (["skip", [WALRUS], [WALRUS]], (Step.RETIRE, 3)),
        (["skip", "skip"], (Step.ASK_MORE, 4)),
        (["skip"] * 7, (Step.EXPERT, 7)),
    ],
)
def test_the_next_step_follows_from_who_agrees(ballots, expected):
    assert decide(*ballots) == expected


def test_a_tile_without_animals_retires_on_one_vote_where_one_is_sure_enough():
    assert decide([]) == (Step.RETIRE, 1)
    assert decide([], crowd=Crowd()) == (Step.ASK_MORE, 2)
    assert decide([], [], crowd=Crowd()) == (Step.RETIRE, 2)


def test_a_tile_with_boxes_never_retires_on_one_vote_however_sure():
    sure = Crowd({Person("p0"): Skill(np.full((3, 3), 0.999) * [1, 1, 0.001], 0.001, 0.01, 9999, 9999)})

    assert agree([cast("p0", [WALRUS])], sure).boxes[0].probability > 0.99
    assert decide([WALRUS], crowd=sure, risk=0.5) == (Step.ASK_MORE, 2)


def test_skips_count_as_opened_but_not_as_answers():
    assert decide("skip", [WALRUS]) == (Step.ASK_MORE, 3)
    assert decide("skip", "skip", [WALRUS], [WALRUS]) == (Step.RETIRE, 4)
    assert decide(*["skip"] * 6, [WALRUS]) == (Step.EXPERT, 7)


def test_after_as_many_people_as_may_be_asked_an_expert_decides():
    ballots = [[WALRUS], [], [WALRUS], []]

    assert decide(*ballots, most=5, worthwhile=0) == (Step.ASK_MORE, 5)
    assert decide(*ballots, most=4, worthwhile=0) == (Step.EXPERT, 4)
    assert decide(*ballots, [WALRUS], [], [ROCK, WALRUS])[0] is Step.EXPERT


def test_nobody_more_is_asked_than_may_be():
    assert decide("skip", "skip", most=3) == (Step.ASK_MORE, 3)


def test_an_expert_is_asked_before_the_cap_when_more_people_would_not_help():
    # Everybody draws it a little differently: for ever an animal, for ever no telling where its edges are.
    vague = said((1.0, 0.06), voters=4)
    votes = [cast(f"p{i}", [WALRUS]) for i in range(4)]

    decision = next_step(vague, votes, stopping=Stopping(most=7, worthwhile=0.05))

    assert (decision.step, decision.overlap) == (Step.EXPERT, 4)
    assert decision.risk == pytest.approx(0.12)
    assert next_step(vague, votes, stopping=Stopping(most=7, worthwhile=0.01)).step is Step.ASK_MORE


def test_a_dispute_that_further_people_could_settle_is_not_handed_to_an_expert():
    assert decide([WALRUS], [], [WALRUS], []) == (Step.ASK_MORE, 5)


@pytest.mark.parametrize(
    ("ballots", "unusable", "expected"),
    [
        (["unusable", "unusable"], 0.98, (Step.RETIRE, 2)),
        (["unusable"], 0.98, (Step.ASK_MORE, 2)),
        (["unusable", "unusable"], 0.5, (Step.ASK_MORE, 3)),
        (["unusable", [WALRUS], [WALRUS]], 0.4, (Step.ASK_MORE, 4)),
        (["unusable", [WALRUS], [WALRUS]], 0.001, (Step.RETIRE, 3)),
        (["unusable", "unusable", "unusable", [WALRUS]], 0.99, (Step.RETIRE, 4)),
        (["unusable"] * 4 + [[WALRUS]] * 3, 0.5, (Step.EXPERT, 7)),
    ],
)
def test_a_tile_that_surely_cannot_be_judged_retires_and_a_doubtful_one_stays_open(ballots, unusable, expected):
    assert decide(*ballots, unusable=unusable) == expected


def test_calling_a_good_picture_unusable_is_no_answer():
    assert decide("unusable", "unusable", unusable=0.02) == (Step.ASK_MORE, 3)
    assert next_step(None, [cast("p0", "unusable")], 0.02).risk == pytest.approx(0.98)


def test_one_undecided_box_among_many_agreed_ones_keeps_the_tile_open_for_as_long_as_it_costs_too_much():
    many = [(300 * i, 0, 300 * i + 200, 160) for i in range(20)]

    assert decide(many, many[:-1], risk=0.003, worthwhile=0.001)[0] is Step.ASK_MORE
    assert decide(many, many, risk=0.003)[0] is Step.RETIRE


def test_the_risk_names_what_may_be_wrong():
    doubtful = risk(said((0.7, 0.0)), Stopping())
    rejected = risk(said((0.2, 0.5)), Stopping())
    loose = risk(said((1.0, 0.1), (1.0, 0.1)), Stopping(misplaced=2))
    unseen = risk(said(missed=0.5), Stopping(missed=3))

    assert (doubtful.existence, doubtful.placement, doubtful.missed) == pytest.approx((0.3, 0, 0))
    assert (rejected.existence, rejected.placement) == pytest.approx((0.2, 0))
    assert (loose.placement, loose.per_animal) == pytest.approx((0.4, 0.2))
    assert (unseen.missed, unseen.per_animal) == pytest.approx((1.5, 1.5))


def test_a_costly_mistake_decides_what_a_box_costs():
    assert risk(said((0.7, 0)), Stopping(false=5)).existence == pytest.approx(0.7)
    assert risk(said((0.7, 0)), Stopping(false=0.1)).existence == pytest.approx(0.03)


def test_boxes_too_small_to_count_cost_nothing():
    assert risk(said((0.5, 0.5)), Stopping(smallest=101)).per_animal == 0


chances = st.floats(0, 1)
somewhere = st.lists(st.tuples(chances, chances), max_size=5)


@given(somewhere, st.floats(0, 3), st.integers(1, 7))
@settings(max_examples=100, deadline=None)
def test_asking_is_never_foreseen_to_do_harm(boxes, missed, voters):
    consensus = said(*boxes, voters=voters, missed=missed)

    costs = [risk(consensus, Stopping(), more).per_animal for more in range(4)]

    assert all(after <= before + 1e-9 for before, after in pairwise(costs))


@given(st.lists(st.sampled_from(["skip", "unusable", "empty", "walrus", "rock"]), max_size=9), chances)
@settings(max_examples=150, deadline=None)
def test_every_tile_comes_to_an_end_and_only_open_ones_ask(answers, unusable):
    kinds = {"empty": [], "walrus": [WALRUS], "rock": [ROCK]}

    step, overlap = decide(*(kinds.get(one, one) for one in answers), unusable=unusable)

    if step is Step.ASK_MORE:
        assert len(answers) < overlap <= 7
    else:
        assert overlap == len(answers)
    if len(answers) >= 7:
        assert step is not Step.ASK_MORE
