"""What somebody's answers did: told after every few of them, so it is counted while they wait and must be quick."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from haulout.tables import SETTLED, AnimalRow, ConsensusRow, DecisionRow, ModelRow, SpoolRow, TaskRow
from labeling_configs.vocabulary import ABOUT_TILES

DETECTOR = "detector"
REFUSED = "refused"


@dataclass(frozen=True)
class Better:
    """What the serving detector scored in its exam (AP50) when somebody began, and what it scores now."""

    before: float
    now: float


@dataclass(frozen=True)
class Thanks:
    """What somebody's answers did; skipped tasks are no answers."""

    answers: int
    today: int
    tiles: int
    """Tiles that they answered and that are settled."""
    animals: int
    """Animals counted on these."""
    streak: int
    """Days in a row, UTC, up to today or yesterday."""
    days: int
    """All days on which they answered."""
    better: Better | None

    def told(self) -> dict[str, Any]:
        """Return what the page is sent."""
        better = {"before": self.better.before, "now": self.better.now} if self.better else None
        names = ("answers", "today", "tiles", "animals", "streak", "days")
        return {name: getattr(self, name) for name in names} | {"better": better}


def thanks_due(session: Session, account: str, every: int, now: datetime) -> Thanks | None:
    """Return what the account's answers did after each `every` of them, None in between."""
    answers = _answers(session, account)
    return thank(session, account, now) if answers and answers % every == 0 else None


def thank(session: Session, account: str, now: datetime) -> Thanks:
    """Count what the account's answers did up to now."""
    days, first = _days(session, account)
    tiles, animals = _did(session, account)
    return Thanks(
        answers=sum(days.values()),
        today=days.get(now.date(), 0),
        tiles=tiles,
        animals=animals,
        streak=days_in_a_row(list(days), now.date()),
        days=len(days),
        better=_better(session, first) if first else None,
    )


def days_in_a_row(days: Sequence[date], today: date) -> int:
    """Return how many days in a row end today, or yesterday while today is young."""
    there = set(days)
    day = today if today in there else today - timedelta(days=1)
    many = 0
    while day - timedelta(days=many) in there:
        many += 1
    return many


def _answers(session: Session, account: str) -> int:
    query = select(func.count()).select_from(SpoolRow)
    return session.exec(query.where(SpoolRow.account == account, col(SpoolRow.skipped).is_(False))).one()


def _days(session: Session, account: str) -> tuple[dict[date, int], datetime | None]:
    """Return the answers of each day, and when the first one was given."""
    day = func.date(SpoolRow.given_at)
    query = select(day, func.count(), func.min(SpoolRow.given_at)).where(SpoolRow.account == account)
    rows = session.exec(query.where(col(SpoolRow.skipped).is_(False)).group_by(day)).all()
    return {_day(day): many for day, many, _ in rows}, min((first for _, _, first in rows), default=None)


def _day(told: Any) -> date:
    return told if isinstance(told, date) else date.fromisoformat(told)  # SQLite has no dates of its own


def _did(session: Session, account: str) -> tuple[int, int]:
    theirs = (
        select(TaskRow.subject)
        .join(SpoolRow, col(SpoolRow.task) == TaskRow.id)
        .where(SpoolRow.account == account, col(SpoolRow.skipped).is_(False), col(TaskRow.question).in_(ABOUT_TILES))
    )
    on_it = select(func.count()).where(AnimalRow.tile == ConsensusRow.tile).scalar_subquery()
    settled = select(on_it).where(col(ConsensusRow.state).in_(SETTLED), col(ConsensusRow.tile).in_(theirs)).subquery()
    tiles, animals = session.exec(select(func.count(), func.sum(settled.c[0]))).one()
    return tiles, int(animals or 0)


def _better(session: Session, since: datetime) -> Better | None:
    """Compare the detector that served then with the one that serves now; None unless it is better."""
    before, now = _served(session, since), _served(session, None)
    if before is None or now is None or now <= before:
        return None
    return Better(before, now)


def _served(session: Session, at: datetime | None) -> float | None:
    """Return the exam of the detector that the last decision up to then made serve."""
    query = (
        select(ModelRow)
        .join(DecisionRow, col(DecisionRow.version) == ModelRow.version)
        .where(ModelRow.kind == DETECTOR, DecisionRow.kind == DETECTOR, DecisionRow.decision != REFUSED)
        .order_by(col(DecisionRow.at).desc(), col(DecisionRow.id).desc())
    )
    row = session.exec(query.where(DecisionRow.at <= at).limit(1) if at else query.limit(1)).first()
    scored = row.exam.get("ap50") if row else None
    return float(scored) if isinstance(scored, int | float) else None
