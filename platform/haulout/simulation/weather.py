"""Light, air and glass between the beach and the file: time of day, fog, rain, infrared night, drops on the lens."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from .texture import Grey
from .view import Frame

Picture = NDArray[np.uint8]


class Sky(StrEnum):
    """The day's weather."""

    CLEAR = "clear"
    OVERCAST = "overcast"
    FOG = "fog"
    RAIN = "rain"
    STORM = "storm"


@dataclass(frozen=True)
class Air:
    """Everything that light does at one moment; `sight` is how far one sees in metres, `hour` runs from 0 to 24."""

    sky: Sky
    hour: float
    sight: float
    drops: bool

    @property
    def night(self) -> bool:
        """Whether the camera uses its infrared lamp."""
        return self.hour < 4.2 or self.hour > 22.6

    @property
    def low_sun(self) -> float:
        """How golden the light is, 0 at noon to 1 at dawn and dusk of a clear day."""
        if self.sky is not Sky.CLEAR or self.night:
            return 0.0
        return float(np.clip((abs(self.hour - 13) - 4.5) / 4, 0, 1))

    @property
    def sun_from(self) -> float:
        """Where the sun stands, -1 left to 1 right, weighted with how directly it shines."""
        return float(np.clip((self.hour - 13) / 7, -1, 1)) * (0.55 if self.sky is Sky.CLEAR else 0.08)

    @property
    def wet(self) -> float:
        """How wet the skins are from above."""
        return 0.9 if self.sky in (Sky.RAIN, Sky.STORM) else 0.25 if self.sky is Sky.FOG else 0.0

    @property
    def cloud(self) -> float:
        """How grey the sky is."""
        return 0.15 if self.sky is Sky.CLEAR else 1.0

    @property
    def swell(self) -> float:
        """How rough the sea is."""
        return {Sky.STORM: 1.0, Sky.RAIN: 0.5, Sky.OVERCAST: 0.3}.get(self.sky, 0.12)

    def clearness(self, metres: float, infrared_reach: float) -> float:
        """Return how much contrast is left at a distance, 0 to 1."""
        left = float(np.exp(-metres / self.sight))
        return left * (float(_lamp(np.float32(metres), infrared_reach)) if self.night else 1.0)


def _lamp(metres: Grey | np.float32, reach: float) -> Grey:
    return np.asarray(np.clip(1.15 / (1 + (metres / np.float32(reach)) ** 2.4), 0, 1), dtype=np.float32)


def through_the_air(picture: Picture, distance: Grey, air: Air, frame: Frame, rng: np.random.Generator) -> Picture:
    """Return the picture as the camera files it, given each pixel's distance in metres."""
    clear = np.exp(distance * np.float32(-1 / air.sight))
    haze = np.array([206, 202, 198] if not air.low_sun else [200, 206, 216], dtype=np.float32)
    seen = picture.astype(np.float32)
    if air.sight < 6000:
        seen += (1 - clear)[..., None] * (haze - seen)
    if air.sky in (Sky.RAIN, Sky.STORM):
        _rain(seen, air, rng)
    if air.drops:
        seen = _drops(seen, rng)
    seen = _infrared(seen, distance, frame) if air.night else _daylight(seen, air)
    noise = _NOISE_NIGHT if air.night else _NOISE_DAY
    seen += _sensor_noise(seen.shape, noise, air.night, rng)
    return np.clip(seen, 0, 255).astype(np.uint8)


_NOISE_DAY, _NOISE_NIGHT = 2.2, 8.5


