"""Intervals of shares are the exact ones."""

import numpy as np
import pytest

from active_learning.intervals import share_interval


def test_the_interval_of_a_share_is_the_exact_binomial_one():
    interval = share_interval(3, 10)

    assert (interval.low, interval.high) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert share_interval(0, 10).low == 0.0
    assert share_interval(0, 10).high == pytest.approx(1 - 0.025**0.1)
    assert (share_interval(0, 0).low, share_interval(0, 0).high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_at_least_as_often_as_it_says():
    draws = np.random.default_rng(0).binomial(12, 0.3, 400)

    assert np.mean([share_interval(int(k), 12).low <= 0.3 <= share_interval(int(k), 12).high for k in draws]) >= 0.95
