"""A tile is worth the doubt of all that looks like it and is not known yet."""

import numpy as np
import pytest

from active_learning.coverage import Coverage, directions


def clusters(*sizes, seed=0, spread=0.02, d=16):
    rng = np.random.default_rng(seed)
    centres = directions(rng.normal(size=(len(sizes), d)))
    rows = [centre + rng.normal(0, spread, (size, d)) for centre, size in zip(centres, sizes, strict=True)]
    return np.concatenate(rows).astype(np.float32), np.repeat(np.arange(len(sizes)), sizes)


def coverage(features, doubt=None, known=None):
    doubt = np.ones(len(features)) if doubt is None else doubt
    return Coverage.of(features, doubt, known, np.random.default_rng(0))


def test_a_tile_that_many_others_look_like_comes_first():
    features, kind = clusters(30, 5)

    assert kind[coverage(features).gains(features).argmax()] == 0


def test_what_looks_like_a_known_tile_teaches_little_more():
    features, kind = clusters(30, 15)
    before, after = coverage(features).gains(features), coverage(features, known=features[:3]).gains(features)

    assert (kind[before.argmax()], kind[after.argmax()]) == (0, 1)
    assert after[kind == 0].max() < 0.5 * before[kind == 0].max()


def test_a_small_doubtful_kind_beats_a_large_one_that_is_clear():
    features, kind = clusters(30, 5)

    assert kind[coverage(features, np.where(kind == 1, 10.0, 0.1)).gains(features).argmax()] == 1


def test_a_tile_teaches_no_more_than_there_is_to_learn_from_it():
    features, kind = clusters(30, 5)
    doubt = np.where(kind == 0, 2.0, 0.5)
    doubt[0] = 0.01

    gains = coverage(features, doubt).gains(features, doubt)

    assert gains[0] < 0.05 * gains[1:30].min()


def test_a_second_tile_never_adds_more_than_it_would_have_first():
    features, _ = clusters(20, 10, 5, spread=0.2)
    before = coverage(features)
    after = before.adding(features[0])

    assert (after.gains(features) <= before.gains(features) + 1e-9).all()
    assert after.gains(features)[0] == pytest.approx(0, abs=1e-4)


def test_knowing_a_tile_from_the_start_is_the_same_as_adding_it():
    features, _ = clusters(20, 10, spread=0.1)

    known = coverage(features, known=features[4:5]).gains(features)

    assert coverage(features).adding(features[4]).gains(features) == pytest.approx(known, abs=1e-6)


def test_half_precision_and_rows_of_zeros_do_no_harm():
    features, _ = clusters(10, 10)
    features[3] = 0

    gains = coverage(features.astype(np.float16)).gains(features.astype(np.float16))

    assert np.isfinite(gains).all()
    assert coverage(features[:1]).gains(features[:1]).shape == (1,)
    assert coverage(features).gains(features[:0]).shape == (0,)
