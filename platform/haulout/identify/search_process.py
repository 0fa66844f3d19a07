"""The process that searches: the path of a clean picture comes in, whom it may show goes out, as JSON."""

import json
import logging
import resource
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from haulout.config import Settings
from haulout.db import connect
from haulout.errors import HauloutError
from haulout.identify.searching import rank, remember
from haulout.services import Services
from haulout.serving import serving_detector, serving_fusion, serving_reidentifier
from haulout.storage import Storage
from haulout.storage.pictures import open_picture, pixels
from haulout_models.local_matching import describe_locally
from haulout_models.quality import QualitySettings, measure_quality

MEMORY = 8 << 30
"""Of addresses; PyTorch asks for some gigabytes and uses one."""
MOST_ANIMALS = 8
"""Boxes of the detector that are searched for, the surest first."""
MARGIN = 0.15
"""Of a box's longer side, as `settle` leaves around the animals of the catalogue."""
LEAST_SIDE = 16
"""Pixels of a box's shorter side: of less nothing can be seen."""
Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]
_log = logging.getLogger(__name__)


def main() -> None:
    """Answer one question."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    with open_picture(Path(asked["picture"])) as opened:
        image = pixels(opened)
    answer = search(_services(asked), image)
    sys.stdout.write(json.dumps(answer) + "\n")


def search(services: Services, image: Image) -> dict[str, Any]:
    """Search for each animal that the detector finds in the picture, and for the picture as a whole."""
    network = serving_reidentifier(services)
    memory, fusion = remember(services, network.version), serving_fusion(services, network.version)
    height, width = image.shape[:2]
    boxes = [*_animals(services, image), (0, 0, width, height)]
    crops = [image[y1:y2, x1:x2] for x1, y1, x2, y2 in (_with_margin(box, width, height) for box in boxes)]
    vectors = network.embed(crops) if memory.animals else np.zeros((len(crops), 1), dtype=np.float32)
    found = []
    for box, crop, vector in zip(boxes, crops, vectors, strict=True):
        ranking = rank(services, memory, vector, describe_locally(crop), fusion)
        usable = measure_quality(crop).enough(QualitySettings())
        found.append({"box": _with_margin(box, width, height), "usable": usable, **asdict(ranking)})
    return {"size": [width, height], "searched": len(memory.animals), "model": network.version, "found": found}


def _animals(services: Services, image: Image) -> list[Box]:
    """Return the boxes of the serving detector; none when it cannot be loaded, for the whole picture is left."""
    try:
        boxes, scores = serving_detector(services).detect(image)
    except (HauloutError, ValueError, OSError) as error:
        _log.warning("no animals are proposed in the picture: %s", error)
        return []
    best = boxes[np.argsort(-scores, kind="stable")[:MOST_ANIMALS]].round().astype(int).tolist()
    height, width = image.shape[:2]
    cut = [(max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)) for x1, y1, x2, y2 in best]
    return [box for box in cut if min(box[2] - box[0], box[3] - box[1]) >= LEAST_SIDE]


def _with_margin(box: Box, width: int, height: int) -> Box:
    """Return what would be shown of the animal if it were in the catalogue."""
    x1, y1, x2, y2 = box
    margin = round(MARGIN * max(x2 - x1, y2 - y1))
    return max(x1 - margin, 0), max(y1 - margin, 0), min(x2 + margin, width), min(y2 + margin, height)


def _services(asked: dict[str, Any]) -> Services:
    """Open what the pages have open: the database as it is, for nothing is changed here."""
    settings = Settings.from_env(asked["settings"])
    return Services(
        settings=settings,
        database=connect(asked["database"]),
        storage=Storage(settings.home),
        weights=Path(asked["weights"]),
        label_studio=_nobody,
        now=lambda: datetime.now(UTC).replace(tzinfo=None),
        sleep=time.sleep,
    )


def _nobody() -> NoReturn:
    raise HauloutError("The search asks nobody.")


if __name__ == "__main__":
    main()
