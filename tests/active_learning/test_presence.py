"""Choices between labels become one answer for the picture, and tell who can be relied on."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from active_learning.presence import (
    UNKNOWN,
    BrokenChoices,
    Choices,
    OtherLabels,
    enough,
    expected_cost,
    learn_people,
    settle_choices,
)

rows = st.lists(st.tuples(st.integers(0, 7), st.integers(UNKNOWN, 4), st.integers(0, 2)), max_size=40)


def choices(answers, n_items=8, n_people=5, n_labels=3):
    items, people, labels = np.array(answers, dtype=np.intp).reshape(-1, 3).T
    return Choices(items, people, labels, n_items, n_people, n_labels)


def crowd(confusions, n_items=400, seed=3):
    """Everybody answers about every item, as his confusion has it; return the answers and the truth."""
    rng = np.random.default_rng(seed)
    n_people, n_labels = len(confusions), len(confusions[0])
    truth = rng.integers(n_labels, size=n_items)
    items, people = (grid.ravel() for grid in np.indices((n_items, n_people)))
    chances = np.cumsum(np.array(confusions)[people, truth[items]], axis=1)
    labels = np.minimum((rng.random(len(items))[:, None] > chances).sum(axis=1), n_labels - 1)
    return Choices(items, people, labels, n_items, n_people, n_labels), truth


def right(share, n_labels=2):
    wrong = (1 - share) / (n_labels - 1)
    return np.full((n_labels, n_labels), wrong) + (share - wrong) * np.eye(n_labels)


def about(whole, item):
    """Keep the answers about one item, as if there were no other."""
    here = whole.items == item
    return replace(whole, items=whole.items[here] * 0, people=whole.people[here], labels=whole.labels[here], n_items=1)


@given(rows, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_answers_does_not_matter(answers, chance):
    whole, shuffled = choices(answers), choices(chance.sample(answers, len(answers)))

    people, again = learn_people(whole), learn_people(shuffled)

    assert np.array_equal(people.confusion, again.confusion)
    assert np.array_equal(settle_choices(whole, people), settle_choices(shuffled, again))


@given(rows)
@settings(max_examples=60, deadline=None)
def test_all_that_is_learned_are_probabilities(answers):
    people = learn_people(choices(answers))
    posterior = settle_choices(choices(answers), people)

    assert people.confusion.sum(axis=2) == pytest.approx(1)
    assert people.prior.sum() == pytest.approx(1)
    assert posterior.sum(axis=1) == pytest.approx(1)
    assert people.confusion.min() > 0


@given(rows)
@settings(max_examples=60, deadline=None)
def test_an_item_alone_is_settled_as_in_the_whole_batch(answers):
    whole = choices(answers)
    people = learn_people(whole)

    alone = [settle_choices(about(whole, item), people)[0] for item in range(whole.n_items)]

    assert settle_choices(whole, people) == pytest.approx(np.array(alone), abs=1e-12)


def test_a_newcomer_is_neither_trusted_nor_ignored():
    whole, _ = crowd([right(0.9)] * 5)
    people = learn_people(whole)
    one = choices([(0, 5, 1)], n_items=1, n_people=6, n_labels=2)
    old = choices([(0, 0, 1)], n_items=1, n_people=6, n_labels=2)

    newcomer, veteran = (settle_choices(answer, people)[0, 1] for answer in (one, old))

    assert people.crowd == pytest.approx(right(0.9), abs=0.05)
    assert 0.8 < newcomer < 0.95
    assert newcomer == pytest.approx(veteran, abs=0.05)


def test_a_newcomer_who_was_right_three_times_is_not_yet_believed_blindly():
    whole, truth = crowd([right(0.8)] * 4)
    items = np.concatenate([whole.items, [0, 1, 2]])
    names = np.concatenate([whole.people, [4, 4, 4]])
    labels = np.concatenate([whole.labels, truth[:3]])

    people = learn_people(Choices(items, names, labels, whole.n_items, 5, 2))

    assert np.diag(people.confusion[4]).max() < 0.9
    assert np.diag(people.confusion[4]).min() > 0.75


def test_an_anonymous_answer_counts_as_a_newcomers():
    people = learn_people(crowd([right(0.9)] * 3 + [right(0.6)])[0])
    anonymous, later = (choices([(0, who, 1)], 1, 9, 2) for who in (UNKNOWN, 8))

    assert np.array_equal(settle_choices(anonymous, people), settle_choices(later, people))


def test_where_nobody_is_known_the_crowd_is_learned_all_the_same():
    whole, _ = crowd([right(0.95)] * 5, n_items=500)

    people = learn_people(replace(whole, people=np.full_like(whole.people, UNKNOWN)))

    assert people.crowd == pytest.approx(right(0.95), abs=0.03)


def test_one_busy_liar_does_not_make_the_crowd_suspect():
    rng = np.random.default_rng(0)
    whole, truth = crowd([right(0.9)] * 20, n_items=200)
    asked = rng.random(len(whole.items)) < 0.2
    items = np.concatenate([whole.items[asked], np.arange(200)])
    names = np.concatenate([whole.people[asked], np.full(200, 20)])
    labels = np.concatenate([whole.labels[asked], 1 - truth])

    people = learn_people(Choices(items, names, labels, 200, 21, 2))

    assert np.diag(people.crowd).min() > 0.75
    assert np.diag(people.confusion[20]).max() < 0.2


def test_who_always_lies_is_turned_round():
    whole, truth = crowd([right(0.85)] * 3 + [right(0.0)])
    people = learn_people(whole)
    lie = choices([(0, 3, 1)], n_items=1, n_people=4, n_labels=2)

    assert np.diag(people.confusion[3]).max() < 0.1
    assert settle_choices(lie, people)[0, 1] < 0.1
    assert np.mean(settle_choices(whole, people).argmax(axis=1) == truth) > 0.99


def test_who_always_says_the_same_is_ignored():
    whole, _ = crowd([right(0.85)] * 4 + [np.array([[1.0, 0.0], [1.0, 0.0]])])
    people = learn_people(whole)
    same = choices([(0, 4, 0)], n_items=1, n_people=5, n_labels=2)

    assert settle_choices(same, people)[0] == pytest.approx(people.prior, abs=0.05)


def test_simulated_confusions_are_recovered():
    true = [
        right(0.95, 3),
        right(0.8, 3),
        right(0.6, 3),
        [[0.7, 0.3, 0], [0.1, 0.9, 0], [0.3, 0.3, 0.4]],
        right(0.7, 3),
    ]
    whole, truth = crowd(true, n_items=3000)

    people = learn_people(whole, tolerance=1e-7)

    assert people.confusion[:-1] == pytest.approx(np.array(true), abs=0.05)
    assert people.prior == pytest.approx(np.bincount(truth) / len(truth), abs=0.02)


def test_skill_outvotes_numbers():
    whole, truth = crowd([right(0.97)] * 2 + [right(0.58)] * 3, n_items=2000)
    majority = np.bincount(whole.items, weights=whole.labels) > 2.5

    settled = settle_choices(whole, learn_people(whole)).argmax(axis=1)

    assert np.mean(settled == truth) > np.mean(majority == truth) + 0.05


def test_going_on_from_what_was_learned_yesterday_ends_at_the_same_and_sooner():
    whole, _ = crowd([right(share) for share in (0.9, 0.8, 0.7, 0.65, 0.6)])
    early = (whole.items < 390) & (whole.people < 4)
    before = Choices(whole.items[early], whole.people[early], whole.labels[early], whole.n_items, 4, 2)
    yesterday = learn_people(before, tolerance=1e-9)

    scratch, went_on = (learn_people(whole, start, tolerance=1e-9) for start in (None, yesterday))
    finished = learn_people(whole, scratch, tolerance=1e-6)

    assert went_on.confusion == pytest.approx(scratch.confusion, abs=1e-6)
    assert finished.rounds == 1


def test_strangers_are_taken_for_the_crowd_also_where_fewer_people_answer_than_are_known():
    known = learn_people(crowd([right(0.9)] * 3 + [right(0.0)])[0])
    named, unnamed = (choices([(0, who, 1)], 1, n_people, 2) for who, n_people in ((0, 1), (UNKNOWN, 3)))

    first, second = (learn_people(few, start=known, most=0) for few in (named, unnamed))

    assert first.prior[1] == pytest.approx((1 + settle_choices(named, known)[0, 1]) / 3)
    assert second.prior[1] == pytest.approx((1 + settle_choices(unnamed, known)[0, 1]) / 3)


def test_without_answers_nothing_is_known_but_what_is_always_assumed():
    people = learn_people(choices([]))

    assert people.prior == pytest.approx(np.full(3, 1 / 3))
    assert people.crowd == pytest.approx(right(0.8, 3))
    assert settle_choices(choices([]), people) == pytest.approx(np.full((8, 3), 1 / 3))
    assert settle_choices(choices([], n_items=0, n_people=0), people).shape == (0, 3)


def test_items_nobody_answered_do_not_change_how_common_a_label_is():
    answers = [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1)]

    few, many = (learn_people(choices(answers, n_items=n)) for n in (2, 2000))

    assert np.array_equal(few.prior, many.prior)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((0, 0, 3), r"answer 1 has label 3, outside 0\.\.2"),
        ((0, 0, -1), "answer 1 has label -1"),
        ((8, 0, 0), "answer 1 has item 8"),
        ((0, 5, 0), "answer 1 has person 5"),
        ((0, -2, 0), "answer 1 has person -2"),
    ],
)
def test_an_answer_about_something_unheard_of_is_named(answer, complaint):
    with pytest.raises(BrokenChoices, match=complaint):
        choices([(0, 0, 0), answer])


def test_answers_that_are_no_answers_are_refused():
    one = np.zeros(1, dtype=np.intp)

    with pytest.raises(BrokenChoices, match="1 items, 1 people and 2 labels"):
        Choices(one, one, np.zeros(2, dtype=np.intp), 1, 1, 2)
    with pytest.raises(BrokenChoices, match="float64, not integers"):
        Choices(one, one, np.zeros(1), 1, 1, 2)
    with pytest.raises(BrokenChoices, match="at least two"):
        Choices(one, one, one, 1, 1, 1)


def test_people_of_another_question_are_refused():
    people = learn_people(choices([], n_labels=2))

    with pytest.raises(OtherLabels, match="2 of these people"):
        settle_choices(choices([(0, 0, 2)]), people)
    with pytest.raises(OtherLabels, match="2 of these people"):
        learn_people(choices([(0, 0, 2)]), start=people)
    with pytest.raises(OtherLabels, match="give each label a row"):
        expected_cost(np.array([0.5, 0.3, 0.2]), costs=np.ones((2, 2)))


def test_one_asks_on_until_the_risk_is_low_and_enough_people_looked():
    sure, unsure = [0.99, 0.01], [0.6, 0.4]
    posterior = np.array([sure, sure, unsure, [np.nan, np.nan]])

    done = enough(posterior, wanted_risk=0.02, least=2, asked=np.array([2, 1, 9, 0]))

    assert done.tolist() == [True, False, False, False]
    assert bool(enough(np.array(sure), 0.02, 2, 5))


def test_a_dear_mistake_needs_more_certainty():
    empty, walrus = 0.97, 0.03
    costs = np.array([[0.0, 10.0], [1.0, 0.0]])  # to call a picture with a walrus empty costs ten times as much

    assert expected_cost(np.array([empty, walrus]), costs) == pytest.approx(0.3)
    assert expected_cost(np.array([walrus, empty]), costs) == pytest.approx(0.03)


@pytest.mark.real_data
def test_a_third_of_the_answers_settles_steller_watch_as_all_of_them_do(steller_watch):
    whole, counted = steller_watch
    order = np.random.default_rng(0).permutation(len(whole.items))
    third = np.concatenate([rows[: -(-len(rows) // 3)] for rows in _of_each_item(whole, order)])
    part = replace(whole, items=whole.items[third], people=whole.people[third], labels=whole.labels[third])

    settled = settle_choices(part, learn_people(part)).argmax(axis=1)

    assert len(third) < 0.36 * len(order)
    assert (settled == counted).sum() == 100


@pytest.fixture
def steller_watch() -> tuple[Choices, np.ndarray]:
    """Return the yes (1) and no (0) answers of Steller Watch, and what most said; who was not signed in is unknown."""
    shared = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("HAULOUT_SHARED_DATA", shared)) / "steller_watch_answers"
    if not folder.exists():
        reason = f"no real answers at {folder}; set HAULOUT_SHARED_DATA"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    table = pd.read_csv(folder / "steller_watch_presence_answers.csv", keep_default_na=False)
    table = table[table["label"] != "null"]
    items, people = (pd.factorize(table[column], sort=True) for column in ("item", "worker"))
    known = np.where(table["registered"] == 1, people[0], UNKNOWN)
    said = (table["label"] == "yes").to_numpy(np.intp)
    counted = np.bincount(items[0], weights=2 * said - 1) > 0
    return Choices(items[0], known, said, len(items[1]), len(people[1]), 2), counted


def _of_each_item(whole: Choices, order: np.ndarray) -> list[np.ndarray]:
    return [order[whole.items[order] == item] for item in range(whole.n_items)]
