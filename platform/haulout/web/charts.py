"""Draws curves as inline SVG: the numbers become lengths here, the template only writes them down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor, log10

from flask import Flask

from haulout.localisation import Language
from haulout.report import Exam, Figure, Learned, Week
from haulout.teaching import Arm, Experiment

WIDTH, HEIGHT = 900, 280
LEFT, RIGHT, TOP, BOTTOM = 52, 16, 14, 34
MOST_LABELS = 9
WIDEST_BAR = 48.0
WIDEST_STEP = 72.0
"""Between bars: a few of them stand close together, where a phone shows them all."""
LETTER = 7
"""How wide a letter of a label is, about."""
ASIDE = 4.0
"""How far two series that share their places are drawn apart, so that neither hides the other's interval."""


@dataclass(frozen=True)
class Point:
    """One value at one place along the horizontal axis, with its interval when it has one."""

    at: float
    label: str
    figure: Figure


@dataclass(frozen=True)
class Series:
    """Values that belong together; `style` names the class that the style sheet draws, `bars` stand on the axis."""

    name: str
    style: str
    points: tuple[Point, ...]
    aside: float = 0.0
    """How far to the right of its places it is drawn."""


@dataclass(frozen=True)
class Chart:
    """Series on common axes."""

    title: str
    series: tuple[Series, ...]
    top: float
    """The value at the upper edge; the lower edge is 0."""
    margin: float = 12
    """Left free beside the first and the last place."""
    closest: float | None = None
    """How far neighbours are apart at least, for charts that need not fill their width."""
    reach: tuple[float, ...] = ()
    """Places that the axis holds even when no point is there, so that charts below each other line up."""

    @property
    def bar(self) -> float:
        """How wide a bar is: most of the way to the next one, and never clumsy."""
        places = sorted({point.at for series in self.series for point in series.points})
        steps = [self.x(second) - self.x(first) for first, second in pairwise(places)]
        return round(min([0.6 * step for step in steps] + [WIDEST_BAR]), 1)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(series.points for series in self.series)

    def x(self, at: float) -> float:
        """Return how far from the left this place is drawn."""
        places = sorted({*(point.at for series in self.series for point in series.points), *self.reach})
        first, last = places[0], places[-1]
        room = WIDTH - LEFT - RIGHT - 2 * self.margin
        if self.closest is not None:
            room = min(room, WIDEST_STEP * (last - first) / self.closest)
        share = (at - first) / (last - first) if last > first else 0.0 if self.closest else 0.5
        return round(LEFT + self.margin + share * room, 1)

    def anchor(self, point: Point) -> str:
        """Return which end of the point's label is at the point, so that the picture's edge cuts none."""
        half = len(point.label) * LETTER / 2
        if self.x(point.at) + half > WIDTH:
            return "end"
        return "start" if self.x(point.at) < half else "middle"

    def y(self, value: float) -> float:
        """Return how far from the top this value is drawn."""
        share = min(max(value / self.top, 0.0), 1.0)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def line(self, series: Series) -> str:
        """Return the points of the series as an SVG polyline takes them."""
        return " ".join(f"{self.x(point.at) + series.aside},{self.y(point.figure.value)}" for point in series.points)

    def steps(self) -> list[float]:
        """Return the values at which a horizontal line is drawn."""
        return round_values(self.top)

    def labels(self) -> list[Point]:
        """Return the points whose place is written below the axis: few enough not to touch."""
        places = sorted({point.at: point for series in self.series for point in series.points}.items())
        every = ceil(len(places) / MOST_LABELS)
        kept: list[Point] = []
        for _, point in places[::every]:
            if not kept or self._left_of(point) > self._left_of(kept[-1]) + LETTER * len(kept[-1].label):
                kept.append(point)
        return kept

    def _left_of(self, point: Point) -> float:
        """Return where the point's label begins."""
        shares = {"start": 0.0, "middle": 0.5, "end": 1.0}
        return self.x(point.at) - shares[self.anchor(point)] * LETTER * len(point.label)


def chart(title: str, series: Sequence[Series], top: float | None = None) -> Chart:
    """Put the series on axes that hold all their values, or that end at `top`."""
    highest = max((_highest(p.figure) for one in series for p in one.points), default=1.0)
    return Chart(title, tuple(series), round_top(highest) if top is None else top)


def round_top(highest: float) -> float:
    """Return a round value that the highest one fits under, 1 at least."""
    step = _step(max(highest, 1.0))
    return ceil(max(highest, 1.0) / step) * step


def round_values(top: float) -> list[float]:
    """Return the round values from 0 to the top at which horizontal lines are drawn."""
    step = _step(top)
    return [step * i for i in range(floor(top / step + 1e-9) + 1)]


