"""What is worth most is asked first; newcomers get what is easy, and known answers come now and then."""

import numpy as np
import pytest

from active_learning.gold import GoldKind
from active_learning.serving_order import Offer, Standing, choose

TEACHES, MEASURES = Offer(90, 0.5, gold=GoldKind.TEACHING), Offer(91, 0.5, gold=GoldKind.MEASURING)
NEWCOMER, KNOWN, DOUBTED = Standing(newcomer=True), Standing(), Standing(trusted=False)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def chosen(offers: list[Offer], standing: Standing = KNOWN, share: float = 0.0, draws: int = 400) -> list[int]:
    return [found.task for seed in range(draws) if (found := choose(offers, standing, share, rng(seed)))]


def test_the_highest_priorities_are_asked_first_in_their_order():
    offers = [Offer(task, priority) for task, priority in enumerate(np.random.default_rng(3).random(40))]
    asked = []
    while offers:
        asked.append(choose(offers, KNOWN, 0.04, rng(len(asked))))
        offers.remove(asked[-1])

    assert [one.priority for one in asked] == sorted((one.priority for one in asked), reverse=True)


def test_exact_ties_are_broken_by_chance_and_by_nothing_else():
    offers = [Offer(1, 0.5), Offer(2, 0.5), Offer(3, 0.4)]

    assert {task: chosen(offers).count(task) > 100 for task in (1, 2)} == {1: True, 2: True}
    assert set(chosen(offers)) == {1, 2}
    assert choose(offers, KNOWN, 0.0, rng(5)) == choose(offers[::-1], KNOWN, 0.0, rng(5))


def test_newcomers_get_the_half_that_takes_fewer_minutes_the_most_worth_of_it_first():
    offers = [Offer(1, 0.9, minutes=3), Offer(2, 0.5, minutes=1), Offer(3, 0.6, minutes=1), Offer(4, 0.8, minutes=2)]

    assert (set(chosen(offers, NEWCOMER)), set(chosen(offers, KNOWN))) == ({3}, {1})


def test_newcomers_get_something_when_nobody_knows_what_takes_how_long():
    assert set(chosen([Offer(1, 0.9), Offer(2, 0.5)], NEWCOMER)) == {1}


@pytest.mark.parametrize("standing", [NEWCOMER, DOUBTED])
def test_newcomers_and_who_is_doubted_never_get_a_deciding_vote(standing):
    deciding = Offer(1, 0.9, deciding=True)

    assert choose([deciding], standing, 0.04, rng()) is None
    assert set(chosen([deciding, Offer(2, 0.1)], standing)) == {2}
    assert set(chosen([deciding, Offer(2, 0.1)], KNOWN)) == {1}


def test_gold_comes_with_its_share_whatever_it_is_worth():
    asked = chosen([Offer(1, 1.0), TEACHES, MEASURES], share=0.1, draws=3000)

    gold = [task for task in asked if task >= 90]
    assert 240 < len(gold) < 360
    assert 0.4 < gold.count(90) / len(gold) < 0.6


def test_newcomers_meet_gold_more_often_and_then_it_teaches():
    asked = chosen([Offer(1, 1.0), TEACHES, MEASURES], NEWCOMER, share=0.1, draws=3000)

    gold = [task for task in asked if task >= 90]
    assert 1080 < len(gold) < 1320
    assert gold.count(90) / len(gold) > 0.85


def test_gold_is_asked_when_there_is_nothing_else_and_nothing_when_there_is_nothing():
    assert choose([MEASURES], KNOWN, 0.0, rng()) == MEASURES
    assert choose([], KNOWN, 0.5, rng()) is None


def test_without_a_share_gold_waits():
    assert set(chosen([Offer(1, 0.1), TEACHES, MEASURES], share=0.0)) == {1}
