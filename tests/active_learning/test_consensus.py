"""Votes become one consensus, whatever their order and whoever repeats himself."""

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.ballots import EXPERT
from active_learning.consensus import NoVotes, agree, agree_all, cluster
from active_learning.crowd import Crowd, Skill
from active_learning.learning import learn_crowd
from active_learning.overlap import matched_iou
from labeling_configs.vocabulary import Origin, Person, TileId, Vote

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
WALRUS, ROCK = (0, 0, 100, 80), (500, 300, 560, 350)


def vote(person, *boxes, minute=0, tile="t", blind=True, origin=Origin.DRAWN, machine=(), **how):
    rows, seen = (np.array(some, dtype=np.float64).reshape(-1, 4) for some in (boxes, machine))
    given_at = BEGAN + timedelta(minutes=minute)
    return Vote(Person(person), TileId(tile), rows, (origin,) * len(rows), given_at, 9.0, blind, machine=seen, **how)


def kept(person, *boxes, machine=None):
    """Left the machine's boxes as they were shown, those in `machine` that are not among `boxes` removed."""
    return vote(person, *boxes, blind=False, origin=Origin.KEPT, machine=boxes if machine is None else machine)


def chance(votes, crowd=None, **how):
    """The probability of the only box that these votes show."""
    (box,) = agree(votes, crowd, **how).boxes
    return box.probability


boxes = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
answer = st.tuples(st.lists(boxes, max_size=5), st.booleans())
ballots = st.lists(answer, min_size=1, max_size=5)
machines = st.lists(boxes, max_size=2)


