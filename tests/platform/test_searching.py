"""Whom a picture may show: probabilities of individuals that say what they rest on."""

import numpy as np
import pytest

from haulout.identify.search_process import search
from haulout.identify.searching import NEAREST, UNKNOWN, Memory, combine, nearest
from tests.platform.conftest import Coordinator

UNSEEN = np.full(4, np.nan)
MEMORY = Memory(("a", "b", "c", "d"), np.eye(4, dtype=np.float32), {"a": "W1", "b": "W1", "c": "W2"})


def ranked(evidence, cosines=(0.9, 0.8, 0.7, 0.6), memory=MEMORY, animals="abcd"):
    count = len(animals)
    looks = np.array(cosines[:count], dtype=np.float32)
    return combine(list(animals), looks, UNSEEN[:count], np.array(evidence, dtype=np.float64), memory)


def test_without_evidence_an_unknown_animal_is_as_likely_as_all_others_together():
    found = ranked([0, 0, 0, 0])

    assert found.nobody == pytest.approx(UNKNOWN)
    assert [one.probability for one in found.candidates] == pytest.approx([1 / 6, 1 / 6, 1 / 6])


def test_an_individual_counts_by_its_best_animal_and_shows_its_others():
    found = ranked([-1, 3, 0, 0])

    best = found.candidates[0]
    assert (best.individual, best.animals) == ("W1", ("b", "a"))
    assert best.cosine == pytest.approx(0.8)
    weight = np.exp([3, 0, 0]) / 3
    assert best.probability == pytest.approx(weight[0] / (1 + weight.sum()))


def test_an_animal_without_a_name_is_a_candidate_of_its_own():
    found = ranked([0, 0, 0, 2])

    assert (found.candidates[0].individual, found.candidates[0].animals) == ("", ("d",))


def test_those_that_were_not_compared_take_their_share():
    few = ranked([2, 0], animals="ac")
    all_told = sum(one.probability for one in few.candidates) + few.nobody

    assert all_told == pytest.approx(1 - 1 / (3 + np.exp(2) + 1 + 1))


def test_of_an_empty_catalogue_the_animal_is_nobody():
    found = combine([], np.zeros(0, np.float32), np.zeros(0), np.zeros(0), Memory((), np.zeros((0, 1), np.float32), {}))

    assert (found.candidates, found.nobody) == ((), 1.0)


def test_the_nearest_come_best_first_and_never_more_than_there_are():
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(200, 8)).astype(np.float32)

    rows, cosines = nearest(embeddings, embeddings[7])

    assert len(rows) == NEAREST and (np.diff(cosines) <= 0).all()
    assert set(rows.tolist()) == set(np.argsort(-(embeddings @ embeddings[7]))[:NEAREST].tolist())
    assert [len(part) for part in nearest(embeddings[:3], embeddings[0])] == [3, 3]
    assert [len(part) for part in nearest(embeddings[:0], embeddings[0])] == [0, 0]


def test_each_animal_of_the_picture_is_searched_for_and_then_the_whole(coordinator: Coordinator):
    coordinator.set(starter="builtin")
    beach = np.random.default_rng(1).integers(60, 120, (600, 800, 3), dtype=np.uint8)
    beach[200:330, 300:500] = (110, 70, 50)

    told = search(coordinator.services, beach)

    assert told["size"] == [800, 600] and told["searched"] == 0
    assert told["found"][-1]["box"] == (0, 0, 800, 600)
    assert all(0 <= x1 < x2 <= 800 and 0 <= y1 < y2 <= 600 for x1, y1, x2, y2 in (one["box"] for one in told["found"]))


def test_a_detector_that_cannot_be_loaded_leaves_the_whole_picture(coordinator: Coordinator):
    coordinator.set(starter=str(coordinator.services.settings.home / "no such file.onnx"))

    told = search(coordinator.services, np.full((60, 80, 3), 90, dtype=np.uint8))

    assert [one["box"] for one in told["found"]] == [(0, 0, 80, 60)]