def progress(exams: Sequence[Exam], language: Language) -> Chart:
    """Draw how well each detector found the animals of its exam, over time; those that were refused apart."""
    marked = [exam for exam in exams if exam.ap50]
    parts = [("promoted", "counted", False), ("refused", "refused", True)]
    names = {"promoted": language.gettext("promoted"), "refused": language.gettext("refused")}
    series = [
        Series(names[name], style, tuple(_sat(exam, language) for exam in marked if exam.refused == refused))
        for name, style, refused in parts
    ]
    return chart(language.gettext("AP50 in the exam"), series, top=1.0)


def _sat(exam: Exam, language: Language) -> Point:
    label = f"{exam.version}, {language.short_day(exam.created_at)}"
    return Point(exam.created_at.timestamp(), label, exam.ap50 or Figure(0.0))


def choosing(experiments: Sequence[Experiment], language: Language) -> Chart:
    """Draw what detectors scored that learned from chosen and from random tiles, by the minutes those had cost."""
    grown = sorted(experiments, key=lambda one: one.minutes)
    chosen = tuple(_measured(one, one.chosen, language) for one in grown)
    random = tuple(_measured(one, one.random, language) for one in grown)
    drawn = chart(
        language.gettext("AP50 in the exam, by the minutes that people gave"),
        [
            Series(language.gettext("random tiles"), "expected", random, ASIDE),
            Series(language.gettext("chosen tiles"), "counted", chosen, -ASIDE),
        ],
        top=1.0,
    )
    step = max((one.minutes for one in grown), default=1.0) / max(len(grown), 1)
    return replace(close_together(drawn, closest=step), reach=(0.0,))


def _measured(experiment: Experiment, arm: Arm, language: Language) -> Point:
    label = language.gettext("%(minutes)s min") % {"minutes": language.number(experiment.minutes)}
    return Point(experiment.minutes, label, Figure(arm.score.value, arm.score.low, arm.score.high))


def people_per_tile(people: Sequence[tuple[int, int]], language: Language) -> Chart:
    """Draw how many tiles were finished by one person, by two, and so on."""
    points = [Point(many, language.number(many), Figure(tiles)) for many, tiles in people]
    name = language.gettext("Finished tiles by how many people answered them")
    return close_together(chart(name, [Series(name, "bars", tuple(points))]), closest=1)


def answers_by_week(weeks: Sequence[Week], language: Language) -> Chart:
    """Draw how many tiles a person answered each week."""
    points = [Point(one.first.toordinal(), language.short_day(one.first), Figure(one.answers)) for one in weeks]
    name = language.gettext("Tiles answered each week")
    return close_together(chart(name, [Series(name, "bars", tuple(points))]), closest=7)


def found_by_week(weeks: Sequence[Week], language: Language) -> Chart:
    """Draw the share of the agreed animals that a person found each week, with its interval."""
    points = [Point(one.first.toordinal(), language.short_day(one.first), one.found) for one in weeks if one.found]
    name = language.gettext("Share of the agreed animals that were found each week")
    drawn = close_together(chart(name, [Series(name, "counted", tuple(points))], top=1.0), closest=7)
    return replace(drawn, reach=tuple(one.first.toordinal() for one in weeks))


def skill_over_time(skills: Sequence[Learned], language: Language) -> Chart:
    """Draw the share of the animals that somebody finds, as it was learned from time to time, with its interval."""
    points = [Point(one.at.timestamp() / 86400, language.short_day(one.at), one.found) for one in skills]
    name = language.gettext("Share of the animals that you find by yourself")
    return close_together(chart(name, [Series(name, "counted", tuple(points))], top=1.0), closest=7)


def close_together(drawn: Chart, closest: float) -> Chart:
    """Let few points stand close together instead of filling the width; neighbours are so far apart at least."""
    return replace(drawn, margin=WIDEST_BAR, closest=closest)


def teach(app: Flask) -> None:
    """Let templates draw charts."""
    frame = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
    of_people = {"people_per_tile": people_per_tile, "answers_by_week": answers_by_week, "found_by_week": found_by_week}
    of_people["skill_over_time"] = skill_over_time
    app.jinja_env.globals.update(chart_frame=frame, progress=progress, choosing=choosing)
    app.jinja_env.globals.update(of_people)


def _highest(figure: Figure) -> float:
    return figure.value if figure.high is None else max(figure.high, figure.value)


def _step(top: float) -> float:
    """Return a round step that divides [0, top] into two to five parts."""
    rough = top / 4
    power = 10.0 ** floor(log10(rough))
    return power * next(factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough - 1e-9)
