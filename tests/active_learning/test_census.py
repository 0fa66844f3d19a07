"""Individuals are counted with an interval that holds errors of identity, and sightings become capture histories."""

import numpy as np

from active_learning.census import chao, count_individuals, resightings
from labeling_configs.vocabulary import AnimalId, Individual, IndividualId


def test_the_interval_spans_the_samples_counts():
    samples = np.array([[0, 0, 2, 2, 4, 4]] * 90 + [[0, 1, 2, 2, 4, 4]] * 10)

    found = count_individuals(samples, np.random.default_rng(0), samples[0])

    assert (found.individuals.value, found.individuals.low, found.individuals.high) == (3, 3, 4)
    assert (found.seen_again.value, found.seen_again.low) == (3, 2)


def test_what_no_machine_listed_lowers_the_count():
    samples = np.array([[0, 1, 2, 3]] * 10)

    assert count_individuals(samples, np.random.default_rng(0), ghosts=np.full(10, 1.0)).individuals.value == 3


def test_chao_foretells_those_nobody_has_seen():
    rng = np.random.default_rng(3)
    truth, errors = 400, []
    for _ in range(40):
        times = rng.poisson(1.5, truth)
        unseen, variance = chao(times[times > 0])
        errors.append((unseen - np.sum(times == 0)) / np.sqrt(variance))

    assert abs(np.mean(errors)) < 0.6
    assert np.mean(np.abs(errors) < 2.6) > 0.9


def test_the_population_holds_those_nobody_has_seen_and_is_less_sure_where_identities_are_doubtful():
    rng = np.random.default_rng(4)
    individual = np.repeat(np.arange(200), rng.poisson(1.5, 200))
    sure = np.tile(individual, (60, 1))
    lost = rng.random(sure.shape) < rng.uniform(0, 0.2, (60, 1))
    doubtful = np.where(lost, 1000 + np.arange(len(individual)), sure)

    narrow, wide = (count_individuals(samples, np.random.default_rng(0)).population for samples in (sure, doubtful))

    assert narrow.low <= 200 <= narrow.high
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_sightings_become_a_matrix_of_individuals_and_occasions():
    herd = [
        Individual(IndividualId("W1"), tuple(map(AnimalId, "abc"))),
        Individual(IndividualId("W2"), (AnimalId("d"),)),
    ]

    found = resightings(
        herd, {AnimalId("a"): "2024", AnimalId("b"): "2024", AnimalId("d"): "2026"}, ("2024", "2025", "2026")
    )

    assert found.times.tolist() == [[2, 0, 0], [0, 0, 1]]
    assert found.histories == ("100", "001")
    assert resightings(herd, {AnimalId("c"): "x"}).occasions == ("x",)
