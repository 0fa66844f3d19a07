"""What arrives from a browser may be anything; what is believed of it may not."""

import pytest

from labeling_configs.results import MOST_ITEMS, chosen, number, opened, quoted, rated, ticked


def choices(*picked):
    return {"type": "choices", "from_name": "same", "to_name": "first", "value": {"choices": list(picked)}}


def stars(given):
    return {"type": "rating", "from_name": "confidence", "to_name": "first", "value": {"rating": given}}


@pytest.mark.parametrize("result", [None, {}, "[]", 7, True])
def test_a_result_that_is_no_list_is_one_complaint(result):
    reading = opened(result)
    assert reading.items == []
    assert [part.what for part in reading.broken] == ["result"]


def test_entries_that_are_no_objects_are_named_and_the_others_are_read():
    reading = opened([1, {"type": "choices"}, None])
    assert len(reading.items) == 1
    assert [part.what for part in reading.broken] == ["result[0]", "result[2]"]


def test_entries_beyond_the_cap_are_not_read_and_cost_one_complaint():
    reading = opened([{}] * (MOST_ITEMS + 200))
    assert len(reading.items) == MOST_ITEMS
    assert "holds 700 entries" in reading.broken[0].reason
    assert len(reading.broken) == 1


def test_choices_that_contradict_each_other_are_not_believed():
    reading = opened([choices("same"), choices("different")])
    assert chosen(reading, "same", "first", {"same", "different"}) is None
    assert "contradict" in reading.broken[0].reason


@pytest.mark.parametrize("picked", [[], ["same", "different"], ["perhaps"], [["same"]], [None], [{}]])
def test_a_choice_that_is_not_one_of_those_offered_is_a_complaint(picked):
    reading = opened([choices(*picked)])
    assert chosen(reading, "same", "first", {"same", "different"}) is None
    assert len(reading.broken) == 1


def test_several_choices_are_each_read_once_and_in_the_order_in_which_they_were_offered():
    reading = opened([choices("b", "a", "b"), choices("a")])
    assert ticked(reading, "same", "first", ["a", "b", "c"]) == ["a", "b"]
    assert reading.broken == []


@pytest.mark.parametrize("strange", ["d", "", "A", ["a"], {"a": 1}, None, 7, float("nan")])
def test_a_strange_choice_among_several_is_a_complaint_and_the_others_are_read(strange):
    reading = opened([choices("b", strange)])
    assert ticked(reading, "same", "first", ["a", "b"]) == ["b"]
    assert [part.what for part in reading.broken] == ["result[0]"]


def test_a_flood_of_strange_choices_is_one_complaint():
    reading = opened([choices("a", *["x" * 1000] * 100_000)])
    assert ticked(reading, "same", "first", ["a"]) == ["a"]
    (complaint,) = reading.broken
    assert "and 99999 more" in complaint.reason and len(complaint.reason) < 120


@pytest.mark.parametrize("value", [None, "a", {"a": 1}, 7])
def test_choices_that_are_no_list_are_a_complaint(value):
    reading = opened([{**choices(), "value": {"choices": value}}])
    assert ticked(reading, "same", "first", ["a"]) == []
    assert len(reading.broken) == 1


@pytest.mark.parametrize("given", [0, 6, 2.5, float("nan"), True, "3", None, [], 10**400])
def test_stars_are_a_whole_number_in_range(given):
    reading = opened([stars(given)])
    assert rated(reading, "confidence", "first", 5) is None
    assert len(reading.broken) == 1


def test_stars_in_range_are_read():
    assert rated(opened([stars(4)]), "confidence", "first", 5) == 4


def test_entries_nobody_asked_for_are_complaints():
    reading = opened([choices("same"), {"type": "brushlabels", "from_name": "x", "to_name": "y"}, {"type": []}])
    reading.reject_strange({("choices", "same", "first")})
    assert [part.what for part in reading.broken] == ["result[1]", "result[2]"]


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**400, True, "1", None, [1]])
def test_only_finite_numbers_are_numbers(value):
    assert number(value) is None


def test_a_strangers_value_is_quoted_short_and_printable():
    assert len(quoted("x" * 10**6)) < 60
    quoted("\ud800").encode()
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert quoted(deep) == "a value of type list"
