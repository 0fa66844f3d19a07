"""Paint the marks on skin and ivory by which a walrus is known."""

import cv2
import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import MarkKind

from .individual import SkinMark
from .relief import Layer
from .texture import Grey

_PALE = (158.0, 172.0, 214.0)
_DARK = (34.0, 40.0, 56.0)
_RAW = (96.0, 104.0, 186.0)


def paint_mark(mark: SkinMark, skin: Layer, bumps: Grey, x: float, y: float, body_length: float) -> None:
    """Paint one mark, centred on x, y in pixels, into the skin's colour and its relief, both changed in place."""
    rng = np.random.default_rng(mark.seed)
    length = mark.length * body_length
    reach = 1.4 * length + 4
    left, top = max(int(x - reach), 0), max(int(y - reach), 0)
    part = slice(top, max(int(y + reach), 0)), slice(left, max(int(x + reach), 0))
    skin, bumps, x, y = skin[part], bumps[part], x - left, y - top
    if mark.kind is MarkKind.SPOT:
        _blot(rng, skin, x, y, length, _PALE if mark.pale else _DARK)
    elif mark.kind is MarkKind.SCRATCH:
        _scratches(rng, mark, skin, x, y, length)
    elif mark.kind is MarkKind.WRINKLE:
        _fold(rng, mark, skin, bumps, x, y, length)
    else:
        _scar(rng, mark, skin, bumps, x, y, length)


def _line(
    rng: np.random.Generator, x: float, y: float, length: float, angle: float, wobble: float
) -> NDArray[np.int32]:
    """A wavering line in 1/16 pixels, as cv2's shifted drawing wants it."""
    along = np.linspace(-0.5, 0.5, 9)
    aside = np.cumsum(rng.normal(0, wobble, 9)) + rng.normal(0, wobble * 4) * (along**2 - 0.12)
    xs = x + length * (along * np.cos(angle) - aside * np.sin(angle))
    ys = y + length * (along * np.sin(angle) + aside * np.cos(angle))
    return np.asarray(np.rint(np.stack([xs, ys], axis=1) * 16).reshape(-1, 1, 2), dtype=np.int32)


def _stroke(points: NDArray[np.int32], shape: tuple[int, ...], width: float) -> Grey:
    """Cover of a brush stroke, tapering a little at its ends through the blur."""
    cover = np.zeros(shape[:2], dtype=np.float32)
    cv2.polylines(cover, [points], False, 1.0, max(round(width), 1), cv2.LINE_AA, 4)
    return cv2.GaussianBlur(cover, (0, 0), max(width * 0.22, 0.5)) * np.float32(min(width, 1.0))


def _tint(skin: Layer, cover: Grey, colour: tuple[float, float, float], strength: float) -> None:
    skin += (cover * np.float32(strength))[..., None] * (np.array(colour, dtype=np.float32) - skin)


def _scar(
    rng: np.random.Generator, mark: SkinMark, skin: Layer, bumps: Grey, x: float, y: float, length: float
) -> None:
    points = _line(rng, x, y, length, mark.angle, 0.03)
    width = length * rng.uniform(0.09, 0.16)
    rim, core = _stroke(points, skin.shape, width * 1.9), _stroke(points, skin.shape, width)
    _tint(skin, rim, _DARK, 0.5)
    _tint(skin, core, _PALE if mark.pale else _RAW, 0.9)
    bumps -= core * np.float32(width * 0.25)


def _scratches(rng: np.random.Generator, mark: SkinMark, skin: Layer, x: float, y: float, length: float) -> None:
    for place in range(int(rng.integers(2, 5))):
        aside = (place - 1.5) * length * 0.17
        centre = x - aside * np.sin(mark.angle), y + aside * np.cos(mark.angle)
        points = _line(rng, *centre, length * rng.uniform(0.7, 1.1), mark.angle + rng.normal(0, 0.06), 0.012)
        _tint(skin, _stroke(points, skin.shape, length * 0.05), _PALE if mark.pale else _DARK, 0.85)


def _fold(
    rng: np.random.Generator, mark: SkinMark, skin: Layer, bumps: Grey, x: float, y: float, length: float
) -> None:
    points = _line(rng, x, y, length, mark.angle, 0.04)
    groove = _stroke(points, skin.shape, length * 0.07)
    _tint(skin, groove, _DARK, 0.75)
    bumps -= groove * np.float32(length * 0.09)


def _blot(
    rng: np.random.Generator, skin: Layer, x: float, y: float, radius: float, colour: tuple[float, float, float]
) -> None:
    turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    reach = radius * rng.uniform(0.7, 1.25, 14)
    outline = np.stack([x + reach * np.cos(turn), y + 0.85 * reach * np.sin(turn)], axis=1)
    cover = np.zeros(skin.shape[:2], dtype=np.float32)
    cv2.fillPoly(cover, [np.rint(outline * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), max(radius * 0.15, 0.5)), dtype=np.float32)
    _tint(skin, soft, colour, 0.85)
