"""How far photos may be set aside, and when nothing may be."""

import numpy as np
import pytest
from scipy.stats import binom

from active_learning.emptiness import UnusableWish, allowed_misses, choose_cut, needed_positives, upper_limit


def names(count: int) -> list[str]:
    return [f"burst-{number}" for number in range(count)]


def test_one_percent_at_95_percent_takes_299_photos_with_animals():
    assert needed_positives(0.01, 0.95) == 299
    assert needed_positives(0.05, 0.95) == 59
    assert upper_limit(0, 298) > 0.01 >= upper_limit(0, 299)


def test_nothing_is_set_aside_below_that_whatever_the_chances_say():
    chances, occupied = np.r_[np.ones(298), np.zeros(500)], np.r_[np.ones(298, bool), np.zeros(500, bool)]

    cut = choose_cut(chances, occupied, names(798), wanted=0.01)

    assert (cut.chance, cut.enough, cut.positives, cut.needed) == (0.0, False, 298, 299)
    assert cut.bound == pytest.approx(0.01, abs=1e-4)


def test_with_enough_photos_all_below_the_least_chance_of_an_animal_goes():
    chances, occupied = np.r_[np.linspace(0.4, 1, 299), np.zeros(500)], np.r_[np.ones(299, bool), np.zeros(500, bool)]

    cut = choose_cut(chances, occupied, names(799), wanted=0.01)

    assert cut.enough and cut.chance == pytest.approx(0.4) and cut.missed == 0
    assert (chances[~occupied] < cut.chance).all()


def test_more_photos_allow_a_few_to_be_missed_and_the_limit_stays_within_the_wish():
    assert [allowed_misses(count, 0.01) for count in (299, 473, 628)] == [0, 1, 2]
    chances = np.random.default_rng(0).random(2000)

    cut = choose_cut(chances, np.ones(2000, bool), names(2000), wanted=0.01)

    assert cut.missed == allowed_misses(2000, 0.01) > 5
    assert cut.bound <= 0.01
    assert (chances < cut.chance).sum() == cut.missed


def test_the_cut_misses_more_than_wanted_at_most_one_time_in_twenty():
    rng, bursts = np.random.default_rng(1), names(400)
    truths = [choose_cut(rng.random(400), np.ones(400, bool), bursts, 0.01).chance for _ in range(800)]

    broken = np.mean(np.array(truths) > 0.01)  # of uniform chances just the share `chance` lies below

    assert broken <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 800)
    assert broken == pytest.approx(binom.cdf(allowed_misses(400, 0.01), 400, 0.01), abs=0.03)


def test_photos_of_one_burst_are_one_photo_by_the_one_that_is_easiest_to_miss():
    chances = np.r_[np.full(298, 0.9), 0.8, 0.3]
    bursts = [*names(298), "last", "last"]

    cut = choose_cut(chances, np.ones(300, bool), bursts, wanted=0.01)

    assert (cut.positives, cut.chance) == (299, 0.3)


def test_without_any_animal_nothing_is_known():
    cut = choose_cut(np.zeros(900), np.zeros(900, bool), names(900), wanted=0.01)
    assert (cut.positives, cut.enough, cut.chance, cut.bound) == (0, False, 0.0, 1.0)


@pytest.mark.parametrize(("wanted", "confidence"), [(0, 0.95), (1, 0.95), (0.01, 1.0)])
def test_a_wish_that_nothing_can_fulfil_is_refused(wanted, confidence):
    with pytest.raises(UnusableWish):
        needed_positives(wanted, confidence)
