"""In which order open tasks are asked: what is worth most now comes first, and chance keeps its places."""

from collections.abc import Mapping, Sequence
from zlib import crc32

from numpy.random import Generator
from sqlmodel import Session, col, select

from active_learning.coverage import Features
from active_learning.pool import Pool, Reason
from active_learning.selection import ALL_BY_WORTH
from active_learning.selection import select as choose
from haulout.tables import ChosenRow, TaskRow
from labeling_configs.vocabulary import Question

BY_WORTH = (Reason.UNCERTAIN, Reason.MISPLACED, Reason.MISSED, Reason.COUNT, Reason.NOVEL, Reason.RARE)


def open_tasks(session: Session) -> list[TaskRow]:
    """Return the tasks about boxes that people are asked now, without copies of gold."""
    asked = select(TaskRow).where(TaskRow.question == Question.BOXES.value, TaskRow.state == "open", TaskRow.gold == 0)
    return list(session.exec(asked.order_by(col(TaskRow.id))))


def reorder(session: Session, pool: Pool, known: Features | None, rng: Generator) -> int:
    """Give the open tasks of the pool new priorities in (0, 1]; return how many changed.

    A task that was chosen for its worth is placed by its worth today; one that was drawn at random, for the exam, to
    please or for a figure keeps the place among them that its name gives it.
    """
    tasks = {task.subject: task for task in open_tasks(session)}
    reasons = _reasons(session, list(tasks))
    rows = [row for row, tile in enumerate(pool.tiles) if reasons.get(tile) in BY_WORTH]
    ranked = choose(pool.only(rows), len(rows), rng, ALL_BY_WORTH, known, one_per_burst=False)
    places = {tile: crc32(tile.encode()) / 2**32 for tile in tasks}
    places |= {str(chosen.tile): (place + 0.5) / len(ranked) for place, chosen in enumerate(ranked)}
    order = sorted(tasks, key=lambda tile: (places[tile], tile))
    wanted = {tile: 1 - place / len(order) for place, tile in enumerate(order)}
    changed = [task for tile, task in tasks.items() if task.priority != wanted[tile]]
    for task in changed:
        task.priority = wanted[task.subject]
        session.add(task)
    return len(changed)


def _reasons(session: Session, tiles: Sequence[str]) -> Mapping[str, str]:
    rows = session.exec(select(ChosenRow.tile, ChosenRow.reason).order_by(col(ChosenRow.batch)))
    wanted = set(tiles)
    return {tile: reason for tile, reason in rows if tile in wanted}