@given(ballots, machines, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_votes_and_of_boxes_does_not_matter(ballots, machine, chance):
    votes = [vote(f"p{i}", *drawn, blind=blind, machine=machine) for i, (drawn, blind) in enumerate(ballots)]
    shuffled = [
        vote(f"p{i}", *chance.sample(drawn, len(drawn)), blind=blind, machine=machine)
        for i, (drawn, blind) in enumerate(ballots)
    ]
    chance.shuffle(shuffled)

    assert agree(votes) == agree(shuffled)


@given(st.lists(ballots, min_size=1, max_size=4), machines)
@settings(max_examples=40, deadline=None)
def test_a_tile_alone_is_settled_as_among_others(tiles, machine):
    crowd = Crowd({Person("p0"): Skill(np.full((3, 3), 0.6), 0.5, 2.0)})
    votes = [
        vote(f"p{i}", *drawn, blind=blind, machine=machine, tile=f"t{number}")
        for number, ballots in enumerate(tiles)
        for i, (drawn, blind) in enumerate(ballots)
    ]

    together = agree_all(votes, crowd)

    for tile, found in together.items():
        alone = agree([one for one in votes if one.tile == tile], crowd)
        assert [replace(box, box=(0, 0, 0, 0), probability=0, misplaced=0) for box in alone.boxes] == [
            replace(box, box=(0, 0, 0, 0), probability=0, misplaced=0) for box in found.boxes
        ]
        assert alone.missed == pytest.approx(found.missed, rel=1e-9)
        for one, other in zip(alone.boxes, found.boxes, strict=True):
            assert (one.probability, one.misplaced) == pytest.approx((other.probability, other.misplaced), rel=1e-9)
            assert one.box == pytest.approx(other.box, abs=1e-9)


@given(ballots)
@settings(max_examples=60, deadline=None)
def test_two_boxes_of_one_person_are_never_one_animal_and_no_box_is_lost(ballots):
    votes = [vote(f"p{i}", *drawn) for i, (drawn, _) in enumerate(ballots)]

    consensus = agree(votes)

    assert all(len(set(box.drawn_by)) == len(box.drawn_by) for box in consensus.boxes)
    assert Counter(one for box in consensus.boxes for one in box.drawn_by) == Counter(
        {one.person: len(one.boxes) for one in votes if len(one.boxes)}
    )
    assert all(0 <= box.probability <= 1 and 0 <= box.misplaced <= 1 for box in consensus.boxes)
    assert consensus.missed >= 0


@given(ballots, boxes)
@settings(max_examples=40, deadline=None)
def test_who_draws_an_animal_too_never_makes_it_less_likely(ballots, box):
    votes = [vote(f"p{i}") for i in range(len(ballots))]
    drawing = [vote("p0", box), *votes[1:]]
    more = [vote(f"p{i}", box) for i in range(len(ballots))]

    assert chance(more) >= chance(drawing) - 1e-12


def test_a_box_most_people_drew_is_accepted_and_a_single_one_is_not():
    votes = [vote("a", (0, 0, 10, 10), (50, 50, 60, 60)), vote("b", (1, 0, 11, 10)), vote("c", (0, 1, 10, 18))]

    consensus = agree(votes)

    assert consensus.accepted() == pytest.approx(np.array([[0, 0, 10, 10]]), abs=0.5)
    assert [box.drawn_by for box in consensus.boxes] == [("a", "b", "c"), ("a",)]
    assert consensus.boxes[0].probability > 0.99
    assert consensus.boxes[1].probability < 0.1
    assert consensus.agreement == pytest.approx((1 + 2 / 3) / 2)


def test_of_two_strangers_a_box_that_only_one_drew_is_not_accepted():
    assert 0.1 < chance([vote("a", WALRUS), vote("b")]) < 0.5


def test_neighbours_in_a_heap_stay_two_animals():
    heap = [(0, 0, 100, 100), (40, 0, 140, 100)]

    assert len(agree([vote("a", *heap), vote("b", *heap), vote("c", heap[0])]).accepted()) == 2


def test_only_the_latest_vote_of_a_person_counts():
    votes = [vote("a", WALRUS, minute=5), vote("a", minute=1), vote("b", WALRUS)]

    consensus = agree(votes)

    assert consensus.voters == 2
    assert len(consensus.accepted()) == 1


def test_two_votes_of_one_moment_count_the_same_whoever_is_read_first():
    votes = [vote("a", WALRUS), vote("a", ROCK), vote("b", WALRUS)]

    assert agree(votes) == agree(votes[::-1])


def test_skipped_and_unusable_votes_are_no_answers():
    votes = [vote("a", WALRUS), vote("b", skipped=True), vote("c", unusable=True)]

    assert agree(votes) == agree(votes[:1])
    assert agree(votes).voters == 1
    assert agree_all(votes[1:]) == {}
    with pytest.raises(NoVotes, match="2 votes"):
        agree(votes[1:])


def test_nobody_is_asked_about_two_tiles_at_once():
    with pytest.raises(ValueError, match="agree_all"):
        agree([vote("a", tile="t"), vote("a", tile="u")])


def test_people_who_all_saw_nothing_agree():
    consensus = agree([vote("a"), vote("b")])

    assert (consensus.boxes, consensus.agreement, consensus.voters) == ((), 1.0, 2)
    assert 0 < consensus.missed < 0.05


def test_with_every_vote_fewer_animals_are_expected_that_nobody_drew():
    missed = [agree([vote(f"p{i}") for i in range(many)]).missed for many in range(1, 8)]

    assert all(after < before / 2 for before, after in pairwise(missed))


def test_a_crowded_tile_hides_more_animals_than_an_empty_one():
    many = [(200 * i, 0, 200 * i + 100, 80) for i in range(12)]

    assert agree([vote("a", *many), vote("b", *many)]).missed > 2 * agree([vote("a"), vote("b")]).missed


def test_animals_too_small_to_count_are_not_missed():
    small = Crowd()
    cut = replace(small, sizes=replace(small.sizes, cuts=np.array([30.0]), density=np.ones((3, 2)), strays=np.ones(2)))

    assert agree([vote("a")], cut, smallest=30).missed == pytest.approx(agree([vote("a")], cut).missed / 2)


def test_a_newcomer_is_neither_trusted_nor_ignored(season, drawer):
    people = {
        "careful": drawer(strays=0.01, plain=0.99),
        "careless": drawer(strays=1.5, plain=0.85),
        **{f"p{i}": drawer() for i in range(4)},
    }
    crowd = learn_crowd(season(people, 300, 3, seed=1).votes)

    careful, newcomer, careless = (chance([vote(one, WALRUS)], crowd) for one in ("careful", "newcomer", "careless"))
    denied = chance([vote("p0", WALRUS), vote("newcomer")], crowd)

    assert careful > newcomer + 0.02
    assert newcomer > careless + 0.1
    assert denied < 0.6 < chance([vote("p0", WALRUS)], crowd)


def test_a_careless_persons_lone_box_counts_less_than_a_careful_ones_once_both_are_known(season, drawer):
    people = {"careful": drawer(strays=0.01), "careless": drawer(strays=1.5), **{f"p{i}": drawer() for i in range(4)}}
    crowd = learn_crowd(season(people, 300, 3, seed=2).votes)

    careful, careless = (chance([vote(one, WALRUS), vote("p0")], crowd) for one in ("careful", "careless"))

    assert careful > 4 * careless
    assert chance([vote("careful", WALRUS)]) == chance([vote("careless", WALRUS)])


def test_somebody_without_trust_has_no_say():
    nobody = {Person("a"): 0.0}
    boxes, silence = vote("a", WALRUS), vote("a")

    assert chance([boxes, vote("b", WALRUS)], trust=nobody) == pytest.approx(chance([vote("b", WALRUS)]))
    assert chance([silence, vote("b", WALRUS)], trust=nobody) == pytest.approx(chance([vote("b", WALRUS)]))
    assert chance([boxes, vote("b")], trust=nobody) < 0.01
    assert chance([boxes], trust=nobody) < 0.1
    assert agree([silence, vote("b")], trust=nobody).missed == pytest.approx(agree([vote("b")]).missed)


@pytest.mark.parametrize("others", [[], [vote("b")], [vote("b", WALRUS)], [vote("b", WALRUS), vote("c")]])
def test_the_less_trust_the_less_a_persons_box_counts(others):
    chances = [chance([vote("a", WALRUS), *others], trust={Person("a"): say}) for say in (0, 0.25, 0.5, 0.75, 1)]

    assert chances == sorted(chances)
    assert chances[-1] == chance([vote("a", WALRUS), *others])
    assert chances[0] < chances[-1] - 0.05


def test_an_outline_of_somebody_without_trust_moves_no_box():
    votes = [vote("a", (0, 0, 140, 80)), vote("b", WALRUS)]

    (box,) = agree(votes, trust={Person("a"): 0.0}).boxes

    assert box.box == pytest.approx(WALRUS, abs=2)


def test_boxes_that_were_only_kept_count_less_than_the_same_boxes_drawn_blind():
    looked = {"machine": [WALRUS]}
    blind = chance([vote("a", WALRUS, **looked), vote("b", WALRUS, **looked)])
    assisted = chance([kept("a", WALRUS), kept("b", WALRUS)])

    assert assisted < blind
    assert 1 - assisted > 3 * (1 - blind)


def test_a_box_that_one_kept_and_another_removed_is_doubtful_and_one_that_both_removed_is_gone():
    assert 0.3 < chance([kept("a", WALRUS), kept("b", machine=[WALRUS])]) < 0.7
    assert chance([kept("a", machine=[WALRUS]), kept("b", machine=[WALRUS])]) < 0.01


def test_a_false_box_that_two_kept_stays_more_doubtful_than_one_two_drew_blind_where_people_are_known_to_keep(
    season, drawer
):
    people = {f"p{i}": drawer(keeps=0.6) for i in range(6)}
    drawn = season(people, 300, 4, seed=0, machine=0.7, assisted=0.5)
    crowd = learn_crowd(drawn.votes)
    shown = {"machine": [ROCK]}

    assisted = chance([kept("p0", ROCK), kept("p1", ROCK)], crowd)
    blind = chance([vote("p0", ROCK, **shown), vote("p1", ROCK, **shown)], crowd)
    overruled = chance([kept("p0", ROCK), kept("p1", ROCK), vote("p2", **shown)], crowd)

    assert assisted < 0.95
    assert blind > 0.97
    assert overruled < 0.6


def test_who_saw_the_machines_boxes_leaves_more_animals_unseen_where_it_showed_none():
    shown = {"machine": [ROCK], "blind": False, "origin": Origin.KEPT}
    assisted = agree([vote("a", ROCK, **shown), vote("b", ROCK, **shown)]).missed
    blind = agree([vote("a", ROCK, machine=[ROCK]), vote("b", ROCK, machine=[ROCK])]).missed

    assert assisted > 1.2 * blind


def test_the_machine_and_the_expert_are_no_voters_and_nobody_who_drew():
    consensus = agree([vote("a", WALRUS, machine=[WALRUS]), vote(EXPERT, WALRUS)])

    assert (consensus.voters, consensus.boxes[0].drawn_by, consensus.agreement) == (1, ("a",), 1.0)
    assert agree([vote(EXPERT, WALRUS)]).agreement == 1.0


def test_an_experts_word_weighs_more_than_a_persons():
    assert chance([vote(EXPERT, WALRUS), vote("a")]) > chance([vote("b", WALRUS), vote("a")]) + 0.2
    assert chance([vote(EXPERT), vote("a", WALRUS)]) < chance([vote("b"), vote("a", WALRUS)]) - 0.1


LEVELS = [(0.98, 0.8, 0.02), (0.95, 0.6, 0.05), (0.9, 0.5, 0.3), (0.8, 0.4, 0.1), (0.95, 0.7, 0.6)]


def test_probabilities_come_true_as_often_as_they_say(season, drawer):
    people = {f"p{i}": drawer(*level) for i, level in enumerate(LEVELS)}
    chances, true = [], []
    for seed in range(3):
        drawn = season(people, 300, 3, seed)
        for tile, found in agree_all(drawn.votes, learn_crowd(drawn.votes)).items():
            chances += [box.probability for box in found.boxes]
            true += matched(stacked(found), drawn.animals[tile]).tolist()

    assert 0.7 < np.mean(true) < 0.9
    assert calibration_error(np.array(chances), np.array(true)) < 0.025


def test_about_as_many_animals_are_missed_as_are_expected_to_be(season, drawer):
    people = {f"p{i}": drawer(*level) for i, level in enumerate(LEVELS)}
    missed, expected = 0, 0.0
    for seed in range(4):
        drawn = season(people, 300, 2, seed)
        found = agree_all(drawn.votes, learn_crowd(drawn.votes))
        missed += sum(np.sum(~matched(drawn.animals[tile], stacked(found[tile]), least=0.15)) for tile in found)
        expected += sum(one.missed for one in found.values())

    assert missed > 50
    assert expected == pytest.approx(missed, rel=0.4)


def stacked(consensus):
    return np.array([box.box for box in consensus.boxes]).reshape(-1, 4)


def matched(found, animals, least=0.35):
    """Say which boxes meet an animal, each animal once, best first."""
    iou = matched_iou(np.repeat(found, len(animals), axis=0), np.tile(animals, (len(found), 1)))
    iou = iou.reshape(len(found), len(animals))
    met, taken = np.zeros(len(found), dtype=bool), np.zeros(len(animals), dtype=bool)
    for flat in np.argsort(-iou, axis=None, kind="stable"):
        i, j = np.unravel_index(flat, iou.shape)
        if iou[i, j] >= least and not met[i] and not taken[j]:
            met[i] = taken[j] = True
    return met


def calibration_error(chances, true):
    bins = np.minimum((chances * 10).astype(int), 9)
    gaps = [abs(chances[bins == one].mean() - true[bins == one].mean()) * np.mean(bins == one) for one in set(bins)]
    return sum(gaps)


def test_the_best_overlap_is_joined_first():
    rows = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [1, 0, 11, 10]], dtype=np.float64)

    assert cluster(rows, [Person("a"), Person("a"), Person("b")], 0.3) == [[0, 2], [1]]


