from datetime import date, timedelta

import numpy as np
import pytest

from active_learning.haulouts import daily, haulouts, index, largest, profile
from active_learning.levels import Moves, ladder, transitions
from active_learning.measurement import learn_machine
from active_learning.occupancy import Hours, Paths, smooth, together
from active_learning.scene import strangeness

FIRST = date(2026, 7, 1)
DAYS = 30
SEED = 7


def ashore(start: int, end: int, many: float = 60.0) -> np.ndarray:
    """A herd from noon of one day to noon of another, a fifth larger and smaller with the tide."""
    hour = np.arange(DAYS * 24)
    breathing = np.round(many * (1 + 0.2 * np.sin(2 * np.pi * hour / 12.42)))
    return np.where((hour >= start * 24 + 12) & (hour < end * 24 + 12), breathing, 0.0)


def hours(animals, *, seen=None, checked=40, looks=True) -> Hours:
    """What a machine that errs by a tenth, and people, make of it; nobody sees anything between 21 and 5 o'clock."""
    rng = np.random.default_rng(SEED)
    expected = animals * rng.lognormal(0, 0.1, len(animals)) + rng.gamma(0.1, 0.5, len(animals))
    clock = np.arange(len(animals)) % 24
    clear = (clock >= 5) & (clock < 21) if seen is None else seen
    expected[~clear] = np.nan
    counted = np.full(len(animals), np.nan)
    if checked:
        asked = rng.choice(np.flatnonzero(clear), checked, replace=False)
        counted[asked] = animals[asked]
    return Hours(expected, counted, np.where(clear & looks, -1.0, np.nan))


def smoothed(given: Hours, paths: int = 150) -> Paths:
    return smooth([given], np.random.default_rng(SEED), paths)[0]


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


@pytest.fixture(scope="module")
def season() -> tuple[Hours, Paths]:
    given = hours(ashore(8, 20))
    return given, smoothed(given)


def test_arrival_and_departure_are_told_with_intervals_that_hold_them(season):
    given, paths = season

    [event] = haulouts(paths.animals, FIRST, ~np.isnan(given.expected))

    assert event.arrival.day == day_of(8) and event.departure.day == day_of(20)
    assert event.arrival.low <= day_of(8) <= event.arrival.high
    assert event.departure.low <= day_of(20) <= event.departure.high
    assert not event.arrival_open and not event.departure_open
    assert event.maximum.low <= 1.05 * 72 <= 1.05 * event.maximum.high  # a herd that breathes like a clock is no herd


def test_daily_maxima_hold_the_truth_and_empty_days_are_empty(season):
    given, paths = season

    days = {one.day: one for one in daily(paths.animals, FIRST, ~np.isnan(given.expected))}

    held = [days[day_of(n)].maximum.low - 1 <= 72 <= days[day_of(n)].maximum.high + 1 for n in range(9, 20)]
    assert sum(held) >= 9
    assert all(days[day_of(n)].maximum.high == 0 and days[day_of(n)].present < 0.05 for n in (1, 2, 3, 25, 26))


def test_days_that_nobody_could_see_are_bridged_and_not_taken_for_empty():
    animals = ashore(8, 20)
    clear = np.tile((np.arange(24) >= 5) & (np.arange(24) < 21), DAYS)
    clear[12 * 24 : 15 * 24] = False
    given = hours(animals, seen=clear)

    paths = smoothed(given)
    [event] = haulouts(paths.animals, FIRST, clear)
    watched = np.ones(len(animals), dtype=bool)
    hidden = {one.day: one for one in daily(paths.animals, FIRST, watched)}[day_of(13)]

    assert (event.arrival.day, event.departure.day) == (day_of(8), day_of(20))
    assert hidden.present > 0.9 and hidden.maximum.low <= 72 <= hidden.maximum.high
    assert hidden.maximum.high - hidden.maximum.low > 10


