"""People who see the machine's boxes answer differently, and by how much is measured."""

import json
from datetime import datetime

import numpy as np
import pytest

from active_learning.anchoring import Share, Sway, anchoring, from_json, to_json
from labeling_configs.vocabulary import Origin, Person, TileId, Vote

NOON = datetime(2026, 11, 23, 12)


def tiles(rng: np.random.Generator, misses_blind: float, misses_shown: float, keeps: float, many: int = 60):
    """Tiles of six animals of which the machine drew three and one rock; three blind and three assisted people each."""
    corners = np.array([[100.0 * k, 50] for k in range(7)])
    everything = np.hstack([corners, corners + 60])
    animals, rock = everything[:6], everything[6:]
    machine = np.concatenate([animals[:3], rock])
    votes = []
    for number in range(many):
        for person in range(6):
            blind = person < 3
            unshown = animals[3:][rng.random(3) >= (misses_blind if blind else misses_shown)]
            believed = rock[rng.random(1) < (0.02 if blind else keeps)]
            shown = animals[:3]
            boxes = np.concatenate([shown, unshown, believed])
            origin = Origin.DRAWN if blind else Origin.KEPT
            origins = (origin,) * 3 + (Origin.DRAWN,) * len(unshown) + (origin,) * len(believed)
            tile = TileId(f"tile-{number:02}")
            votes.append(
                Vote(Person(f"p{person}"), tile, boxes, origins, NOON, 9.0, blind, machine=machine),
            )
    return votes


def test_people_who_are_shown_boxes_overlook_more_of_what_is_not_shown():
    votes = tiles(np.random.default_rng(1), misses_blind=0.1, misses_shown=0.35, keeps=0.4)

    measured = anchoring(votes)

    low, high = measured.overlooked.limits()
    assert low < 0.25 < high
    assert low > 0.1
    low, high = measured.believed.limits()
    assert low < 0.38 < high
    assert low > 0.2


def test_people_whom_the_machine_does_not_sway_show_no_difference():
    votes = tiles(np.random.default_rng(2), misses_blind=0.1, misses_shown=0.1, keeps=0.02)

    measured = anchoring(votes)

    for sway in (measured.overlooked, measured.believed):
        low, high = sway.limits()
        assert low < 0 < high
        assert high - low < 0.25


def test_without_blind_people_nothing_is_claimed():
    votes = [vote for vote in tiles(np.random.default_rng(3), 0.1, 0.3, 0.4, many=5) if not vote.blind]

    measured = anchoring(votes)

    assert measured.overlooked.blind == Share(0, 0)
    assert measured.overlooked.limits() == (-1.0, 1.0)


def test_the_order_of_votes_does_not_matter():
    votes = tiles(np.random.default_rng(4), 0.1, 0.3, 0.4, many=8)

    assert anchoring(votes) == anchoring(votes[::-1])


def test_limits_are_those_of_the_published_example():
    sway = Sway(shown=Share(56, 70), blind=Share(48, 80))

    assert sway.difference == pytest.approx(0.2)
    assert sway.limits() == pytest.approx((0.0524, 0.3339), abs=5e-4)


def test_what_was_measured_survives_being_stored():
    measured = anchoring(tiles(np.random.default_rng(5), 0.1, 0.3, 0.4, many=4))

    assert from_json(json.loads(json.dumps(to_json(measured)))) == measured
