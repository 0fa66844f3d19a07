"""A tile is retired, asked again or handed to an expert."""

from datetime import UTC, datetime

import numpy as np
import pytest

from active_learning.consensus import NoVotes, agree
from active_learning.retirement import Decision, Step, next_step
from labeling_configs.vocabulary import Person, TileId, Vote

WALRUS, ROCK = (0, 0, 10, 10), (50, 50, 60, 60)


def decide(*ballots):
    votes = [cast(f"p{i}", ballot) for i, ballot in enumerate(ballots)]
    try:
        return next_step(agree(votes), votes)
    except NoVotes:
        return next_step(None, votes)


def cast(person, ballot):
    rows = np.array([] if isinstance(ballot, str) else ballot, dtype=np.float64).reshape(-1, 4)
    return Vote(
        Person(person),
        TileId("t"),
        rows,
        (),
        datetime(2026, 7, 1, tzinfo=UTC),
        9.0,
        True,
        skipped=ballot == "skip",
        unusable=ballot == "unusable",
    )


@pytest.mark.parametrize(
    ("ballots", "expected"),
    [
        ([[WALRUS]], Decision(Step.ASK_MORE, 2)),
        ([[WALRUS], [WALRUS]], Decision(Step.RETIRE, 2)),
        ([[], []], Decision(Step.RETIRE, 2)),
        ([[WALRUS], []], Decision(Step.ASK_MORE, 3)),
        ([[WALRUS] * 1, [WALRUS], [WALRUS], []], Decision(Step.ASK_MORE, 5)),
        ([[WALRUS], [WALRUS], [WALRUS], [WALRUS], []], Decision(Step.RETIRE, 5)),
        ([[WALRUS], [ROCK], [WALRUS], [ROCK], []], Decision(Step.EXPERT, 5)),
        (["skip", "skip"], Decision(Step.ASK_MORE, 4)),
        (["skip"] * 5, Decision(Step.EXPERT, 5)),
        (["skip", [WALRUS], [WALRUS]], Decision(Step.RETIRE, 3)),
        (["unusable", "unusable"], Decision(Step.RETIRE, 2)),
        (["unusable", "unusable", [WALRUS], [WALRUS]], Decision(Step.ASK_MORE, 5)),
        ([], Decision(Step.ASK_MORE, 2)),
    ],
)
def test_the_next_step_follows_from_who_agrees(ballots, expected):
    assert decide(*ballots) == expected


def test_one_undecided_box_among_many_agreed_ones_keeps_the_tile_open():
    many = [(30 * i, 0, 30 * i + 20, 20) for i in range(20)]

    assert decide(many, many[:-1]).step is Step.ASK_MORE
