"""A batch is informative, diverse, never repetitive and partly random."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from active_learning.coverage import Coverage
from active_learning.pool import Pool, Reason, UnusablePool
from active_learning.selection import Shares, UnusableShares, drawn, select
from labeling_configs.vocabulary import TileId

NO_CHANCE = Shares(random=0, exam=0, easy=0, positive=0, blind=0)


@dataclass(frozen=True)
class Row:
    """One tile of a pool, in a test's words."""

    tile: str
    burst: str
    doubt: float = 1.0
    features: Sequence[float] | None = None
    minutes: float = 1.0
    exam: bool = False
    occupied: float = 0.0
    missed: float = 0.0


def tile(name, burst=None, doubt=1.0, features=None, **more):
    return Row(name, burst or name, doubt, features, **more)


def pool_of(rows):
    features = [row.features for row in rows if row.features is not None]
    return Pool(
        tiles=[TileId(row.tile) for row in rows],
        bursts=[row.burst for row in rows],
        doubts={
            Reason.UNCERTAIN: np.array([row.doubt for row in rows], dtype=np.float64),
            Reason.MISSED: np.array([row.missed for row in rows], dtype=np.float64),
        },
        minutes=np.array([row.minutes for row in rows], dtype=np.float64),
        occupied=np.array([row.occupied for row in rows], dtype=np.float64),
        exam=np.array([row.exam for row in rows], dtype=np.bool_),
        features=np.array(features, dtype=np.float32) if features else None,
    )


def season(count=200, seed=0):
    rng = np.random.default_rng(seed)
    return [
        tile(
            f"t{i:03}",
            f"b{i // 4}",
            rng.random(),
            rng.normal(size=8),
            minutes=rng.uniform(0.1, 2),
            exam=i >= 160,
            occupied=rng.random(),
        )
        for i in range(count)
    ]


def chosen(rows, size, seed=0, **more):
    return select(pool_of(rows), size, np.random.default_rng(seed), **more)


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
    batch = chosen(season(), 30, shares=Shares(random=0.2, exam=0.1, easy=0, blind=0))

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

    for one in chosen(pool, 3, shares=Shares(random=1 / 3, exam=0, easy=0, blind=1)):
        expected = {"a": 1 / 8, "b": 1 / 8}.get(one.tile, 1 / 4)
        assert one.probability == (expected if one.reason is Reason.RANDOM else None)
        assert one.blind


def test_the_stored_chance_is_how_often_a_tile_is_drawn():
    pool = season(40)
    drawn = Counter(
        (one.tile, one.probability)
        for seed in range(1500)
        for one in chosen(pool, 4, seed=seed, shares=Shares(random=1, exam=0, easy=0))
    )

    assert len(drawn) == 40
    assert {chance for _, chance in drawn} == {4 / 10 / 4}
    assert all(abs(times / 1500 - 0.1) < 0.035 for times in drawn.values())


def test_the_most_doubtful_come_first_when_nothing_is_known_of_looks():
    rows = [tile("a", doubt=0.2), tile("b", doubt=0.9), tile("c", doubt=0.5)]

    batch = chosen(rows, 2, shares=NO_CHANCE)

    assert [one.tile for one in batch] == ["b", "c"]
    assert {one.reason for one in batch} == {Reason.UNCERTAIN}


def test_a_look_alike_of_what_is_known_waits():
    rows = [tile("old", features=[1, 0.01]), tile("new", doubt=0.6, features=[0, 1])]

    (first,) = chosen(rows, 1, shares=NO_CHANCE, known=np.array([[1.0, 0.0]]))

    assert (first.tile, first.reason) == ("new", Reason.NOVEL)
    assert 0 < first.novelty <= 1


def test_a_look_alike_of_a_tile_of_the_same_batch_waits_too():
    rows = [
        tile("a", features=[1, 0]),
        tile("twin", doubt=0.9, features=[1, 0.01]),
        tile("other", doubt=0.3, features=[0, 1]),
    ]

    first, second = chosen(rows, 2, shares=NO_CHANCE)

    assert {first.tile, second.tile} in ({"a", "other"}, {"twin", "other"})
    assert first.value > second.value


def test_a_tile_that_stands_for_many_doubtful_ones_beats_one_that_is_doubtful_alone():
    herd = [tile(f"h{i}", doubt=0.5, features=[1, 0.01 * i]) for i in range(8)]

    (first,) = chosen([*herd, tile("odd", doubt=1.5, features=[0, 1])], 1, shares=NO_CHANCE)

    assert first.tile.startswith("h")


