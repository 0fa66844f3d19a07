"""What more labels bring is foretold with an interval that holds, and never too little while little is known."""

import numpy as np
import pytest

from active_learning.learning_curve import Point, efficiency, forecast

DRAWS = 200


def truth(labels: float, floor: float = 0.85, drop: float = 1.2, exponent: float = 0.5) -> float:
    return floor - drop * labels**-exponent


def measured(
    labels: list[float], rng: np.random.Generator, luck: float = 0.005, exam: float = 0.02, score=truth
) -> list[Point]:
    """Score detectors on one exam whose luck they share, each with a luck of its own in training."""
    shared, days = rng.normal(0, exam), rng.normal(0, exam, DRAWS)
    scores = [score(one) + shared + rng.normal(0, luck) for one in labels]
    return [Point(one, value, value + days) for one, value in zip(labels, scores, strict=True)]


def weeks(count: int) -> list[float]:
    return [size for week in range(1, count + 1) for size in (20.0 * week, 40.0 * week)]


def test_a_power_law_is_continued():
    points = measured(weeks(6), np.random.default_rng(0), luck=0, exam=0)

    gain = forecast(points, 500, 100, np.random.default_rng(1))

    assert gain.value == pytest.approx(truth(600) - truth(500), rel=0.15)
    assert gain.low <= gain.value <= gain.high


@pytest.mark.parametrize("exponent", [0.3, 0.6, 1.0])
def test_with_few_points_the_forecast_promises_too_much_rather_than_too_little(exponent):
    def score(labels: float) -> float:
        return truth(labels, exponent=exponent)

    points = measured([40, 80], np.random.default_rng(0), luck=0, exam=0, score=score)

    assert forecast(points, 400, 100, np.random.default_rng(1)).value > score(500) - score(400)


def test_the_interval_holds_the_truth():
    rng = np.random.default_rng(3)
    wanted = truth(400) - truth(300)

    gains = [forecast(measured(weeks(6), rng), 300, 100, rng) for _ in range(60)]

    assert np.mean([gain.low <= wanted <= gain.high for gain in gains]) >= 0.85


def test_a_flat_curve_brings_nothing_and_a_rising_one_something():
    rng = np.random.default_rng(4)
    flat = forecast(measured(weeks(8), rng, luck=0.002, score=lambda _labels: 0.8), 800, 100, rng)
    steep = forecast(measured(weeks(8), rng, luck=0.002, score=lambda n: 0.08 * np.log2(n)), 800, 100, rng)

    assert flat.high < 0.005
    assert steep.low > 0.005


def test_luck_in_training_widens_the_interval():
    calm, lucky = (
        forecast(measured(weeks(6), np.random.default_rng(5), luck=luck), 300, 100, np.random.default_rng(6))
        for luck in (0.001, 0.05)
    )

    assert lucky.high - lucky.low > 3 * (calm.high - calm.low)


def test_a_fall_is_luck_and_promises_nothing():
    points = [Point(40, 0.6, np.full(DRAWS, 0.6)), Point(80, 0.5, np.full(DRAWS, 0.5))]

    gain = forecast(points, 100, 100, np.random.default_rng(0))

    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_no_score_is_foretold_above_the_best_there_is():
    points = measured(weeks(5), np.random.default_rng(0), luck=0, exam=0, score=lambda n: 1 - 2 / n)

    assert forecast(points, 200, 1e6, np.random.default_rng(0)).value <= 2 / 200 + 1e-3


def test_the_same_points_and_dice_give_the_same_forecast():
    points = measured(weeks(3), np.random.default_rng(7))

    first, second = (forecast(points, 300, 100, np.random.default_rng(8)) for _ in range(2))

    assert first == second


def test_what_chosen_tiles_save_is_told_in_random_minutes():
    rng = np.random.default_rng(9)
    minutes = [10.0, 20.0, 40.0]
    random = measured(minutes, rng, luck=0, score=lambda m: 0.1 * np.log2(m))
    chosen = [Point(p.labels, p.score + 0.05, p.drawn + 0.05) for p in random]

    found = efficiency(chosen, random)

    assert found.value == pytest.approx(40 * np.sqrt(2))
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("gain", [0.5, 5.0])
def test_beyond_what_random_tiles_were_tried_for_nothing_is_claimed(gain):
    random = measured([10, 20, 40], np.random.default_rng(10), luck=0, score=lambda m: 0.1 * np.log2(m))
    chosen = [Point(p.labels, p.score + gain, p.drawn + gain) for p in random]

    assert efficiency(chosen, random) is None


def test_where_only_some_exams_tell_the_upper_limit_is_open():
    random = measured([10, 20, 40], np.random.default_rng(11), luck=0, exam=0, score=lambda m: 0.1 * np.log2(m))
    spread = np.random.default_rng(12).normal(0, 0.15, DRAWS)
    chosen = [Point(p.labels, p.score + 0.05, p.drawn + 0.05 + spread) for p in random]

    assert efficiency(chosen, random).high == np.inf


@pytest.mark.parametrize("minutes", [[], [10.0], [10.0, 10.0]])
def test_one_random_point_shows_no_curve(minutes):
    points = measured(minutes, np.random.default_rng(13))

    assert efficiency(points, points) is None
