"""Writes down which boxes people are shown, before they are shown them."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from haulout.tables import ProposalRow, ShownRow, TaskRow, TileRow
from labeling_configs.vocabulary import Question


def note_shown(session: Session, tasks: Iterable[TaskRow]) -> None:
    """Keep the boxes of these tasks' models on their photos; what is kept stays as it is."""
    subjects = {task.subject: task.model for task in tasks if task.question == Question.BOXES.value}
    photos = select(TileRow.id, TileRow.photo).where(col(TileRow.id).in_(subjects))
    wanted = {(photo, subjects[tile]) for tile, photo in session.exec(photos)}
    for photo, model in sorted(wanted):
        proposal = session.get(ProposalRow, (photo, model))
        if proposal is not None and proposal.packed and session.get(ShownRow, (photo, model)) is None:
            session.add(ShownRow(photo=photo, model=model, packed=proposal.packed, made_at=proposal.made_at))
