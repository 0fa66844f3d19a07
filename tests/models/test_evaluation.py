"""The measures agree with values worked out by hand, and a gain must be real to count."""

import numpy as np
import pytest

from haulout_models.evaluation import (
    Graded,
    ResampledPrecision,
    average_precision,
    count_error,
    counting_threshold,
    grade,
    mean_average_precision,
    overlap,
    paired_bootstrap_not_worse,
    rank1,
    resample,
)

TWO = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
NONE = np.zeros((0, 4)), np.zeros(0)


def test_average_precision_is_the_area_worked_out_by_hand():
    # Ranked: hit, miss, hit. Precision 1, 1/2, 2/3; the envelope at the hits is 1 and 2/3; two animals.
    found = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60], [20, 0, 30, 10]]), np.array([0.9, 0.8, 0.7])

    assert average_precision([TWO], [found]) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_ranks_over_all_photos_at_once():
    # The better score is the false one on the other photo: precision at the only hit is 1/2, of two animals.
    photos = [(TWO[:1], np.array([0.5])), (TWO[:1] + 100, np.array([0.9]))]

    assert average_precision([TWO[:1], TWO[:1]], photos) == pytest.approx(0.25)


def test_finding_everything_and_nothing_else_is_perfect_and_finding_nothing_is_zero():
    assert average_precision([TWO, TWO[:0]], [(TWO, np.array([0.3, 0.2])), NONE]) == 1.0
    assert average_precision([TWO], [NONE]) == 0.0
    assert average_precision([TWO[:0]], [NONE]) == 0.0


def test_a_second_box_on_the_same_animal_is_a_false_alarm():
    graded = grade(TWO[:1], (np.repeat(TWO[:1], 2, axis=0), np.array([0.9, 0.8])))

    assert graded.hits.tolist() == [True, False]


def test_a_box_on_a_doubtful_animal_is_neither_right_nor_wrong():
    graded = grade(TWO[:1], (TWO, np.array([0.8, 0.9])), ignored=TWO[1:])

    assert (graded.hits.tolist(), graded.scores.tolist(), graded.animals) == ([True], [0.8], 1)


def test_boxes_and_scores_that_are_no_numbers_miss_and_break_nothing():
    found = np.array([[np.nan, 0, 10, 10], [0, 0, 10, 10]]), np.array([0.9, np.nan])

    graded = grade(TWO[:1], found)

    assert graded.hits.tolist() == [False, True]
    assert np.isfinite(graded.scores).all()
    assert average_precision([TWO[:1]], [found]) == pytest.approx(0.5)


def test_overlap_of_half_shifted_squares_is_a_third_and_of_empty_boxes_zero():
    shifted = np.array([[5.0, 0, 15, 10], [3, 3, 3, 3]])

    assert overlap(TWO[:1], shifted) == pytest.approx(np.array([[1 / 3, 0.0]]))


def test_count_errors_that_cancel_still_show_in_the_mean_error():
    found = [(np.zeros((3, 4)), np.array([0.9, 0.9, 0.9])), (np.zeros((2, 4)), np.array([0.9, 0.1]))]

    error = count_error([TWO, TWO], found, threshold=0.5)

    assert (error.mean_absolute, error.relative_total) == (1.0, 0.0)


def test_the_counting_threshold_lets_through_as_many_boxes_as_there_are_animals():
    scores = np.array([0.9, 0.6, 0.5, 0.2])

    assert counting_threshold([TWO, TWO[:1]], [(np.zeros((4, 4)), scores), NONE]) == 0.5


def test_individuals_are_looked_for_outside_the_burst_only():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.8, 0.6]])
    who, burst = ["a", "a", "a", "b"], ["1", "1", "2", "3"]

    # Without bursts each crop but the third finds its twin first; with them, b lies between a's two bursts.
    assert rank1(vectors, who) == pytest.approx(2 / 3)
    assert rank1(vectors, who, burst) == 0.0
    assert mean_average_precision(vectors, who, burst) == pytest.approx(np.mean([1 / 2, 1 / 2, (1 / 2 + 2 / 3) / 2]))


def _graded(rng: np.random.Generator, skill: float, photos: int) -> list[Graded]:
    hits = [rng.random(10) < skill for _ in range(photos)]
    return [Graded(np.sort(rng.random(10))[::-1], hit, 10) for hit in hits]


def test_a_network_passes_against_itself_and_against_a_clearly_worse_one():
    rng = np.random.default_rng(0)
    good, bad = _graded(rng, 0.8, 30), _graded(rng, 0.5, 30)

    assert paired_bootstrap_not_worse(good, good, rng, resamples=200).passed
    assert paired_bootstrap_not_worse(good, bad, rng, resamples=200).low > 0


def test_a_network_that_is_worse_or_hardly_examined_is_refused():
    rng = np.random.default_rng(0)
    good, bad = _graded(rng, 0.8, 30), _graded(rng, 0.5, 30)

    worse = paired_bootstrap_not_worse(bad, good, rng, resamples=200)

    assert not worse.passed
    assert worse.high < 0
    assert not paired_bootstrap_not_worse(good[:1], bad[:1], rng).passed
    assert not paired_bootstrap_not_worse(good, bad, rng, clusters=["one day"] * 30).passed


def test_the_difference_is_that_of_the_average_precisions():
    rng = np.random.default_rng(1)
    first, second = _graded(rng, 0.7, 20), _graded(rng, 0.6, 20)

    compared = paired_bootstrap_not_worse(first, second, rng, resamples=50)

    assert compared.low <= compared.difference <= compared.high


def test_a_day_weighs_the_same_in_every_resampling_so_that_differences_may_be_taken_draw_by_draw():
    def of_last(times):
        return float(times[-1] / times.sum())

    def of_first(times):
        return float(times[0] / times.sum())

    before = resample(of_last, ["monday", "tuesday"], seed=3)
    turned = resample(of_first, ["tuesday", "monday"], seed=3)
    other = resample(of_last, ["monday", "tuesday"], seed=4)

    assert np.allclose(before, turned)
    assert not np.allclose(before, other)


def test_tiles_of_one_day_are_drawn_together():
    times = []

    resample(lambda drawn: times.append(drawn) or 0.0, ["a", "b", "a"], seed=1, resamples=50)

    assert all(drawn[0] == drawn[2] != drawn[1] for drawn in times)
    assert min(drawn.min() for drawn in times) > 0, "no exam is drawn empty"


def test_the_resampled_scores_of_a_detector_lie_about_its_own():
    graded = [Graded(np.array([0.9]), np.array([hit]), 1) for hit in 12 * [True, True, False]]
    precision = ResampledPrecision(graded)

    drawn = resample(precision, [str(day) for day in range(36)], seed=0)

    assert drawn.mean() == pytest.approx(precision(np.ones(36)), abs=0.05)
    assert 0.02 < drawn.std() < 0.2
