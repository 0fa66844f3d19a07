"""Draw a whole season of a virtual haulout: photos as a memory card holds them, and the truth beside them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from labeling_configs.vocabulary import Disturbance, IndividualId, PhotoId

from .beach import Beach
from .exif import jpeg
from .health import Health, fare
from .herd import Seat, ashore, seats, settle_down, stir
from .individual import Walrus, born
from .scene import Box, Placed, Studio, compose
from .truth import TrueAnimal, TruePhoto, Truth, Visitor, save_truth
from .view import Frame, View
from .weather import Air, Sky, weather_of

CLIFF = View("CLIFF", 11.0, 0.10, 0.95, water_at=47, tide_reach=5, slant=-0.3, seed=12, nearest=17, infrared_reach=40)
DISTURBED = 0.12
"""Share of the bursts in which something disturbs the animals."""
SPIT = View("SPIT", 4.2, 0.27, 0.88, water_at=40, tide_reach=6, slant=0.35, seed=5, nearest=8.2)


@dataclass(frozen=True)
class SeasonPlan:
    """What to draw; `individuals` are the regulars who lie near the cameras, strangers come only with the crowd.

    `max_animals` is the most that one photo holds and `quiet` the usual share of it outside the peak. Each camera takes
    `bursts_per_day` of 1 to `burst` photos; `place` is a latitude and longitude where no haulout is.
    """

    site: str
    first_day: date
    days: int
    bursts_per_day: int
    burst: int
    max_animals: int
    quiet: float
    individuals: int
    seed: int
    width: int = 1280
    height: int = 960
    cameras: tuple[View, ...] = (SPIT, CLIFF)
    place: tuple[float, float] = (78.3014, -12.4471)


DEMO_SEASON = SeasonPlan(
    "Kestrel Spit",
    date(2031, 7, 24),
    21,
    bursts_per_day=2,
    burst=3,
    max_animals=120,
    quiet=0.16,
    individuals=36,
    seed=20310724,
)
TINY_SEASON = SeasonPlan(
    "Tern Skerry",
    date(2031, 8, 1),
    6,
    1,
    burst=3,
    max_animals=6,
    quiet=0.75,
    individuals=8,
    seed=12,
    width=640,
    height=480,
)


@dataclass(frozen=True)
class _Shot:
    """One photo to be taken: when, by which camera, of whom."""

    taken_at: datetime
    camera: int
    herd: list[Placed]
    air: Air
    tide: float
    seed: tuple[int, ...]


def write_season(folder: Path, plan: SeasonPlan, progress: Callable[[int, int], None]) -> Truth:
    """Write photos/<camera>/IMG_0001.JPG and truth.json into the folder and return the truth; same plan, same bytes.

    `progress` is told how many photos are done and how many there will be.
    """
    pool = _pool(plan)
    fares = {walrus.id: fare(walrus, plan.days, _rng(plan, 7, number)) for number, walrus in enumerate(pool)}
    shots = sorted(_shots(plan, pool), key=lambda shot: (shot.taken_at, shot.camera))
    beaches = [Beach.of(Frame(view, plan.width, plan.height)) for view in plan.cameras]
    studio, photos = Studio(), dict[PhotoId, TruePhoto]()
    taken = [0] * len(beaches)
    for done, shot in enumerate(shots):
        progress(done, len(shots))
        taken[shot.camera] += 1
        beach = beaches[shot.camera]
        rng = np.random.default_rng(shot.seed)
        picture, animals, rocks = compose(beach, shot.herd, shot.air, shot.tide, studio, rng)
        encoded = jpeg(picture, beach.frame.view.name, shot.taken_at, plan.place)
        file = f"photos/{beach.frame.view.name}/IMG_{taken[shot.camera]:04d}.JPG"
        _write(folder / file, encoded)
        animals = _described(plan, shot, animals, fares)
        photos[PhotoId(hashlib.sha256(encoded).hexdigest())] = _told(plan, shot, file, animals, rocks)
    truth = Truth(plan.site, photos)
    save_truth(folder / "truth.json", truth)
    progress(len(shots), len(shots))
    return truth


def _write(path: Path, encoded: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded)


def _told(
    plan: SeasonPlan, shot: _Shot, file: str, animals: tuple[TrueAnimal, ...], rocks: tuple[Box, ...]
) -> TruePhoto:
    camera, weather = plan.cameras[shot.camera].name, "night" if shot.air.night else str(shot.air.sky)
    visitors = _visitors(plan, *shot.seed[2:5])
    return TruePhoto(file, camera, shot.taken_at, plan.width, plan.height, weather, animals, rocks, visitors)


def _described(
    plan: SeasonPlan, shot: _Shot, animals: tuple[TrueAnimal, ...], fares: Mapping[IndividualId, Health]
) -> tuple[TrueAnimal, ...]:
    day = (shot.taken_at.date() - plan.first_day).days
    return tuple(replace(animal, conditions=fares[animal.individual].on(day)) for animal in animals)


def _visitors(plan: SeasonPlan, camera: int, day: int, burst: int) -> tuple[Visitor, ...]:
    """Return what disturbs the animals while a burst is taken; the pictures do not show it."""
    rng = _rng(plan, 8, camera, day, burst)
    if rng.random() >= DISTURBED:
        return ()
    kind = list(Disturbance)[int(rng.integers(len(Disturbance)))]
    return (Visitor(kind, round(rng.uniform(0, plan.width), 1), round(rng.uniform(0, plan.height), 1)),)


def _rng(plan: SeasonPlan, *salt: int) -> np.random.Generator:
    return np.random.default_rng([plan.seed, *salt])


def _pool(plan: SeasonPlan) -> list[Walrus]:
    return [
        born(number, plan.days, np.random.default_rng([plan.seed, 2, number]))
        for number in range(plan.individuals + plan.max_animals * len(plan.cameras))
    ]


def _shots(plan: SeasonPlan, pool: list[Walrus]) -> Iterator[_Shot]:
    rng = np.random.default_rng([plan.seed, 1])
    for day in range(plan.days):
        weather = weather_of(day, plan.days, np.random.default_rng([plan.seed, 3, day]))
        present = _present(plan, pool, day)
        for camera in range(len(plan.cameras)):
            yield from _day_of(plan, camera, day, weather, present[camera], rng)


def _present(plan: SeasonPlan, pool: list[Walrus], day: int) -> list[list[Walrus]]:
    """Share out the day's animals among the cameras, regulars first, so that nobody is in two places at once."""
    rng = np.random.default_rng([plan.seed, 4, day])
    stretches: list[list[Walrus]] = [[] for _ in plan.cameras]
    for number in rng.permutation(plan.individuals):
        if rng.random() < 0.8:
            stretches[int(rng.integers(len(stretches)))].append(pool[number])
    for number in range(plan.individuals, len(pool)):
        stretches[(number + day) % len(stretches)].append(pool[number])
    return stretches


