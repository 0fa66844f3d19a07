"""Tiles whose answer an expert gave are asked again, one person at a time: to teach, and to measure unseen.

The answers stay here, never in Label Studio, where everybody could read them. A copy wants one person only, so it is
never the task with most votes, which Label Studio would put before everybody first.
"""

from collections.abc import Collection, Sequence

import numpy as np
from sqlmodel import Session, col, func, select

from active_learning.gold import GoldKind, GoldTile, choose_gold
from haulout.answers import FOR_GOLD
from haulout.db import writing
from haulout.services import Services, Tell, silently
from haulout.tables import AnswerRow, ConsensusRow, PersonRow, PhotoRow, TaskRow, TileRow
from labeling_configs.vocabulary import Question, Role, TileId

PURPOSE = 11


def gold_tiles(session: Session) -> tuple[GoldTile, ...]:
    """Return the tiles that an expert settled."""
    query = (
        select(ConsensusRow, PhotoRow.split)
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(col(ConsensusRow.by_expert))
        .order_by(ConsensusRow.tile)
    )
    return tuple(GoldTile(TileId(row.tile), len(row.accepted()), split == "exam") for row, split in session.exec(query))


def ask_gold(services: Services, tell: Tell = silently) -> int:
    """Put gold among the open tasks up to its share, ask experts for more of it; return how many copies wait."""
    tell("Mixing in gold", 0, 0)
    settings = services.settings
    with writing(services.database) as session:
        rng = services.rng(PURPOSE, len(session.exec(select(TaskRow.id).where(TaskRow.gold > 0)).all()))
        wanted = round(settings.gold_share * settings.batch_size) - _open(session)
        tiles, seen = gold_tiles(session), _seen_by_all(session)
        for kind, many in ((GoldKind.TEACHING, (wanted + 1) // 2), (GoldKind.MEASURING, wanted // 2)):
            for tile in choose_gold(tiles, many, kind, seen, rng):
                session.add(_copy(services, session, tile, rng))
                session.flush()
        _ask_experts(services, session, {tile.tile for tile in tiles}, rng)
        return _open(session)


def _open(session: Session) -> int:
    return len(session.exec(select(TaskRow.id).where(TaskRow.gold > 0, TaskRow.state == "open")).all())


def _seen_by_all(session: Session) -> set[TileId]:
    """Tiles that every volunteer has answered teach and measure nobody any more."""
    volunteers = session.exec(select(func.count()).where(PersonRow.role == Role.VOLUNTEER.value)).one()
    query = (
        select(TaskRow.subject, func.count(func.distinct(AnswerRow.person)))
        .join(AnswerRow, col(AnswerRow.task) == TaskRow.id)
        .join(PersonRow, col(PersonRow.id) == AnswerRow.person)
        .where(TaskRow.question == Question.BOXES.value, PersonRow.role != Role.IMPORT.value)
        .group_by(TaskRow.subject)
    )
    return {TileId(subject) for subject, people in session.exec(query) if people >= volunteers}


def _copy(services: Services, session: Session, tile: TileId, rng: np.random.Generator) -> TaskRow:
    """Ask the tile again as it was asked first, so that nobody can tell it from any other task."""
    asked = select(TaskRow).where(TaskRow.question == Question.BOXES.value, TaskRow.subject == tile)
    tasks = session.exec(asked.order_by(col(TaskRow.gold))).all()
    number = tasks[-1].gold + 1
    return TaskRow(
        question=Question.BOXES.value,
        subject=tile,
        gold=number,
        batch=tasks[0].batch,
        key=f"{Question.BOXES.value}:{services.sealed(f'{tile}:{number}')}",
        priority=float(rng.random()),
        overlap=1,
        blind=tasks[0].blind,
        model=tasks[0].model,
        created_at=services.now(),
    )


def _ask_experts(services: Services, session: Session, known: Collection[TileId], rng: np.random.Generator) -> None:
    """Have experts settle a few tiles on which volunteers agree: gold from disputes alone would all be hard."""
    asked = set(session.exec(select(TaskRow.subject).where(TaskRow.question == Question.BOX_DISPUTE.value)))
    agreed = session.exec(select(ConsensusRow.tile).where(ConsensusRow.state == "agreed").order_by(ConsensusRow.tile))
    free = [tile for tile in agreed if tile not in asked and tile not in known]
    open_now = select(TaskRow).where(TaskRow.question == Question.BOX_DISPUTE.value, TaskRow.state == "open")
    waiting = [task for task in session.exec(open_now) if task.details.get("why") == FOR_GOLD]
    for tile in _drawn(free, services.settings.gold_wanted - len(waiting), rng):
        session.add(
            TaskRow(
                question=Question.BOX_DISPUTE.value,
                subject=tile,
                key=f"{Question.BOX_DISPUTE.value}:{tile}",
                details={"why": FOR_GOLD},
                created_at=services.now(),
            )
        )


def _drawn(tiles: Sequence[str], wanted: int, rng: np.random.Generator) -> list[str]:
    return [tiles[row] for row in rng.permutation(len(tiles))[: max(wanted, 0)]]
