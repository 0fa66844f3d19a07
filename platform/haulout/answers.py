"""What people said and still stand by: raw answers read as votes and verdicts."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from active_learning.overlap import matched_iou
from haulout.spots import read_things
from haulout.tables import (
    IMPORTED,
    AnimalRow,
    AnswerRow,
    ConsensusRow,
    CrowdRow,
    ExclusionRow,
    ModelRow,
    PhotoRow,
    ProposalRow,
    ShownRow,
    TaskRow,
    TileRow,
)
from labeling_configs import box_dispute, boxes, gallery, pair, regions
from labeling_configs.vocabulary import (
    COLD,
    AnimalId,
    Boxes,
    Broken,
    Origin,
    Person,
    Question,
    Rectangle,
    Same,
    Tile,
    Verdict,
    Vote,
    no_boxes,
)

SHOWN_ABOVE = 0.3
"""People are shown boxes from this score on: deleting a false box costs less than drawing a missed one."""

STARTER_SHOWN_ABOVE = 0.15
"""The same for a starter: it never saw such photos, and scores low even where it is right."""

FOR_GOLD = "gold"
"""In a task's details under "why": an expert is asked about a tile on which volunteers agree."""

HELD = "held"
"""The state of a task that an imported file answers and nobody is asked about yet."""

STILL_THERE = 0.35
"""A machine's box is deleted when no box that was kept or moved meets it at this IoU."""


def live_answers(
    session: Session, question: Question, subject: str | Collection[str] | None = None, *, gold: bool | None = None
) -> list[tuple[AnswerRow, TaskRow]]:
    """Return the newest revision of each answer that was not deleted, in the order they were given.

    Of one subject, of several, or of all. With `gold` only answers on tiles whose answer is known, or only the others.
    """
    asked: list[ColumnElement[bool]] = [col(TaskRow.question) == question.value]
    if subject is not None:
        asked.append(col(TaskRow.subject).in_([subject] if isinstance(subject, str) else subject))
    newest = (
        select(func.max(AnswerRow.id))
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .where(*asked)
        .group_by(col(AnswerRow.label_studio_annotation))
    )
    query = (
        select(AnswerRow, TaskRow)
        .join(TaskRow, col(TaskRow.id) == AnswerRow.task)
        .where(*asked, col(AnswerRow.id).in_(newest), col(AnswerRow.gone).is_(False))
        .order_by(col(AnswerRow.given_at), col(AnswerRow.id))
    )
    if gold is not None:
        query = query.where(TaskRow.gold > 0 if gold else TaskRow.gold == 0)
    return list(session.exec(query))


def machine_boxes(
    session: Session, tile: Tile, model: str, asked_at: datetime | None
) -> tuple[Boxes, NDArray[np.float64]]:
    """Return the boxes, shape (n, 4), and scores that people see of this detector on this tile, unless blind.

    What was known to be a rock when the question was made is left out, now if it was not made yet: a later decision
    does not change what was shown.
    """
    proposal, photo = find_proposal(session, tile.photo, model), session.get(PhotoRow, tile.photo)
    if proposal is None or photo is None:
        return no_boxes(), np.zeros(0)
    drawn, scores = read_things(session, asked_at).read(photo, proposal)
    least = SHOWN_ABOVE if session.get(ModelRow, model) else STARTER_SHOWN_ABOVE
    shown = tile.shown.holds_centres_of(drawn) & (scores >= least)
    return regions.clipped(drawn[shown], tile.shown), scores[shown]


def find_proposal(session: Session, photo: str, model: str) -> ProposalRow | None:
    """Return what a model drew on a photo, from what people were shown when the proposal itself is lost."""
    if proposal := session.get(ProposalRow, (photo, model)):
        return proposal
    shown = session.get(ShownRow, (photo, model))
    return shown.proposal() if shown else None


def read_vote(
    answer: AnswerRow, task: TaskRow, tile: Tile, machine: Boxes | None = None
) -> tuple[Vote, tuple[Broken, ...]]:
    """Read one person's answer about a tile, and the parts of it that could not be read.

    `machine` are the boxes that lay on the tile, seen or not.
    """
    reader = box_dispute if task.question == Question.BOX_DISPUTE.value else boxes
    read = reader.read(answer.result, tile)
    drawn = no_boxes() if machine is None else machine
    vote = Vote(
        person=Person(answer.person),
        tile=tile.id,
        boxes=read.boxes,
        origins=read.origins,
        given_at=answer.given_at,
        seconds=answer.seconds,
        blind=answer.model_shown in ("", COLD),
        skipped=answer.skipped,
        unusable=read.unusable,
        disturbances=read.said_of(skipped=answer.skipped),
        deleted=drawn[:0] if not answer.model_shown or answer.skipped else _deleted(read, drawn),
        machine=drawn,
    )
    return vote, read.broken


def read_votes(
    session: Session, question: Question, tile: Tile, *, gold: bool | None = None
) -> list[tuple[Vote, AnswerRow, tuple[Broken, ...]]]:
    """Read all answers about a tile, with what the machine drew there at the time."""
    machine = cache(lambda model, asked_at: machine_boxes(session, tile, model, asked_at)[0])
    read = []
    for answer, task in live_answers(session, question, tile.id, gold=gold):
        vote, broken = read_vote(answer, task, tile, machine(answer.model, task.created_at))
        read.append((vote, answer, broken))
    return read


SettledTile = tuple[Tile, Boxes, NDArray[np.float64]]
"""A tile with its accepted boxes, shape (n, 4), and their probabilities, shape (n,)."""


def agreed_tiles(session: Session, photo: str) -> list[SettledTile]:
    """Return the tiles of a photo on which people agree, as `active_learning.tiling.stitch` wants them."""
    query = (
        select(TileRow, ConsensusRow)
        .join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
        .where(TileRow.photo == photo, ConsensusRow.state == "agreed")
        .order_by(TileRow.id)
    )
    return [(tile.word(), row.accepted(), row.accepted_probabilities()) for tile, row in session.exec(query)]


def is_imported(person: str) -> bool:
    """Say whether the votes came with a file: Label Studio asked nobody and knows nothing of them."""
    return person.startswith(IMPORTED)


def newest_crowd(session: Session) -> CrowdRow | None:
    """Return what was learned last of people, None before the first night."""
    return session.exec(select(CrowdRow).order_by(col(CrowdRow.id).desc()).limit(1)).first()


def excluded_people(session: Session) -> set[Person]:
    """Return those whose votes do not count: the last decision on each person holds."""
    decisions = session.exec(select(ExclusionRow).order_by(col(ExclusionRow.id)))
    return {Person(person) for person, out in {row.person: row.excluded for row in decisions}.items() if out}


def _deleted(read: boxes.BoxAnswer, machine: Boxes) -> Boxes:
    left = [box for box, origin in zip(read.boxes, read.origins, strict=True) if origin is not Origin.DRAWN]
    there = np.array(left, dtype=np.float64).reshape(-1, 4)
    pairs = matched_iou(np.repeat(machine, len(there), axis=0), np.tile(there, (len(machine), 1)))
    gone: Boxes = machine[pairs.reshape(len(machine), len(there)).max(axis=1, initial=0.0) < STILL_THERE]
    return gone


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
        conditions=read.conditions,
        sides=read.sides,
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
    """Return the task that asks this of this subject, or None; gold asks again what is known and is not meant."""
    query = select(TaskRow).where(TaskRow.question == question.value, TaskRow.subject == subject, TaskRow.gold == 0)
    return session.exec(query).first()
