"""What the machine makes of the animals: who is compared with whom, what that is worth, how many walruses it means."""

import numpy as np
import pytest
from sqlmodel import select

from haulout.db import reading, writing
from haulout.identify.counting import count_walruses
from haulout.identify.known import read_known
from haulout.identify.likeness import compare_animals
from haulout.identify.questions import enough, plan_questions
from haulout.identify.step import embed_animals
from haulout.tables import CensusRow, EmbeddingRow, KeypointsRow, LikenessRow, TaskRow
from labeling_configs.vocabulary import Same
from tests.platform.beach import BIG, SMALL, VERSION, Beach

LATER = "reid-0001"


@pytest.fixture
def beach(coordinator) -> Beach:
    return Beach(coordinator)


def around(count: int) -> list[tuple[float, float]]:
    angles = np.random.default_rng(5).uniform(0, np.pi, count)
    return [(float(np.cos(angle)), float(np.sin(angle))) for angle in angles]


def compared(coordinator) -> dict[tuple[str, str], float]:
    return {(row.first, row.second): row.cosine for row in coordinator.rows(LikenessRow)}


class Looks:
    """A network to which every crop looks like its size, and that tells its version."""

    def __init__(self, version: str = VERSION) -> None:
        self.version = version

    def embed(self, crops):
        return np.array([(crop.shape[0], 1.0) for crop in crops]) / max(crop.shape[0] for crop in crops)


def test_animals_added_one_by_one_are_compared_as_if_all_had_come_at_once(beach, coordinator):
    looks = around(26)
    for number, look in enumerate(looks):
        beach.animal(f"a{number:02}", look)
        if number % 5 == 0:
            compare_animals(coordinator.services, VERSION)
    compare_animals(coordinator.services, VERSION)
    step_by_step = compared(coordinator)
    with writing(coordinator.services.database) as session:
        for row in session.exec(select(LikenessRow)).all():
            session.delete(row)

    compare_animals(coordinator.services, VERSION)

    assert compared(coordinator) == pytest.approx(step_by_step)
    assert len(step_by_step) > 26 * 10


def test_nobody_is_compared_twice_until_another_network_serves(beach, coordinator):
    for name, look in zip("abc", around(3), strict=True):
        beach.animal(name, look)
    counted = [compare_animals(coordinator.services, VERSION) for _ in range(2)]
    before = compared(coordinator)
    with writing(coordinator.services.database) as session:
        for row in session.exec(select(LikenessRow)).all():
            row.local = 7.0
            session.add(row)
        for name in "abc":
            packed = np.array([1, 0], dtype=np.float16).tobytes()
            session.add(EmbeddingRow(animal=name, model=LATER, packed=packed))

    again = compare_animals(coordinator.services, LATER)

    rows = coordinator.rows(LikenessRow)
    assert (counted, again) == ([3, 0], 3)
    assert {row.local for row in rows} == {7.0}, "what no network changes is kept"
    assert {row.model for row in rows} == {LATER} and all(row.cosine == pytest.approx(1) for row in rows)
    assert any(cosine < 0.99 for cosine in before.values())


def test_animals_too_small_or_too_blurred_for_marks_are_compared_with_nobody(beach, coordinator):
    for name, box in (("big", BIG), ("large", BIG), ("small", SMALL), ("blurred", BIG)):
        beach.animal(name, (1, 0.1), box=box)
    with writing(coordinator.services.database) as session:
        session.add(KeypointsRow(animal="blurred", packed=b"", sharp=False))

    compare_animals(coordinator.services, VERSION)

    assert set(compared(coordinator)) == {("big", "large")}


def test_each_animal_is_looked_at_once_and_a_smooth_one_has_no_marks(beach, coordinator):
    beach.animal("a", (1, 0))

    looked = [embed_animals(coordinator.services, Looks(LATER)) for _ in range(2)]

    (row,) = coordinator.rows(KeypointsRow)
    assert looked == [1, 0]
    assert (row.animal, row.sharp, len(row.packed) % 132) == ("a", False, 0)


def judged(beach, coordinator, same: int, different: int) -> None:
    """Let experts judge pairs that look the same, and as many as wanted that look a little less alike."""
    # In circles far from each other, so that no pair of another circle is near.
    for number in range(same + different):
        middle = np.linspace(0, np.pi / 2, same + different)[number]
        spread = 0.001 if number < same else 0.006
        for letter, angle in (("a", middle - spread / 2), ("b", middle + spread / 2)):
            beach.animal(f"p{number:03}{letter}", (float(np.cos(angle)), float(np.sin(angle))))
    compare_animals(beach.services, VERSION)
    beach.ask(*((f"p{number:03}a", f"p{number:03}b") for number in range(same + different)))
    for number in range(same + different):
        beach.agree(f"p{number:03}a", f"p{number:03}b", Same.SAME if number < same else Same.DIFFERENT)
    beach.settle()


def test_walruses_are_not_counted_while_the_machine_was_measured_on_other_animals(beach, coordinator):
    for name in "ab":
        beach.animal(name, (1, 0.1))
    compare_animals(coordinator.services, VERSION)

    count_walruses(coordinator.services, VERSION)

    (census,) = coordinator.rows(CensusRow)
    assert (census.animals, census.judged, census.individuals, census.population) == (2, 0, None, None)
    assert not census.enough


def test_once_enough_pairs_were_judged_walruses_are_counted_with_an_interval(beach, coordinator):
    judged(beach, coordinator, same=42, different=42)

    row = count_walruses(coordinator.services, VERSION)

    assert row.judged >= 84 and row.animals == 168
    value, low, high = row.individuals
    assert low <= value <= high <= 168 and low <= 42 + 2 * 42 <= high * 1.1
    assert row.population[0] >= value


def test_when_few_enough_names_may_be_wrong_only_chance_goes_on_asking(beach, coordinator):
    judged(beach, coordinator, same=42, different=42)
    coordinator.set(pairs_per_run=500, wrong_names=0.99)
    with reading(coordinator.services.database) as session:
        content = enough(coordinator.services, read_known(coordinator.services, session, VERSION))

    plan_questions(coordinator.services, VERSION)

    asked = [task for task in coordinator.rows(TaskRow, TaskRow.state == "open") if task.details]
    assert content and asked
    assert {task.details["reason"] for task in asked} == {"audit"}
    assert all(0 < task.details["chance"] <= 1 for task in asked)
