from dataclasses import replace

import numpy as np
import pytest

from active_learning.calibration import BrokenFrame, Checked, Frame, calibrate, uncertainty
from active_learning.estimation import NothingDrawn, domain_total, empty_share, ratio, total, waves
from active_learning.narrowing import narrowing, narrowing_peak, needed, needed_peak, peak
from active_learning.sampling import NothingToDraw, design, draw


def a_season(seed: int, days: int = 20, useless: bool = False) -> tuple[Frame, np.ndarray]:
    """4 photos of 6 tiles a day; a detector that finds two in three, fewer on some days, or scores at random."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), 24)
    level = np.where(rng.random(days) < 0.5, rng.gamma(2, 4, days), 0.02)
    count = rng.poisson(level[day] * rng.gamma(1, 1, len(day))).astype(float)
    expected = rng.binomial(count.astype(int), rng.beta(6, 3, days)[day]) + rng.gamma(0.2, 1, len(day))
    return Frame(rng.permutation(expected) if useless else expected, day, np.arange(len(day)) // 6), count


def asked(frame: Frame, count: np.ndarray, sizes: tuple[int, ...], rng: np.random.Generator) -> Checked:
    done = Checked(*(np.zeros(0, kind) for kind in (int, float, float, int)))
    for wave, size in enumerate(sizes):
        left = np.setdiff1d(np.arange(len(count)), done.unit)
        probability = design(frame.expected[left], size)
        at = draw(probability, rng, (frame.day[left],))
        new = (left[at], count[left[at]], probability[at], np.full(len(at), wave))
        old = (done.unit, done.count, done.probability, done.wave)
        done = Checked(*(np.concatenate(both) for both in zip(old, new, strict=True)))
    return done


@pytest.mark.parametrize("useless", [False, True])
def test_the_total_is_unbiased_and_its_interval_covers_as_often_as_it_says(useless):
    errors, covered = [], []
    for seed in range(150):
        frame, count = a_season(seed, useless=useless)
        found = total(frame, asked(frame, count, (30, 40), np.random.default_rng(seed)))
        errors.append(found.value / count.sum() - 1)
        covered.append(found.low <= count.sum() <= found.high)

    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(150)
    assert np.mean(covered) >= 0.89


def test_when_everything_is_checked_the_total_is_exact():
    frame, count = a_season(1, days=2)
    every = np.arange(len(count))

    found = total(frame, Checked(every, count, np.ones(len(count)), np.zeros(len(count), int)))

    assert (found.value, found.low, found.high) == pytest.approx((count.sum(),) * 3)


def test_a_tile_chosen_by_value_counts_once_and_only_for_later_waves():
    frame, count = a_season(2)
    checked = asked(frame, count, (20, 20), np.random.default_rng(0))
    crowd = int(np.setdiff1d(np.argsort(-count)[:60], checked.unit)[0])

    def with_chosen(wave: int) -> Checked:
        new = ([crowd], [count[crowd]], [np.nan], [wave])
        old = (checked.unit, checked.count, checked.probability, checked.wave)
        return Checked(*(np.concatenate([a, b]) for a, b in zip(old, new, strict=True)))

    early, late = (waves(with_chosen(wave), np.ones(len(count))) for wave in (0, 1))

    assert [len(wave.known) for wave in early] == [0, 21] and [len(wave.known) for wave in late] == [0, 20]
    assert total(frame, with_chosen(0)).drawn == 40


def test_unanswered_tiles_are_stood_for_by_the_answered_ones_of_their_wave():
    frame, count = a_season(3)
    checked = asked(frame, count, (40,), np.random.default_rng(0))
    half = replace(checked, count=np.where(np.arange(40) % 2, checked.count, np.nan))

    (wave,) = waves(half, np.ones(len(count)))

    assert len(wave.at) == 20
    assert wave.probability == pytest.approx(checked.probability[half.answered] / 2)
    assert total(frame, half).value == pytest.approx(count.sum(), rel=0.5)


def test_without_any_drawn_tile_there_is_no_estimate():
    frame, count = a_season(4)

    with pytest.raises(NothingDrawn):
        total(frame, Checked(np.array([0]), count[:1], np.array([np.nan]), np.array([0])))


def test_impossible_columns_are_refused():
    with pytest.raises(BrokenFrame):
        Checked(np.array([1, 1]), np.zeros(2), np.ones(2), np.zeros(2, int))
    with pytest.raises(BrokenFrame):
        Checked(np.array([1, 2]), np.zeros(2), np.array([0.0, 0.5]), np.zeros(2, int))


def test_a_day_without_a_checked_tile_has_an_interval_wider_than_one_that_was_looked_at():
    frame, count = a_season(5)
    checked = asked(frame, count, (80,), np.random.default_rng(0))
    day = int(np.argmax(np.bincount(frame.day, count)))
    weight = (frame.day == day).astype(float)
    elsewhere = frame.day[checked.unit] != day
    without = Checked(*(getattr(checked, name)[elsewhere] for name in ("unit", "count", "probability", "wave")))

    looked, not_looked = (domain_total(frame, some, weight) for some in (checked, without))

    assert not_looked.low < not_looked.value < not_looked.high
    assert not_looked.half_width > looked.half_width > 0


def test_a_domain_where_all_that_was_checked_was_as_foreseen_still_has_a_width():
    frame = Frame(np.tile([0.0, 1.0, 2.0, 3.0], 30), np.repeat(np.arange(6), 20), np.repeat(np.arange(24), 5))
    checked = asked(frame, frame.expected.copy(), (20,), np.random.default_rng(0))

    found = domain_total(frame, checked, (frame.day == 2).astype(float))

    assert found.value == pytest.approx(frame.expected[frame.day == 2].sum(), rel=0.1)
    assert found.half_width > 0.05


def test_daily_totals_are_covered_about_as_often_as_they_say():
    covered = []
    for seed in range(25):
        frame, count = a_season(seed)
        checked = asked(frame, count, (40, 40), np.random.default_rng(seed))
        fit = calibrate(frame, checked)
        for day in range(20):
            weight = (frame.day == day).astype(float)
            found = domain_total(frame, checked, weight, fit)
            covered.append(found.low <= weight @ count <= found.high)

    assert 0.88 <= np.mean(covered)


def test_the_model_s_doubt_grows_with_the_days_that_differ():
    frame, count = a_season(6)
    checked = asked(frame, count, (60,), np.random.default_rng(0))
    fit = calibrate(frame, checked)
    weight = (frame.day == 0).astype(float)
    weight[checked.unit] = 0

    alike = replace(fit, learned=replace(fit.learned, day=0.0, photo=0.0))

    assert uncertainty(frame, fit, weight) > uncertainty(frame, alike, weight) > 0
    assert uncertainty(frame, fit, np.zeros(len(count))) == pytest.approx(0, abs=1e-9)


def test_the_share_of_empty_tiles_stays_between_nought_and_one_and_is_never_certain():
    frame, count = a_season(7)
    chance = replace(frame, expected=1 - np.exp(-frame.expected))
    checked = asked(chance, count, (60,), np.random.default_rng(0))
    nothing = replace(checked, count=np.zeros(60))

    found, empty = empty_share(chance, checked), empty_share(replace(chance, expected=0 * count), nothing)

    assert found.low < np.mean(count == 0) < found.high
    assert empty.value == 1.0 and empty.high == 1.0 and 0.85 < empty.low < 0.99


def test_the_share_of_empty_tiles_is_covered():
    covered = []
    for seed in range(100):
        frame, count = a_season(seed)
        chance = replace(frame, expected=1 - np.exp(-frame.expected))
        found = empty_share(chance, asked(chance, count, (50,), np.random.default_rng(seed)))
        covered.append(found.low <= np.mean(count == 0) <= found.high)

    assert np.mean(covered) >= 0.89


def test_recall_is_covered_and_a_detector_that_missed_nothing_seen_is_not_called_perfect():
    covered = []
    for seed in range(100):
        frame, count = a_season(seed)
        hits = np.random.default_rng([seed, 1]).binomial(count.astype(int), 0.8).astype(float)
        checked = asked(frame, count, (30, 40), np.random.default_rng(seed))
        found = ratio(checked, hits[checked.unit], count[checked.unit])
        covered.append(found.low <= hits.sum() / count.sum() <= found.high)
    perfect = ratio(checked, checked.count, checked.count)

    assert np.mean(covered) >= 0.88
    assert perfect.value == 1.0 and perfect.low < 0.999


def test_without_animals_recall_is_unknown():
    frame, _ = a_season(8)
    checked = asked(frame, np.zeros(len(frame.expected)), (20,), np.random.default_rng(0))

    found = ratio(checked, checked.count, checked.count)

    assert np.isnan(found.value) and (found.low, found.high) == (0.0, 1.0)


def test_tiles_that_narrow_a_day_are_drawn_from_that_day_only_and_not_twice():
    frame, count = a_season(9)
    checked = asked(frame, count, (40,), np.random.default_rng(0))
    fit = calibrate(frame, checked)
    weight = (frame.day == 3).astype(float)

    probability = narrowing(frame, fit, checked, weight, 6)

    assert probability.sum() == pytest.approx(6)
    assert not probability[frame.day != 3].any() and not probability[checked.unit].any()


def test_as_many_tiles_as_foreseen_bring_the_figure_near_its_target():
    met, spent = [], []
    for seed in range(20):
        frame, count = a_season(seed)
        checked = asked(frame, count, (60,), np.random.default_rng(seed))
        fit, weight = calibrate(frame, checked), (frame.day >= 10).astype(float)
        wanted = 0.06 * domain_total(frame, checked, weight, fit).value
        more = needed(frame, fit, checked, weight, wanted)
        if more:
            probability = narrowing(frame, fit, checked, weight, more)
            at = draw(probability, np.random.default_rng([seed, 1]))
            new = (at, count[at], probability[at], np.full(len(at), 1))
            old = (checked.unit, checked.count, checked.probability, checked.wave)
            checked = Checked(*(np.concatenate(both) for both in zip(old, new, strict=True)))
        met.append(domain_total(frame, checked, weight).half_width / wanted)
        spent.append(more)

    assert np.median(met) < 1.3
    assert 0 < np.median(spent) < 200


def test_a_tighter_target_takes_more_tiles_and_a_met_one_none():
    frame, count = a_season(10)
    checked = asked(frame, count, (60,), np.random.default_rng(0))
    fit, every = calibrate(frame, checked), np.ones(len(count))

    sizes = [needed(frame, fit, checked, every, width) for width in (1e6, 200.0, 100.0, 1e-9)]

    assert sizes[0] == 0 and sizes[1] <= sizes[2] < sizes[3] == len(count) - 60


def test_a_figure_of_which_everything_is_checked_can_not_be_narrowed():
    frame, count = a_season(11)
    checked = asked(frame, count, (20,), np.random.default_rng(0))
    weight = np.zeros(len(count))
    weight[checked.unit[:3]] = 1

    with pytest.raises(NothingToDraw):
        narrowing(frame, calibrate(frame, checked), checked, weight, 5)


def test_the_largest_count_is_honest_about_picking_the_largest_of_noisy_counts():
    ours, covered = [], []
    for seed in range(40):
        frame, count = a_season(seed)
        checked = asked(frame, count, (60,), np.random.default_rng(seed))
        fit = calibrate(frame, checked)
        found = peak(frame, fit, checked, frame.day < 20, np.random.default_rng(seed)).estimate
        truth = np.bincount(frame.photo, count).max()
        ours.append(found.value / truth - 1)
        covered.append(found.low <= truth <= found.high)

    assert np.mean(covered) >= 0.85
    assert abs(np.mean(ours)) < 0.15


def test_the_race_for_the_largest_is_asked_about_and_ends_in_an_exact_figure():
    frame, count = a_season(12)
    checked, rng = asked(frame, count, (60,), np.random.default_rng(0)), np.random.default_rng(1)
    every = frame.day < 20
    forecast = needed_peak(frame, calibrate(frame, checked), checked, every, 0.1, rng)
    for wave in range(1, 30):
        fit = calibrate(frame, checked)
        found = peak(frame, fit, checked, every, rng)
        if found.estimate.half_width <= 0.1 * found.estimate.value:
            break
        probability = narrowing_peak(frame, fit, checked, found, 8)
        assert set(frame.photo[probability > 0]) <= set(found.photos[found.chance > 0])
        at = draw(probability, rng)
        new = (at, count[at], probability[at], np.full(len(at), wave))
        old = (checked.unit, checked.count, checked.probability, checked.wave)
        checked = Checked(*(np.concatenate(both) for both in zip(old, new, strict=True)))

    truth = np.bincount(frame.photo, count).max()
    assert abs(found.estimate.value / truth - 1) < 0.2
    assert 0 < forecast < 200 and len(checked.unit) - 60 < 3 * forecast + 24


def test_photos_that_cannot_be_the_largest_are_left_out_of_the_race():
    expected = np.concatenate([np.full(3000, 0.1), [60.0, 55.0]])
    frame = Frame(expected, np.arange(3002) % 30, np.arange(3002))
    checked = Checked(np.array([3000]), np.array([58.0]), np.array([1.0]), np.array([1]))

    found = peak(frame, calibrate(frame, checked), checked, np.ones(3002, dtype=bool), np.random.default_rng(0))

    assert found.photos.tolist() == [3000, 3001]
    assert 58 <= found.estimate.low <= found.estimate.value
