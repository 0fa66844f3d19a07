import numpy as np
import pytest

from active_learning.sampling import ANTICIPATED, NothingToDraw, Spread, design, draw, inclusion, learn_spread


def test_probabilities_sum_to_the_size_and_none_is_above_one():
    probability = design(np.array([0.0] * 90 + [5.0] * 9 + [4000.0]), 20)

    assert probability.sum() == pytest.approx(20)
    assert probability.max() == 1.0 and probability.min() > 0
    assert probability[95] > probability[0]


def test_what_the_machine_sees_nothing_on_is_drawn_even_if_it_is_believed():
    blind = design(np.array([0.0] * 50 + [10.0] * 50), 10, Spread(0.0, 1.0, 0.0))

    assert blind[:50].min() > 0.005


def test_every_unit_is_drawn_as_often_as_its_probability_says():
    rng = np.random.default_rng(0)
    probability = inclusion(rng.gamma(1, 1, 30) + 0.05, 8)
    times = np.zeros(30)

    for _ in range(4000):
        picked = draw(probability, rng, (np.arange(30) % 3,))
        assert len(picked) == 8
        times[picked] += 1

    assert times / 4000 == pytest.approx(probability, abs=0.035)


def test_the_draw_spreads_over_days():
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(10), 50)

    drawn = [np.bincount(day[draw(np.full(500, 0.04), rng, (day,))], minlength=10) for _ in range(20)]

    assert np.all(np.array(drawn) == 2)


def test_asking_for_all_takes_all_and_nothing_left_is_an_error():
    assert inclusion(np.ones(3), 5).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(NothingToDraw):
        inclusion(np.ones(0), 5)
    with pytest.raises(NothingToDraw):
        inclusion(np.ones(4), 0)


def test_the_spread_of_errors_is_learned_and_starts_from_what_was_anticipated():
    rng = np.random.default_rng(2)
    expected = rng.uniform(0, 25, 5000)

    steady = learn_spread(expected, rng.normal(0, 3, 5000)).deviation(np.array([0.0, 20.0]))
    growing = learn_spread(expected, rng.normal(0, 0.2 * expected)).deviation(np.array([0.0, 20.0]))
    few = learn_spread(np.zeros(3), np.zeros(3)).deviation(np.array([0.0, 20.0]))

    assert steady == pytest.approx([3, 3], rel=0.1)
    assert growing[1] == pytest.approx(4, rel=0.15) and growing[0] < 1
    assert few[0] > 0 and few[1] > few[0]
    assert ANTICIPATED.deviation(np.array([0.5])) == pytest.approx([1.0])
