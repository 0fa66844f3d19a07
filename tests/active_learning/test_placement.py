"""A box lies where precise people put it, a little inside what most of them draw, and says how sure that is."""

from datetime import UTC, datetime

import numpy as np
import pytest

from active_learning.ballots import Ballots
from active_learning.consensus import agree, agree_all
from active_learning.crowd import USUAL_FINDS, Crowd, Skill
from active_learning.learning import learn_crowd
from active_learning.overlap import matched_iou
from active_learning.placement import place
from labeling_configs.vocabulary import Origin, Person, TileId, Vote

WALRUS = np.array([100.0, 100, 200, 180])


def vote(person, *boxes, tile="t", blind=True, origin=Origin.DRAWN, machine=()):
    rows, seen = (np.array(some, dtype=np.float64).reshape(-1, 4) for some in (boxes, machine))
    at = datetime(2026, 7, 1, tzinfo=UTC)
    return Vote(Person(person), TileId(tile), rows, (origin,) * len(rows), at, 9.0, blind, machine=seen)


def placed(*votes, crowd=None):
    (box,) = agree(votes, crowd).boxes
    return np.array(box.box), box.misplaced


def drawing(**spreads):
    return Crowd({Person(name): Skill(USUAL_FINDS, 0.1, spread, 100, 300) for name, spread in spreads.items()})


def test_boxes_that_two_people_drew_alike_stay_where_they_are():
    box, _ = placed(vote("a", WALRUS), vote("b", WALRUS))

    assert box == pytest.approx(WALRUS)


def test_one_wild_outline_among_many_moves_the_box_but_little():
    close = [vote(name, WALRUS + i) for i, name in enumerate("abcd")]

    box, _ = placed(*close, vote("e", WALRUS + np.array([0, 0, 80, 0])))

    assert box == pytest.approx(WALRUS + 1.5, abs=2.5)


def test_a_precise_person_is_followed_more_than_a_rough_one():
    crowd = drawing(precise=0.4, rough=3.0)

    box, _ = placed(vote("precise", WALRUS), vote("rough", WALRUS + 20), crowd=crowd)

    assert np.abs(box - WALRUS).max() < np.abs(box - (WALRUS + 20)).min()


def test_where_people_draw_too_wide_the_box_lies_inside_the_median_and_nearer_the_animal():
    rng = np.random.default_rng(5)
    outward = np.array([-1, -1, 1, 1])
    votes, medians = [], {}
    for number in range(150):
        wide = rng.exponential(8, (5, 4)) - np.where(rng.random((5, 4)) < 0.3, rng.exponential(3, (5, 4)), 0)
        outlines = WALRUS + outward * wide
        medians[f"t{number:03}"] = np.median(outlines, axis=0)
        votes += [vote(f"p{i}", outline, tile=f"t{number:03}") for i, outline in enumerate(outlines)]

    crowd = learn_crowd(votes)
    found = {tile: np.array(consensus.boxes[0].box) for tile, consensus in agree_all(votes, crowd).items()}

    inside = np.array([(medians[tile] - found[tile]) * outward for tile in medians])
    assert crowd.inward < 0.42
    assert (inside > -1e-9).all()
    assert inside.mean() > 0.5
    assert mean_iou(found) > mean_iou(medians) + 0.01


def mean_iou(found):
    rows = np.array(list(found.values()))
    return matched_iou(rows, np.tile(WALRUS, (len(rows), 1))).mean()


def test_outlines_that_were_only_kept_do_not_outvote_those_drawn_by_hand():
    machine = [WALRUS + 12]
    by_hand = [vote(name, WALRUS, machine=machine) for name in "ab"]
    kept = [vote(name, WALRUS + 12, blind=False, origin=Origin.KEPT, machine=machine) for name in "cde"]
    drawn = [vote(name, WALRUS + 12, machine=machine) for name in "cde"]

    among_kept, _ = placed(*by_hand, *kept)
    among_drawn, _ = placed(*by_hand, *drawn)

    assert placed(*kept)[0] == pytest.approx(WALRUS + 12)
    assert np.abs(among_kept - WALRUS).mean() < 5
    assert np.abs(among_drawn - WALRUS).mean() > 9


def test_a_box_that_two_people_drew_differently_is_more_likely_misplaced():
    _, alike = placed(vote("a", WALRUS), vote("b", WALRUS + 3))
    _, badly = placed(vote("a", WALRUS), vote("b", WALRUS + np.array([0, 0, 60, 40])))

    assert badly > 3 * alike


def test_the_more_people_draw_a_box_and_the_larger_it_is_the_surer_is_its_place():
    doubts = [placed(*[vote(f"p{i}", WALRUS) for i in range(many)])[1] for many in range(1, 6)]
    small = placed(vote("a", (100, 100, 112, 110)), vote("b", (100, 100, 112, 110)))[1]

    assert doubts == sorted(doubts, reverse=True)
    assert small > 2 * doubts[1]


def test_a_rough_persons_box_is_more_likely_misplaced():
    crowd = drawing(precise=0.5, rough=2.5)

    assert placed(vote("rough", WALRUS), crowd=crowd)[1] > 3 * placed(vote("precise", WALRUS), crowd=crowd)[1]


def test_no_votes_place_no_boxes():
    nothing = place(Ballots.of([]), np.zeros(0), 0.4)

    assert (nothing.boxes.shape, nothing.misplaced.shape) == ((0, 4), (0,))
