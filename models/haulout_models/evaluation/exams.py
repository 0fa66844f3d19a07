"""The two exams: a network looks at what it never trained on, and all that a comparison needs is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from haulout_models.data import LabelledTile
from haulout_models.detector import BoxDetector
from haulout_models.evaluation.comparison import Comparison, compare
from haulout_models.evaluation.measures import Measures, measure
from haulout_models.evaluation.precision import Graded, ResampledPrecision, graded_precision
from haulout_models.evaluation.ranking import Ranked, rank
from haulout_models.evaluation.sheets import Sheet
from haulout_models.reidentifier import Crop, Reidentifier
from labeling_configs.vocabulary import Boxes

COUNTED = 0.3
"""Boxes of at least this score are counted, and shown to people."""
DOUBTFUL, CERTAIN = 0.2, 0.8
"""A box of a probability between these is neither wanted nor held against the network."""


class Exam(Protocol):
    """What two networks are compared by."""

    @property
    def name(self) -> str:
        """What the score is called."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """For each part of the exam, what it hangs together with."""

    def score(self, times: NDArray[np.float64]) -> float:
        """The score when part i counts times[i] times."""


@dataclass(frozen=True)
class DetectorExam:
    """A detector's answers, tile by tile; tiles of one photo hang together unless told otherwise."""

    sheets: tuple[Sheet, ...]
    clusters: tuple[str, ...]
    threshold: float = COUNTED
    name: str = "AP50"

    @cached_property
    def photos(self) -> tuple[Graded, ...]:
        """What average precision needs of each tile."""
        return tuple(sheet.graded() for sheet in self.sheets)

    @cached_property
    def ap50(self) -> float:
        """Average precision at half overlap."""
        return graded_precision(self.photos)

    @cached_property
    def measures(self) -> Measures:
        """All figures of the whole exam."""
        return measure(self.sheets, self.threshold)

    @cached_property
    def _precision(self) -> ResampledPrecision:
        return ResampledPrecision(self.photos)

    def score(self, times: NDArray[np.float64]) -> float:
        """Average precision when tile i counts times[i] times."""
        return self._precision(times)


@dataclass(frozen=True)
class ReidentifierExam:
    """A re-identification network's rankings, crop by crop; crops of one individual hang together."""

    ranked: tuple[Ranked, ...]
    clusters: tuple[str, ...]
    rank1: float
    map: float
    name: str = "mean average precision"

    def score(self, times: NDArray[np.float64]) -> float:
        """Mean average precision when crop i counts times[i] times."""
        precise = np.array([one.precision for one in self.ranked])
        return float(times @ precise / times.sum()) if times.sum() else 0.0


def examine_detector(
    detector: BoxDetector, tiles: Sequence[LabelledTile], clusters: Sequence[str] | None = None
) -> DetectorExam:
    """Let a detector look at every tile by itself and grade what it finds at half overlap."""
    sheets = tuple(Sheet.of(*_sides(tile), detector.detect(tile.read())) for tile in tiles)
    names = tuple(clusters) if clusters is not None else tuple(str(tile.image) for tile in tiles)
    return DetectorExam(sheets, names)


def examine_reidentifier(
    network: Reidentifier, crops: Sequence[Crop], identities: Sequence[str], bursts: Sequence[str] | None = None
) -> ReidentifierExam:
    """Look for each crop among the others, those of its own burst left out."""
    ranked = rank(network.embed(crops), identities, bursts)
    clusters = tuple(identities[one.crop] for one in ranked)
    first = float(np.mean([one.first for one in ranked])) if ranked else 0.0
    precise = float(np.mean([one.precision for one in ranked])) if ranked else 0.0
    return ReidentifierExam(tuple(ranked), clusters, first, precise)


def not_worse(candidate: Exam, champion: Exam, rng: np.random.Generator, margin: float = 0.01) -> Comparison:
    """Compare two networks that sat the same exam."""
    same_exam(candidate, champion)
    return compare(candidate.score, champion.score, candidate.clusters, rng, candidate.name, margin=margin)


def same_exam(candidate: Exam, champion: Exam) -> None:
    """Refuse to compare what cannot be compared."""
    if candidate.clusters != champion.clusters:
        raise ValueError("the two networks sat different exams; examine both on the same photos")


def _sides(tile: LabelledTile) -> tuple[Boxes, Boxes]:
    """What must be found, and what may be."""
    boxes = tile.shifted_boxes()
    doubtful = (tile.weights > DOUBTFUL) & (tile.weights < CERTAIN)
    return boxes[tile.weights >= CERTAIN], boxes[doubtful]
