"""Put animals, rocks and logs on the beach from far to near, and note what can still be seen of each."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from labeling_configs.vocabulary import Mark, Side

from .beach import Beach, Picture
from .individual import Look
from .sprite import Sprite
from .texture import Grey
from .truth import TrueAnimal
from .view import Frame
from .walrus import Pose, draw_walrus
from .weather import Air, through_the_air

_SIZES = (64, 128, 256, 512)
_MARKS_SHOW_FROM = 90.0
_LOST_IN_FOG = 0.12
_FIRST_THING = 60000
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Placed:
    """One animal lying at x metres right, z metres away; wet from 0 to 1, tilt in degrees, squeeze foreshortens it."""

    look: Look
    length: float
    x: float
    z: float
    side: Side
    pose: Pose
    wet: float
    tilt: float
    squeeze: float


@dataclass
class Studio:
    """Keeps the sprites already drawn, so that each look is drawn once a season for each size it is needed in."""

    sprites: dict[tuple[Look, Side, Pose, int], Sprite] = field(default_factory=dict)

    def sprite(self, look: Look, side: Side, pose: Pose, pixels: float) -> Sprite:
        """Return a sprite at least as large as wanted where possible."""
        size = next((size for size in _SIZES if size >= pixels * 0.95), _SIZES[-1])
        key = (look, side, pose, size)
        if key not in self.sprites:
            self.sprites[key] = draw_walrus(look, side, pose, size)
        return self.sprites[key]


def compose(
    beach: Beach, herd: list[Placed], air: Air, tide: float, studio: Studio, rng: np.random.Generator
) -> tuple[Picture, tuple[TrueAnimal, ...], tuple[Box, ...]]:
    """Return the picture, shape (h, w, 3), blue first, the animals that show, far ones first, and boxes of rocks."""
    picture, distance = beach.backdrop(tide, air.swell, air.cloud, rng)
    canvas = _Canvas(beach.frame, picture, distance, air)
    herd = sorted(herd, key=lambda placed: -placed.z)
    queue: list[tuple[float, int]] = [(-placed.z, number) for number, placed in enumerate(herd)]
    queue += [(-thing.z, -1 - number) for number, thing in enumerate(beach.things)]
    pasted: dict[int, _Pasted] = {}
    for _, number in sorted(queue):
        if number >= 0:
            pasted[number] = canvas.lay(herd[number], number + 1, studio)
        elif (thing := beach.things[-1 - number]).z < beach.frame.water_distance(tide) * 1.1:
            scale = beach.frame.pixels_per_metre(thing.z) * thing.length / thing.sprite.length
            move = _affine(beach.frame, thing.x, thing.z, scale, scale, 0.0, thing.sprite)
            canvas.paste(thing.sprite, move, thing.z, air.wet * 0.6, np.uint16(_FIRST_THING - 1 - number))
    animals = _seen(canvas, herd, pasted, air)
    rocks = _boxes(np.where(canvas.owners >= _FIRST_THING, canvas.owners - np.uint16(_FIRST_THING - 1), 0))
    return through_the_air(canvas.picture, canvas.distance, air, beach.frame, rng), animals, rocks


def _boxes(owners: NDArray[np.uint16]) -> tuple[Box, ...]:
    found = [window for window in find_objects(owners) if window is not None]
    return tuple((float(c.start), float(r.start), float(c.stop), float(r.stop)) for r, c in found)


@dataclass(frozen=True)
class _Pasted:
    area: float
    """Pixels it would cover if nothing hid it."""
    marks: tuple[Mark, ...]


@dataclass
class _Canvas:
    frame: Frame
    picture: Picture
    distance: Grey
    air: Air
    owners: NDArray[np.uint16] = field(init=False)

    def __post_init__(self) -> None:
        self.owners = np.zeros(self.picture.shape[:2], dtype=np.uint16)

    def lay(self, placed: Placed, number: int, studio: Studio) -> _Pasted:
        pixels = self.frame.pixels_per_metre(placed.z) * placed.length
        sprite = studio.sprite(placed.look, placed.side, placed.pose, pixels)
        tall = pixels / sprite.length
        move = _affine(self.frame, placed.x, placed.z, tall * placed.squeeze, tall, placed.tilt, sprite)
        self.paste(sprite, move, placed.z, max(placed.wet, self.air.wet), np.uint16(number))
        marks = _moved(sprite.marks, move) if pixels >= _MARKS_SHOW_FROM else ()
        return _Pasted(sprite.area * tall**2 * placed.squeeze, marks)

    def paste(self, sprite: Sprite, move: NDArray[np.float64], z: float, wet: float, owner: np.uint16) -> None:
        """Warp a sprite into place, darken the ground around its foot and claim its pixels."""
        window = self._window(sprite, move)
        if window is None:
            return
        x1, y1, x2, y2 = window
        shift = move - np.array([[0, 0, x1], [0, 0, y1]])
        size = (x2 - x1, y2 - y1)
        warped = cv2.warpAffine(sprite.bgra, shift, size, flags=cv2.INTER_LINEAR).astype(np.float32)
        lights = cv2.warpAffine(sprite.light, shift, size, flags=cv2.INTER_LINEAR, borderValue=(128, 0, 0))
        cover = warped[..., 3:] / np.float32(255)
        colour = _relit(warped[..., :3], cover, lights.astype(np.float32), self.air.sun_from, wet)
        part = self.picture[y1:y2, x1:x2]
        under = part * (1 - _foot_shadow(cover[..., 0], abs(move[1, 1]) * sprite.length))[..., None]
        part[:] = np.clip(under * (1 - cover) + colour, 0, 255).astype(np.uint8)
        solid = cover[..., 0] > 0.5
        self.owners[y1:y2, x1:x2][solid] = owner
        self.distance[y1:y2, x1:x2][solid] = z

    def _window(self, sprite: Sprite, move: NDArray[np.float64]) -> tuple[int, int, int, int] | None:
        """Return where the sprite falls in the picture, with room for its shadow, or None when it falls outside."""
        shape, edge = sprite.bgra.shape, 0.07 * sprite.length
        left, top, right, bottom = -edge, -edge, shape[1] + edge, shape[0] + edge
        corners = np.array([[left, top, 1], [right, top, 1], [left, bottom, 1], [right, bottom, 1]]) @ move.T
        x1, y1 = np.floor(corners.min(axis=0)).astype(int)
        x2, y2 = np.ceil(corners.max(axis=0)).astype(int)
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, self.frame.width), min(y2, self.frame.height)
        return (int(x1), int(y1), int(x2), int(y2)) if x1 < x2 and y1 < y2 else None


def _affine(
    frame: Frame, x: float, z: float, wide: float, tall: float, tilt: float, sprite: Sprite
) -> NDArray[np.float64]:
    """Return the 2x3 matrix that scales a sprite, tilts it by degrees and sets its foot on the ground at x, z."""
    column, row = frame.pixel(x, z)
    turn = np.deg2rad(tilt)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([wide, tall])
    foot = np.array(sprite.foot)
    return np.column_stack([linear, np.array([column, row]) - linear @ foot])


def _relit(colour: Grey, cover: Grey, light: Grey, sun_from: float, wet: float) -> Grey:
    """Light a premultiplied sprite from the side and make its skin darker and glossier the wetter it is."""
    lean, gloss = (light[..., 0] - 128) / 127, light[..., 1] / 255
    soaked = light[..., 2] * np.float32(wet / 255)
    out = colour * (1 + np.float32(sun_from) * lean - 0.42 * soaked)[..., None]
    out *= 1 + soaked[..., None] * np.array([0.14, 0.03, -0.08], dtype=np.float32)
    return np.asarray(out + (gloss * soaked * 62)[..., None] * cover, dtype=np.float32)


def _foot_shadow(cover: Grey, length: float) -> Grey:
    """Return how much darker the surroundings of a sprite get, most below it."""
    reach = max(length * 0.026, 0.8)
    fallen = cv2.GaussianBlur(cover, (0, 0), reach)
    down = max(round(reach), 1)
    shadow = np.zeros_like(fallen)
    shadow[down:] = fallen[:-down] if len(fallen) > down else 0
    return shadow * np.float32(0.6)


def _moved(marks: tuple[Mark, ...], move: NDArray[np.float64]) -> tuple[Mark, ...]:
    places = [(mark.kind, move @ np.array([mark.x, mark.y, 1.0])) for mark in marks]
    return tuple(Mark(kind, round(float(x), 1), round(float(y), 1)) for kind, (x, y) in places)


def _seen(canvas: _Canvas, herd: list[Placed], pasted: dict[int, _Pasted], air: Air) -> tuple[TrueAnimal, ...]:
    animals = []
    counts = np.bincount(canvas.owners.ravel(), minlength=len(herd) + 1)
    windows = find_objects(np.where(canvas.owners >= _FIRST_THING, 0, canvas.owners), max_label=len(herd))
    for number, (placed, window) in enumerate(zip(herd, windows, strict=True)):
        if window is None or counts[number + 1] < 6:
            continue
        rows, columns = window
        clear = min(air.clearness(placed.z, canvas.frame.view.infrared_reach) / _LOST_IN_FOG, 1.0)
        animals.append(
            TrueAnimal(
                box=(float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)),
                visible=round(min(counts[number + 1] / pasted[number].area, 1.0) * clear, 3),
                individual=placed.look.individual,
                side=placed.side,
                marks=tuple(m for m in pasted[number].marks if _shows(canvas.owners, m, number + 1)),
            )
        )
    return tuple(animals)


def _shows(owners: NDArray[np.uint16], mark: Mark, owner: int) -> bool:
    height, width = owners.shape
    return 0 <= mark.x < width and 0 <= mark.y < height and int(owners[int(mark.y), int(mark.x)]) == owner
