"""Where a detector is good and where it is not: its figures apart by light, by crowd, by camera."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from haulout_models.evaluation.exams import DetectorExam
from haulout_models.evaluation.measures import Measures, intervals, measure

FEW, MANY = 5, 15
"""Animals on a tile up to which they are few, and up to which they are many; more are a heap."""


@dataclass(frozen=True)
class Condition:
    """The tiles of an exam that share a condition, as one detector answered them."""

    kind: str
    name: str
    measures: Measures
    intervals: Mapping[str, tuple[float, float]]


def crowd(animals: int) -> str:
    """Name the crowd on a tile: none, few, many or heap."""
    if not animals:
        return "none"
    return "few" if animals <= FEW else "many" if animals <= MANY else "heap"


def by_condition(exam: DetectorExam, conditions: Sequence[Mapping[str, str]], seed: int) -> list[Condition]:
    """Measure each kind and name of condition by itself; `conditions` name those of each tile by kind."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, held in enumerate(conditions):
        for kind, name in held.items():
            rows.setdefault((kind, name), []).append(row)
    return [_condition(exam, kind, name, chosen, seed) for (kind, name), chosen in sorted(rows.items())]


def _condition(exam: DetectorExam, kind: str, name: str, rows: Sequence[int], seed: int) -> Condition:
    sheets, clusters = [exam.sheets[row] for row in rows], [exam.clusters[row] for row in rows]
    limits = intervals(sheets, clusters, exam.threshold, seed)
    return Condition(kind, name, measure(sheets, exam.threshold), limits)
