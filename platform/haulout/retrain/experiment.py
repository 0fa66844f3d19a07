"""Measure for ever what choosing brings: train alike on chosen and on random tiles, and let both sit the exam."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from sqlmodel import col, func, select

from haulout import teaching
from haulout.db import reading, writing
from haulout.retrain.detector import LEAST_EXAM
from haulout.retrain.lessons import Lesson, read_lessons
from haulout.retrain.material import ExamTile, digest_of, labelled_tiles
from haulout.services import Services, Tell, silently
from haulout.tables import ExperimentRow
from haulout_models.detector import Detector
from haulout_models.evaluation import ResampledPrecision, examine_detector, resample
from haulout_models.interrupted import Interrupted
from haulout_models.training import DetectorTraining, Progress, train_detector

LEAST_TILES = 6
"""Agreed tiles on either side below which chance alone decides."""
LEAST_DAYS = 2
PURPOSE = 13


@dataclass(frozen=True)
class _Plan:
    """What three detectors learn from, what they are examined on, and how they are trained."""

    lessons: Mapping[str, Lesson]
    exam: Sequence[ExamTile]
    training: DetectorTraining

    def days(self) -> set[str]:
        return {tile.day for tile in self.exam}

    def digest(self) -> str:
        parts = [*(lesson.tiles for lesson in self.lessons.values()), [tile.truth for tile in self.exam]]
        return sha256("".join(digest_of(tiles, self.training) for tiles in parts).encode()).hexdigest()


def measure_choice(services: Services, run: int | None = None, tell: Tell = silently) -> int | None:
    """Train three detectors on chosen tiles, random ones and both, examine them, and keep the figures only.

    Return the experiment's number, or None when there is too little to learn from or nothing new. A run that was killed
    goes on where its training stood.
    """
    if not services.settings.experiment_minutes:
        return None
    with reading(services.database) as session:
        chosen, random = read_lessons(session, services.storage)
        exam = labelled_tiles(session, services.storage, "exam")
    if too_little := _too_little(chosen, random, exam):
        tell(too_little, 0, 0)
        return None
    lessons = {"random": random, "chosen": chosen, "both": chosen + random}
    plan = _Plan(lessons, exam, DetectorTraining(seconds=services.settings.experiment_minutes * 60, free_stages=0))
    digest = plan.digest()
    with reading(services.database) as session:
        known = session.exec(select(ExperimentRow.id).where(ExperimentRow.digest == digest)).first()
    if known is not None:
        tell("Nothing new was agreed since the choice was measured", 0, 0)
        return None
    return _measure(services, plan, digest, run, tell)


def _too_little(chosen: Lesson, random: Lesson, exam: Sequence[ExamTile]) -> str | None:
    days = {tile.day for tile in exam}
    enough = min(len(chosen.tiles), len(random.tiles)) >= LEAST_TILES and min(chosen.boxes, random.boxes) > 0
    examined = len(exam) >= LEAST_EXAM and len(days) >= LEAST_DAYS and any(len(tile.truth.boxes) for tile in exam)
    if enough and examined:
        return None
    sides = f"{len(random.tiles)} random tiles, {len(chosen.tiles)} chosen"
    return f"Too little is labelled to measure the choice: {sides}, {len(exam)} on {len(days)} days for the exam"


def _measure(services: Services, plan: _Plan, digest: str, run: int | None, tell: Tell) -> int | None:
    """All three begin with the same weights and take as many steps as the first one found time for.

    Equal time would not be equal: a computer that is busy with something else for a minute would decide who wins.
    """
    with reading(services.database) as session:
        number = session.exec(select(func.max(col(ExperimentRow.id)))).one() or 0
    seed = int(services.rng(PURPOSE, number).integers(2**31))
    folder = services.registry.folder
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = {name: folder / f"experiment-{name}.unfinished" for name in plan.lessons}
    training, steps, scores = plan.training, 0, {}
    for name, lesson in plan.lessons.items():
        detector = _train(lesson, training, seed, unfinished[name], name, tell)
        if not steps and (first := Interrupted.standing(unfinished[name])):
            steps = first.step
            training = replace(training, steps=steps, seconds=None)
        tell(f"Examining the detector that learned from {_called(name)}", 0, 0)
        scores[name] = _examine(detector, lesson, plan.exam, services.settings.seed).stored()
    row = ExperimentRow(
        run=run,
        digest=digest,
        seed=seed,
        seconds=plan.training.seconds or 0.0,
        steps=steps,
        exam_tiles=len(plan.exam),
        exam_days=len(plan.days()),
        arms=scores,
        at=services.now(),
    )
    with writing(services.database) as session:
        session.add(row)
    for file in unfinished.values():
        file.unlink(missing_ok=True)
    return row.id


def _train(lesson: Lesson, settings: DetectorTraining, seed: int, unfinished: Path, name: str, tell: Tell) -> Detector:
    def progress(now: Progress) -> None:
        share = max(now.step / now.steps, now.seconds / (settings.seconds or float("inf")))
        message = f"Measuring the choice: training on {len(lesson.tiles)} tiles, {_called(name)}"
        tell(message, round(100 * min(share, 1)), 100)

    return train_detector(lesson.tiles, settings, seed, progress, unfinished, time.monotonic).detector


def _examine(detector: Detector, lesson: Lesson, exam: Sequence[ExamTile], seed: int) -> teaching.Arm:
    days = [tile.day for tile in exam]
    result = examine_detector(detector, [tile.truth for tile in exam], days)
    drawn = resample(ResampledPrecision(result.photos), days, seed)
    return teaching.Arm(len(lesson.tiles), lesson.boxes, lesson.minutes, result.ap50, drawn)


def _called(name: str) -> str:
    return {"random": "random ones", "chosen": "chosen ones", "both": "random and chosen ones"}[name]
