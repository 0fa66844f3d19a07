"""What makes one walrus differ from another, and how it changes while the season lasts."""

from dataclasses import dataclass, replace

import numpy as np

from labeling_configs.vocabulary import IndividualId, MarkKind, Side

Colour = tuple[float, float, float]
"""Blue, green, red in [0, 255]."""


@dataclass(frozen=True)
class SkinMark:
    """A mark on one flank: `along` from tail 0 to neck 1, `across` from back -1 to belly 1, length in body lengths."""

    kind: MarkKind
    side: Side
    along: float
    across: float
    length: float
    angle: float
    pale: bool
    seed: int
    since: int = 0


@dataclass(frozen=True)
class Tusk:
    """One tusk: lengths in body lengths, bend in radians from root to tip, chip and crack as shares of the length."""

    length: float
    bend: float
    thickness: float
    chip: float | None = None
    crack: float | None = None
    breaks_on: int | None = None
    stump: float = 0.45

    def on(self, day: int) -> "Tusk":
        """Return the tusk as it is on that day, shorter and blunt once it has broken."""
        if self.breaks_on is None or day < self.breaks_on:
            return replace(self, breaks_on=None)
        return replace(self, breaks_on=0, chip=None, crack=None)

    @property
    def broken(self) -> bool:
        """Whether it has broken, for a tusk as returned by `on`."""
        return self.breaks_on == 0


@dataclass(frozen=True)
class Look:
    """Everything of one walrus that shows on a given day; equal looks give equal pictures."""

    individual: IndividualId
    tone: Colour
    girth: float
    skin_seed: int
    tusks: tuple[Tusk, Tusk]
    marks: tuple[SkinMark, ...]


@dataclass(frozen=True)
class Walrus:
    """One virtual individual and its whole season; `length` is in metres, `thinner_on` a day or None."""

    look: Look
    length: float
    thinner_on: int | None

    @property
    def id(self) -> IndividualId:
        """The name under which the truth knows it."""
        return self.look.individual

    def on(self, day: int) -> Look:
        """Return how it looks on a day of the season, counted from 0."""
        thin = self.thinner_on is not None and day >= self.thinner_on
        first, second = self.look.tusks
        return replace(
            self.look,
            girth=self.look.girth * (0.84 if thin else 1.0),
            tusks=(first.on(day), second.on(day)),
            marks=tuple(replace(mark, since=0) for mark in self.look.marks if mark.since <= day),
        )


def born(number: int, days: int, rng: np.random.Generator) -> Walrus:
    """Return the individual of that number; about a third of them change once while the season lasts."""
    bull = rng.random() < 0.45
    change = rng.choice(["none", "scar", "tusk", "thin"], p=[0.66, 0.16, 0.09, 0.09])
    day = int(rng.integers(max(1, days // 4), max(2, 3 * days // 4)))
    marks = [*_flank(Side.LEFT, rng), *_flank(Side.RIGHT, rng), *_chest(rng)]
    if change == "scar":
        marks.append(_mark(MarkKind.SCAR, _either(rng), rng, since=day))
    tusks = (_tusk(bull, rng), _tusk(bull, rng))
    if change == "tusk":
        tusks = (replace(tusks[0], breaks_on=day), tusks[1])
    look = Look(
        individual=IndividualId(f"true-{number:03d}"),
        tone=_tone(rng),
        girth=_bell(rng, 1.0, 0.07, 0.85, 1.2),
        skin_seed=int(rng.integers(2**31)),
        tusks=tusks,
        marks=tuple(marks),
    )
    length = float(rng.normal(3.2 if bull else 2.7, 0.2))
    return Walrus(look=look, length=length, thinner_on=day if change == "thin" else None)


def _bell(rng: np.random.Generator, mean: float, deviation: float, low: float, high: float) -> float:
    return float(np.clip(rng.normal(mean, deviation), low, high))


def _either(rng: np.random.Generator) -> Side:
    return Side.LEFT if rng.random() < 0.5 else Side.RIGHT


def _tone(rng: np.random.Generator) -> Colour:
    """From greyish umber to the pink cinnamon of a warm walrus (blue, green, red)."""
    pink, light = rng.random(), rng.uniform(0.82, 1.15)
    umber, cinnamon = np.array([84.0, 108.0, 142.0]), np.array([104.0, 122.0, 182.0])
    blue, green, red = ((1 - pink) * umber + pink * cinnamon) * light
    return float(blue), float(green), float(red)


def _tusk(bull: bool, rng: np.random.Generator) -> Tusk:
    length = _bell(rng, 0.19 if bull else 0.145, 0.035, 0.07, 0.27)
    chance = rng.random()
    return Tusk(
        length=length,
        bend=float(rng.normal(0.35, 0.25)),
        thickness=float(rng.uniform(0.013, 0.02) if bull else rng.uniform(0.010, 0.014)),
        chip=float(rng.uniform(0.5, 0.9)) if chance < 0.25 else None,
        crack=float(rng.uniform(0.2, 0.6)) if 0.2 < chance < 0.4 else None,
        breaks_on=0 if chance > 0.9 else None,
        stump=float(rng.uniform(0.3, 0.65)),
    )


def _flank(side: Side, rng: np.random.Generator) -> list[SkinMark]:
    kinds = rng.choice(
        [MarkKind.SCAR, MarkKind.SCRATCH, MarkKind.SPOT, MarkKind.WRINKLE],
        size=int(rng.integers(3, 8)),
        p=[0.3, 0.22, 0.28, 0.2],
    )
    return [_mark(MarkKind(kind), side, rng) for kind in kinds]


def _chest(rng: np.random.Generator) -> list[SkinMark]:
    return [_mark(MarkKind.SCAR, Side.FRONT, rng) for _ in range(int(rng.integers(0, 3)))]


def _mark(kind: MarkKind, side: Side, rng: np.random.Generator, since: int = 0) -> SkinMark:
    span = {MarkKind.SCAR: (0.05, 0.16), MarkKind.SCRATCH: (0.05, 0.12), MarkKind.SPOT: (0.012, 0.035)}
    low, high = span.get(kind, (0.08, 0.16))
    return SkinMark(
        kind=kind,
        side=side,
        along=float(rng.uniform(0.72, 0.93) if kind is MarkKind.WRINKLE else rng.uniform(0.22, 0.9)),
        across=float(rng.uniform(-0.65, 0.35)),
        length=float(rng.uniform(low, high)),
        angle=float(rng.normal(np.pi / 2, 0.2) if kind is MarkKind.WRINKLE else rng.uniform(0, np.pi)),
        pale=bool(rng.random() < 0.6),
        seed=int(rng.integers(2**31)),
        since=since,
    )