def _day_of(
    plan: SeasonPlan,
    camera: int,
    day: int,
    weather: tuple[Sky, float],
    present: list[Walrus],
    rng: np.random.Generator,
) -> Iterator[_Shot]:
    frame = Frame(plan.cameras[camera], plan.width, plan.height)
    share = (day + 0.5) / plan.days
    most = round(plan.max_animals * ashore(share, plan.quiet))
    places = seats(frame, most, frame.water_distance(1.0), np.random.default_rng([plan.seed, 5, camera, day]))
    hours = np.sort(rng.uniform(0.3, 23.5, plan.bursts_per_day) * 0.72 + rng.uniform(0, 6, plan.bursts_per_day))
    for burst, hour in enumerate(hours):
        salt = (plan.seed, 6, camera, day, burst)
        yield from _burst(plan, frame, camera, day, float(hour), weather, present, places, salt)


def _burst(
    plan: SeasonPlan,
    frame: Frame,
    camera: int,
    day: int,
    hour: float,
    weather: tuple[Sky, float],
    present: list[Walrus],
    places: list[Seat],
    salt: tuple[int, ...],
) -> Iterator[_Shot]:
    rng = np.random.default_rng(salt)
    start = datetime.combine(plan.first_day, time()) + timedelta(days=day, seconds=round(hour * 3600))
    sky, sight = weather
    air = Air(sky, hour, sight, drops=sky in (Sky.RAIN, Sky.STORM) and rng.random() < 0.6)
    tide = float(np.cos((day * 24 + hour) / 12.42 * 2 * np.pi))
    stay = rng.uniform(0.3, 1.0) * (0.35 if sky is Sky.STORM else 1.0) if rng.random() < 0.9 else 0.0
    count = round(len(places) * stay)
    herd = settle_down(present[:count], places[:count], day, frame.water_distance(tide), rng)
    moment = start
    for number in range(int(rng.integers(1, plan.burst + 1))):
        yield _Shot(moment, camera, herd, air, tide, (*salt, number))
        herd, moment = stir(herd, rng), moment + timedelta(seconds=int(rng.integers(2, 9)))
