"""A haulout of a thousand animals in one photo: every box is kept, and tiles neither lose nor double any."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from haulout.simulation.beach import Beach
from haulout.simulation.herd import seats, settle_down
from haulout.simulation.individual import born
from haulout.simulation.scene import Studio, compose
from haulout.simulation.view import Frame, View
from haulout.simulation.weather import Air, Sky
from haulout.tables import ProposalRow
from haulout_models.inference import FastDetector
from haulout_models.starter import load_starter
from labeling_configs.vocabulary import Rectangle

HILL = View("HILL", 55.0, 0.02, 0.95, water_at=240, tide_reach=4, slant=0.1, seed=3, nearest=72)
ANIMALS, SURROUNDINGS = 1_000, 128


@pytest.fixture(scope="module")
def crowd() -> np.ndarray:
    """A photo from a hill, the animals 15 to 75 pixels long; four looks are quickly drawn."""
    rng = np.random.default_rng(0)
    frame = Frame(HILL, 2200, 1650)
    places = seats(frame, ANIMALS, frame.water_distance(-1.0), rng)
    walruses = [born(number, 1, np.random.default_rng(number % 4)) for number in range(ANIMALS)]
    herd = settle_down(walruses, places, 0, frame.water_distance(-1.0), rng)
    picture, animals, _ = compose(Beach.of(frame), herd, Air(Sky.OVERCAST, 12.0, 400.0, False), -1.0, Studio(), rng)
    assert len(animals) > 0.98 * ANIMALS
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def detector() -> FastDetector:
    starter = load_starter()
    starter.settings = replace(starter.settings, fit=None, scale=1.0)
    return FastDetector.of(starter)


@pytest.mark.parametrize("threshold", [0.05, 0.3])
def test_a_thousand_animals_are_counted_as_on_tiles_judged_one_by_one(crowd, detector, threshold):
    boxes, _ = detector.detect(crowd, threshold)

    alone = sum(_found_in(core, crowd, detector, threshold) for core in _cores(crowd, 400))

    assert len(boxes) > 300  # more than any cap in use elsewhere
    assert len(boxes) == pytest.approx(alone, rel=0.05)


def test_all_proposals_are_stored(crowd, detector):
    boxes, scores = detector.detect(crowd, 0.001)

    row = ProposalRow(photo="p", model="m", packed=ProposalRow.pack(boxes, scores), features=b"", expected_animals=0)

    assert len(boxes) > ANIMALS
    np.testing.assert_allclose(row.boxes(), boxes, atol=1e-3)


def _cores(image: np.ndarray, side: int) -> list[Rectangle]:
    """Cut the photo into squares, other ones than the detector's own tiles."""
    height, width = image.shape[:2]
    return [
        Rectangle(x, y, min(x + side, width), min(y + side, height))
        for y in range(0, height, side)
        for x in range(0, width, side)
    ]


def _found_in(core: Rectangle, image: np.ndarray, detector: FastDetector, threshold: float) -> int:
    """Count what the detector finds in a square when it sees nothing but the square and its surroundings."""
    left, top = max(core.x1 - SURROUNDINGS, 0), max(core.y1 - SURROUNDINGS, 0)
    part = image[top : core.y2 + SURROUNDINGS, left : core.x2 + SURROUNDINGS]
    boxes, _ = detector.detect(np.ascontiguousarray(part), threshold)
    return int(core.holds_centres_of(boxes + np.array([left, top, left, top])).sum())
