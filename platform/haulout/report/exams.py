"""What each network scored in its exam."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from haulout.tables import ModelRow


@dataclass(frozen=True)
class Figure:
    """A measured value, with its 95 % interval when there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, stored: object) -> "Figure | None":
        """Read a figure stored as a number, as [low, value, high] or as {"mean", "low", "high"}; else None."""
        if isinstance(stored, int | float):
            return cls(float(stored))
        if isinstance(stored, list) and len(stored) == 3:
            low, value, high = stored
            return cls(value, low, high)
        if isinstance(stored, Mapping) and "mean" in stored:
            return cls(float(stored["mean"]), stored.get("low"), stored.get("high"))
        return None

    @classmethod
    def of(cls, measures: Mapping[str, Any], name: str) -> "Figure | None":
        """Read one of an exam's measures with the interval that stands beside them, if any."""
        figure, limits = cls.read(measures.get(name)), measures.get("intervals", {}).get(name)
        return cls(figure.value, *limits) if figure and limits else figure


@dataclass(frozen=True)
class Exam:
    """What a network scored; None where its exam does not say."""

    version: str
    kind: str
    state: str
    created_at: datetime
    ap50: Figure | None
    count_error: Figure | None
    """Mean absolute error of the count, in animals per photo."""
    rank1: Figure | None
    """Share of sightings whose nearest neighbour is the same walrus."""
    difference: Figure | None
    """What it scored more than the network that served, on the same exam: AP50 or rank-1."""

    @property
    def refused(self) -> bool:
        """Whether it does not serve because of its exam."""
        return self.state == "refused"


def exams(session: Session) -> tuple[Exam, ...]:
    """Return the exams of all networks, oldest first."""
    rows = session.exec(select(ModelRow).order_by(col(ModelRow.created_at), ModelRow.version))
    return tuple(_exam(row) for row in rows)


def _exam(row: ModelRow) -> Exam:
    return Exam(
        version=row.version,
        kind=row.kind,
        state=row.state,
        created_at=row.created_at,
        ap50=Figure.of(row.exam, "ap50"),
        count_error=Figure.read(row.exam.get("count_mae")),
        rank1=Figure.read(row.exam.get("rank1")),
        difference=Figure.read(row.exam.get("difference")),
    )
