"""A network that is run by ONNX Runtime answers as it does by torch, or is not used."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from haulout_models.backbone import describe
from haulout_models.decoding import UnreadablePhoto, decode
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.exporting import UnfaithfulCopy
from haulout_models.inference import (
    FastDetector,
    ScaledDetector,
    detect_files,
    fast,
    fast_describer,
    find,
    seen_by,
)
from haulout_models.search import search
from haulout_models.starter import load_starter
from labeling_configs.vocabulary import ModelVersion


@pytest.fixture(scope="module")
def starter() -> Detector:
    """The built-in starter on small tiles, so that a small picture has many, and telling even faint animals."""
    detector = load_starter()
    detector.settings = replace(detector.settings, fit=None, scale=1.0, tile=160, overlap=64, threshold=0.02)
    return detector


@pytest.fixture(scope="module")
def quick(starter) -> FastDetector:
    return FastDetector.of(starter)


@pytest.fixture(scope="module")
def blobs() -> np.ndarray:
    """Soft patches of any colour, as large as animals."""
    patches = np.random.default_rng(1).integers(0, 256, (18, 25, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(patches).resize((500, 360), Image.Resampling.BICUBIC))


def assert_same(found, expected):
    """Nearly every box has its like; where two neighbouring pixels are equally hot, either may speak for the animal."""
    (boxes, scores), (other_boxes, other_scores) = found, expected
    assert abs(len(scores) - len(other_scores)) <= 0.01 * len(scores)
    apart = np.abs(boxes[:, None] - other_boxes[None]).max(axis=2)
    like, same = apart.argmin(axis=1), apart.min(axis=1) < 0.02
    assert same.mean() > 0.98
    assert len(set(like[same])) == same.sum()
    np.testing.assert_allclose(scores[same], other_scores[like[same]], atol=1e-4)


def test_the_fast_detector_finds_what_torch_finds(starter, quick, blobs):
    expected = starter.detect(blobs)

    assert_same(quick.detect(blobs), expected)
    assert len(expected[1]) > 30
    assert quick.version == starter.version


@pytest.mark.parametrize("views", [2, 8])
def test_the_mean_of_several_views_is_exported_too(starter, blobs, views):
    several = load_starter()
    several.settings = replace(starter.settings, views=views)

    expected = several.detect(blobs[:200, :300])

    assert_same(FastDetector.of(several).detect(blobs[:200, :300]), expected)


def test_tiles_in_batches_hold_what_they_hold_one_by_one(quick, blobs):
    def one_by_one(tiles, threshold):
        return [quick._look(tile[None], threshold)[0] for tile in tiles]

    assert_same(quick.detect(blobs), search(quick.settings, one_by_one, blobs))


def test_best_boxes_come_first_and_the_curve_of_the_card_holds(starter, blobs):
    halving = replace(starter.settings, calibration=type(starter.settings.calibration)((0.0, 1.0), (0.0, 0.5)))
    quick = FastDetector.of(starter)

    _, scores = quick.detect(blobs)
    _, halved = replace(quick, settings=halving).detect(blobs, threshold=0.01)

    assert (np.diff(scores) <= 0).all()
    np.testing.assert_allclose(halved, scores / 2)


class Stubborn(torch.nn.Module):
    """Answers by the picture that it was exported with."""

    def forward(self, maps):
        height, width = maps[0].shape[-2:]
        return maps[0][:, :5] * 0 + float(maps[0].mean()) + float(height * width) / 100


def test_a_copy_that_answers_otherwise_is_refused_and_torch_goes_on(caplog):
    detector = Detector.untrained(ModelVersion("det-0001"), DetectorSettings(width=16), seed=0).eval()
    detector.head = Stubborn()

    with pytest.raises(UnfaithfulCopy, match="raw output differs"):
        FastDetector.of(detector)
    with caplog.at_level(logging.WARNING):
        assert fast(detector) is detector
    assert "det-0001 is run by torch" in caplog.text


def test_a_network_that_cannot_be_exported_is_run_by_torch():
    class Unheard(torch.nn.Module):
        def forward(self, maps):
            raise RuntimeError("no such operator")

    detector = Detector.untrained(ModelVersion("det-0001"), DetectorSettings(width=16), seed=0).eval()
    detector.head = Unheard()

    with pytest.raises(UnfaithfulCopy, match="no such operator"):
        FastDetector.of(detector)


def test_photos_are_described_as_torch_describes_them(blobs):
    np.testing.assert_allclose(fast_describer()(blobs), describe(blobs), atol=1e-4)


@pytest.fixture
def photo(tmp_path: Path, blobs) -> Path:
    """A large photo of the patches, which the camera stored on its side: 2160 x 3000 as displayed."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(blobs).resize((3000, 2160)).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    return tmp_path / "photo.jpg"


def test_a_photo_decoded_at_reduced_scale_shows_the_same_animals_in_pixels_of_the_original(quick, photo):
    detector = replace(quick, settings=replace(quick.settings, fit=500, tile=640))
    reduced, whole = decode(photo, seen_by(detector)), decode(photo)

    boxes, scores = find(detector, reduced)
    expected, _ = find(detector, whole)

    assert (reduced.image.shape, whole.image.shape) == ((750, 540, 3), (3000, 2160, 3))
    assert len(scores) > 30
    nearest = np.abs(boxes[:10, None] - expected[None]).max(axis=2).min(axis=1)
    assert nearest.max() < 30  # six pixels are one of the network's
    assert expected[:, 3].max() > 2160


def test_a_folder_is_looked_at_in_order_and_a_broken_file_told(quick, photo, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"?")

    told = list(detect_files(quick, [photo, tmp_path / "broken.jpg", photo]))

    assert [path.name for path, _ in told] == ["photo.jpg", "broken.jpg", "photo.jpg"]
    assert isinstance(told[1][1], UnreadablePhoto)
    np.testing.assert_array_equal(told[0][1][0], told[2][1][0])


def test_a_detector_that_knows_no_scale_is_shown_the_whole_photo(photo):
    class Plain:
        version = ModelVersion("plain")

        def detect(self, image):
            return np.array([[0.0, 0, image.shape[1], image.shape[0]]]), np.ones(1)

    ((_, found),) = detect_files(Plain(), [photo])

    assert not isinstance(Plain(), ScaledDetector)
    assert found[0].tolist() == [[0, 0, 2160, 3000]]


def test_a_network_that_is_sure_of_nothing_on_the_probe_is_not_taken_for_unfaithful(starter):
    """Where heat is too faint to tell from none, rounding alone makes tops of hills; that must not count."""
    cold = Detector.untrained(ModelVersion("cold"), DetectorSettings(width=8), 0).eval()
    torch.nn.init.constant_(cold.head.out.bias[:1], -40.0)

    assert isinstance(fast(cold), FastDetector)
