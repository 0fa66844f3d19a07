"""Which tiles are asked next, and what is written down about it."""

from collections import Counter

import numpy as np
import pytest

from haulout.candidates import as_pool, read_candidates
from haulout.db import reading
from haulout.selection import select_batch
from haulout.tables import BatchRow, ChosenRow, ConsensusRow, CrowdRow, ExperimentRow, ModelRow, TaskRow, TileRow


def test_a_burst_is_asked_about_once(coordinator):
    for burst in ("morning", "evening"):
        for _ in range(3):
            coordinator.photo(burst=burst)

    select_batch(coordinator.services)

    photos = {tile.id: tile.photo for tile in coordinator.rows(TileRow)}
    assert len(coordinator.rows(TaskRow)) == len(photos) == 2


def test_exam_photos_are_drawn_at_random_and_shown_without_boxes(coordinator):
    coordinator.set(batch_size=10, exam_share=0.4, random_share=0.2, blind_share=0.0)
    for number in range(20):
        coordinator.photo(split="exam" if number < 8 else "train")

    select_batch(coordinator.services)

    chosen = {row.tile: row for row in coordinator.rows(ChosenRow)}
    tasks = coordinator.rows(TaskRow)
    drawn = Counter(row.reason for row in chosen.values() if row.probability is not None)
    assert drawn == {"exam": 4, "random": 2}
    for task in tasks:
        why = chosen[task.subject]
        assert task.blind == why.blind == (why.reason in ("exam", "random"))
        assert why.probability == {"exam": 4 / 8, "random": 2 / 12}.get(why.reason)


def test_a_batch_names_the_run_the_model_the_seed_and_the_code_and_each_reason(coordinator):
    coordinator.set(batch_size=3)
    for _ in range(6):
        coordinator.photo()

    number = select_batch(coordinator.services)

    (batch,) = coordinator.rows(BatchRow)
    chosen = coordinator.rows(ChosenRow)
    assert (batch.id, batch.run, batch.model, batch.seed) == (number, None, "cold-start", 20261123)
    assert batch.code and len(chosen) == 3
    assert {row.batch for row in chosen} == {number}
    assert {row.reason for row in chosen} <= {"novel", "uncertain", "random", "exam"}
    assert {task.batch for task in coordinator.rows(TaskRow)} == {number}
    assert sorted(task.priority for task in coordinator.rows(TaskRow)) == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_a_crowd_is_cut_into_tiles_that_are_stored_together_though_one_is_asked(coordinator):
    coordinator.set(most_animals_per_tile=5)
    crowd = [(x, y, x + 30, y + 30) for x in range(0, 360, 40) for y in range(0, 240, 40)]
    photo = coordinator.photo(crowd)

    select_batch(coordinator.services)

    tiles = [row.word() for row in coordinator.rows(TileRow)]
    cores = np.zeros((photo.height, photo.width), dtype=int)
    for tile in tiles:
        cores[tile.core.y1 : tile.core.y2, tile.core.x1 : tile.core.x2] += 1
    assert len(coordinator.rows(TaskRow)) == 1 < len(tiles)
    assert (cores == 1).all()


def test_a_photo_keeps_its_tiles_when_another_model_sees_another_crowd_there(coordinator):
    coordinator.set(most_animals_per_tile=5, batch_size=1)
    photo = coordinator.photo([(x, y, x + 30, y + 30) for x in range(0, 360, 40) for y in range(0, 240, 40)])
    select_batch(coordinator.services)
    before = [row.id for row in coordinator.rows(TileRow)]

    coordinator.propose(photo, [(0, 0, 30, 30)], "cold-start")
    answer_all(coordinator)
    select_batch(coordinator.services)

    assert [row.id for row in coordinator.rows(TileRow)] == before
    assert len({task.subject for task in coordinator.rows(TaskRow)}) == 2


def answer_all(coordinator) -> None:
    tasks = coordinator.rows(TaskRow)
    for task in tasks:
        task.state = "retired"
    coordinator.store(*tasks)


def test_the_queue_is_filled_up_to_one_batch_and_no_further(coordinator):
    coordinator.set(batch_size=4)
    for _ in range(12):
        coordinator.photo()

    first, again = select_batch(coordinator.services), select_batch(coordinator.services)
    answered = coordinator.rows(TaskRow)[0]
    answered.state = "retired"
    coordinator.store(answered)
    second = select_batch(coordinator.services)

    assert (first, again, second) == (1, None, 2)
    assert Counter(task.batch for task in coordinator.rows(TaskRow)) == {1: 4, 2: 1}


def test_no_tile_is_asked_twice_and_nothing_left_makes_no_batch(coordinator):
    for _ in range(3):
        coordinator.photo()
    select_batch(coordinator.services)
    answer_all(coordinator)

    assert select_batch(coordinator.services) is None
    assert len(coordinator.rows(BatchRow)) == 1