@pytest.mark.real_data
def test_seven_peoples_boxes_of_pedestrians_are_the_experts(pedestrians):
    votes, truth = pedestrians

    found = agree_all(votes, learn_crowd(votes))

    right, accepted = 0, 0
    for tile, animals in truth.items():
        boxes = found[tile].accepted()
        right += matched(boxes, animals, least=0.5).sum()
        accepted += len(boxes)
    f1 = 2 * right / (accepted + sum(map(len, truth.values())))
    assert f1 >= 0.93


@pytest.fixture
def pedestrians():
    """Return the crowd's votes, seven an image, and the experts' boxes of those images that experts marked."""
    shared = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("HAULOUT_SHARED_DATA", shared)) / "crowd_boxes_pedestrians"
    if not folder.exists():
        reason = f"no real boxes at {folder}; set HAULOUT_SHARED_DATA"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    crowd, experts = (read_votes(folder, who) for who in ("crowd", "expert"))
    truth: dict[TileId, list] = {}
    for one in experts:
        truth.setdefault(one.tile, []).append(one.boxes)
    asked = {one.tile for one in crowd}
    return crowd, {tile: np.concatenate(drawn) for tile, drawn in truth.items() if tile in asked}


def read_votes(folder, who):
    drawn = pd.read_csv(folder / f"{who}_boxes.csv", dtype={"image": str}).groupby(["image", "worker"])
    rows = {key: some[["x1", "y1", "x2", "y2"]].to_numpy(np.float64) for key, some in drawn}
    asked = pd.read_csv(folder / f"{who}_assignments.csv", dtype={"image": str})
    pairs = zip(asked["image"], asked["worker"], strict=True)
    return [vote(worker, *rows.get((image, worker), ()), tile=image) for image, worker in pairs]
