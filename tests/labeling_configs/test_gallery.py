"""A gallery offers the candidates, nobody else, and two answers more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_configs import gallery
from labeling_configs.gallery import CANNOT_TELL, NEW, Candidate, GalleryAnswer
from labeling_configs.vocabulary import AnimalId

CANDIDATES = [Candidate(f"W{number:03}", f"/crops/{number}.jpg", f"Walrus {number}") for number in range(12)]
IDS = [candidate.id for candidate in CANDIDATES]
QUERY = AnimalId("q")


def test_the_candidates_come_in_their_order_and_the_two_other_answers_last():
    offered = gallery.task_data("/q.jpg", QUERY, CANDIDATES)["candidates"]
    assert [one["value"] for one in offered] == [*IDS, NEW, CANNOT_TELL]
    assert [one.get("hotkey") for one in offered] == [*"123456789", None, None, None, "n", "c"]


def test_what_a_stranger_named_cannot_become_markup():
    evil = Candidate("W1", '/x.jpg" onerror="steal()', "<script>steal()</script>{url}")
    (offer, *_) = gallery.task_data("/q.jpg", QUERY, [evil])["candidates"]
    assert "<script" not in offer["html"]
    assert 'onerror="' not in offer["html"]
    assert "&lt;script&gt;steal()&lt;/script&gt;{url}" in offer["html"]


@pytest.mark.parametrize("bad", [NEW, CANNOT_TELL, "W000"])
def test_candidates_that_could_be_mistaken_are_refused(bad):
    with pytest.raises(gallery.BadCandidate, match=bad):
        gallery.task_data("/q.jpg", QUERY, [*CANDIDATES, Candidate(bad, "/x.jpg", "x")])


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("W003", GalleryAnswer("W003", is_new=False, cannot_tell=False, broken=())),
        (NEW, GalleryAnswer(None, is_new=True, cannot_tell=False, broken=())),
        (CANNOT_TELL, GalleryAnswer(None, is_new=False, cannot_tell=True, broken=())),
    ],
)
def test_each_answer_comes_back_as_it_was_given(choice, expected):
    assert gallery.read(gallery.write(choice), IDS) == expected


@pytest.mark.parametrize("result", [gallery.write("W999"), [], None, [*gallery.write("W001"), *gallery.write(NEW)]])
def test_an_answer_outside_the_offer_a_missing_and_a_double_one_are_not_believed(result):
    answer = gallery.read(result, IDS)
    assert (answer.choice, answer.is_new, answer.cannot_tell) == (None, False, False)
    assert answer.broken


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(anything | st.lists(st.builds(gallery.write, anything).map(lambda written: written[0]) | anything, max_size=4))
def test_no_answer_whatever_breaks_the_reader_or_names_a_stranger(result):
    answer = gallery.read(result, IDS)
    assert answer.choice in {None, *IDS}
    assert (answer.choice is not None) + answer.is_new + answer.cannot_tell + bool(answer.broken) >= 1
