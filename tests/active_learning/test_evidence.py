"""Evidence is gathered as log-likelihood ratios, free of the prior and of who said it in which order."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from active_learning.evidence import BrokenEvidence, Scores, gather
from active_learning.expertise import Belief, Reliability, latest_answers, learn_reliability
from labeling_configs.vocabulary import Animal, AnimalId, Person, PhotoId, Same, Verdict

BEGAN = datetime(2026, 7, 1, tzinfo=UTC)
HERD = [Animal(AnimalId(name), PhotoId(name), (0, 0, 9, 9), 1.0) for name in "abc"]


def said(pair, answer, expert="e", minute=0):
    when = BEGAN + timedelta(minutes=minute)
    return Verdict(Person(expert), AnimalId(pair[0]), AnimalId(pair[1]), answer, when, 9.0)


def test_a_calibrated_probability_alone_comes_back_as_itself():
    evidence = gather(HERD, Scores([("b", "a")], np.array([0.7]), prior=0.02))

    assert 1 / (1 + np.exp(-evidence.alone())) == pytest.approx(0.7)


def test_where_individuals_are_more_the_same_score_says_less():
    few, many = (gather(HERD, Scores([("a", "b")], np.array([0.7]), 0.02), prior=prior) for prior in (0.02, 0.002))

    assert many.machine == pytest.approx(few.machine)
    assert many.alone() - few.alone() == pytest.approx(np.log(0.002 / 0.998) - np.log(0.02 / 0.98))


def test_experts_count_as_often_as_they_are_right_and_each_once():
    verdicts = [said("ab", Same.DIFFERENT, minute=0), said("ba", Same.SAME, minute=5), said("ab", Same.SAME, "f")]
    rates = {Person("e"): Reliability(0.9, 0.8), Person("f"): Reliability(0.99, 0.95)}

    evidence = gather(HERD, Scores([], np.zeros(0), 0.01), latest_answers(verdicts), rates)

    assert evidence.experts == pytest.approx([np.log(0.9 / 0.2) + np.log(0.99 / 0.05)])
    assert (evidence.same.tolist(), evidence.different.tolist()) == ([2], [0])


def test_different_weighs_by_the_chance_to_overlook_a_match():
    assert Reliability(0.9, 0.8).weight(Same.DIFFERENT) == pytest.approx(np.log(0.1 / 0.8))
    assert Reliability(0.9, 0.8).weight(Same.CANNOT_TELL) == 0


def test_scores_without_a_prior_or_of_other_length_are_refused():
    with pytest.raises(BrokenEvidence):
        gather(HERD, Scores([("a", "b")], np.array([0.7, 0.8]), 0.02))
    with pytest.raises(BrokenEvidence):
        gather(HERD, Scores([("a", "b")], np.array([0.7]), 0.0))
    with pytest.raises(BrokenEvidence):
        gather([*HERD, HERD[0]], Scores([], np.zeros(0), 0.01))


def panel(rng, rates, pairs, each):
    """Everybody answers `each` of so many pairs, half of which are one, as often rightly as their rates say."""
    truth = {(AnimalId(f"a{i:04}"), AnimalId(f"b{i:04}")): bool(rng.random() < 0.5) for i in range(pairs)}
    verdicts = []
    for pair, same in truth.items():
        for person in rng.choice(sorted(rates), each, replace=False):
            right = rng.random() < rates[person][0 if same else 1]
            verdicts.append(said(pair, Same.SAME if right == same else Same.DIFFERENT, str(person)))
    return truth, latest_answers(verdicts)


def test_experts_rates_are_learned_from_each_other():
    rates = {"good": (0.98, 0.97), "fair": (0.9, 0.9), "hasty": (0.97, 0.75)}
    _, answers = panel(np.random.default_rng(1), rates, 800, 3)

    learned = learn_reliability(answers)

    for person, (same, different) in rates.items():
        assert learned[Person(person)].same == pytest.approx(same, abs=0.03)
        assert learned[Person(person)].different == pytest.approx(different, abs=0.05)


def test_an_expert_whom_nothing_checks_keeps_the_rates_believed_of_anybody():
    _, answers = panel(np.random.default_rng(2), {"alone": (0.7, 0.7)}, 400, 1)

    learned = learn_reliability(answers, belief=Belief(0.9, 20))[Person("alone")]

    assert (learned.same, learned.different) == pytest.approx((0.9, 0.9), abs=0.05)


def test_a_sure_machine_checks_an_expert_who_answers_alone():
    truth, answers = panel(np.random.default_rng(2), {"alone": (0.7, 0.9)}, 800, 1)

    learned = learn_reliability(answers, {pair: 8.0 if same else -8.0 for pair, same in truth.items()})

    assert learned[Person("alone")].same == pytest.approx(0.7, abs=0.05)


def test_known_pairs_tell_the_truth_about_an_expert():
    truth, answers = panel(np.random.default_rng(3), {"alone": (0.85, 0.95)}, 600, 1)

    learned = learn_reliability(answers, known=truth, belief=Belief(0.95, 10))[Person("alone")]

    assert (learned.same, learned.different) == pytest.approx((0.85, 0.95), abs=0.04)
