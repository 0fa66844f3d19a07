"""A batch is informative, diverse, never repetitive and partly random."""

from collections import Counter
from datetime import date

import numpy as np
import pytest

from active_learning.diversity import MixedFeatures
from active_learning.selection import Candidate, Reason, Shares, select
from labeling_configs.vocabulary import PhotoId, TileId

NO_CHANCE = Shares(random=0, exam=0, blind=0)


def tile(name, burst=None, uncertainty=1.0, features=None, boxes=0.0, exam=False):
    row = None if features is None else np.array(features, dtype=np.float64)
    return Candidate(TileId(name), PhotoId(name), burst or name, date(2026, 7, 1), uncertainty, row, boxes, exam)


def season(count=200, seed=0):
    rng = np.random.default_rng(seed)
    return [
        tile(f"t{i:03}", f"b{i // 4}", rng.random(), rng.normal(size=8), rng.integers(0, 25), exam=i >= 160)
        for i in range(count)
    ]


def chosen(*args, seed=0, **more):
    return select(*args, np.random.default_rng(seed), **more)


def test_no_two_tiles_of_one_burst_are_asked_together():
    pool = season()
    burst = {one.tile: one.burst for one in pool}

    batch = chosen(pool, 30)

    assert len(batch) == 30
    assert max(Counter(burst[one.tile] for one in batch).values()) == 1


def test_the_same_seed_gives_the_same_batch_in_whatever_order_the_tiles_come():
    pool = season()

    assert chosen(pool, 30) == chosen(pool[::-1], 30)
    assert chosen(pool, 30) != chosen(pool, 30, seed=1)


def test_a_batch_has_its_random_and_exam_shares_and_they_are_blind():
    batch = chosen(season(), 30, shares=Shares(random=0.2, exam=0.1, blind=0))

    reasons = Counter(one.reason for one in batch)
    assert (reasons[Reason.RANDOM], reasons[Reason.EXAM]) == (6, 3)
    assert {one.tile for one in batch if one.blind} == {
        one.tile for one in batch if one.reason in (Reason.RANDOM, Reason.EXAM)
    }


def test_exam_photos_are_never_chosen_for_training_nor_others_for_the_exam():
    pool = {one.tile: one for one in season()}

    assert all(pool[one.tile].exam == (one.reason is Reason.EXAM) for one in chosen(list(pool.values()), 45))


def test_random_tiles_know_their_chance_and_chosen_ones_have_none():
    pool = [tile("a", "x"), tile("b", "x"), tile("c", "y"), tile("d", "z"), tile("e", "w")]

    for one in chosen(pool, 3, shares=Shares(random=1 / 3, exam=0, blind=1)):
        expected = {"a": 1 / 8, "b": 1 / 8}.get(one.tile, 1 / 4)
        assert one.probability == (expected if one.reason is Reason.RANDOM else None)
        assert one.blind


def test_the_stored_chance_is_how_often_a_tile_is_drawn():
    pool = season(40)
    drawn = Counter(
        (one.tile, one.probability)
        for seed in range(1500)
        for one in chosen(pool, 4, seed=seed, shares=Shares(random=1, exam=0))
    )

    assert len(drawn) == 40
    assert {chance for _, chance in drawn} == {4 / 10 / 4}
    assert all(abs(times / 1500 - 0.1) < 0.035 for times in drawn.values())


def test_the_most_uncertain_come_first_when_nothing_is_known_of_looks():
    pool = [tile("a", uncertainty=0.2), tile("b", uncertainty=0.9), tile("c", uncertainty=0.5)]

    batch = chosen(pool, 2, shares=NO_CHANCE)

    assert [one.tile for one in batch] == ["b", "c"]
    assert {one.reason for one in batch} == {Reason.UNCERTAIN}


def test_a_look_alike_of_what_is_known_waits():
    pool = [tile("old", uncertainty=1.0, features=[1, 0.01]), tile("new", uncertainty=0.6, features=[0, 1])]

    (first,) = chosen(pool, 1, shares=NO_CHANCE, known=np.array([[1.0, 0.0]]))

    assert (first.tile, first.reason) == ("new", Reason.NOVEL)


def test_a_look_alike_of_a_tile_of_the_same_batch_waits_too():
    pool = [
        tile("a", uncertainty=1.0, features=[1, 0]),
        tile("twin", uncertainty=0.9, features=[1, 0.01]),
        tile("other", uncertainty=0.3, features=[0, 1]),
    ]

    assert {one.tile for one in chosen(pool, 2, shares=NO_CHANCE)} == {"a", "other"}


def test_of_two_equally_uncertain_tiles_the_quicker_one_is_asked():
    assert chosen([tile("full", boxes=25), tile("quiet", boxes=1)], 1, shares=NO_CHANCE)[0].tile == "quiet"


def test_equal_tiles_are_chosen_by_chance():
    pool = [tile(name) for name in "abcdefgh"]

    assert len({chosen(pool, 1, seed=seed, shares=NO_CHANCE)[0].tile for seed in range(40)}) > 4


def test_a_small_pool_gives_a_small_batch():
    assert len(chosen([tile("a"), tile("b", "a")], 10)) == 1
    assert chosen([], 10) == ()


def test_features_for_some_tiles_only_are_refused():
    with pytest.raises(MixedFeatures, match="1 of 2"):
        chosen([tile("a", features=[1, 0]), tile("b")], 1, shares=NO_CHANCE)


def test_random_tiles_are_spread_over_the_batch():
    places = [
        place
        for seed in range(30)
        for place, one in enumerate(chosen(season(), 30, seed=seed, shares=Shares(exam=0)))
        if one.reason is Reason.RANDOM
    ]

    assert 11 < np.mean(places) < 18


def test_a_pool_smaller_than_the_batch_is_not_all_taken_at_random():
    chosen = select([tile(f"t{n}") for n in range(10)], 100, np.random.default_rng(0), Shares(0.2, 0.0, 0.0))

    assert len(chosen) == 10
    assert sum(one.reason is Reason.RANDOM for one in chosen) == 2
