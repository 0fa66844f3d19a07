"""Simulated people who answer through Label Studio's own interface, each as a user of their own."""

import hashlib
import hmac
import uuid
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import numpy as np
from sqlmodel import select

from haulout.db import reading
from haulout.label_studio import Labeler, ServedTask
from haulout.services import Services, Tell
from haulout.simulation.people import EXPERTS, VOLUNTEERS, SimulatedExpert, SimulatedVolunteer, truth_at
from haulout.simulation.truth import TrueAnimal, Truth
from haulout.tables import AnimalRow, ProjectRow, TaskRow, TileRow
from labeling_configs import box_dispute, boxes, gallery, pair
from labeling_configs.vocabulary import Origin, Question, Rectangle, Same, Tile

GLANCE = 5.0
"""Seconds to see that a picture shows no walrus."""

Answer = Callable[[ServedTask, TaskRow, np.random.Generator], tuple[list[dict[str, object]], float]]
"""What a person stores for a task, and after how many seconds."""


@dataclass(frozen=True)
class Account:
    """How one simulated person logs in."""

    name: str
    email: str
    password: str


def _account(services: Services, name: str) -> Account:
    key = services.settings.secret_key.encode()
    password = hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:16]
    return Account(name, f"{name.lower()}@haulout.invalid", password)


def volunteers_answer(
    services: Services, truth: Truth, tell: Tell, people: Sequence[SimulatedVolunteer] = VOLUNTEERS
) -> int:
    """Let all volunteers work side by side until Label Studio has nothing more to ask them; return their answers."""
    answers: dict[str, Answer] = {volunteer.name: _boxes_by(services, truth, volunteer) for volunteer in people}
    return _everybody(services, answers, Question.BOXES, tell)


def experts_answer(services: Services, truth: Truth, tell: Tell, people: Sequence[SimulatedExpert] = EXPERTS) -> int:
    """Let the experts settle disputed boxes and decide who is who; return their answers."""
    makers = {Question.BOX_DISPUTE: _dispute_by, Question.PAIR: _pair_by, Question.GALLERY: _gallery_by}
    return sum(
        _everybody(services, {one.name: maker(services, truth, one) for one in people}, question, tell)
        for question, maker in makers.items()
    )


def _everybody(services: Services, answers: dict[str, Answer], question: Question, tell: Tell) -> int:
    with reading(services.database) as session:
        project = session.get(ProjectRow, question.value)
        open_tasks = session.exec(select(TaskRow.overlap).where(TaskRow.question == question, TaskRow.state == "open"))
        wanted = sum(open_tasks)
    if project is None or not wanted:
        return 0
    given: list[str] = []
    stop = Event()

    def work(name: str, answer: Answer) -> None:
        labeler = _logged_in(services, name)
        while not stop.is_set() and (task := labeler.next_task(project.label_studio_project)):
            _answer(services, labeler, name, task, answer)
            given.append(name)
            tell(f"People answer: {question.value.replace('_', ' ')}", min(len(given), wanted), wanted)

    with ThreadPoolExecutor(len(answers)) as pool:
        working = [pool.submit(work, name, answer) for name, answer in answers.items()]
        try:
            for one in working:
                one.result()
        finally:
            stop.set()  # or Ctrl-C would wait until everybody has answered everything
    return len(given)


def _logged_in(services: Services, name: str) -> Labeler:
    account = _account(services, name)
    label_studio = services.label_studio()
    access = label_studio.sign_up(account.email, account.password, account.name)
    return label_studio.as_person(access.api_key)


def _answer(services: Services, labeler: Labeler, name: str, task: ServedTask, answer: Answer) -> None:
    with reading(services.database) as session:
        row = session.exec(select(TaskRow).where(TaskRow.key == task.key)).one()
    rng = services.rng(zlib.crc32(name.encode()), zlib.crc32(task.key.encode()))
    result, seconds = answer(task, row, rng)
    once = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}:{task.id}"))
    labeler.submit(task.id, result, seconds, once, task.prediction)