def _sensor_noise(shape: tuple[int, ...], strength: float, grey: bool, rng: np.random.Generator) -> Grey:
    """Grain from a small tile, shifted: cheaper than fresh numbers for each pixel and as good to the eye."""
    tile = rng.standard_normal((256, 256, 1 if grey else 3), dtype=np.float32) * np.float32(strength)
    times = (-(-shape[0] // 256), -(-shape[1] // 256), 1)
    return np.tile(tile, times)[: shape[0], : shape[1]]


def _daylight(seen: Grey, air: Air) -> Grey:
    gold, dim = air.low_sun, {Sky.RAIN: 0.92, Sky.STORM: 0.8, Sky.OVERCAST: 1.0}.get(air.sky, 1.0)
    dusk = 1 - 0.25 * float(np.clip((abs(air.hour - 13) - 6.5) / 3, 0, 1))
    balance = np.array([1 - 0.26 * gold, 1 - 0.07 * gold, 1 + 0.07 * gold]) * dim * dusk
    if air.sky is not Sky.CLEAR:
        balance *= np.array([1.05, 1.0, 0.95])
    return np.asarray(seen * balance.astype(np.float32), dtype=np.float32)


def _infrared(seen: Grey, distance: Grey, frame: Frame) -> Grey:
    """Grey, lit by a lamp at the camera: bright near the middle, gone in the distance."""
    grey = cv2.transform(seen, np.array([[0.12, 0.42, 0.5]], dtype=np.float32))
    rows = np.linspace(-1, 1, frame.height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, frame.width, dtype=np.float32)[None, :]
    spot = np.clip(1.12 - 0.55 * (columns**2) - 0.3 * rows**2, 0.12, 1)
    lit = grey * spot * _lamp(distance, frame.view.infrared_reach) * 1.1 + 7
    return np.repeat(lit[..., None], 3, axis=2)


def _rain(seen: Grey, air: Air, rng: np.random.Generator) -> None:
    """Streaks that lean with the wind."""
    height, width = seen.shape[:2]
    veil = np.zeros((height, width), dtype=np.float32)
    lean = float(rng.normal(0.0, 0.18)) + (0.35 if air.sky is Sky.STORM else 0.0)
    for _ in range(700 if air.sky is Sky.STORM else 380):
        x, y, length = rng.uniform(-50, width + 50), rng.uniform(-30, height), rng.uniform(0.012, 0.05) * height
        ends = (round(x), round(y)), (round(x + lean * length), round(y + length))
        cv2.line(veil, *ends, float(rng.uniform(0.12, 0.4)), 1, cv2.LINE_AA)
    seen += cv2.GaussianBlur(veil, (0, 0), 0.7)[..., None] * (np.float32(222) - seen)


def _drops(seen: Grey, rng: np.random.Generator) -> Grey:
    """Drops on the lens: blurred discs with a bright lower rim."""
    height, width = seen.shape[:2]
    small = cv2.resize(seen, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.2), (width, height), interpolation=cv2.INTER_LINEAR)
    cover, rim = np.zeros((height, width), dtype=np.float32), np.zeros((height, width), dtype=np.float32)
    for _ in range(int(rng.integers(4, 12))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.006, 0.022) * width
        centre = (round(x), round(y))
        axes = (round(radius), round(radius * rng.uniform(0.9, 1.4)))
        cv2.ellipse(cover, centre, axes, 0, 0, 360, 0.8, -1, cv2.LINE_AA)
        cv2.ellipse(rim, centre, axes, 0, 20, 160, 30.0, max(round(radius / 5), 1), cv2.LINE_AA)
    soft = cv2.GaussianBlur(cover, (0, 0), 2)
    return np.asarray(seen + soft[..., None] * (blurred - seen) + cv2.GaussianBlur(rim, (0, 0), 2)[..., None])


def weather_of(day: int, days: int, rng: np.random.Generator) -> tuple[Sky, float]:
    """Draw a day's weather and its sight in metres; autumn storms become likelier towards the end."""
    late = day / max(days - 1, 1)
    chances = np.array([0.34 - 0.1 * late, 0.3, 0.13, 0.15, 0.08 + 0.1 * late])
    sky = Sky(list(Sky)[int(rng.choice(5, p=chances / chances.sum()))])
    sight = {Sky.CLEAR: 9000.0, Sky.OVERCAST: 4000.0, Sky.RAIN: 350.0, Sky.STORM: 260.0}.get(sky)
    return sky, sight if sight is not None else float(rng.uniform(22, 60))
