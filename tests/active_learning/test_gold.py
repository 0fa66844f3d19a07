"""Gold is marked fairly, chosen varied, and what measures people is never what teaches them."""

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from active_learning.gold import GoldKind, GoldTile, NoAnswer, choose_gold, mark
from labeling_configs.vocabulary import Person, TileId, Vote, no_boxes


def boxes(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def vote(*rows, **how):
    return Vote(Person("p"), TileId("t"), boxes(*rows), (), datetime(2026, 7, 1, tzinfo=UTC), 9.0, True, **how)


def candidates(count=300, exam=False):
    return [GoldTile(TileId(f"t{i:03}"), (0, 2, 5, 6, 20)[i % 5], exam) for i in range(count)]


def chosen(pool, wanted, kind=GoldKind.TEACHING, seen=(), seed=0):
    return choose_gold(pool, wanted, kind, seen, np.random.default_rng(seed))


def test_hits_misses_and_false_boxes_are_told_apart_and_shown():
    truth = boxes((0, 0, 10, 10), (50, 50, 60, 60))

    marked = mark(vote((0, 0, 10, 8), (80, 80, 90, 90)), truth)

    assert (marked.hits, marked.misses, marked.false) == (1, 1, 1)
    assert marked.iou == pytest.approx(0.8)
    assert marked.missed.tolist() == [[50, 50, 60, 60]]
    assert marked.wrong.tolist() == [[80, 80, 90, 90]]


def test_a_second_box_round_one_animal_is_false():
    marked = mark(vote((0, 0, 10, 10), (0, 0, 10, 9)), boxes((0, 0, 10, 10)))

    assert (marked.hits, marked.false, marked.wrong.tolist()) == (1, 1, [[0, 0, 10, 9]])


def test_neighbours_are_paired_so_that_most_animals_are_hit():
    truth = boxes((0, 0, 10, 10), (4, 0, 14, 10))

    marked = mark(vote((3, 0, 13, 10), (6, 0, 16, 10)), truth)

    assert (marked.hits, marked.misses, marked.false) == (2, 0, 0)


def test_an_empty_answer_on_an_empty_tile_is_without_fault():
    marked = mark(vote(), no_boxes())

    assert (marked.hits, marked.misses, marked.false, marked.iou) == (0, 0, 0, 0.0)


def test_calling_a_settled_tile_unusable_misses_its_animals_and_skipping_it_is_not_marked():
    truth = boxes((0, 0, 10, 10))

    assert mark(vote(unusable=True), truth).misses == 1
    with pytest.raises(NoAnswer, match="p skipped tile t"):
        mark(vote(skipped=True), truth)


def test_gold_has_tiles_with_no_few_and_many_animals_in_equal_parts():
    animals = {one.tile: one.animals for one in candidates()}

    picked = chosen(candidates(), 30)

    crowds = Counter("none" if animals[t] == 0 else "few" if animals[t] <= 5 else "many" for t in picked)
    assert crowds == {"none": 10, "few": 10, "many": 10}


def test_when_one_sort_runs_out_the_others_fill_the_set():
    pool = [one for one in candidates() if one.animals > 0]

    assert len(set(chosen(pool, 40))) == 40


def test_there_is_no_more_gold_than_candidates_and_no_gold_when_none_is_wanted():
    kinds = Counter(one.kind for one in candidates(20))

    assert len(chosen(candidates(20), 50)) == kinds[GoldKind.TEACHING]
    assert chosen(candidates(20), 0) == ()


def test_nobody_gets_a_tile_again():
    seen = set(chosen(candidates(), 60))

    assert not seen & set(chosen(candidates(), 60, seen=seen))


def test_no_tile_ever_teaches_and_measures():
    teaching = set(chosen(candidates(), 300))
    measuring = set(chosen(candidates(), 300, GoldKind.MEASURING))

    assert not teaching & measuring
    assert 100 < len(teaching) < 200
    assert len(teaching | measuring) == 300


def test_exam_tiles_only_measure():
    pool = candidates(exam=True)

    assert chosen(pool, 10) == ()
    assert len(chosen(pool, 300, GoldKind.MEASURING)) == 300


def test_the_same_seed_picks_the_same_gold_in_whatever_order_the_candidates_come():
    pool = candidates()

    assert chosen(pool, 30) == chosen(pool[::-1], 30)
    assert set(chosen(pool, 30)) != set(chosen(pool, 30, seed=1))


def test_a_photo_keeps_its_kind_between_versions_of_the_code_and_its_tiles_share_it():
    kinds = [{GoldTile(TileId(f"photo{i}-{x}-0-9-9"), 1).kind for x in range(5)} for i in range(10)]

    assert "".join(kind[0] for (kind,) in kinds) == "ttttttmttm"
