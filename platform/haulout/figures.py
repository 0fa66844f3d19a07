"""Figures of a season that hold for all its photos: the random share and the machine together, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, func, select

from active_learning.calibration import Calibrated, Checked, Frame, calibrate
from active_learning.estimation import Estimate, NothingDrawn, domain_total, empty_share, total
from active_learning.narrowing import Peak, peak
from haulout.candidates import Candidate
from haulout.errors import UnknownFigure
from haulout.tables import AnimalRow, BatchRow, ChosenRow, ConsensusRow

Numbers = NDArray[np.float64]

PURPOSE = 15
LEAST_DRAWN = 8
"""Answered random tiles below which an interval says nothing."""
NAMES = ("mean", "total", "maximum")
TEACH = "teach"
"""The goal of batches that are not for a figure."""


@dataclass(frozen=True)
class Figure:
    """What is estimated: the mean per photo, the total, or the maximum of any photo, in a month, on a day, or ever."""

    name: str
    during: str = ""

    @classmethod
    def of(cls, text: str) -> "Figure":
        """Read "maximum", "mean 2026-08" or "total 2026-08-03"; UnknownFigure for anything else."""
        name, _, during = text.strip().partition(" ")
        if name not in NAMES or not _is_time(during):
            known = ", ".join(NAMES)
            raise UnknownFigure(f"There is no figure {text!r}: name {known}, with a month or a day, as in mean 2026-08")
        return cls(name, during)

    def __str__(self) -> str:
        """Return what `of` reads."""
        return f"{self.name} {self.during}".strip()

    def holds(self, day: date | None) -> bool:
        """Say whether a photo of this day belongs to it; undated photos belong to figures of all times."""
        return not self.during or (day is not None and day.isoformat().startswith(self.during))


@dataclass(frozen=True)
class Season:
    """The tiles of one site as units: what the machine expects, what people found, by which chance they were asked."""

    candidates: Sequence[Candidate]
    frame: Frame
    """As `domain_total` and `narrowing` want it, see `Frame.bent`."""
    checked: Checked
    goals: NDArray[np.str_]
    """What the batch was for in which each checked unit was asked about, shape (n,)."""
    fit: Calibrated

    def told(self, figure: Figure) -> Checked:
        """Return what was checked; a draw for another figure knows nothing of units that it could not draw."""
        apart = (self.goals != TEACH) & (self.goals != str(figure))
        return replace(self.checked, probability=np.where(apart, np.nan, self.checked.probability))

    def domain(self, figure: Figure) -> NDArray[np.bool_]:
        """Say which units belong to the figure, shape (n,)."""
        return np.array([figure.holds(_day(one)) for one in self.candidates], dtype=np.bool_)

    def weight(self, figure: Figure) -> Numbers:
        """Return what each unit's count weighs in a total or a mean, shape (n,)."""
        inside = self.domain(figure)
        photos = len(np.unique(self.frame.photo[inside]))
        return inside / (max(photos, 1) if figure.name == "mean" else 1)

    def estimate(self, figure: Figure, rng: np.random.Generator) -> Estimate:
        """Return the figure with its 95 % interval."""
        if figure.name == "maximum":
            return self.peak(figure, rng).estimate
        if not figure.during:
            photos = len(np.unique(self.frame.photo)) if figure.name == "mean" else 1
            return scaled(total(_frame(self.candidates), self.told(figure)), 1 / photos)
        return domain_total(self.frame, self.told(figure), self.weight(figure), self.fit)

    def peak(self, figure: Figure, rng: np.random.Generator) -> Peak:
        """Return the maximum, and which photos may hold it."""
        return peak(self.frame, self.fit, self.checked, self.domain(figure), rng)

    def times(self) -> list[str]:
        """Return the months and the days with photos, in order."""
        days = sorted({day.isoformat() for one in self.candidates if (day := _day(one))})
        return [*sorted({day[:7] for day in days}), *days]

    def empty(self) -> Estimate:
        """Return the share of tiles without an animal."""
        chance = np.array([1 - np.prod(1 - one.scores) for one in self.candidates], dtype=np.float64)
        return empty_share(replace(_frame(self.candidates), expected=chance), self.told(Figure("")))


def read_season(session: Session, candidates: Sequence[Candidate], site: str) -> Season | None:
    """Read one site's units; None while too few tiles that were drawn at random are settled."""
    own = [one for one in candidates if one.photo.site == site]
    frame, (checked, goals) = _frame(own).bent(), _checked(session, own)
    drawn = checked.answered & ~np.isnan(checked.probability)
    if drawn.sum() < LEAST_DRAWN:
        return None
    try:
        return Season(own, frame, checked, goals, calibrate(frame, checked))
    except NothingDrawn:
        return None


def scaled(estimate: Estimate, by: float) -> Estimate:
    """Return the estimate in another unit."""
    value, low, high = (number * by for number in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.variance * by**2, estimate.drawn)


def _frame(candidates: Sequence[Candidate]) -> Frame:
    days = _numbered([one.photo.day() for one in candidates])
    photos = _numbered([one.photo.id for one in candidates])
    expected = np.array([one.scores.sum() for one in candidates], dtype=np.float64)
    return Frame(expected, days, photos)


def _checked(session: Session, candidates: Sequence[Candidate]) -> tuple[Checked, NDArray[np.str_]]:
    """Read who was asked about what, by which chance, and what was found; disputed tiles are unanswered."""
    place = {str(one.tile.id): row for row, one in enumerate(candidates)}
    counts = _counts(session)
    rows = [row for row in session.exec(select(ChosenRow).order_by(col(ChosenRow.batch))) if row.tile in place]
    known = {row.tile: row for row in rows}
    goals = {row.id: row.goal for row in session.exec(select(BatchRow))}
    checked = Checked(
        unit=np.array([place[tile] for tile in known], dtype=np.int64),
        count=np.array([counts.get(tile, np.nan) for tile in known], dtype=np.float64),
        probability=np.array(
            [np.nan if row.probability is None else row.probability for row in known.values()], dtype=np.float64
        ),
        wave=np.array([row.batch for row in known.values()], dtype=np.int64),
    )
    return checked, np.array([goals[row.batch] for row in known.values()], dtype=np.str_)


def _counts(session: Session) -> Mapping[str, float]:
    """Return the animals on each agreed tile, those cut by its edge counted where their centre lies."""
    agreed = session.exec(select(ConsensusRow.tile).where(ConsensusRow.state == "agreed"))
    found = dict(session.exec(select(AnimalRow.tile, func.count()).group_by(AnimalRow.tile)).all())
    return {tile: float(found.get(tile, 0)) for tile in agreed}


def _numbered(names: Sequence[str]) -> NDArray[np.int64]:
    _, number = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    return number.astype(np.int64)


def _day(one: Candidate) -> date | None:
    return one.photo.taken_at.date() if one.photo.taken_at else None


def _is_time(text: str) -> bool:
    """Say whether this is empty, a month or a day: 2026-08, 2026-08-03."""
    whole = f"{text}-01" if len(text) == len("2026-08") else text
    try:
        return not text or date.fromisoformat(whole).isoformat() == whole
    except ValueError:
        return False
