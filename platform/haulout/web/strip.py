"""Draws on which days what disturbed the animals, a row for each kind."""

from dataclasses import dataclass

from flask import Flask

from haulout.localisation import Language
from haulout.report import Disturbed, Report
from haulout.web.days import WIDTH, DayAxis, Tick
from labeling_configs.vocabulary import Disturbance

LEFT, TOP, ROW, FOOT = 110, 6, 28, 30


@dataclass(frozen=True)
class Sign:
    """One kind on one day; drawn the larger the more of those who looked saw it."""

    x: float
    y: float
    radius: float
    seen: Disturbed


@dataclass(frozen=True)
class Strip:
    """The season's days from left to right."""

    rows: tuple[tuple[Disturbance, float], ...]
    signs: tuple[Sign, ...]
    ticks: tuple[Tick, ...]
    width: int = WIDTH
    left: int = LEFT

    @property
    def foot(self) -> float:
        """The height of the axis."""
        return TOP + ROW * len(self.rows)

    @property
    def height(self) -> float:
        """Of the whole picture."""
        return self.foot + FOOT


def disturbances(report: Report, language: Language) -> Strip:
    """Draw the disturbances of a season that has some."""
    kinds = [kind for kind in Disturbance if any(one.kind == kind for one in report.disturbances)]
    rows = {kind: TOP + ROW * (n + 0.5) for n, kind in enumerate(kinds)}
    days = [one.day for one in report.disturbances]
    first, last = report.material.first or min(days), report.material.last or max(days)
    axis = DayAxis(min(first, *days), max(last, *days), LEFT)
    signs = [Sign(axis.x(one.day), rows[one.kind], round(4 + 5 * one.share, 1), one) for one in report.disturbances]
    return Strip(tuple(rows.items()), tuple(signs), tuple(axis.ticks(language)))


def teach(app: Flask) -> None:
    """Let templates draw the disturbances."""
    app.jinja_env.globals.update(disturbances=disturbances)