def test_fog_that_nobody_noticed_ends_no_haulout():
    animals = ashore(8, 20)
    fogged = hours(animals)
    fogged.expected[13 * 24 + 8 : 13 * 24 + 18] = 0.1
    fogged.counted[13 * 24 + 8 : 13 * 24 + 18] = np.nan

    paths = smoothed(fogged)

    assert len(haulouts(paths.animals, FIRST, ~np.isnan(fogged.expected))) == 1
    assert paths.blind[13 * 24 + 12].sum() > 0.5


def test_a_camera_that_was_turned_away_ends_no_haulout_but_leaves_the_departure_open_to_doubt():
    turned = hours(ashore(8, 29))
    turned.expected[15 * 24 :] = np.where(np.isnan(turned.expected[15 * 24 :]), np.nan, 0.05)
    turned.counted[15 * 24 :] = np.nan
    turned.strange[15 * 24 :] = np.where(np.isnan(turned.strange[15 * 24 :]), np.nan, 1.2)

    paths = smoothed(turned)
    [event] = haulouts(paths.animals, FIRST, ~np.isnan(turned.expected) & (paths.blind.sum(axis=1) < 0.5))

    assert paths.blind[20 * 24 + 12, 1] > 0.9
    assert event.departure.high - event.departure.low > timedelta(days=5)
    assert event.departure.high >= day_of(28)


def test_a_single_false_detection_is_no_haulout():
    empty = hours(np.zeros(DAYS * 24))
    empty.expected[10 * 24 + 12] = 3.0

    paths = smoothed(empty)

    assert haulouts(paths.animals, FIRST, ~np.isnan(empty.expected)) == []


def test_animals_that_were_there_from_the_first_photo_leave_the_arrival_open():
    given = hours(ashore(-1, 12))

    [event] = haulouts(smoothed(given).animals, FIRST, ~np.isnan(given.expected))

    assert event.arrival_open and not event.departure_open
    assert event.departure.day == day_of(12)


def test_two_stays_apart_are_two_haulouts():
    given = hours(ashore(4, 9) + ashore(18, 24, 25.0))

    events = haulouts(smoothed(given).animals, FIRST, ~np.isnan(given.expected))

    assert [(e.arrival.day, e.departure.day) for e in events] == [(day_of(4), day_of(9)), (day_of(18), day_of(24))]
    assert events[0].maximum.value > events[1].maximum.value


def test_the_same_hours_and_seed_give_the_same_courses():
    given = hours(ashore(8, 20))

    one, two = smoothed(given, 20), smoothed(given, 20)

    assert np.array_equal(one.animals, two.animals)


def test_without_people_the_machine_alone_tells_the_season_less_surely(season):
    given, checked = season
    alone = smoothed(hours(ashore(8, 20), checked=0))
    watched = ~np.isnan(given.expected)

    def width(paths: Paths) -> float:
        return float(np.mean([one.maximum.high - one.maximum.low for one in daily(paths.animals, FIRST, watched)]))

    assert alone.machine.checked == 0 and checked.machine.checked == 40
    assert width(alone) > width(checked)
    [event] = haulouts(alone.animals, FIRST, watched)
    assert abs((event.arrival.day - day_of(8)).days) <= 1


def test_cameras_of_one_view_are_not_added_up_and_different_views_are():
    paths = [Paths(np.full((2, 24), many, dtype=np.float32), np.zeros((24, 2)), None) for many in (30, 40, 5)]

    assert (together(paths, ["", "", ""]) == 40).all()
    assert (together(paths, ["north", "north", "south"]) == 45).all()


def test_hours_refuse_columns_of_different_length():
    with pytest.raises(ValueError, match="give one of each"):
        Hours(np.zeros(3), np.zeros(2), np.zeros(3))


