"""How somebody's drawing became what it is: their skill as it was learned, week after week."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from active_learning import crowd as crowds
from haulout.report.exams import Figure
from haulout.report.people import FEWEST
from haulout.tables import CrowdRow
from labeling_configs.vocabulary import Person

WEEKS = 26
"""Looked back at most: what was learned of everybody is read for each."""


@dataclass(frozen=True)
class Learned:
    """The share of plain animals somebody finds without a machine's help, as it was known at that time."""

    at: datetime
    found: Figure


def read_skills(session: Session, person: str) -> tuple[Learned, ...]:
    """Return what was learned last in each of the newest weeks, oldest first; nothing while too few tiles tell."""
    moments = session.exec(select(CrowdRow.id, CrowdRow.at).order_by(col(CrowdRow.id)))
    newest = {at.isocalendar()[:2]: number for number, at in moments}
    rows = session.exec(select(CrowdRow).where(col(CrowdRow.id).in_(list(newest.values())[-WEEKS:])))
    return tuple(
        Learned(row.at, Figure(*skill.detection()))
        for row in sorted(rows, key=lambda row: row.id or 0)
        if (skill := crowds.from_json(row.learned).skills.get(Person(person))) and skill.tiles >= FEWEST
    )
