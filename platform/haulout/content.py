"""What a task shows: its pictures, and the machine's answer that people correct."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from haulout.answers import machine_boxes
from haulout.label_studio import local_file_url
from haulout.storage import Storage
from haulout.tables import AnimalRow, ConsensusRow, PhotoRow, TaskRow, TileRow
from labeling_configs import box_dispute, boxes, gallery, pair
from labeling_configs.vocabulary import AnimalId, Disturbance, Question, Rectangle, Tile


@dataclass(frozen=True)
class Content:
    """The task's data and the `result` of its prediction, both in Label Studio's form."""

    data: dict[str, object]
    result: list[dict[str, object]]


def content_of(task: TaskRow, session: Session, storage: Storage) -> Content:
    """Make the pictures of a task and say what it shows."""
    makers = {
        Question.BOXES: _boxes,
        Question.BOX_DISPUTE: _dispute,
        Question.PAIR: _pair,
        Question.GALLERY: _gallery,
    }
    content = makers[Question(task.question)](task, session, storage)
    return Content({**content.data, "key": task.key}, content.result)


def _machine_boxes(task: TaskRow, tile: Tile, session: Session) -> list[dict[str, object]]:
    """Return the prediction of the task's model on its tile; empty for a blind task."""
    if task.blind:
        return []
    drawn, scores = machine_boxes(session, tile, task.model, task.created_at)
    return boxes.write(drawn, scores, tile)


def _tile(task: TaskRow, session: Session, storage: Storage) -> tuple[Tile, str]:
    tile = _found(session.get(TileRow, task.subject)).word()
    photo = _found(session.get(PhotoRow, tile.photo))
    return tile, local_file_url(storage.make_tile(tile, photo.suffix))


def _boxes(task: TaskRow, session: Session, storage: Storage) -> Content:
    tile, url = _tile(task, session, storage)
    return Content(boxes.task_data(url, tile), _machine_boxes(task, tile, session))


def _dispute(task: TaskRow, session: Session, storage: Storage) -> Content:
    tile, url = _tile(task, session, storage)
    consensus = _found(session.get(ConsensusRow, task.subject))
    everything = consensus.accepted(threshold=0.0)
    seen = [kind for kind in Disturbance if 2 * consensus.disturbed.get(kind, 0) >= max(consensus.voters, 1)]
    result = box_dispute.write(everything, consensus.accepted_probabilities(threshold=0.0), tile, disturbances=seen)
    return Content(box_dispute.task_data(url, tile), result)


def _pair(task: TaskRow, session: Session, storage: Storage) -> Content:
    first, second = (_crop(animal, session, storage) for animal in task.subject.split("|"))
    return Content(pair.task_data(first[1], second[1], first[0], second[0]), [])


def _gallery(task: TaskRow, session: Session, storage: Storage) -> Content:
    query = _crop(task.subject, session, storage)
    shown: dict[str, str] = task.details["candidates"]
    candidates = [
        gallery.Candidate(animal, _crop(animal, session, storage)[1], individual)
        for animal, individual in sorted(shown.items())
    ]
    return Content(gallery.task_data(query[1], query[0], candidates), [])


def _crop(animal: str, session: Session, storage: Storage) -> tuple[AnimalId, str]:
    row = _found(session.get(AnimalRow, animal))
    photo = _found(session.get(PhotoRow, row.photo))
    path = storage.make_crop(AnimalId(row.id), Rectangle(*row.crop), photo.id, photo.suffix)
    return AnimalId(row.id), local_file_url(path)


def _found(row: Any) -> Any:
    if row is None:
        raise LookupError("a task points at a row that is gone; rebuild the consensus with `haulout run`")
    return row
