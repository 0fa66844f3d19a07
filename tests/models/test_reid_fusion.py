"""Likeness, local matches and context become one honest probability."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haulout_models.evaluation import probability_error
from haulout_models.fusion import FIRST_DAY, Fusion, Pairs, UnmatchedPairs, fit_fusion


def judged(count: int, seed: int, share: float = 0.2) -> tuple[Pairs, np.ndarray]:
    """Pairs whose likeness says something, whose inliers say more, and of which a third was never matched."""
    rng = np.random.default_rng(seed)
    same = rng.random(count) < share
    likeness = rng.normal(np.where(same, 0.7, 0.5), 0.12)
    local = rng.poisson(np.where(same, 14, 5)).astype(float)
    local[rng.random(count) < 0.3] = np.nan
    site = np.where(rng.random(count) < np.where(same, 0.8, 0.4), 1.0, 0.0)
    return Pairs.of(likeness, local, one_site=site), same


def test_probabilities_are_calibrated_on_pairs_that_were_not_fitted():
    fusion = fit_fusion(*judged(3000, 0))
    pairs, same = judged(3000, 1)

    chance = fusion(pairs)

    assert probability_error(chance, same) < 0.03
    assert np.mean((chance - same) ** 2) < 0.6 * np.mean((same.mean() - same) ** 2)


def test_what_is_known_besides_looks_makes_the_probability_better():
    pairs, same = judged(3000, 0)
    alone = Pairs.of(pairs.likeness)
    unseen, truth = judged(3000, 1)

    with_all = fit_fusion(pairs, same)(unseen)
    by_looks = fit_fusion(alone, same)(Pairs.of(unseen.likeness))

    assert np.mean((with_all - truth) ** 2) < np.mean((by_looks - truth) ** 2)


def test_a_fusion_comes_back_from_a_model_card_as_it_was():
    pairs, same = judged(500, 0)
    fusion = fit_fusion(pairs, same, measured="walruses of 2027")

    back = Fusion.of(json.loads(json.dumps(fusion.stored())))

    assert back == fusion
    assert back(pairs) == pytest.approx(fusion(pairs))


def test_evidence_does_not_hang_on_how_many_of_the_fitted_pairs_were_the_same():
    rare, common = (fit_fusion(*judged(6000, 0, share)) for share in (0.1, 0.5))
    pairs, _ = judged(200, 2)

    assert np.abs(rare.evidence(pairs) - common.evidence(pairs)).mean() < 0.5


def test_with_few_verdicts_the_shipped_weights_are_kept():
    pairs, same = judged(60, 0)

    assert fit_fusion(pairs, same) is FIRST_DAY


def test_on_the_first_day_no_pair_is_certain_and_its_origin_is_told():
    best = Pairs.of(np.array([1.0]), np.array([400.0]))
    worst = Pairs.of(np.array([-1.0]), np.array([0.0]))

    assert FIRST_DAY(best)[0] < 0.5
    assert FIRST_DAY(worst, prior=0.5)[0] > 0.1
    assert "no walrus" in FIRST_DAY.measured


def test_a_likeness_that_nobody_calibrated_says_nothing():
    matches_only = FIRST_DAY.of_matches_only()
    pairs = Pairs.of(np.array([-1.0, 1.0, -1.0, 1.0]), np.array([np.nan, np.nan, 40.0, 40.0]))

    alike = matches_only.evidence(pairs)

    assert alike[0] == alike[1] and alike[2] == alike[3]
    assert alike[2] > alike[0]


@given(st.floats(-1, 1), st.floats(0, 300), st.floats(0, 300))
def test_more_inliers_never_speak_against_same(likeness, fewer, more):
    fewer, more = sorted((fewer, more))
    pairs = Pairs.of(np.full(2, likeness), np.array([fewer, more]))

    low, high = FIRST_DAY(pairs)

    assert low <= high + 1e-12


def test_likeness_that_misleads_is_not_turned_into_evidence_against():
    pairs, same = judged(2000, 0)
    misleading = Pairs.of(-pairs.likeness)

    assert "likeness" not in fit_fusion(misleading, same).looks.weight


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(UnmatchedPairs, match="likeness"):
        Pairs.of(np.zeros(3), np.zeros(2))
    with pytest.raises(UnmatchedPairs, match="one per pair"):
        fit_fusion(Pairs.of(np.zeros(3)), np.zeros(2, dtype=bool))
