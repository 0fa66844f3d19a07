"""One network: where it comes from, what its exam says of it beside the champion, and what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any

from sqlmodel import Session, col, select

from haulout.report import Figure
from haulout.tables import DecisionRow, ModelRow
from haulout.web.looked import Closeup, Looked, most_telling, read_sheets, worst_inventions, worst_misses

PER_PAGE = 6
SHARES = ("recall", "precision", "count_relative_error", "expected_relative_error")
"""Measures that read best in per cent."""
MEASURES = ("ap50", "ap", "recall", "precision", "count_mae", "count_relative_error", "expected_relative_error", "ece")
OF_REIDENTIFIERS = ("rank1", "map")
KINDS = ("light", "crowd", "camera")
_ORDER = ("clear", "veiled", "night", "none", "few", "many", "heap")


@dataclass(frozen=True)
class Side:
    """One network's measures on the same tiles."""

    measures: Mapping[str, Any]

    def figure(self, name: str) -> Figure | None:
        """Return one of them; None where it cannot be measured."""
        return Figure.of(self.measures, name)


@dataclass(frozen=True)
class Condition:
    """The part of the exam of one light, crowd or camera."""

    kind: str
    name: str
    tiles: int
    animals: int
    new: Side
    champion: Side


@dataclass(frozen=True)
class ModelPage:
    """A network and its exam; the pictures are empty where the exam kept none."""

    row: ModelRow
    decisions: tuple[DecisionRow, ...]
    measures: tuple[str, ...]
    new: Side
    champion: Side
    conditions: tuple[tuple[str, tuple[Condition, ...]], ...]
    """By kind."""
    misses: Sequence[Closeup]
    inventions: Sequence[Closeup]
    pairs: Sequence[Looked]
    """The tiles of this page, both detectors side by side."""
    tiles: int
    number: int
    pages: int

    @property
    def before(self) -> int:
        """How many tiles are on the pages before this one."""
        return (self.number - 1) * PER_PAGE

    @property
    def exam(self) -> Mapping[str, Any]:
        """What is stored of the exam."""
        return self.row.exam

    @property
    def learned(self) -> Mapping[str, Any]:
        """What the card says of the data."""
        return dict(self.row.card.get("data", {}))


def model_page(session: Session, row: ModelRow, number: int) -> ModelPage:
    """Read all that is known of a network; `number` is the page of the tiles that are compared."""
    decided = select(DecisionRow).where(DecisionRow.version == row.version).order_by(col(DecisionRow.id).desc())
    sheets, threshold = read_sheets(session, row.version), float(row.exam.get("threshold", 0.3))
    tiles = most_telling(sheets, threshold)
    pages = max(1, ceil(len(tiles) / PER_PAGE))
    number = min(max(number, 1), pages)
    return ModelPage(
        row=row,
        decisions=tuple(session.exec(decided)),
        measures=MEASURES if row.kind == "detector" else OF_REIDENTIFIERS,
        new=Side(row.exam),
        champion=Side(_of_champion(row.exam)),
        conditions=_conditions(row.exam),
        misses=worst_misses(sheets, threshold),
        inventions=worst_inventions(sheets, threshold),
        pairs=tiles[(number - 1) * PER_PAGE : number * PER_PAGE],
        tiles=len(tiles),
        number=number,
        pages=pages,
    )


def _of_champion(exam: Mapping[str, Any]) -> Mapping[str, Any]:
    """Exams from before everything was measured on both kept only the champion's main figures."""
    old = {name.removeprefix("champion_"): value for name, value in exam.items() if name.startswith("champion_")}
    return {**old, **exam.get("champion_measures", {})}


def _conditions(exam: Mapping[str, Any]) -> tuple[tuple[str, tuple[Condition, ...]], ...]:
    found = [
        Condition(one["kind"], one["name"], one["tiles"], one["animals"], Side(one), Side(one["champion"]))
        for one in exam.get("conditions", [])
    ]
    found.sort(key=lambda one: (KINDS.index(one.kind), _place(one.name)))
    return tuple((kind, tuple(group)) for kind, group in groupby(found, key=lambda one: one.kind))


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)