def _boxes_by(services: Services, truth: Truth, volunteer: SimulatedVolunteer) -> Answer:
    def answer(task: ServedTask, row: TaskRow, rng: np.random.Generator) -> tuple[list[dict[str, object]], float]:
        tile = _tile(services, row)
        shown = boxes.read(task.result, tile).boxes
        rocks = truth.rocks_in(tile.photo, tile.shown)
        drawn, seconds = volunteer.look_at(truth.animals_in(tile.photo, tile.shown), tile.shown, shown, rng, rocks)
        kept = [bool(len(shown)) and bool(np.any(np.all(np.isclose(shown, box, atol=0.5), axis=1))) for box in drawn]
        origins = [Origin.KEPT if same else Origin.DRAWN for same in kept]
        noticed = volunteer.notices(truth.disturbances_in(tile.photo, tile.shown), rng)
        return boxes.write(drawn, None, tile, origins=origins, disturbances=noticed), seconds

    return answer


def _dispute_by(services: Services, truth: Truth, _expert: SimulatedExpert) -> Answer:
    def answer(_task: ServedTask, row: TaskRow, _rng: np.random.Generator) -> tuple[list[dict[str, object]], float]:
        tile = _tile(services, row)
        animals = truth.boxes_in(tile.photo, tile.shown)
        disturbances = truth.disturbances_in(tile.photo, tile.shown)
        return box_dispute.write(animals, None, tile, disturbances=disturbances), 4.0 + 3.0 * len(animals)

    return answer


def _pair_by(services: Services, truth: Truth, expert: SimulatedExpert) -> Answer:
    def answer(_task: ServedTask, row: TaskRow, rng: np.random.Generator) -> tuple[list[dict[str, object]], float]:
        first, second = (_animal(services, animal) for animal in row.subject.split("|"))
        left, right = (_seen(truth, animal) for animal in (first, second))
        said, seconds = expert.judge(left, right, rng) if left and right else (Same.CANNOT_TELL, GLANCE)
        crops = [Rectangle(*animal.crop) for animal in (first, second)]
        marks = [
            (animal.word().id, mark)
            for animal, one, crop in zip((first, second), (left, right), crops, strict=True)
            for mark in (one.marks if one else ())
            if said is Same.SAME and crop.x1 <= mark.x < crop.x2 and crop.y1 <= mark.y < crop.y2
        ]
        looks = [
            (animal.word().id, sign)
            for animal, one in zip((first, second), (left, right), strict=True)
            for sign in (expert.describe(one, rng) if one else ())
        ]
        return pair.write(said, first.word().id, second.word().id, *crops, marks=marks, conditions=looks), seconds

    return answer


def _gallery_by(services: Services, truth: Truth, expert: SimulatedExpert) -> Answer:
    def answer(_task: ServedTask, row: TaskRow, rng: np.random.Generator) -> tuple[list[dict[str, object]], float]:
        query = _seen(truth, _animal(services, row.subject))
        shown = {animal: _seen(truth, _animal(services, animal)) for animal in row.details["candidates"]}
        known = {animal: one for animal, one in shown.items() if one}
        if query is None or not known:
            return gallery.write(gallery.CANNOT_TELL), GLANCE
        said, seconds = expert.choose(query, list(known.values()), rng)
        same = [animal for animal, one in zip(known, said, strict=True) if one is Same.SAME]
        certain = all(one is Same.DIFFERENT for one in said)
        return gallery.write(same[0] if same else gallery.NEW if certain else gallery.CANNOT_TELL), seconds

    return answer


def _tile(services: Services, row: TaskRow) -> Tile:
    with reading(services.database) as session:
        return session.get_one(TileRow, row.subject).word()


def _animal(services: Services, animal: str) -> AnimalRow:
    with reading(services.database) as session:
        return session.get_one(AnimalRow, animal)


def _seen(truth: Truth, animal: AnimalRow) -> TrueAnimal | None:
    return truth_at(truth.photos[animal.word().photo], animal.box)
