"""Counts, dates and intervals say what was seen and admit what was not."""

from datetime import date, datetime

import numpy as np
import pytest

from active_learning.counts import PhotoCount, daily_counts, seasons, share_interval
from labeling_configs.vocabulary import PhotoId


def count(day, animals, burst="", site="north"):
    taken = datetime(2026, 7, day, 12) if day else None
    return PhotoCount(PhotoId(f"{site}{day}{burst}{animals}"), site, burst or f"{site}{day}{animals}", taken, animals)


def test_a_day_has_its_largest_count_and_the_share_of_bursts_with_animals():
    (day,) = daily_counts([count(1, 0, "x"), count(1, 7, "x"), count(1, 3, "y"), count(1, 0, "z")])

    assert (day.photos, day.maximum) == (4, 7)
    assert day.presence == share_interval(2, 3)


def test_undated_photos_belong_to_no_day():
    assert daily_counts([count(None, 5)]) == ()


def test_arrival_and_departure_lie_between_empty_and_occupied_days():
    counted = [count(day, animals) for day, animals in [(9, 0), (2, 0), (5, 4), (6, 0), (7, 2), (12, 0)]]

    north = seasons(daily_counts(counted))["north"]

    assert (north.last_empty_before, north.arrival) == (date(2026, 7, 2), date(2026, 7, 5))
    assert (north.departure, north.first_empty_after) == (date(2026, 7, 7), date(2026, 7, 9))
    assert (north.days_watched, north.days_occupied) == (6, 2)


def test_a_site_occupied_from_the_first_to_the_last_photo_has_open_ends():
    north = seasons(daily_counts([count(1, 2), count(3, 2)]))["north"]

    assert (north.last_empty_before, north.first_empty_after) == (None, None)


def test_a_site_where_nobody_came_has_no_dates_and_other_sites_keep_theirs():
    both = seasons(daily_counts([count(1, 0), count(2, 3, site="south")]))

    assert both["north"].arrival is None
    assert both["south"].arrival == date(2026, 7, 2)


def test_the_interval_of_a_share_is_the_exact_binomial_one():
    interval = share_interval(3, 10)

    assert (interval.low, interval.high) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert share_interval(0, 10).low == 0.0
    assert share_interval(0, 10).high == pytest.approx(1 - 0.025**0.1)
    assert (share_interval(0, 0).low, share_interval(0, 0).high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_at_least_as_often_as_it_says():
    draws = np.random.default_rng(0).binomial(12, 0.3, 400)

    assert np.mean([share_interval(int(k), 12).low <= 0.3 <= share_interval(int(k), 12).high for k in draws]) >= 0.95
