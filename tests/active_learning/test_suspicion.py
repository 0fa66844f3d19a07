"""Spam is found within a few tiles, the honest and careless are left alone, and the limits of comparing are known."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from active_learning.suspicion import Limits, SuspicionKind, suspicions, trust
from labeling_configs.vocabulary import Boxes, Origin, Person, TileId, Vote

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
WIDTH, HEIGHT = 1200, 900


@dataclass(frozen=True)
class Scene:
    """A drawn tile: where animals are, how easily each is overlooked, and what the machine shows (None when blind)."""

    animals: Boxes
    hidden: np.ndarray
    machine: Boxes | None


def rectangles(count, rng):
    corner = rng.uniform(0, [WIDTH - 200, HEIGHT - 150], (count, 2))
    return np.concatenate([corner, corner + rng.uniform([60, 45], [200, 150], (count, 2))], axis=1)


def wobbly(boxes, jitter, rng):
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + rng.normal(0, 1, boxes.shape) * jitter * sides


def scene(rng, blind=0.15):
    """A quarter of the tiles is empty; the machine finds 70 % of the animals and draws 0.7 false boxes."""
    animals = rectangles(0 if rng.random() < 0.25 else 1 + rng.poisson(3), rng)
    shown = np.concatenate(
        [wobbly(animals[rng.random(len(animals)) < 0.7], 0.04, rng), rectangles(rng.poisson(0.7), rng)]
    )
    return Scene(animals, rng.beta(0.7, 1.4, len(animals)) * 3, None if rng.random() < blind else shown)


def honest(scene, rng, misses=0.15, false=0.25, jitter=0.07, pace=1.0):
    """Someone careless who overlooks hidden animals more often than plain ones, and leaves a quarter of false boxes."""
    found = scene.animals[rng.random(len(scene.animals)) > np.minimum(misses * scene.hidden, 0.9)]
    shown = scene.machine if scene.machine is not None else np.zeros((0, 4))
    near = np.array([[iou(a, b) > 0.4 for b in found] for a in shown], dtype=bool).reshape(len(shown), len(found))
    keeps = rng.random(len(shown)) < np.where(near.any(axis=1), 0.95, 0.25)
    fresh = np.concatenate([found[~near[keeps].any(axis=0)], rectangles(rng.poisson(false), rng)])
    boxes = np.concatenate([shown[keeps], wobbly(fresh, jitter, rng)])
    origins = (Origin.KEPT,) * int(keeps.sum()) + (Origin.DRAWN,) * len(fresh)
    seconds = pace * (4 + 3 * len(fresh) + keeps.sum()) * rng.lognormal(0, 0.4)
    return dict(boxes=boxes, origins=origins, seconds=seconds, deleted=shown[~keeps])


def flood(scene, rng):
    boxes = rectangles(int(rng.integers(25, 60)), rng)
    return dict(boxes=boxes, origins=(Origin.DRAWN,) * len(boxes), seconds=90.0)


def click_empty(scene, rng):
    shown = scene.machine if scene.machine is not None else np.zeros((0, 4))
    return dict(boxes=np.zeros((0, 4)), origins=(), seconds=4.0, deleted=shown)


def copy(scene, rng):
    if scene.machine is None:
        return honest(scene, rng)
    return dict(boxes=scene.machine, origins=(Origin.KEPT,) * len(scene.machine), seconds=6.0)


def rush(scene, rng):
    return honest(scene, rng) | dict(seconds=rng.uniform(0.2, 0.8))


def draw_anything(scene, rng):
    boxes = rectangles(int(rng.integers(0, 6)), rng)
    return dict(boxes=boxes, origins=(Origin.DRAWN,) * len(boxes), seconds=12.0)


SPAM = {
    SuspicionKind.BOX_FLOOD: flood,
    SuspicionKind.EMPTY_CLICKS: click_empty,
    SuspicionKind.COPIED_PREDICTIONS: copy,
    SuspicionKind.IMPOSSIBLE_SPEED: rush,
    SuspicionKind.RANDOM_BOXES: draw_anything,
}


def iou(a, b):
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def vote(person, number, scene, answer):
    at = BEGAN + timedelta(minutes=number)
    return Vote(Person(person), TileId(f"t{number:04}"), given_at=at, blind=scene.machine is None, **answer)


def season(people, tiles, rng, each=4, always=()):
    """`each` people answer a tile, those in `always` among them; `people` maps names to how they answer."""
    votes, rest = [], [name for name in people if name not in always]
    for number in range(tiles):
        look = scene(rng)
        names = [*always, *rng.choice(rest, each - len(always), replace=False)]
        votes += [vote(name, number, look, people[name](look, rng)) for name in names]
    return votes


def crowd(count, **how):
    return {f"h{i}": lambda look, rng: honest(look, rng, **how) for i in range(count)}


def tiles_until_found(kind, rng, most=30):
    votes = season({**crowd(6), "spam": SPAM[kind]}, most, rng, always=("spam",))
    for number in range(1, most + 1):
        now = [one for one in votes if one.tile < f"t{number:04}"]
        if any(one.person == "spam" and one.kind is kind for one in suspicions(now)):
            return number
    return most + 1


@pytest.mark.parametrize("kind", SuspicionKind)
def test_every_kind_of_spam_is_found_within_ten_tiles_on_average_and_never_after_twenty(kind):
    rng = np.random.default_rng(7)

    needed = [tiles_until_found(kind, rng) for _ in range(25)]

    assert np.mean(needed) <= 10
    assert max(needed) <= 20


def test_at_most_one_honest_careless_person_in_a_hundred_is_suspected_within_fifty_tiles():
    seasons = [season(crowd(20), 250, np.random.default_rng(seed)) for seed in range(15)]

    accused = [one for votes in seasons for one in suspicions(votes)]

    assert len(accused) <= 0.01 * 20 * len(seasons)


def test_the_most_careless_of_a_careful_crowd_is_not_suspected():
    careful = {f"h{i}": lambda look, rng: honest(look, rng, 0.05, 0.05, 0.03) for i in range(9)}
    people = {**careful, "careless": lambda look, rng: honest(look, rng, 0.3, 0.5, 0.1, pace=0.4)}

    accused = [suspicions(season(people, 125, np.random.default_rng(seed))) for seed in range(12)]

    assert accused == [()] * 12


def test_the_order_of_votes_does_not_matter():
    rng = np.random.default_rng(3)
    votes = season({**crowd(6), "spam": flood, "empty": click_empty}, 60, rng)
    shuffled = [votes[i] for i in rng.permutation(len(votes))]

    assert suspicions(votes) == suspicions(shuffled) != ()


def test_two_people_who_saw_nothing_wrong_and_no_votes_at_all_raise_no_suspicion():
    rng = np.random.default_rng(0)

    assert suspicions([]) == ()
    assert suspicions(season(crowd(2), 20, rng, each=2)) == ()


@pytest.mark.parametrize("kind", SuspicionKind)
def test_among_a_majority_of_spammers_who_do_not_collude_the_honest_person_is_not_suspected(kind):
    people = {"honest": honest, **{f"s{i}": SPAM[kind] for i in range(6)}}

    accused = suspicions(season(people, 50, np.random.default_rng(5), always=("honest",)))

    assert "honest" not in {one.person for one in accused}


def test_a_few_honest_people_who_meet_still_find_the_spammers_who_outnumber_them():
    people = {**crowd(5), **{f"{kind}{i}": answer for kind, answer in SPAM.items() for i in range(2)}}

    accused = {one.person for one in suspicions(season(people, 250, np.random.default_rng(5)))}

    assert not {name for name in accused if name.startswith("h")}
    assert len(accused) >= 8


def test_colluders_who_draw_the_same_false_boxes_make_the_honest_person_look_random():
    """The limit of comparing people with each other: whoever is outvoted everywhere looks guilty; gold must tell."""
    rng, votes = np.random.default_rng(2), []
    for number in range(20):
        look, lie = scene(rng, blind=1), rectangles(4, rng)
        same = dict(boxes=lie, origins=(Origin.DRAWN,) * 4, seconds=20.0)
        votes += [vote(name, number, look, same) for name in ("c1", "c2", "c3")]
        votes.append(vote("honest", number, look, honest(look, rng, misses=0)))

    accused = suspicions(votes)

    assert {one.person for one in accused} == {"honest"}
    assert "nobody else confirms" in {one.kind: one.reason for one in accused}[SuspicionKind.RANDOM_BOXES]


def test_one_bad_day_is_no_conviction_and_years_of_good_work_are_no_licence():
    rng = np.random.default_rng(4)
    votes = season(crowd(6), 60, rng, always=("h0",))

    def with_flood(tiles):
        return [
            replace(one, **flood(None, np.random.default_rng(9))) if one.person == "h0" and one.tile in tiles else one
            for one in votes
        ]

    three_bad = with_flood({f"t{number:04}" for number in range(57, 60)})
    eight_bad = with_flood({f"t{number:04}" for number in range(52, 60)})

    assert suspicions(three_bad) == ()
    assert "h0" in {one.person for one in suspicions(eight_bad)}


def test_copying_is_only_sought_where_predictions_were_shown():
    votes = season({**crowd(6), "spam": copy}, 40, np.random.default_rng(6), always=("spam",))

    shown = suspicions(votes)
    hidden = suspicions([replace(one, blind=True) for one in votes])

    assert SuspicionKind.COPIED_PREDICTIONS in {one.kind for one in shown}
    assert SuspicionKind.COPIED_PREDICTIONS not in {one.kind for one in hidden}


def test_someone_who_deletes_boxes_that_others_keep_is_no_copier():
    rng = np.random.default_rng(6)
    votes = season({**crowd(6), "spam": copy}, 40, rng, always=("spam",))
    deleting = [replace(one, deleted=rectangles(1, rng)) if one.person == "spam" else one for one in votes]

    assert SuspicionKind.COPIED_PREDICTIONS not in {one.kind for one in suspicions(deleting)}


def test_calling_good_pictures_unusable_counts_as_an_empty_click_and_skipping_does_not():
    votes = season({**crowd(6), "spam": click_empty}, 20, np.random.default_rng(8), always=("spam",))
    unusable = [replace(one, unusable=one.person == "spam") for one in votes]
    skipped = [replace(one, skipped=one.person == "spam") for one in votes]

    assert [one.kind for one in suspicions(unusable)] == [SuspicionKind.EMPTY_CLICKS]
    assert suspicions(skipped) == ()


def test_an_unknown_time_is_not_impossible_speed():
    votes = season({**crowd(6), "spam": rush}, 20, np.random.default_rng(8), always=("spam",))

    assert suspicions([replace(one, seconds=0.0) for one in votes]) == ()


def test_the_worst_tiles_come_first_at_most_ten_and_the_reason_names_the_numbers():
    votes = season({**crowd(6), "spam": flood}, 40, np.random.default_rng(1), always=("spam",))

    found = {one.kind: one for one in suspicions(votes)}[SuspicionKind.BOX_FLOOD]

    drawn = sum(len(one.boxes) for one in votes if one.person == "spam")
    assert len(set(found.tiles)) == 10
    assert found.reason.startswith(f"gave {drawn} boxes on 40 of 40 tiles where others give ")


def test_trust_falls_from_one_to_nothing_with_the_evidence_and_suspects_alone_lose_any():
    spam = suspicions(season({**crowd(6), "spam": flood}, 30, np.random.default_rng(1), always=("spam",)))
    faint = [replace(spam[0], person=Person("faint"), evidence=4.5)]

    assert trust([*spam, *faint], Limits(report=3, ignore=6)) == {"spam": 0.0, "faint": pytest.approx(0.5)}


def test_a_vote_with_a_hundred_thousand_boxes_is_survived_and_found():
    rng = np.random.default_rng(1)
    votes = season({**crowd(6), "spam": draw_anything}, 12, rng, always=("spam",))
    many = dict(boxes=rectangles(100_000, rng), origins=())
    votes = [replace(one, **many) if one.person == "spam" else one for one in votes]

    assert SuspicionKind.BOX_FLOOD in {one.kind for one in suspicions(votes)}