def test_the_machine_is_learned_from_hours_that_people_counted():
    rng = np.random.default_rng(SEED)
    counted = np.repeat([0.0, 10.0, 50.0, 200.0], 40)
    expected = 0.7 * counted * rng.lognormal(0, 0.05, 160) + 0.3
    machine = learn_machine(expected, counted, np.arange(160) // 4)
    unknown = learn_machine(np.array([np.nan, 3.0]), np.array([2.0, np.nan]), np.array([0, 0]))

    assert machine.gain == pytest.approx(0.7, abs=0.03) and machine.false == pytest.approx(0.3, abs=0.06)
    assert machine.checked == 160
    assert unknown.gain == 1.0 and unknown.checked == 0
    assert machine.relative + machine.bias**2 / 4 < unknown.relative + unknown.bias**2 / 4


def test_a_wild_expectation_or_count_does_not_decide_the_machine():
    counted = np.repeat([10.0, 50.0], 40)
    expected = counted.copy()
    expected[0] = 4000.0

    assert learn_machine(expected, counted, np.arange(80)).gain < 3


def test_levels_go_from_nothing_to_thousands_and_changes_add_up():
    levels = ladder(2000.0)
    chances = transitions(levels, Moves())

    assert levels[0] == 0 and levels[16] == 16 and levels[-1] >= 3000 and (np.diff(levels) > 0).all()
    assert np.allclose(chances.sum(axis=1), 1)
    assert chances[0, 0] == pytest.approx(1 - Moves().arriving)
    many = int(np.abs(levels - 500).argmin())
    assert abs(levels[many] - 500) < 15
    assert chances[many, 0] > chances[many, many // 2]


def test_the_largest_of_a_season_is_read_from_watched_hours_only():
    animals = np.zeros((3, 48), dtype=np.float32)
    animals[:, 30], animals[:, 5] = 90, 20

    assert largest(animals, np.arange(48) < 24).value == 20


def test_the_index_is_the_mean_over_days_with_an_interval_for_which_days_they_happened_to_be():
    animals = np.repeat([0.0, 10.0, 20.0, 30.0] * 7, 24)[None].repeat(50, axis=0).astype(np.float32)

    told = index(animals, np.ones(28, dtype=bool), np.random.default_rng(SEED))

    assert told.value == pytest.approx(15) and told.low < 15 < told.high
    assert np.isnan(index(animals, np.zeros(28, dtype=bool), np.random.default_rng(SEED)).value)


def test_the_profile_compares_hours_with_their_day_and_wants_five_days():
    clock = np.tile(np.arange(24), 10)
    animals = np.where(clock < 12, 10.0, 30.0)[None].astype(np.float32)
    seen = (clock != 3) | (np.arange(240) < 24 * 4)

    told = profile(animals, clock, seen, range(24))

    assert told[2].value == pytest.approx(0.5) and told[20].value == pytest.approx(1.5)
    assert 3 not in told


def test_a_scene_is_strange_when_it_hardly_looks_like_the_others():
    rng = np.random.default_rng(SEED)
    usual, other = rng.normal(size=64), rng.normal(size=64)
    looks = usual + rng.normal(0, 0.4, (100, 64))
    looks[90:] = other + rng.normal(0, 0.4, (10, 64))

    strange = strangeness(looks)

    assert (strange[90:] > 1).all() and (strange[:90] < 0).mean() > 0.9
    assert np.abs(strange).max() <= 1.5
    assert np.isnan(strangeness(looks[:5])).all()


def test_a_course_with_two_stays_within_one_event_lasts_from_the_first_to_the_last():
    steady = np.zeros((10, DAYS * 24), dtype=np.float32)
    steady[:, 5 * 24 : 20 * 24] = 10
    steady[:4, 9 * 24 : 15 * 24] = 0

    [event] = haulouts(steady, FIRST, np.ones(DAYS * 24, dtype=bool))

    assert (event.arrival.day, event.departure.day) == (day_of(5), day_of(19))
    assert (event.arrival.high, event.departure.low) == (day_of(5), day_of(19))
    assert event.maximum.low == 10
