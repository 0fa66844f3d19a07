"""In which order open tasks are asked: what is worth most now comes first, and chance keeps its places."""

from collections.abc import Mapping, Sequence

from numpy.random import Generator
from sqlmodel import Session, col, select

from active_learning.coverage import Features
from active_learning.pool import Pool, Reason
from active_learning.selection import Shares
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
    please or for a figure keeps the place that chance gave it.
    """
    tasks = {task.subject: task for task in open_tasks(session)}
    rows = [place for place, tile in enumerate(pool.tiles) if tile in tasks]
    reasons = _reasons(session, [pool.tiles[row] for row in rows])
    worthy = [row for row in rows if reasons.get(pool.tiles[row]) in BY_WORTH]
    ranked = choose(pool.only(worthy), len(worthy), rng, Shares(0, 0, 0, 0, 0), known, one_per_burst=False)
    order = {str(chosen.tile): 1 - place / (len(ranked) + 1) for place, chosen in enumerate(ranked)}
    changed = [task for task in tasks.values() if order.get(task.subject, task.priority) != task.priority]
    for task in changed:
        task.priority = order[task.subject]
        session.add(task)
    return len(changed)


def _reasons(session: Session, tiles: Sequence[str]) -> Mapping[str, str]:
    rows = session.exec(select(ChosenRow.tile, ChosenRow.reason).order_by(col(ChosenRow.batch)))
    wanted = set(tiles)
    return {tile: reason for tile, reason in rows if tile in wanted}
