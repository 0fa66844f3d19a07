"""What teaching the detector has brought and will bring: the standing experiment, read, and whether to go on asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, func, select

from active_learning.learning_curve import Estimate, Point, efficiency, forecast
from haulout.config import Settings
from haulout.tables import ConsensusRow, ExperimentRow, PhotoRow, TileRow

MORE = 100
"""Tiles that a forecast looks ahead."""
LEAST_MEASURED = 2
"""Experiments before asking may end: one alone does not show the luck of training."""
LEAST_DAYS = 4
"""Days of the exam below which an interval says nothing."""
NEWS = 0.1
"""Share of the photos that, when it came after the last experiment, makes its forecast one of other photos."""
PURPOSE = 12


@dataclass(frozen=True)
class Arm:
    """What one detector of an experiment learned from, and its AP50; draws of all arms are of the same exams."""

    tiles: int
    boxes: int
    minutes: float
    ap50: float
    drawn: NDArray[np.float64]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Arm":
        """Read an arm as `stored` wrote it."""
        return cls(
            stored["tiles"], stored["boxes"], stored["minutes"], stored["ap50"], np.array(stored["drawn"], dtype=float)
        )

    def stored(self) -> dict[str, Any]:
        """Return the arm as JSON."""
        drawn = [round(float(value), 4) for value in self.drawn]
        return {"tiles": self.tiles, "boxes": self.boxes, "minutes": self.minutes, "ap50": self.ap50, "drawn": drawn}

    @property
    def score(self) -> Estimate:
        """AP50 with its interval."""
        return Estimate.of(self.ap50, self.drawn)


@dataclass(frozen=True)
class Experiment:
    """Three detectors trained alike: on chosen tiles, on random ones that cost people as much, and on both."""

    at: datetime
    seconds: float
    exam_tiles: int
    exam_days: int
    chosen: Arm
    random: Arm
    both: Arm

    @property
    def minutes(self) -> float:
        """Human minutes on each side."""
        return (self.chosen.minutes + self.random.minutes) / 2

    @property
    def difference(self) -> Estimate:
        """AP50 of the chosen tiles above that of the random ones."""
        return Estimate.of(self.chosen.ap50 - self.random.ap50, self.chosen.drawn - self.random.drawn)

    def curve(self) -> tuple[Point, Point]:
        """Return the score of half the tiles, the mean of both halves, and of all: what twice the labels bring."""
        ap50, drawn = self.chosen.ap50 + self.random.ap50, self.chosen.drawn + self.random.drawn
        half = max((self.chosen.tiles + self.random.tiles) / 2, 1.0)
        return Point(half, ap50 / 2, drawn / 2), Point(2 * half, self.both.ap50, self.both.drawn)


@dataclass(frozen=True)
class Teaching:
    """What another MORE tiles would bring, and whether that is worth asking for."""

    tiles: int
    """Agreed tiles to learn from now."""
    gain: Estimate
    """AP50 that another MORE tiles would bring."""
    worthwhile: float
    enough_measured: bool
    """Whether the forecast rests on experiments enough, and on the photos that are there now."""

    @property
    def more(self) -> int:
        """How many tiles the forecast looks ahead."""
        return MORE

    @property
    def pays(self) -> bool:
        """Whether people are to be asked for more: only a forecast whose upper limit is too low says no."""
        return not self.enough_measured or self.gain.high >= self.worthwhile

    def sentence(self) -> str:
        """Say it for the log."""
        interval = f"{self.gain.low:+.3f} to {self.gain.high:+.3f}"
        more = f"Another {MORE} tiles would bring AP50 {self.gain.value:+.3f} ({interval})"
        if self.pays:
            return more
        return f"{more}, less than {self.worthwhile}: nobody is asked to teach any more"


def read_experiments(session: Session) -> tuple[Experiment, ...]:
    """Return the experiments that are trained as long as the last one, oldest first: only those can be compared."""
    rows = list(session.exec(select(ExperimentRow).order_by(col(ExperimentRow.id))))
    return tuple(
        Experiment(
            at=row.at,
            seconds=row.seconds,
            exam_tiles=row.exam_tiles,
            exam_days=row.exam_days,
            chosen=Arm.of(row.arms["chosen"]),
            random=Arm.of(row.arms["random"]),
            both=Arm.of(row.arms["both"]),
        )
        for row in rows
        if row.seconds == rows[-1].seconds
    )


def foresee(session: Session, settings: Settings) -> Teaching | None:
    """Return what more tiles would bring; None while the experiments cannot tell.

    They cannot before a detector learns anything worth having, nor on an exam of very few days.
    """
    measured = read_experiments(session)
    if not measured or measured[-1].both.ap50 < settings.least_ap50 or measured[-1].exam_days < LEAST_DAYS:
        return None
    tiles = max(_agreed(session), measured[-1].both.tiles)  # fewer only when a consensus was just opened again
    points = [point for one in measured for point in one.curve()]
    gain = forecast(points, tiles, MORE, np.random.default_rng([settings.seed, PURPOSE]))
    enough = len(measured) >= LEAST_MEASURED and not _much_is_new(session, measured[-1].at)
    return Teaching(tiles, gain, settings.worthwhile_gain, enough)


def saved(measured: Sequence[Experiment]) -> Estimate | None:
    """Return how many minutes of random tiles give what the last chosen ones gave; None while that cannot be said."""
    chosen = [Point(one.minutes, one.chosen.ap50, one.chosen.drawn) for one in measured]
    random = [Point(one.minutes, one.random.ap50, one.random.drawn) for one in measured]
    return efficiency(chosen, random)


def _agreed(session: Session) -> int:
    agreed = (
        select(func.count())
        .select_from(ConsensusRow)
        .join(TileRow, col(TileRow.id) == ConsensusRow.tile)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed", PhotoRow.split == "train")
    )
    return session.exec(agreed).one()


def _much_is_new(session: Session, since: datetime) -> bool:
    photos = select(func.count()).select_from(PhotoRow)
    return session.exec(photos.where(PhotoRow.ingested_at > since)).one() > NEWS * session.exec(photos).one()
