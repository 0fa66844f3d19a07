"""The standing experiment: what is compared at what price, what is kept of it, and when asking to teach ends."""

from datetime import datetime, timedelta
from itertools import count

import numpy as np
import pytest

from haulout.db import reading
from haulout.loop import STAGES
from haulout.retrain import measure_choice
from haulout.retrain.lessons import Lesson, read_lessons
from haulout.tables import (
    AnswerRow,
    BatchRow,
    ChosenRow,
    ConsensusRow,
    ExperimentRow,
    ModelRow,
    PersonRow,
    TaskRow,
    TileRow,
)
from haulout.teaching import Arm, foresee, read_experiments, saved

NOON = datetime(2026, 11, 23, 12)
LEFT, RIGHT = (20, 50, 120, 150), (220, 50, 320, 150)
BRIEF = 0.003
"""Minutes of training: a few steps."""


class Season:
    """Tiles that people have finished with, and what they cost."""

    def __init__(self, coordinator) -> None:
        self.coordinator = coordinator
        self._numbers = count(1)
        coordinator.store(PersonRow(id="anna", label_studio_user=1, joined_at=coordinator.services.now()))

    def tile(
        self,
        reason: str,
        *seconds: float,
        batch: int = 1,
        state: str = "agreed",
        boxes=(LEFT, RIGHT),
        split: str = "train",
    ) -> str:
        """Add a tile, finished by one answer of each of these seconds."""
        photo, now = self.coordinator.photo(boxes, split=split), self.coordinator.services.now()
        number, tile, whole = next(self._numbers), f"{photo.id}-tile", [0, 0, photo.width, photo.height]
        stored = [[*map(float, box), 0.97, ["anna"]] for box in boxes]
        chance = 0.2 if reason in ("random", "exam") else None
        store = self.coordinator.store
        store(TileRow(id=tile, photo=photo.id, shown=whole, core=whole))
        store(BatchRow(id=batch, created_at=now, seed=1, model="cold", code="0.1.0"))
        store(ChosenRow(batch=batch, tile=tile, reason=reason, value=1.0, probability=chance))
        store(ConsensusRow(tile=tile, state=state, voters=2, agreement=1.0, boxes=stored, settled_at=now))
        task = TaskRow(id=number, question="boxes", subject=tile, batch=batch, key=tile, created_at=now)
        task.priority = 1 / number
        store(task)
        for spent in seconds:
            self.answer(number, spent)
        return tile

    def answer(self, task: int, seconds: float) -> None:
        """Add one person's answer."""
        annotation, now = next(self._numbers) + 1000, self.coordinator.services.now()
        row = AnswerRow(task=task, person="anna", label_studio_annotation=annotation, digest="d", result=[])
        row.id, row.seconds, row.given_at, row.received_at = annotation, seconds, now, now
        self.coordinator.store(row)

    def lessons(self) -> tuple[Lesson, Lesson]:
        """Read what the experiment would learn from: chosen tiles, random tiles."""
        with reading(self.coordinator.services.database) as session:
            return read_lessons(session, self.coordinator.services.storage)

    def fill(self, chosen: int = 7, random: int = 7, exam: int = 5) -> None:
        """Add so many tiles of each kind, of a minute each."""
        for reason, many in (("uncertain", chosen), ("random", random), ("exam", exam)):
            for _ in range(many):
                self.tile(reason, 60, split="exam" if reason == "exam" else "train")


@pytest.fixture
def season(coordinator) -> Season:
    coordinator.set(experiment_minutes=BRIEF)
    return Season(coordinator)


def images(lesson: Lesson) -> set[str]:
    return {f"{tile.image.stem}-tile" for tile in lesson.tiles}


def test_chosen_and_random_tiles_are_cut_to_equal_minutes_the_first_asked_first(season):
    chosen = [season.tile("uncertain", 30, 30) for _ in range(6)]
    random = [season.tile("random", 90) for _ in range(2)]

    lessons = season.lessons()

    assert [images(lesson) for lesson in lessons] == [set(chosen[:3]), set(random)]
    assert [lesson.minutes for lesson in lessons] == [3, 3]


