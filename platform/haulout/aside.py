"""What the newest triage says of the photos: which are likely empty and need nobody's eyes."""

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from active_learning.emptiness import Cut
from haulout.tables import PhotoRow, TriagedRow, TriageRow
from labeling_configs.vocabulary import ModelVersion

EMPTY, ANIMALS, LOOK = "empty", "animals", "look"


@dataclass(frozen=True)
class Aside:
    """How many photos triage sets aside, and what it rests on."""

    row: TriageRow
    cut: Cut
    empty: int
    animals: int
    look: int

    @property
    def photos(self) -> int:
        """How many photos it looked at."""
        return self.empty + self.animals + self.look


def newest_triage(session: Session, model: str | None = None) -> TriageRow | None:
    """Return what was learned last, or what was learned last of this detector's boxes."""
    query = select(TriageRow).order_by(col(TriageRow.id).desc()).limit(1)
    return session.exec(query if model is None else query.where(TriageRow.model == model)).first()


def set_aside(session: Session, model: ModelVersion) -> set[str]:
    """Return the photos that are likely empty by this detector's boxes; none while triage knows another one's only."""
    query = select(TriagedRow.photo).join(TriageRow, col(TriageRow.id) == TriagedRow.triage)
    return set(session.exec(query.where(TriagedRow.verdict == EMPTY, TriageRow.model == model)))


def read_aside(session: Session, site: str | None = None) -> Aside | None:
    """Return what the newest triage says of the photos of a site, or of all; None before the first one."""
    row = newest_triage(session)
    if row is None:
        return None
    query = select(TriagedRow.verdict, func.count())
    if site is not None:
        query = query.join(PhotoRow, col(PhotoRow.id) == TriagedRow.photo).where(PhotoRow.site == site)
    counts = dict(session.exec(query.group_by(TriagedRow.verdict)).all())
    return Aside(row, Cut(**row.cut), *(counts.get(verdict, 0) for verdict in (EMPTY, ANIMALS, LOOK)))
