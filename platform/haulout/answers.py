"""What people said and still stand by: raw answers read as votes and verdicts."""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, func, select

from haulout.tables import AnimalRow, AnswerRow, TaskRow
from labeling_configs import box_dispute, boxes, gallery, pair
from labeling_configs.vocabulary import (
    AnimalId,
    Broken,
    Person,
    Question,
    Rectangle,
    Same,
    Tile,
    Verdict,
    Vote,
)


def live_answers(session: Session, question: Question, subject: str | None = None) -> list[tuple[AnswerRow, TaskRow]]:
    """Return the newest revision of each answer that was not deleted, in the order they were given."""
    newest = select(func.max(AnswerRow.id)).group_by(col(AnswerRow.label_studio_annotation))
    query = (
        select(AnswerRow, TaskRow)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .where(TaskRow.question == question.value, col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False))
        .order_by(col(AnswerRow.given_at), col(AnswerRow.id))
    )
    if subject is not None:
        query = query.where(TaskRow.subject == subject)
    return list(session.exec(query))


def read_vote(answer: AnswerRow, task: TaskRow, tile: Tile) -> tuple[Vote, tuple[Broken, ...]]:
    """Read one person's answer about a tile, and the parts of it that could not be read."""
    reader = box_dispute if task.question == Question.BOX_DISPUTE.value else boxes
    read = reader.read(answer.result, tile)
    vote = Vote(
        person=Person(answer.person),
        tile=tile.id,
        boxes=read.boxes,
        origins=read.origins,
        given_at=answer.given_at,
        seconds=answer.seconds,
        blind=not answer.model_shown,
        skipped=answer.skipped,
        unusable=read.unusable,
    )
    return vote, read.broken


def read_verdicts(
    answer: AnswerRow, task: TaskRow, crops: dict[str, Rectangle]
) -> tuple[list[Verdict], tuple[Broken, ...]]:
    """Read an expert's answer on a pair or a gallery as verdicts on two animals each; a skipped one says nothing."""
    if answer.skipped:
        return [], ()
    if task.question == Question.PAIR.value:
        return _pair_verdicts(answer, task, crops)
    return _gallery_verdicts(answer, task)


def _pair_verdicts(
    answer: AnswerRow, task: TaskRow, crops: dict[str, Rectangle]
) -> tuple[list[Verdict], tuple[Broken, ...]]:
    first, second = (AnimalId(animal) for animal in task.subject.split("|"))
    if first not in crops or second not in crops:
        return [], (Broken(task.subject, "an animal of this pair is no longer in the consensus"),)
    read = pair.read(answer.result, first, second, crops[first], crops[second])
    if read.answer is None:
        return [], read.broken
    verdict = Verdict(
        expert=Person(answer.person),
        first=first,
        second=second,
        answer=read.answer,
        given_at=answer.given_at,
        seconds=answer.seconds,
        marks=read.marks,
        links=read.links,
        confidence=read.confidence,
    )
    return [verdict], read.broken


def _gallery_verdicts(answer: AnswerRow, task: TaskRow) -> tuple[list[Verdict], tuple[Broken, ...]]:
    """Choosing one candidate says "different" of the others only when they belong to other individuals."""
    candidates: dict[str, str] = task.details["candidates"]
    read = gallery.read(answer.result, tuple(candidates))
    verdicts = [
        Verdict(
            expert=Person(answer.person),
            first=AnimalId(min(task.subject, animal)),
            second=AnimalId(max(task.subject, animal)),
            answer=said,
            given_at=answer.given_at,
            seconds=answer.seconds / max(len(candidates), 1),
        )
        for animal, said in _said(read, candidates)
    ]
    return verdicts, read.broken


def _said(read: gallery.GalleryAnswer, candidates: dict[str, str]) -> Iterable[tuple[str, Same]]:
    if read.cannot_tell:
        return [(animal, Same.CANNOT_TELL) for animal in candidates]
    if read.is_new:
        return [(animal, Same.DIFFERENT) for animal in candidates]
    if read.choice is None:
        return []
    chosen = candidates[read.choice]
    others = [(animal, Same.DIFFERENT) for animal, individual in candidates.items() if individual != chosen]
    return [(read.choice, Same.SAME), *others]


def crop_rectangles(session: Session, animals: Sequence[str] | None = None) -> dict[str, Rectangle]:
    """Return the rectangle of the photo that is shown of each animal."""
    query = select(AnimalRow)
    if animals is not None:
        query = query.where(col(AnimalRow.id).in_(animals))
    return {row.id: Rectangle(*row.crop) for row in session.exec(query)}


def find_task(session: Session, question: Question, subject: str) -> TaskRow | None:
    """Return the task that asks this of this subject, or None."""
    return session.exec(select(TaskRow).where(TaskRow.question == question.value, TaskRow.subject == subject)).first()
