"""Photos of brown boxes on grey ground, small enough to learn by heart in seconds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from haulout_models.data import LabelledTile


@pytest.fixture(scope="session")
def drawn_tiles(tmp_path_factory: pytest.TempPathFactory) -> list[LabelledTile]:
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("drawn")
    return [_draw(folder / f"{number}.png", rng) for number in range(8)]


def _draw(file: Path, rng: np.random.Generator) -> LabelledTile:
    image = rng.integers(90, 130, (192, 192, 3)).astype(np.uint8)
    boxes = []
    for column, row in ((8, 8), (100, 8), (8, 100), (100, 100))[: rng.integers(2, 5)]:
        x, y, w, h = column + rng.integers(0, 25), row + rng.integers(0, 25), *rng.integers(35, 60, 2)
        image[y : y + h, x : x + w] = (150, 90, 60)
        boxes.append([x, y, x + w, y + h])
    Image.fromarray(image).save(file)
    return LabelledTile(file, None, np.array(boxes, dtype=np.float64), np.ones(len(boxes)))
