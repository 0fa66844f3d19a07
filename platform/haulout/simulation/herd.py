"""Who lies where: the herd grows, peaks and leaves, and each animal keeps its place for a day."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labeling_configs.vocabulary import Side

from .individual import Walrus
from .scene import Placed
from .view import Frame
from .walrus import Pose


def ashore(share: float, quiet: float) -> float:
    """Return the herd's size, 0 to 1, at a share of the season: nobody, the usual `quiet` size, a peak, nobody."""
    few = quiet / ((1 + np.exp(-(share - 0.16) * 40)) * (1 + np.exp((share - 0.88) * 45)))
    peak = np.exp(-(((share - 0.6) / 0.085) ** 2))
    return float(0 if share < 0.06 or share > 0.96 else min(few + peak, 1.0))


@dataclass(frozen=True)
class Seat:
    """A place on the beach in metres and how the animal there tends to lie."""

    x: float
    z: float
    side: Side
    tilt: float
    squeeze: float


def seats(frame: Frame, count: int, high_water: float, rng: np.random.Generator) -> list[Seat]:
    """Return places in heaps that grow outwards, the nearest heap first; fewer than asked when the beach is full."""
    heaps = _heaps(frame, count, high_water, rng)
    taken: NDArray[np.float64] = np.zeros((0, 2))
    chosen: list[Seat] = []
    for tries in range(count * 30):
        if len(chosen) >= count:
            break
        heap = heaps[min(int(len(chosen) / count * len(heaps) + (rng.random() < 0.25)), len(heaps) - 1)]
        spot = heap + rng.normal(0, [2.4 + 0.004 * tries, 1.5 + 0.003 * tries])
        if _free(frame, spot, high_water, taken):
            taken = np.vstack([taken, spot])
            chosen.append(_seat(spot, rng))
    return chosen


def _heaps(frame: Frame, count: int, high_water: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    number = max(2, round(count / 11))
    near, far = frame.view.nearest, high_water * 0.97
    rows = np.sort(rng.uniform(1 / far, 1 / near, number))[::-1]
    away = 1 / rows if count < 30 else np.sort(near + (far - near) * rng.random(number) ** 0.9)
    return [np.array([rng.uniform(-0.38, 0.38) * frame.width_at(z), z]) for z in away]


def _free(frame: Frame, spot: NDArray[np.float64], high_water: float, taken: NDArray[np.float64]) -> bool:
    x, z = spot
    shore = high_water / max(1 - frame.view.slant * x / z, 0.3)
    if not frame.view.nearest <= z <= min(shore * 0.985, high_water * 1.5) or abs(x) > 0.46 * frame.width_at(z):
        return False
    apart = (taken - spot) / np.array([1.5, 0.8])
    return not bool(np.any((apart**2).sum(axis=1) < 1.0))


def _seat(spot: NDArray[np.float64], rng: np.random.Generator) -> Seat:
    side = [Side.LEFT, Side.RIGHT, Side.FRONT, Side.BACK][int(rng.choice(4, p=[0.4, 0.4, 0.12, 0.08]))]
    squeeze = float(rng.uniform(0.8, 1.0)) if side in (Side.LEFT, Side.RIGHT) else 1.0
    return Seat(float(spot[0]), float(spot[1]), side, float(rng.normal(0, 3.5)), squeeze)


def settle_down(
    walruses: list[Walrus], places: list[Seat], day: int, water: float, rng: np.random.Generator
) -> list[Placed]:
    """Lay each walrus on its place as it lies at one moment: some turn over, some raise their heads, some are wet."""
    return [_lie(walrus, place, day, water, rng) for walrus, place in zip(walruses, places, strict=False)]


def _lie(walrus: Walrus, place: Seat, day: int, water: float, rng: np.random.Generator) -> Placed:
    turned = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}.get(place.side, place.side)
    fresh = rng.random() < 0.22 or place.z > water * 0.93
    return Placed(
        look=walrus.on(day),
        length=walrus.length,
        x=place.x + float(rng.normal(0, 0.08)),
        z=place.z,
        side=turned if rng.random() < 0.25 else place.side,
        pose=Pose.ALERT if rng.random() < 0.4 else Pose.RESTING,
        wet=float(rng.uniform(0.6, 1.0)) if fresh else float(rng.uniform(0, 0.15)),
        tilt=place.tilt,
        squeeze=place.squeeze,
    )


def stir(herd: list[Placed], rng: np.random.Generator) -> list[Placed]:
    """Return the herd a few seconds later: here and there a head rises or falls."""
    other = {Pose.ALERT: Pose.RESTING, Pose.RESTING: Pose.ALERT}
    return [
        replace(one, pose=other[one.pose], tilt=one.tilt + float(rng.normal(0, 0.6))) if rng.random() < 0.1 else one
        for one in herd
    ]
