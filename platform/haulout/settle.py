"""Step 6 of the loop: merge the votes into a consensus, decide whether to ask on, and name the animals."""

import hashlib
from collections.abc import Sequence

import numpy as np
from sqlmodel import Session, col, delete, select

from active_learning.consensus import NoVotes, agree, latest
from active_learning.overlap import overlapping_pairs
from active_learning.retirement import Step, next_step
from haulout.answers import find_task, live_answers, read_vote
from haulout.db import reading, writing
from haulout.services import Services, Tell, silently
from haulout.tables import (
    AnimalRow,
    AnswerRow,
    BrokenRow,
    ConsensusRow,
    DisputeRow,
    EmbeddingRow,
    MarkRow,
    PhotoRow,
    SightingRow,
    TaskRow,
    TileRow,
)
from labeling_configs.vocabulary import Boxes, Consensus, ConsensusBox, Question, Tile, Vote

EXPERT_WORD = 0.95
"""The probability of a box an expert drew or left standing: published observers err on one capture in eight."""
SAME_BOX = 0.5
"""IoU from which a box of the new consensus is the animal it was before."""
CROP_MARGIN = 0.15
"""Added round an animal's box, as a share of its longer side, so that experts see where it lies."""


def settle(services: Services, tell: Tell = silently, *, everything: bool = False) -> int:
    """Settle every tile whose answers changed since its consensus was made; return how many were settled.

    With `everything` all consensus is rebuilt from the raw answers. Each tile is one transaction.
    """
    with reading(services.database) as session:
        waiting = _waiting(session, everything)
    for done, tile in enumerate(waiting):
        tell("Merging the votes", done, len(waiting))
        with writing(services.database) as session:
            _settle(services, session, tile)
    return len(waiting)


def _waiting(session: Session, everything: bool) -> list[str]:
    query = (
        select(TaskRow.subject)
        .join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        .outerjoin(ConsensusRow, col(ConsensusRow.tile) == TaskRow.subject)
        .where(col(TaskRow.question).in_([Question.BOXES.value, Question.BOX_DISPUTE.value]))
    )
    if not everything:
        fresh = col(AnswerRow.received_at) >= col(ConsensusRow.settled_at)
        query = query.where(col(ConsensusRow.tile).is_(None) | fresh)
    return sorted(set(session.exec(query)))


def _settle(services: Services, session: Session, tile_id: str) -> None:
    row = session.get(TileRow, tile_id)
    task = find_task(session, Question.BOXES, tile_id)
    if row is None or task is None:
        return
    tile = row.word()
    votes = _votes(session, Question.BOXES, tile)
    expert = _votes(session, Question.BOX_DISPUTE, tile)
    settings = services.settings
    consensus = _agreed(votes)
    decision = next_step(consensus, votes, settings.least_votes, settings.most_votes)
    if expert:
        consensus, state = _as_expert_says(expert[-1]), "unusable" if expert[-1].unusable else "agreed"
    else:
        state = _state(decision.step, consensus, votes)
    task.state = "retired" if state != "open" else "open"
    task.overlap = max(task.overlap, decision.overlap)
    session.add(task)
    _ask_expert(services, session, task, wanted=state == "disputed", answered=bool(expert))
    _store(services, session, tile, consensus, state)


def _votes(session: Session, question: Question, tile: Tile) -> list[Vote]:
    """Read the tile's votes, and write down which parts of them could not be read."""
    votes = []
    for answer, task in live_answers(session, question, tile.id):
        vote, broken = read_vote(answer, task, tile)
        votes.append(vote)
        session.exec(delete(BrokenRow).where(col(BrokenRow.answer) == answer.id))
        session.add_all(BrokenRow(answer=answer.id or 0, what=part.what, reason=part.reason) for part in broken)
    return [vote for vote in votes if question is Question.BOXES or not vote.skipped]


def _agreed(votes: Sequence[Vote]) -> Consensus | None:
    try:
        return agree(votes)
    except NoVotes:
        return None


def _as_expert_says(vote: Vote) -> Consensus:
    boxes = tuple(ConsensusBox((b[0], b[1], b[2], b[3]), EXPERT_WORD, (vote.person,)) for b in vote.boxes.tolist())
    return Consensus(vote.tile, boxes, voters=1, agreement=1.0)


def _state(step: Step, consensus: Consensus | None, votes: Sequence[Vote]) -> str:
    """A tile that most people call unusable is not agreed on, though one of them may have drawn boxes."""
    if step is Step.EXPERT:
        return "disputed"
    if step is Step.ASK_MORE:
        return "open"
    unusable = sum(vote.unusable for vote in latest(votes))
    return "agreed" if consensus is not None and consensus.voters > unusable else "unusable"