def test_of_two_equally_doubtful_tiles_the_quicker_one_is_asked():
    assert chosen([tile("full", minutes=3), tile("quiet")], 1, shares=NO_CHANCE)[0].tile == "quiet"


def test_the_reason_is_what_a_tile_stands_out_by():
    rows = [tile(f"t{i}", doubt=1.0 + i / 10) for i in range(9)] + [tile("m", doubt=0.5, missed=5.0)]

    assert {one.tile: one.reason for one in chosen(rows, 3, shares=NO_CHANCE)}["m"] is Reason.MISSED


def test_a_budget_of_minutes_ends_the_batch():
    rows = [tile(f"t{i}", minutes=2) for i in range(10)]

    assert len(chosen(rows, 10, shares=NO_CHANCE, minutes=5)) == 3
    assert chosen(rows, 10, shares=NO_CHANCE, minutes=0) == ()


def test_likely_animals_are_looked_for_and_easy_tiles_are_mixed_in():
    rows = [tile(f"t{i}", doubt=i / 20, occupied=i / 20) for i in range(20)]

    batch = chosen(rows, 10, shares=Shares(random=0, exam=0, easy=0.2, positive=0.3, blind=0))

    by_reason = {
        reason: {one.tile for one in batch if one.reason is reason} for reason in (Reason.POSITIVE, Reason.EASY)
    }
    assert by_reason[Reason.POSITIVE] == {"t17", "t18", "t19"}
    assert by_reason[Reason.EASY] == {"t11", "t12"}
    assert all(one.probability is None for one in batch)


def test_no_tile_counts_as_easy_or_likely_while_nothing_is_known_of_animals():
    batch = chosen([tile(f"t{i}", occupied=0.5) for i in range(20)], 10, shares=Shares(0, 0, 0.2, 0.2, 0))

    assert {one.reason for one in batch} <= {Reason.UNCERTAIN, Reason.MISSED}


def test_tiles_drawn_for_a_figure_keep_their_chances():
    pool = pool_of([tile("a"), tile("b"), tile("c")])

    batch = drawn(pool, np.array([0.2, 0.5, 1.0]), [0, 2], 1.0, np.random.default_rng(0))

    assert [(one.tile, one.reason, one.probability, one.blind) for one in batch] == [
        ("a", Reason.FIGURE, 0.2, True),
        ("c", Reason.FIGURE, 1.0, True),
    ]


def test_the_lazy_choice_is_the_greedy_one():
    rng = np.random.default_rng(3)
    rows = [tile(f"t{i:03}", doubt=rng.random(), features=rng.normal(size=6)) for i in range(300)]
    batch = chosen(rows, 25, shares=NO_CHANCE)

    pool = pool_of(rows)
    coverage = Coverage.of(pool.features, pool.value, None, np.random.default_rng(0))
    greedy = []
    for _ in range(25):
        gains = coverage.gains(pool.features, pool.value)
        gains[greedy] = -1
        greedy.append(int(gains.argmax()))
        coverage = coverage.adding(pool.features[greedy[-1]], pool.value[greedy[-1]])

    assert [one.tile for one in batch] == [rows[i].tile for i in greedy]


def test_a_pool_mapped_from_a_file_gives_the_same_batch(tmp_path):
    rows = [tile(f"t{i:03}", doubt=0.1 + i % 7, features=[np.cos(i), np.sin(i), i % 3]) for i in range(120)]
    pool = pool_of(rows)
    mapped = np.memmap(tmp_path / "features", dtype=np.float16, mode="w+", shape=pool.features.shape)
    mapped[:] = pool.features

    batch = select(replace(pool, features=mapped), 10, np.random.default_rng(0), NO_CHANCE)

    same = select(replace(pool, features=np.asarray(mapped)), 10, np.random.default_rng(0), NO_CHANCE)
    assert [one.tile for one in batch] == [one.tile for one in same]


def test_equal_tiles_are_chosen_by_chance():
    pool = [tile(name) for name in "abcdefgh"]

    assert len({chosen(pool, 1, seed=seed, shares=NO_CHANCE)[0].tile for seed in range(40)}) > 4