def test_each_batch_is_cut_by_itself_so_that_both_sides_are_of_the_same_weeks(season):
    first = [season.tile("uncertain", 60, batch=1) for _ in range(5)]
    second = [season.tile("novel", 60, batch=2) for _ in range(5)]
    drawn = [season.tile("random", 60, batch=batch) for batch in (1, 2, 2)]

    chosen, random = season.lessons()

    assert (images(chosen), images(random)) == ({first[0], *second[:2]}, set(drawn))


def test_tiles_that_taught_nothing_have_cost_their_minutes_too(season):
    season.tile("uncertain", 60, state="disputed")
    taught = season.tile("uncertain", 60)
    season.tile("uncertain", 60)
    for _ in range(2):
        season.tile("random", 60)
    season.tile("random", 60, state="open")

    chosen, random = season.lessons()

    assert (images(chosen), chosen.minutes) == ({taught}, 2)
    assert (len(random.tiles), random.minutes) == (2, 2)


def test_batches_that_were_chosen_to_estimate_a_figure_say_nothing_of_how_to_teach(season):
    season.fill(chosen=2, random=2, exam=0)
    (batch,) = season.coordinator.rows(BatchRow)
    batch.goal = "occupancy"

    season.coordinator.store(batch)

    assert [len(lesson.tiles) for lesson in season.lessons()] == [0, 0]


def test_exam_tiles_teach_nobody(season):
    season.fill(chosen=2, random=2, exam=3)

    assert [len(lesson.tiles) for lesson in season.lessons()] == [2, 2]


@pytest.mark.parametrize(("chosen", "random", "exam"), [(5, 7, 5), (7, 5, 5), (7, 7, 3)])
def test_too_little_is_labelled_to_measure_anything_and_it_is_said(season, chosen, random, exam):
    season.fill(chosen, random, exam)
    told = []

    number = measure_choice(season.coordinator.services, tell=lambda message, _done, _total: told.append(message))

    assert number is None
    assert len(told) == 1 and told[0].startswith("Too little is labelled to measure the choice")
    assert season.coordinator.rows(ExperimentRow) == []


def test_three_detectors_are_measured_and_thrown_away(season):
    season.fill()

    number = measure_choice(season.coordinator.services)

    (row,) = season.coordinator.rows(ExperimentRow)
    assert (row.id, row.exam_tiles, row.exam_days, row.run) == (number, 5, 5, None)
    assert row.seconds == pytest.approx(60 * BRIEF) and row.steps > 0
    learned = {name: (arm["tiles"], arm["boxes"], arm["minutes"]) for name, arm in row.arms.items()}
    assert learned == {"random": (7, 14, 7), "chosen": (7, 14, 7), "both": (14, 28, 14)}
    assert season.coordinator.rows(ModelRow) == []
    assert not list(season.coordinator.services.registry.folder.glob("*"))


def test_the_same_votes_are_measured_once_and_new_ones_again(season):
    season.fill()
    numbers = [measure_choice(season.coordinator.services) for _ in range(2)]

    for reason in ("random", "uncertain"):
        season.tile(reason, 60)
    numbers.append(measure_choice(season.coordinator.services))

    assert numbers == [1, None, 2]


def test_a_measurement_that_was_killed_goes_on_where_it_stood(season):
    season.fill()
    stopped = []

    def pull_the_plug(message: str, _done: int, _total: int) -> None:
        if message.startswith("Examining") and "random ones" in message:
            stopped.append(message)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_choice(season.coordinator.services, tell=pull_the_plug)
    told = []
    measure_choice(season.coordinator.services, tell=lambda message, _done, _total: told.append(message))

    assert season.coordinator.rows(ExperimentRow)[0].id == 1
    assert not [message for message in told if "training" in message and message.endswith("tiles, random ones")]


def test_the_experiment_can_be_turned_off(season):
    season.fill()
    season.coordinator.set(experiment_minutes=0)

    assert measure_choice(season.coordinator.services) is None