def _ask_expert(services: Services, session: Session, task: TaskRow, *, wanted: bool, answered: bool) -> None:
    """Open a dispute when it is wanted; close it when an expert spoke, or when volunteers came to agree."""
    dispute = find_task(session, Question.BOX_DISPUTE, task.subject)
    if dispute is None and wanted:
        dispute = TaskRow(
            question=Question.BOX_DISPUTE.value,
            subject=task.subject,
            batch=task.batch,
            key=f"{Question.BOX_DISPUTE.value}:{task.subject}",
            priority=task.priority,
            created_at=services.now(),
        )
    if dispute is not None:
        dispute.state = "open" if wanted and not answered else "retired"
        session.add(dispute)


def _store(services: Services, session: Session, tile: Tile, consensus: Consensus | None, state: str) -> None:
    found = consensus or Consensus(tile.id, (), voters=0, agreement=0.0)
    row = ConsensusRow(
        tile=tile.id,
        state=state,
        voters=found.voters,
        agreement=found.agreement,
        boxes=[[*box.box, box.probability, list(box.drawn_by)] for box in found.boxes],
        settled_at=services.now(),
    )
    session.merge(row)
    session.flush()
    _name_animals(services, session, tile, row if state == "agreed" else None)


def _name_animals(services: Services, session: Session, tile: Tile, consensus: ConsensusRow | None) -> None:
    """Make the tile's animals what the consensus says; one that moved a little stays the animal it was."""
    photo = session.get(PhotoRow, tile.photo)
    before = list(session.exec(select(AnimalRow).where(AnimalRow.tile == tile.id).order_by(col(AnimalRow.id))))
    if photo is None:
        return
    after = _animals(services, tile, photo, consensus) if consensus else []
    for old, new in _unchanged(before, after).items():
        # The crop stays too: experts pointed at marks in it.
        after[new] = AnimalRow(**after[new].model_dump() | {"id": before[old].id, "crop": before[old].crop})
    kept = {animal.id for animal in after}
    _forget(session, [animal.id for animal in before if animal.id not in kept])
    for animal in after:
        session.merge(animal)


def _animals(services: Services, tile: Tile, photo: PhotoRow, consensus: ConsensusRow) -> list[AnimalRow]:
    boxes = consensus.accepted()
    probabilities = consensus.probabilities()[consensus.probabilities() > 0.5]
    own = tile.core.holds_centres_of(boxes)
    return [
        AnimalRow(
            id=_animal_id(tile.photo, box),
            photo=tile.photo,
            tile=tile.id,
            box=box,
            crop=_crop(box, photo),
            probability=float(probability),
            settled_at=services.now(),
        )
        for box, probability in zip(boxes[own].tolist(), probabilities[own], strict=True)
    ]


def _animal_id(photo: str, box: Sequence[float]) -> str:
    place = ",".join(str(round(side)) for side in box)
    return "a" + hashlib.sha256(f"{photo}:{place}".encode()).hexdigest()[:15]


def _crop(box: Sequence[float], photo: PhotoRow) -> list[int]:
    x1, y1, x2, y2 = box
    margin = CROP_MARGIN * max(x2 - x1, y2 - y1)
    return [
        max(0, int(x1 - margin)),
        max(0, int(y1 - margin)),
        min(photo.width, int(np.ceil(x2 + margin))),
        min(photo.height, int(np.ceil(y2 + margin))),
    ]


def _unchanged(before: Sequence[AnimalRow], after: Sequence[AnimalRow]) -> dict[int, int]:
    """Match rows of `before` to rows of `after`, best overlap first."""
    boxes: Boxes = np.array([animal.box for animal in [*before, *after]], dtype=np.float64).reshape(-1, 4)
    first, second, shares = overlapping_pairs(boxes, SAME_BOX)
    matched: dict[int, int] = {}
    for pair in np.argsort(-shares, kind="stable"):
        old, new = int(first[pair]), int(second[pair]) - len(before)
        if old < len(before) and new >= 0 and old not in matched and new not in matched.values():
            matched[old] = new
    return matched


def _forget(session: Session, animals: Sequence[str]) -> None:
    """Remove animals the consensus no longer holds, with all that was derived from them; raw answers stay."""
    for table in (EmbeddingRow, MarkRow, SightingRow):
        session.exec(delete(table).where(col(table.animal).in_(animals)))
    for end in (DisputeRow.first, DisputeRow.second):
        session.exec(delete(DisputeRow).where(col(end).in_(animals)))
    session.exec(delete(AnimalRow).where(col(AnimalRow.id).in_(animals)))
