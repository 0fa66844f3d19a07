"""Scores become probabilities, and stay in order."""

import numpy as np
import pytest

from haulout_models.calibration import LEAST_BOXES, Calibration, calibrate


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that believe too much: a box of score s is an animal with probability s squared."""
    rng = np.random.default_rng(seed)
    scores = rng.random(count)
    return scores, rng.random(count) < scores**2


def test_scores_of_other_photos_add_up_to_their_animals():
    curve = calibrate(*drawn(2000, 0))
    scores, hits = drawn(5000, 1)

    assert scores.sum() > 1.3 * hits.sum()
    assert curve(scores).sum() == pytest.approx(hits.sum(), rel=0.05)
    assert np.abs(curve(np.linspace(0, 1, 21)) - np.linspace(0, 1, 21) ** 2).max() < 0.12


def test_no_two_scores_become_equal_inside_the_curve():
    curve = calibrate(*drawn(2000, 0))
    scores = np.linspace(0.05, 0.95, 200)

    assert (np.diff(curve(scores)) >= 0).all()
    assert len(np.unique(curve(scores))) > 190


def test_a_probability_is_led_back_to_its_score():
    curve = calibrate(*drawn(2000, 0))

    for score in (0.2, 0.5, 0.8):
        assert curve.inverse(float(curve(np.array([score]))[0])) == pytest.approx(score, abs=1e-6)
    assert Calibration().inverse(0.3) == 0.3


@pytest.mark.parametrize(
    ("scores", "hits"),
    [
        (np.zeros(0), np.zeros(0, dtype=bool)),
        (np.linspace(0, 1, LEAST_BOXES - 1), np.arange(LEAST_BOXES - 1) % 2 == 0),
        (np.linspace(0, 1, 200), np.zeros(200, dtype=bool)),
        (np.linspace(0, 1, 200), np.ones(200, dtype=bool)),
    ],
)
def test_too_little_to_learn_from_leaves_scores_as_they_are(scores, hits):
    curve = calibrate(scores, hits)

    assert curve == Calibration()
    assert curve(np.array([0.3])).tolist() == [0.3]


def test_a_curve_survives_a_model_card():
    curve = calibrate(*drawn(500, 0))

    assert Calibration.of({"score": list(curve.score), "chance": list(curve.chance)}) == curve