def test_a_small_pool_gives_a_small_batch():
    assert len(chosen([tile("a"), tile("b", "a")], 10)) == 1
    assert chosen([], 10) == ()


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("minutes", np.array([1.0, 0.0]), "minutes of tile b is 0.0; it must be a number, above 0"),
        ("occupied", np.array([1.0, np.nan]), "occupied of tile b is nan"),
        ("exam", np.array([False]), "exam has 1 rows for 2 tiles"),
        ("features", np.zeros((3, 2)), "features has 3 rows for 2 tiles"),
    ],
)
def test_a_pool_that_cannot_be_compared_is_refused(column, values, said):
    with pytest.raises(UnusablePool, match=said):
        replace(pool_of([tile("a"), tile("b")]), **{column: values})


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused(broken):
    rows = [tile("a", features=[1, 0]), tile("b", features=[broken, 1])]

    with pytest.raises(UnusablePool, match="features of tile b are not finite"):
        chosen(rows, 1)
    with pytest.raises(UnusablePool, match="row 0 of the known features is not finite"):
        chosen(rows[:1], 1, known=np.array([[broken, 1.0]]))


def test_what_another_model_saw_is_not_compared():
    with pytest.raises(UnusablePool, match="3 features of what is known, 2 of the pool"):
        chosen([tile("a", features=[1, 0])], 1, known=np.ones((4, 3)))


@pytest.mark.parametrize("shares", [{"random": 0.8, "exam": 0.3}, {"easy": -0.1}, {"blind": 1.5}, {"exam": np.nan}])
def test_shares_that_are_no_parts_of_a_batch_are_refused(shares):
    with pytest.raises(UnusableShares, match="between 0 and 1"):
        Shares(**shares)


@given(st.lists(st.integers(0, 20), min_size=4, max_size=4), st.integers(0, 60))
def test_the_parts_of_a_batch_never_exceed_it(parts, size):
    counts = Shares(*(part / max(sum(parts), 20) for part in parts)).of(size)

    assert sum(counts.values()) <= size
    assert min(counts.values()) >= 0


def test_a_batch_of_parts_that_all_round_up_is_no_larger_than_asked_for():
    assert len(chosen(season(), 6, shares=Shares(0.25, 0.25, 0.25, 0.25))) == 6


def test_a_burst_with_an_exam_photo_teaches_nothing_about_it():
    rows = [tile("night", "x", 1.0, exam=True), tile("morning", "x", 9.0), tile("other", "y")]

    for seed in range(20):
        batch = chosen(rows, 2, seed=seed, shares=Shares(0.5, 0, 0, 0))
        exam = chosen(rows, 2, seed=seed, shares=Shares(0, 0.5, 0, 0))

        assert {one.tile for one in batch} == {"other"}
        assert {one.tile: one.probability for one in exam} == {"night": 1.0, "other": None}


def test_random_tiles_are_spread_over_the_batch():
    places = [
        place
        for seed in range(30)
        for place, one in enumerate(chosen(season(), 30, seed=seed, shares=Shares(exam=0, easy=0)))
        if one.reason is Reason.RANDOM
    ]

    assert 11 < np.mean(places) < 18


def test_a_pool_smaller_than_the_batch_is_not_all_taken_at_random():
    batch = chosen([tile(f"t{n}") for n in range(10)], 100, shares=Shares(0.2, 0, 0, 0, 0))

    assert len(batch) == 10
    assert sum(one.reason is Reason.RANDOM for one in batch) == 2


def test_tiles_of_bursts_asked_before_are_left_to_chance():
    pool = replace(pool_of([tile(f"t{i}") for i in range(20)]), repeats=np.arange(20) < 15)

    batch = select(pool, 10, np.random.default_rng(0), Shares(random=0.5, exam=0, easy=0, positive=0, blind=0))

    again = {TileId(f"t{i}") for i in range(15)}
    assert {one.reason for one in batch if one.tile in again} == {Reason.RANDOM}
    assert {one.probability for one in batch if one.reason is Reason.RANDOM} == {5 / 20}


def test_the_worth_of_a_tile_drawn_by_chance_is_told_in_the_same_currency():
    rows = [tile(f"t{i}", doubt=1.0, features=[np.cos(i), np.sin(i)], occupied=0.9) for i in range(40)]

    batch = chosen(rows, 20, shares=Shares(random=0.3, exam=0, easy=0.2, positive=0.2, blind=0))

    most = max(one.value for one in batch if one.novelty is not None)
    assert all(0 <= one.value <= 3 * most for one in batch if one.novelty is None)