def test_the_same_seed_and_photos_make_the_same_batch(coordinator, make_services, tmp_path):
    other = type(coordinator)(make_services(tmp_path / "other"))
    for one in (coordinator, other):
        one.set(batch_size=5)
        for _ in range(15):
            one.photo()
        select_batch(one.services)

    first, second = ([(row.tile, row.reason, row.value) for row in one.rows(ChosenRow)] for one in (coordinator, other))
    assert first == second


def test_while_a_tile_of_a_burst_waits_for_people_no_other_of_it_joins_the_queue(coordinator):
    coordinator.set(batch_size=10)
    for _ in range(3):
        coordinator.photo(burst="morning")
    select_batch(coordinator.services)
    meanwhile = select_batch(coordinator.services)

    answer_all(coordinator)

    assert meanwhile is None
    assert select_batch(coordinator.services) == 2


def settled(coordinator, tile: str, boxes: list[list[float]]) -> ConsensusRow:
    return ConsensusRow(
        tile=tile,
        state="agreed",
        voters=2,
        agreement=1,
        boxes=[[*box, 0.99, ["ann"], 0.0] for box in boxes],
        settled_at=coordinator.services.now(),
    )


def test_while_animals_are_rare_likely_ones_are_looked_for(coordinator):
    coordinator.set(batch_size=10, random_share=0.0, exam_share=0.0, easy_share=0.0, positive_share=0.4)
    coordinator.set(starter="builtin")
    for number in range(30):
        coordinator.photo([(50, 50, 90, 90)] if number % 5 == 0 else [], model="starter-1", score=0.6)
    select_batch(coordinator.services)
    before = Counter(row.reason for row in coordinator.rows(ChosenRow))
    tiles = [task.subject for task in coordinator.rows(TaskRow)]
    coordinator.store(*(settled(coordinator, tile, []) for tile in tiles))
    answer_all(coordinator)

    batch = select_batch(coordinator.services)

    after = Counter(row.reason for row in coordinator.rows(ChosenRow) if row.batch == batch)
    assert before["positive"] == 0
    assert after["positive"] > 0


def test_a_second_detector_that_draws_elsewhere_makes_a_tile_worth_asking(coordinator):
    coordinator.set(batch_size=1, random_share=0.0, exam_share=0.0, easy_share=0.0)
    for version in ("det-0001", "det-0002"):
        state = "serving" if version == "det-0002" else "retired"
        coordinator.store(
            ModelRow(version=version, kind="detector", state=state, sha256="", created_at=coordinator.services.now())
        )
    agreed, apart = (coordinator.photo([(50, 50, 90, 90)], model="det-0002", score=0.95) for _ in range(2))
    coordinator.propose(agreed, [(50, 50, 90, 90)], "det-0001", 0.95)
    coordinator.propose(apart, [(200, 50, 260, 110), (300, 200, 350, 260)], "det-0001", 0.95)

    select_batch(coordinator.services)

    (chosen,) = coordinator.rows(ChosenRow)
    assert chosen.tile.startswith(apart.id)
    assert chosen.doubts["missed"] == pytest.approx(1.9, abs=0.01)
    assert chosen.minutes > 0


def test_long_answers_make_crowded_tiles_wait(coordinator):
    coordinator.set(batch_size=1, random_share=0.0, exam_share=0.0, easy_share=0.0, starter="builtin")
    crowd = [(10 + 20 * i, 100, 25 + 20 * i, 130) for i in range(18)]
    full = coordinator.photo(crowd, model="starter-1", score=0.5)
    quiet = coordinator.photo(crowd[:4], model="starter-1", score=0.5)

    def first(effort: dict[str, float]) -> str:
        coordinator.store(CrowdRow(answers=1, effort=effort, at=coordinator.services.now()))
        with reading(coordinator.services.database) as session:
            candidates = read_candidates(session, "starter-1", coordinator.services.settings)
            pool = as_pool(session, candidates, [], "starter-1")
        return max(zip(pool.value / pool.minutes, pool.tiles, strict=True))[1]

    assert first({"opening": 60.0, "drawn": 1.0, "kept": 0.1}).startswith(full.id)
    assert first({"opening": 1.0, "drawn": 60.0, "kept": 60.0}).startswith(quiet.id)


def test_asking_ends_when_more_labels_would_teach_too_little(coordinator):
    coordinator.set(batch_size=5)
    for _ in range(12):
        coordinator.photo()
    flat = np.full(400, 0.7)
    arm = {"tiles": 300, "boxes": 900, "minutes": 60.0, "ap50": 0.7, "drawn": flat.tolist()}
    for number in range(3):
        coordinator.store(
            ExperimentRow(
                digest=str(number),
                seed=0,
                seconds=60,
                steps=10,
                exam_tiles=40,
                exam_days=8,
                arms={"chosen": arm, "random": arm, "both": {**arm, "tiles": 600}},
                at=coordinator.services.now(),
            )
        )
    told: list[str] = []

    batch = select_batch(coordinator.services, tell=lambda message, _done, _total: told.append(message))

    assert batch is None
    assert any("nobody is asked to teach any more" in message for message in told)
    coordinator.set(worthwhile_gain=0.0)
    assert select_batch(coordinator.services) == 1
