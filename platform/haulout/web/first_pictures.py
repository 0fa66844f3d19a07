"""The three pictures on which people learn to draw, and those of the field guide: drawn by us, so nobody's but ours."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from haulout.simulation.season import SPIT, SeasonPlan, write_season
from haulout.simulation.truth import TruePhoto, boxes_of
from haulout.storage.files import appearing_at
from labeling_configs import boxes
from labeling_configs.vocabulary import Boxes, PhotoId, Rectangle, Tile, TileId

FOLDER = "tutorial"
_PLAN = SeasonPlan(
    "Drawn beach",
    date(2031, 8, 1),
    8,
    bursts_per_day=2,
    burst=1,
    max_animals=16,
    quiet=0.4,
    individuals=12,
    seed=7,
    width=960,
    height=720,
    cameras=(SPIT,),
)
_SHOWN = Rectangle(0, 180, 960, 690)
"""Without most of the sky, so that animals are large on a telephone."""
_PHOTOS = {"alone": "IMG_0012.JPG", "heap": "IMG_0010.JPG", "rocks": "IMG_0015.JPG"}
LESSONS = tuple(_PHOTOS)
"""The pictures to draw on, in their order."""
GUIDE: Mapping[str, tuple[str, Rectangle]] = {
    "tusks": ("IMG_0010.JPG", Rectangle(205, 395, 505, 620)),
    "heads": ("IMG_0010.JPG", Rectangle(480, 340, 960, 700)),
    "stones": ("IMG_0015.JPG", Rectangle(225, 370, 505, 580)),
    "logs": ("IMG_0012.JPG", Rectangle(30, 300, 350, 540)),
}
"""What the field guide shows: part of which photo."""
_FALSE = {"rocks": ((397, 443, 483, 474), (576, 467, 766, 504))}
"""What the machine in these lessons takes for animals."""
_OVERLOOKED = {"heap": 2}
"""How many animals, the best hidden ones, it does not draw."""
_QUALITY = 88
_making = Lock()


@dataclass(frozen=True)
class Lesson:
    """One picture to draw on; boxes, shape (n, 4), in pixels of the drawn photo."""

    name: str
    truth: Boxes
    machine: Boxes

    @property
    def tile(self) -> Tile:
        """The part of the photo that is shown."""
        return Tile(TileId(f"tutorial-{self.name}"), PhotoId("0" * 64), _SHOWN, _SHOWN)

    @property
    def prediction(self) -> list[dict[str, object]] | None:
        """The machine's boxes as the editor takes them, None when there are none to correct."""
        return boxes.write(self.machine, None, self.tile) if len(self.machine) else None


def made(public: Path) -> Path:
    """Return the folder of the pictures, drawn now if nobody has seen them yet; that takes some seconds."""
    folder = public / FOLDER
    with _making:
        if not (folder / "lessons.json").exists():
            with tempfile.TemporaryDirectory() as drawn:
                truth = write_season(Path(drawn), _PLAN, lambda _done, _all: None)
                _keep(Path(drawn), {Path(one.file).name: one for one in truth.photos.values()}, folder)
    return folder


def lesson(public: Path, name: str) -> Lesson:
    """Return a lesson with its known answer."""
    known = json.loads((made(public) / "lessons.json").read_text())[name]
    truth, machine = (np.array(known[which], dtype=np.float64).reshape(-1, 4) for which in ("truth", "machine"))
    return Lesson(name, truth, machine)


def _keep(drawn: Path, photos: Mapping[str, TruePhoto], folder: Path) -> None:
    wanted = {name: (file, _SHOWN) for name, file in _PHOTOS.items()} | dict(GUIDE)
    for name, (file, part) in wanted.items():
        with Image.open(drawn / photos[file].file) as photo, appearing_at(folder / f"{name}.jpg") as path:
            # Only pixels: the drawn camera tells its place as real ones do.
            Image.fromarray(np.asarray(photo.crop((part.x1, part.y1, part.x2, part.y2)))).save(path, quality=_QUALITY)
    told = {name: _told(name, photos[file]) for name, file in _PHOTOS.items()}
    with appearing_at(folder / "lessons.json") as path:
        path.write_text(json.dumps(told, indent=1))


def _told(name: str, photo: TruePhoto) -> dict[str, list[list[float]]]:
    truth = boxes_of(photo.counted)
    if name in _FALSE:
        return {"truth": truth.tolist(), "machine": [list(box) for box in _FALSE[name]]}
    if name not in _OVERLOOKED:
        return {"truth": truth.tolist(), "machine": []}
    clearest = sorted(photo.counted, key=lambda animal: animal.visible)[_OVERLOOKED[name] :]
    return {"truth": truth.tolist(), "machine": boxes_of(tuple(clearest)).tolist()}
