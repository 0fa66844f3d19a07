"""The exam is chosen once and for ever by what a photo is, not by a list."""

from datetime import date, timedelta

from active_learning.splits import is_exam, is_exam_individual, is_held_out
from labeling_configs.vocabulary import IndividualId

PINNED_DAYS = [False, False, False, False, True, True, False, True]
DAYS = [date(2020, 1, 1) + timedelta(days=n) for n in range(2000)]


def test_about_the_wanted_share_of_days_is_kept_for_the_exam():
    assert 0.17 < sum(is_exam("north", day, 0.2, "s") for day in DAYS) / len(DAYS) < 0.23


def test_a_larger_share_keeps_every_day_that_was_in_the_exam():
    small = {day for day in DAYS if is_exam("north", day, 0.1, "s")}

    assert small < {day for day in DAYS if is_exam("north", day, 0.3, "s")}


def test_another_site_or_salt_is_another_choice():
    def chosen(site, salt):
        return [is_exam(site, day, 0.5, salt) for day in DAYS]

    assert chosen("north", "s") == chosen("north", "s")
    assert chosen("north", "s") != chosen("south", "s")
    assert chosen("north", "s") != chosen("north", "t")


def test_the_choice_never_changes_between_versions():
    assert [is_exam("north", day, 0.5, "s") for day in DAYS[:8]] == PINNED_DAYS
    assert is_exam("north", None, 0.5, "s") == is_exam("north", None, 0.5, "s")


def test_no_share_is_no_exam_and_a_full_share_is_everything():
    names = [IndividualId(f"W{n:04d}") for n in range(200)]

    assert not any(is_exam_individual(name, 0.0, "s") for name in names)
    assert all(is_exam_individual(name, 1.0, "s") for name in names)
    assert 60 < sum(is_exam_individual(name, 0.5, "s") for name in names) < 140


def test_days_that_are_held_out_hang_on_site_day_and_salt_and_not_on_the_exam():
    held = [is_held_out("north", day.isoformat(), 0.1, "s") for day in DAYS]
    examined = [is_exam("north", day, 0.1, "s") for day in DAYS]

    assert 0.07 < sum(held) / len(DAYS) < 0.13
    assert held == [is_held_out("north", day.isoformat(), 0.1, "s") for day in DAYS]
    assert sum(map(bool, map(min, held, examined))) < 0.03 * len(DAYS), "held-out days are not the exam's"
