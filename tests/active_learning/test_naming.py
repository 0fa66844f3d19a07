"""A walrus keeps its name through every rebuilding of the catalogue."""

import pytest

from active_learning.naming import BadCode, name_individuals


def named(components, previous=None, highest_used=0):
    return {"".join(one.sightings): one.id for one in name_individuals(components, previous or {}, highest_used)}


def test_new_individuals_get_the_next_codes_in_order():
    assert named(["ab", "c"]) == {"ab": "W0001", "c": "W0002"}
    assert named(["ab", "c"], {"c": "W0009"}) == {"ab": "W0010", "c": "W0009"}


def test_merged_individuals_keep_the_older_code_and_the_other_one_never_returns():
    assert named(["ab", "c"], {"a": "W0002", "b": "W0001"}, highest_used=2) == {"ab": "W0001", "c": "W0003"}
    assert named(["ab", "c"], {"a": "W0001", "b": "W0001"}, highest_used=2) == {"ab": "W0001", "c": "W0003"}


def test_after_a_split_the_larger_part_keeps_the_code():
    assert named(["a", "bc"], dict.fromkeys("abc", "W0001")) == {"a": "W0002", "bc": "W0001"}


def test_an_even_split_leaves_the_code_with_the_oldest_animal():
    assert named(["a", "b"], dict.fromkeys("ab", "W0001")) == {"a": "W0001", "b": "W0002"}


def test_codes_are_compared_as_numbers():
    assert named(["ab"], {"a": "W10000", "b": "W9999"}) == {"ab": "W9999"}


def test_a_name_that_is_no_code_is_refused():
    with pytest.raises(BadCode, match="'Olga'"):
        named(["a"], {"a": "Olga"})
