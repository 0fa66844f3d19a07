"""Labels stay on their animals whatever is done to the picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from haulout_models.data import NO_CHANGE, Augmentation, LabelledTile, TileStore, example
from haulout_models.detector import STRIDE
from haulout_models.targets import loss_of, targets_of
from haulout_models.weather import CALM, Weather, expose
from labeling_configs.vocabulary import Rectangle


@pytest.fixture
def red_square(tmp_path):
    image = np.full((200, 300, 3), 90, dtype=np.uint8)
    image[60:100, 120:180] = (250, 20, 20)
    Image.fromarray(image).save(tmp_path / "red.png")
    return LabelledTile(tmp_path / "red.png", None, np.array([[120.0, 60, 180, 100]]), np.ones(1))


def _red(image):
    rows, columns = np.nonzero(image[:, :, 0].astype(int) - image[:, :, 1] > 60)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], dtype=float)


@pytest.mark.parametrize("seed", range(12))
def test_the_box_follows_the_animal_through_every_change(red_square, seed):
    change = Augmentation(upright=False, weather=Weather(0.05, 0.0, 0.0, 0.0, 0.0))
    store = TileStore([red_square], scale=0.5)

    drawn = example(store, 0, 192, change, np.random.default_rng(seed))

    assert drawn.image.shape == (192, 192, 3)
    assert drawn.boxes[0] == pytest.approx(_red(drawn.image), abs=2.0)


def test_a_rectangle_of_a_photo_has_its_own_boxes(red_square):
    part = LabelledTile(red_square.image, Rectangle(100, 50, 200, 110), red_square.boxes, red_square.weights)

    assert part.read().shape == (60, 100, 3)
    assert part.shifted_boxes().tolist() == [[20.0, 10.0, 80.0, 50.0]]


def test_an_animal_hardly_inside_the_square_is_doubtful(red_square):
    mostly_out = LabelledTile(red_square.image, Rectangle(0, 0, 135, 200), red_square.boxes, red_square.weights)
    cut = example(TileStore([mostly_out], 1.0), 0, 135, NO_CHANGE, np.random.default_rng(0))

    assert cut.weights.tolist() == [0.5]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_box_or_weight_that_is_no_number_is_refused_by_name(red_square, bad):
    with pytest.raises(ValueError, match=r"red\.png: a box or weight is not a number"):
        LabelledTile(red_square.image, None, np.array([[0.0, 0, 10, bad]]), np.ones(1))
    with pytest.raises(ValueError, match="not a number"):
        LabelledTile(red_square.image, None, red_square.boxes, np.array([bad]))


def test_the_store_keeps_to_its_memory(red_square):
    store = TileStore([red_square] * 3, scale=1.0, limit_bytes=200 * 300 * 3 + 10)

    images = [store.image(index) for index in range(3)]

    assert len(store._held) == 1
    assert all((image == images[0]).all() for image in images)


def _perfect(targets):
    """An output that says with near certainty what the targets say."""
    heat = torch.where(targets.centre > 0, 12.0, -12.0)
    x1, y1, x2, y2 = targets.boxes.unbind(1)
    cells = torch.arange(heat.shape[-1]) * STRIDE + STRIDE / 2
    offset_x = ((x1 + x2) / 2 - cells[None, None, :]) / STRIDE
    offset_y = ((y1 + y2) / 2 - cells[None, :, None]) / STRIDE
    width, height = ((x2 - x1).clamp(min=1) / 48).log(), ((y2 - y1).clamp(min=1) / 48).log()
    return torch.stack([heat, offset_x, offset_y, width, height], dim=1)


def test_the_right_answer_costs_nothing_and_a_shifted_or_silent_one_does(red_square):
    drawn = example(TileStore([red_square], 1.0), 0, 192, NO_CHANGE, np.random.default_rng(1))
    targets = targets_of([drawn])
    right = _perfect(targets)
    shifted, silent = right.clone(), right.clone()
    shifted[:, 1] += 2
    silent[:, 0] = -12.0

    assert loss_of(right, targets) < 0.01
    assert loss_of(shifted, targets) > 0.5
    assert loss_of(silent, targets) > 5


def test_a_doubtful_animal_is_neither_wanted_nor_punished(red_square):
    doubtful = LabelledTile(red_square.image, None, red_square.boxes, np.array([0.5]))
    drawn = example(TileStore([doubtful], 1.0), 0, 192, NO_CHANGE, np.random.default_rng(1))
    targets = targets_of([drawn])
    said = _perfect(targets)
    unsaid = said.clone()
    inside = targets.background == 0
    said[:, 0][inside] = 12.0

    assert inside.any()
    assert float(loss_of(said, targets)) == pytest.approx(float(loss_of(unsaid, targets)))


def test_whole_tiles_are_never_cut(drawn_tiles):
    store, change = TileStore(drawn_tiles, 1.0), Augmentation(scale=0.4, weather=CALM, flip=0.0, whole=True)
    rng = np.random.default_rng(0)

    squares = [example(store, 0, 224, change, rng) for _ in range(40)]

    assert all(len(square.boxes) == len(drawn_tiles[0].boxes) for square in squares)
    true = drawn_tiles[0].boxes[:, 2:] - drawn_tiles[0].boxes[:, :2]
    for square in squares:
        shown = (square.boxes[:, 2:] - square.boxes[:, :2]) / true
        assert np.ptp(shown) < 1e-6, "an animal was cut"
        assert shown[0, 0] <= 224 / 192 + 1e-9, "the tile does not fit into the square"
    assert all(square.weights.min() == 1.0 for square in squares)
    sizes = [float(np.ptp(square.boxes[0, [0, 2]])) for square in squares]
    assert max(sizes) / min(sizes) > 1.3


@pytest.mark.parametrize(
    ("weather", "seen"),
    [
        (Weather(0.0, fog=1.0, rain=0.0, blur=0.0, night=0.0), lambda now, was: now.std() < was.std()),
        (Weather(0.0, fog=0.0, rain=1.0, blur=0.0, night=0.0), lambda now, was: now.mean() > was.mean()),
        (Weather(0.0, fog=0.0, rain=0.0, blur=1.0, night=0.0), lambda now, was: sharpness(now) < sharpness(was)),
        (Weather(0.0, fog=0.0, rain=0.0, blur=0.0, night=1.0), lambda now, was: np.ptp(now, axis=2).max() == 0),
    ],
    ids=["fog", "rain", "blur", "night"],
)
def test_each_kind_of_weather_is_seen_in_the_picture(weather, seen):
    picture = np.random.default_rng(0).integers(20, 220, (96, 96, 3)).astype(np.uint8)

    shown = expose(picture, weather, np.random.default_rng(1))

    assert shown.shape == picture.shape
    assert seen(shown, picture)


def test_calm_weather_leaves_a_picture_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)

    assert np.abs(expose(picture, CALM, np.random.default_rng(1)).astype(int) - picture).max() <= 1


def sharpness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())