def test_the_weekly_run_measures_after_it_has_trained():
    names = [name for name, _ in STAGES]

    assert names.index("measure the choice") == names.index("retrain the detector") + 1


def experiment(week: int, gain: float, halves: float = 0.6, seconds: float = 120, days: int = 8) -> ExperimentRow:
    """Measure chosen tiles as .04 better than random ones, and both together as so much better than their mean."""
    luck = np.random.default_rng(3).normal(0, 0.02, 200)
    arms = {
        name: Arm(tiles, 3 * tiles, minutes, score, score + luck).stored()
        for name, tiles, minutes, score in (
            ("chosen", 20 * week, 15.0 * week, halves + 0.02),
            ("random", 20 * week, 15.0 * week, halves - 0.02),
            ("both", 40 * week, 30.0 * week, halves + gain),
        )
    }
    row = ExperimentRow(digest=str(week), seed=1, seconds=seconds, steps=300, exam_tiles=30, exam_days=days, arms=arms)
    row.id, row.at = week, NOON + timedelta(days=100 + 7 * week)
    return row


def teaching(coordinator, **settings):
    with reading(coordinator.services.database) as session:
        return foresee(session, coordinator.services.settings.model_copy(update=settings))


def test_before_the_first_experiment_nothing_is_foretold(season):
    assert teaching(season.coordinator) is None


def test_while_more_tiles_bring_something_people_are_asked(season):
    season.coordinator.store(*(experiment(week, gain=0.08, halves=0.4 + 0.08 * np.log2(week)) for week in (1, 2, 3)))

    told = teaching(season.coordinator)

    assert (told.tiles, told.pays) == (120, True)
    assert 0.01 < told.gain.low < told.gain.value < told.gain.high
    assert told.sentence().startswith("Another 100 tiles would bring AP50 +0.")


def test_asking_ends_when_even_the_upper_limit_is_not_worthwhile(season):
    season.coordinator.store(*(experiment(week, gain=0) for week in (1, 2, 3)))

    told = teaching(season.coordinator)

    assert not told.pays
    assert told.sentence().endswith("less than 0.005: nobody is asked to teach any more")
    assert teaching(season.coordinator, worthwhile_gain=0).pays, "the operator may go on"


def test_one_experiment_ends_nothing(season):
    season.coordinator.store(experiment(1, gain=0))

    assert teaching(season.coordinator).pays


@pytest.mark.parametrize("wrong", [{"halves": 0.05}, {"days": 3}])
def test_a_detector_that_learned_nothing_and_an_exam_of_few_days_foretell_nothing(season, wrong):
    season.coordinator.store(*(experiment(week, gain=0, **wrong) for week in (1, 2, 3)))

    assert teaching(season.coordinator) is None


def test_experiments_of_another_training_time_are_left_out(season):
    season.coordinator.store(*(experiment(week, gain=0, seconds=60) for week in (1, 2)), experiment(3, gain=0))

    told = teaching(season.coordinator)

    assert (told.enough_measured, told.pays) == (False, True)


def test_new_photos_open_the_question_again(season):
    season.coordinator.store(*(experiment(week, gain=0) for week in (1, 2, 3)))
    photo = season.coordinator.photo([LEFT])
    before = teaching(season.coordinator).pays

    photo.ingested_at = NOON + timedelta(days=200)
    season.coordinator.store(photo)

    assert (before, teaching(season.coordinator).pays) == (False, True)


def test_what_choosing_brought_is_read_with_its_interval(season):
    season.coordinator.store(*(experiment(week, gain=0.1, halves=0.4 + 0.1 * np.log2(week)) for week in (1, 2, 4)))

    with reading(season.coordinator.services.database) as session:
        measured = read_experiments(session)

    assert [one.minutes for one in measured] == [15, 30, 60]
    last = measured[-1].difference
    assert (last.value, last.low, last.high) == pytest.approx((0.04, 0.04, 0.04), abs=2e-4), "their luck is the same"
    assert saved(measured).value == pytest.approx(60 * 2**0.4, rel=0.01)
