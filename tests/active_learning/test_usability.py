"""Whether a picture can be judged is a question of its own, and people answer it with different care."""

import json
from datetime import datetime

import pytest

from active_learning.usability import Usability, from_json, learn_usability, to_json, unusable
from labeling_configs.vocabulary import Person, TileId, Vote, no_boxes

NOON = datetime(2026, 11, 23, 12)


def vote(person: str, tile: str = "t", *, calls_unusable: bool = False, skipped: bool = False) -> Vote:
    return Vote(Person(person), TileId(tile), no_boxes(), (), NOON, 5.0, True, skipped, calls_unusable)


def season(tiles: int = 40) -> list[Vote]:
    """Every fourth tile is foggy; anna and boris say so, clara calls every second tile unusable."""
    return [
        vote(person, f"tile-{n:02}", calls_unusable=(n % 2 == 0) if person == "clara" else (n % 4 == 0))
        for n in range(tiles)
        for person in ("anna", "boris", "clara")
    ]


def test_nobody_says_nothing_and_strangers_who_agree_are_believed():
    assert unusable([]) == 0.0
    assert unusable([vote("anna", skipped=True)]) == 0.0
    assert unusable([vote("anna"), vote("boris")]) < 0.01
    assert unusable([vote("anna", calls_unusable=True), vote("boris", calls_unusable=True)]) > 0.95


def test_one_stranger_against_another_leaves_it_open():
    doubt = unusable([vote("anna", calls_unusable=True), vote("boris")])

    assert 0.1 < doubt < 0.6


def test_who_calls_every_second_picture_unusable_is_believed_less_than_who_is_careful():
    learned = learn_usability(season())

    careful = unusable([vote("anna", calls_unusable=True)], learned)
    careless = unusable([vote("clara", calls_unusable=True)], learned)

    assert careful > 0.9
    assert careless < careful - 0.2


def test_the_order_of_votes_does_not_matter_and_what_was_learned_survives_being_stored():
    learned, again = learn_usability(season()), learn_usability(season()[::-1])
    stored = from_json(json.loads(json.dumps(to_json(learned))))
    votes = [vote("anna"), vote("clara", calls_unusable=True)]

    assert unusable(votes, learned) == unusable(votes[::-1], again) == pytest.approx(unusable(votes, stored))


def test_before_anybody_calls_a_picture_unusable_there_is_nothing_to_learn():
    assert learn_usability([vote("anna", f"tile-{n}") for n in range(50)]) == Usability()
