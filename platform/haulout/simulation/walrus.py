"""One walrus as a sprite: its anatomy, its skin and its marks, seen from one side in one pose."""

from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import Mark, MarkKind, Side

from .individual import Look, Tusk
from .marks import paint_mark
from .relief import Clay, Layer, swept
from .sprite import GROUND, HIGH, WIDE, Sprite
from .texture import Grey, fractal, smooth_noise

_IVORY = (186.0, 218.0, 232.0)
_PAD = (126.0, 152.0, 190.0)
Floats = NDArray[np.float64]


class Pose(StrEnum):
    """How it holds its head; only seen from the side does this matter much."""

    ALERT = "alert"
    RESTING = "resting"


def draw_walrus(look: Look, side: Side, pose: Pose, body_length: int) -> Sprite:
    """Draw a look from one side, a body length being that many pixels; the same arguments give the same pixels."""
    easel = _Easel(look, float(body_length), side)
    if side in (Side.LEFT, Side.RIGHT):
        _from_the_side(easel, pose)
    elif side is Side.FRONT:
        _from_the_front(easel, pose)
    else:
        _from_behind(easel)
    return Sprite.of(easel.clay, easel.scale, easel.painted, mirrored=side is Side.LEFT)


@dataclass
class _Easel:
    """The clay, the scale (pixels per body length) and the marks painted so far; y in body lengths above the ground."""

    look: Look
    scale: float
    side: Side
    clay: Clay = field(init=False)
    painted: list[Mark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clay = Clay.empty(round(HIGH * self.scale), round(WIDE * self.scale))

    @property
    def shape(self) -> tuple[int, int]:
        return self.clay.alpha.shape[0], self.clay.alpha.shape[1]

    def pixels(self, *points: tuple[float, float, float]) -> Floats:
        """Turn rows (x, y above the ground, radius) in body lengths into pixels."""
        x, y, radius = np.array(points, dtype=np.float64).T
        return np.stack([x, GROUND - y, radius], axis=1) * self.scale

    def noise(self, salt: int) -> np.random.Generator:
        return np.random.default_rng([self.look.skin_seed, salt, ord(self.side[0])])

    def part(self, *points: tuple[float, float, float], tint: float = 1.0, shade: float = 0.5) -> None:
        """Add a plain part of skin: a flipper, a fold of the cheek."""
        blue, green, red = self.look.tone
        relief = swept(self.shape, self.pixels(*points))
        self.clay.add(relief, (blue * tint, green * tint, red * tint), shade=shade)

    def mark(self, kind: MarkKind, x: float, y: float) -> None:
        self.painted.append(Mark(kind, float(x), float(y)))


def _from_the_side(easel: _Easel, pose: Pose) -> None:
    """Facing right; the sprite is mirrored for the left flank, whose marks are its own."""
    g, up = easel.look.girth, 0.13 if pose is Pose.ALERT else -0.035
    flat = 0.86
    trunk = [(0.16, 0.045, 0.04), (0.25, 0.095, 0.09), (0.39, 0.135, 0.135), (0.55, 0.17, 0.168), (0.70, 0.19, 0.178)]
    trunk = [(x, y * g * flat, r * g) for x, y, r in trunk]
    head = (1.06, 0.145 + up, 0.083)
    neck = [(0.84, 0.185 * g + up * 0.3, 0.158 * g), (0.955, 0.17 * g + up * 0.75, 0.115 * g)]
    snout = (1.125, 0.125 + up, 0.06)
    body = easel.pixels(*trunk, *neck, head, snout)
    easel.part((0.17, 0.05, 0.03), (0.10, 0.05, 0.04), (0.035, 0.03, 0.028), tint=0.62)
    easel.part((0.80, 0.06, 0.05), (0.92, 0.02, 0.035), (0.99, 0.015, 0.022), tint=0.55)
    _tusk(easel, easel.look.tusks[1], snout[0] + 0.012, snout[1] - 0.022, pose, far=True)
    _body(easel, body, neck_from=0.62)
    easel.part((0.16, 0.03, 0.035), (0.09, 0.025, 0.042), (0.01, 0.015, 0.03), tint=0.7)
    easel.part((0.75, 0.12, 0.055), (0.72, 0.05, 0.052), (0.64, 0.025, 0.04), (0.56, 0.012, 0.02), tint=0.72)
    _tusk(easel, easel.look.tusks[0], snout[0] - 0.008, snout[1] - 0.028, pose)
    _pad(easel, snout[0] + 0.012, snout[1] - 0.012, 0.054)
    _eye(easel, head[0] + 0.012, head[1] + 0.038)


def _from_the_front(easel: _Easel, pose: Pose) -> None:
    g, up = easel.look.girth, 0.09 if pose is Pose.ALERT else -0.01
    middle = WIDE / 2
    easel.part((middle - 0.15, 0.07, 0.06), (middle - 0.24, 0.03, 0.05), (middle - 0.31, 0.015, 0.025), tint=0.7)
    easel.part((middle + 0.15, 0.07, 0.06), (middle + 0.24, 0.03, 0.05), (middle + 0.31, 0.015, 0.025), tint=0.7)
    body = easel.pixels(
        (middle - 0.07, 0.14 * g, 0.15 * g), (middle, 0.165 * g, 0.18 * g), (middle + 0.07, 0.14 * g, 0.15 * g)
    )
    _body(easel, body, neck_from=0.0)
    head = easel.pixels((middle, 0.17 + up, 0.125), (middle, 0.24 + up, 0.105), (middle, 0.26 + up, 0.09))
    _body(easel, head, neck_from=0.0, bare=True)
    for place, tusk in ((-0.04, easel.look.tusks[1]), (0.04, easel.look.tusks[0])):
        _tusk(easel, tusk, middle + place, 0.2 + up, pose, aside=np.sign(place) * 0.18)
    for place in (-0.036, 0.036):
        _pad(easel, middle + place, 0.215 + up, 0.047)
        _eye(easel, middle + place * 1.9, 0.29 + up)


def _from_behind(easel: _Easel) -> None:
    g, middle = easel.look.girth, WIDE / 2
    head = easel.pixels((middle, 0.2 * g, 0.13), (middle + 0.03, 0.29, 0.1), (middle + 0.05, 0.33, 0.082))
    _body(easel, head, neck_from=0.0, bare=True)
    body = easel.pixels(
        (middle - 0.07, 0.14 * g, 0.15 * g), (middle, 0.17 * g, 0.185 * g), (middle + 0.07, 0.14 * g, 0.15 * g)
    )
    _body(easel, body, neck_from=0.0)
    easel.part((middle - 0.02, 0.1, 0.06), (middle - 0.09, 0.03, 0.05), (middle - 0.17, 0.015, 0.025), tint=0.72)
    easel.part((middle + 0.02, 0.1, 0.06), (middle + 0.09, 0.03, 0.05), (middle + 0.16, 0.015, 0.025), tint=0.72)


def _body(easel: _Easel, spine: Floats, neck_from: float, bare: bool = False) -> None:
    """Trunk, neck and head in one skin, with the folds and marks of this flank."""
    relief = swept(easel.shape, spine)
    skin, bumps = _skin(easel, spine, neck_from)
    if not bare:
        _mark_up(easel, spine, skin, bumps)
    easel.clay.add(relief, skin, bumps=bumps)


def _skin(easel: _Easel, spine: Floats, neck_from: float) -> tuple[Layer, Grey]:
    """Return the colour of the hide and its folds, which run across the neck and fade towards the tail."""
    rng, scale, shape = easel.noise(1), easel.scale, easel.shape
    patches = fractal(rng, *shape, cell=scale * 0.13, octaves=4)
    folds = smooth_noise(rng, *shape, scale * 0.032, scale * 0.16) + 0.6 * smooth_noise(
        rng, *shape, scale * 0.017, scale * 0.07
    )
    creases = np.exp(-((folds / 0.42) ** 2)).astype(np.float32)
    x = np.arange(shape[1], dtype=np.float32)
    start, end = np.quantile(spine[:, 0], [neck_from, 1.0])
    near_neck = 0.3 + 0.7 * np.clip((x - start + 0.25 * scale) / max(float(end - start), 0.2 * scale), 0, 1)
    grain = smooth_noise(rng, *shape, scale * 0.006, scale * 0.006)
    tone = np.array(easel.look.tone, dtype=np.float32) * (1 + 0.085 * patches + 0.03 * grain)[..., None]
    down = np.clip((np.arange(shape[0], dtype=np.float32) / scale - GROUND + 0.13) / 0.13, 0, 1)
    tone *= (1 - 0.35 * down)[:, None, None] * (1 - 0.28 * creases * near_neck)[..., None]
    bumps = (-creases * near_neck * np.float32(scale * 0.011) + grain * np.float32(scale * 0.0006)).astype(np.float32)
    return tone, bumps


def _mark_up(easel: _Easel, spine: Floats, skin: Layer, bumps: Grey) -> None:
    trunk = spine[: max(len(spine) - 2, 2)]
    for mark in easel.look.marks:
        if mark.side is not easel.side:
            continue
        place = np.linspace(0, 1, len(trunk))
        x, y, radius = (np.interp(mark.along, place, trunk[:, column]) for column in range(3))
        y += mark.across * radius
        paint_mark(mark, skin, bumps, float(x), float(y), easel.scale)
        easel.mark(mark.kind, x, y)


def _pad(easel: _Easel, x: float, y: float, radius: float) -> None:
    """The muzzle's pad of whiskers: paler, dotted."""
    relief = swept(easel.shape, easel.pixels((x - 0.012, y + 0.008, radius), (x + 0.004, y - 0.006, radius * 0.92)))
    tone = (np.array(_PAD) * 0.55 + np.array(easel.look.tone) * 0.55).astype(np.float32)
    colour = np.broadcast_to(tone, (*easel.shape, 3)).copy()
    rng = easel.noise(2)
    for _ in range(26):
        dx, dy = rng.uniform(-0.9, 0.9, 2) * radius
        centre = easel.pixels((x + dx, y + dy, 0))[0, :2]
        cv2.circle(
            colour,
            np.rint(centre * 16).astype(int).tolist(),
            round(easel.scale * 0.05),
            (60, 66, 84),
            -1,
            cv2.LINE_AA,
            4,
        )
    easel.clay.add(relief, colour, shade=0.35)


def _eye(easel: _Easel, x: float, y: float) -> None:
    relief = swept(easel.shape, easel.pixels((x, y, 0.009), (x + 0.003, y, 0.009)))
    easel.clay.add(relief, (18.0, 20.0, 26.0), skin=0.3, shade=0.3)


def _tusk(
    easel: _Easel, tusk: Tusk, x: float, y: float, pose: Pose, far: bool = False, aside: float | None = None
) -> None:
    """A tapering, bent horn of ivory from its root at x, y; resting heads lay their tusks on the ground before them."""
    length = tusk.length * (tusk.stump if tusk.broken else 1.0) * (0.93 if far else 1.0)
    heading = (-np.pi / 2 + (aside or 0.0)) if aside is not None else (-1.35 if pose is Pose.ALERT else -0.42)
    share = np.linspace(0, 1, 9)
    bend = tusk.bend * (0.35 if aside is not None else 1.0) * (-1 if aside is None else np.sign(aside) * -1)
    angle = heading + bend * (share - 0.25)
    xs = x + np.concatenate([[0], np.cumsum(np.cos(angle[:-1]))]) * length / 8
    ys = y + np.concatenate([[0], np.cumsum(np.sin(angle[:-1]))]) * length / 8
    thick = tusk.thickness * (1 - (0.25 if tusk.broken else 0.72) * share**1.4)
    spine = easel.pixels(*zip(xs, np.maximum(ys, 0.005), thick, strict=True))
    colour, relief = _ivory(easel, tusk, spine, 0.8 if far else 1.0), swept(easel.shape, spine)
    _chip(easel, tusk, spine, relief, told=not far)
    easel.clay.add(relief, colour, skin=0.0, shade=0.4)
    if not far:
        easel.mark(MarkKind.TUSK_TIP, spine[-1, 0], spine[-1, 1])


def _ivory(easel: _Easel, tusk: Tusk, spine: Floats, light: float) -> Layer:
    colour = np.broadcast_to(np.array(_IVORY, dtype=np.float32) * np.float32(light), (*easel.shape, 3)).copy()
    if tusk.crack is not None:
        x, y, radius = spine[round(tusk.crack * (len(spine) - 1))]
        ends = np.rint(np.array([[x - radius * 1.3, y - radius * 0.6], [x + radius * 1.3, y + radius * 0.9]]) * 16)
        cv2.polylines(
            colour, [ends.astype(np.int32)], False, (30, 44, 60), max(round(easel.scale / 180), 1), cv2.LINE_AA, 4
        )
        easel.mark(MarkKind.CRACK, x, y)
    return colour


def _chip(easel: _Easel, tusk: Tusk, spine: Floats, relief: Grey, told: bool) -> None:
    """Bite a notch out of the tusk's edge."""
    if tusk.chip is None:
        return
    x, y, radius = spine[round(tusk.chip * (len(spine) - 1))]
    centre = (round((x + radius * 0.9) * 16), round((y + radius * 0.2) * 16))
    cv2.circle(relief, centre, round(max(radius * 1.0, 1.0) * 16), 0.0, -1, cv2.LINE_8, 4)
    if told:
        easel.mark(MarkKind.CHIP, x, y)
