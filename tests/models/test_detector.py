"""A detector looks at pictures of any size and finds any number of animals."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from haulout_models.backbone import (
    LITE0,
    MissingWeights,
    _lite0_tensors,
    _without_norms,
    describe,
    load_backbone,
    shared_backbone,
    to_pixels,
)
from haulout_models.detector import Detector, DetectorSettings, boxes_of, peaks
from haulout_models.onnx_detector import OnnxDetector, UnusableNetwork
from haulout_models.views import mean_of_views
from labeling_configs.vocabulary import ModelVersion

V = ModelVersion("det-0001")


class EverywhereHead(torch.nn.Module):
    """Says that there is an animal of 12 px at every third cell."""

    def forward(self, maps):
        height, width = maps[0].shape[-2:]
        raw = torch.full((len(maps[0]), 5, height, width), -9.0)
        raw[:, 0, 1::3, 1::3] = 4.0
        raw[:, 1:3], raw[:, 3:] = 0.0, float(np.log(12 / 48))
        return raw


@pytest.fixture
def everywhere():
    detector = Detector(V, DetectorSettings(tile=256, overlap=64), shared_backbone())
    detector.head = EverywhereHead()
    return detector


def test_no_number_of_animals_is_too_many_and_none_is_counted_twice(everywhere):
    image = np.zeros((600, 800, 3), dtype=np.uint8)

    boxes, scores = everywhere.detect(image)

    assert len(boxes) > 2_000
    centres = np.round((boxes[:, :2] + boxes[:, 2:]) / 2, 1)
    assert len(np.unique(centres, axis=0)) == len(boxes)
    assert (boxes >= 0).all() and (boxes <= [800, 600, 800, 600]).all()
    assert boxes.dtype == scores.dtype == np.float64


@pytest.mark.parametrize("shape", [(1, 1, 3), (33, 500, 3), (31, 7, 3)])
def test_pictures_of_any_shape_are_looked_at(everywhere, shape):
    boxes, scores = everywhere.detect(np.zeros(shape, dtype=np.uint8))

    assert boxes.shape == (len(scores), 4)


@pytest.mark.parametrize("image", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3)), np.zeros((0, 5, 3), np.uint8)])
def test_what_is_no_rgb_picture_is_refused(everywhere, image):
    with pytest.raises(ValueError, match="RGB bytes"):
        everywhere.detect(image)


def test_boxes_come_back_in_pixels_of_the_photo_whatever_the_scale(everywhere):
    full = everywhere.detect(np.zeros((256, 256, 3), dtype=np.uint8))[0]
    everywhere.settings = DetectorSettings(scale=2.0, tile=512, overlap=64)
    doubled = everywhere.detect(np.zeros((128, 128, 3), dtype=np.uint8))[0]

    assert sorted((doubled * 2).round(2).tolist()) == sorted(full.round(2).tolist())


def test_only_the_top_of_a_hill_is_an_animal():
    raw = torch.full((5, 8, 8), -8.0)
    raw[0, 3, 3], raw[0, 3, 4], raw[0, 6, 6] = 3.0, 2.0, 1.0
    raw[1:] = 0.0
    raw[1, 3, 4] = -1.0  # it means the same animal, a pixel to the left

    boxes, scores = peaks(raw, threshold=0.5)

    assert scores == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))])
    assert boxes[0] == pytest.approx([14 - 24, 14 - 24, 14 + 24, 14 + 24], abs=0.01)


def test_what_the_pixels_around_a_centre_say_of_its_box_is_averaged_by_their_heat():
    raw = torch.full((5, 8, 8), -8.0)
    raw[1:] = 0.0
    raw[0, 3, 3], raw[0, 3, 4] = 3.0, 2.0
    raw[1, 3, 4] = -1.0
    raw[3, 3, 3], raw[3, 3, 4] = np.log(1.0), np.log(2.0)

    boxes, _ = peaks(raw, threshold=0.5)

    heat = 1 / (1 + np.exp([-3.0, -2.0]))
    width = 48 * (heat**2 @ [1.0, 2.0]) / (heat**2).sum()
    assert boxes[0, 2] - boxes[0, 0] == pytest.approx(width, abs=0.05)


@pytest.mark.parametrize("views", [2, 4, 8])
def test_a_picture_and_its_mirror_image_are_seen_the_same_when_views_are_averaged(views):
    detector = Detector.untrained(V, DetectorSettings(width=8, views=views), 0).eval()
    torch.nn.init.normal_(detector.head.out.weight, std=0.5)  # a new head says the same of every box
    pixels = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    turns = {2: [lambda x: x.flip(-1)], 4: [lambda x: x.flip(-2)], 8: [lambda x: x.transpose(-1, -2)]}

    with torch.inference_mode():
        heat, boxes = detector.look(pixels)[:, 0], boxes_of(detector.look(pixels))
        for turn in turns[views]:
            turned = detector.look(turn(pixels))
            assert torch.allclose(
                turn(turned[:, 0]), heat, atol=1e-2
            )  # logits up to 12; convolutions differ by machine
            x1, y1, x2, y2 = (turn(side) for side in boxes_of(turned).unbind(1))
            back = {2: (96 - x2, y1, 96 - x1, y2), 4: (x1, 64 - y2, x2, 64 - y1), 8: (y1, x1, y2, x2)}[views]
            assert torch.allclose(torch.stack(back, 1), boxes, atol=0.2)


def test_views_of_one_picture_agree_where_its_animals_lie():
    left = torch.full((1, 5, 6, 8), -6.0)
    left[:, 1:] = 0.0
    left[0, 0, 2, 3], left[0, 1, 2, 3], left[0, 2, 2, 3], left[0, 3, 2, 3] = 3.0, 0.25, -0.25, 0.5

    def network(pixels):
        """Sees the animal of `left` where the bright pixel is, as far to the right of it in any view."""
        raw = left.clone()
        if pixels[0, 0, :, -1].sum() > pixels[0, 0, :, 0].sum():  # mirrored
            raw = raw.flip(-1)
            raw[:, 1] = -raw[:, 1]
        return raw

    pixels = torch.zeros(1, 3, 24, 32)
    pixels[..., 0] = 1.0

    one, two = (mean_of_views(network, pixels, views) for views in (1, 2))

    assert torch.allclose(one, two, atol=1e-4)


def test_a_number_of_views_that_no_tile_has_is_refused():
    with pytest.raises(ValueError, match="1, 2, 4, 8 views, not 3"):
        DetectorSettings(views=3)


def test_absurd_sizes_stay_finite():
    assert torch.isfinite(boxes_of(torch.full((5, 2, 2), 1e9))[2:]).all()


def test_the_description_of_a_photo_has_unit_length_and_tells_photos_apart():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (90, 160, 3)).astype(np.uint8)
    plain = np.full((90, 160, 3), 120, dtype=np.uint8)

    assert np.linalg.norm(describe(noise)) == pytest.approx(1.0, abs=1e-5)
    assert describe(noise) @ describe(plain) < 0.95
    assert describe(noise) @ describe(noise) == pytest.approx(1.0, abs=1e-5)


def test_tensors_of_another_width_are_refused():
    tensors = Detector.untrained(V, DetectorSettings(width=16), 0).trained_tensors()

    with pytest.raises(ValueError, match="fit no such detector"):
        Detector.from_tensors(V, DetectorSettings(width=24), tensors)


def test_a_backbone_loads_from_a_file_and_says_when_the_file_is_wrong(tmp_path):
    original = shared_backbone()
    theirs = timm.create_model(LITE0, pretrained=False)
    theirs.load_state_dict(_lite0_tensors())
    save_file({k: v.contiguous() for k, v in theirs.state_dict().items()}, tmp_path / "lite0.safetensors")
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")

    copied = load_backbone(LITE0, tmp_path / "lite0.safetensors")

    pixels = torch.zeros(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(copied(pixels), original(pixels), strict=True))
    with pytest.raises(MissingWeights, match="another network"):
        load_backbone(LITE0, tmp_path / "other.safetensors")
    with pytest.raises(MissingWeights, match="cannot be loaded"):
        load_backbone(LITE0, tmp_path / "absent.safetensors")


def test_a_detector_on_weights_from_a_file_is_stored_with_them(tmp_path):
    theirs = timm.create_model(LITE0, pretrained=False)
    save_file({k: v.contiguous() for k, v in theirs.state_dict().items()}, tmp_path / "other.safetensors")
    settings = DetectorSettings(width=8, weights=str(tmp_path / "other.safetensors"))
    trained = Detector.untrained(V, settings, 0)
    tensors = trained.trained_tensors()
    (tmp_path / "other.safetensors").unlink()

    loaded = Detector.from_tensors(V, settings, tensors)

    pixels = torch.zeros(1, 3, 64, 64)
    assert torch.equal(loaded(pixels), trained.eval()(pixels))
    assert not torch.equal(loaded.backbone(pixels)[0], shared_backbone()(pixels)[0])


def test_folding_the_norms_into_the_convolutions_changes_nothing_that_the_backbone_says():
    plain = timm.create_model(LITE0, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4)).eval()
    plain.load_state_dict(_lite0_tensors(), strict=False)
    pixels = to_pixels(np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3)).astype(np.uint8))

    with torch.inference_mode():
        ours, theirs = shared_backbone()(pixels), plain(pixels)

    assert not any(isinstance(part, nn.BatchNorm2d) for part in shared_backbone().modules())
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_a_network_whose_norms_stand_before_its_convolutions_is_not_folded_wrongly():
    class Before(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
            self.norm.running_mean += 1.0

        def forward(self, pixels):
            return [self.conv(self.norm(pixels))]

    network = Before()

    assert _without_norms(network) is network


def test_the_backbone_never_learns_batch_statistics():
    assert not shared_backbone().train().training
    assert not any(module.training for module in shared_backbone().modules())


def test_a_file_that_is_no_network_is_refused_as_starter(tmp_path):
    (tmp_path / "cat.onnx").write_bytes(b"meow")

    with pytest.raises(UnusableNetwork, match=r"cat\.onnx"):
        OnnxDetector.open(tmp_path / "cat.onnx")


def test_a_detector_that_fits_photos_sees_the_same_in_a_photo_of_twice_the_size() -> None:
    settings = DetectorSettings(fit=96, threshold=0.001)
    detector = Detector.untrained(ModelVersion("fit"), settings, seed=0)
    small = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)
    large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)

    boxes, scores = detector.detect(small)
    doubled, same = detector.detect(large)

    assert len(scores) > 0
    np.testing.assert_allclose(same, scores, atol=1e-6)
    np.testing.assert_allclose(doubled, 2 * boxes, atol=1e-3)


class LikeMegaDetector(nn.Module):
    """Answers as MegaDetector 5 does, three boxes a cell on four grids: an animal where it is reddest, and a person."""

    def forward(self, pixels):
        red = pixels[0, 0] - pixels[0, 2]
        place = red.reshape(-1).argmax()
        x, y = (place % 128).float(), torch.div(place, 128, rounding_mode="floor").float()
        answer = torch.zeros(1, 3 * (16**2 + 8**2 + 4**2 + 2**2), 8)
        animal = torch.stack([x, y, x * 0 + 20, x * 0 + 10, pixels.max(), x * 0 + 0.9, x * 0, x * 0])
        person = torch.tensor([30.0, 30.0, 9.0, 9.0, 1.0, 0.0, 0.8, 0.0])
        return torch.cat([torch.stack([animal, person])[None], answer[:, 2:]], dim=1)


def test_megadetector_is_a_starter_whose_persons_and_vehicles_are_no_animals(tmp_path):
    file = tmp_path / "md_v5.onnx"
    torch.onnx.export(LikeMegaDetector(), torch.zeros(1, 3, 128, 128), str(file), dynamo=False, opset_version=17)
    image = np.zeros((256, 256, 3), dtype=np.uint8)
    image[100, 60] = (255, 0, 0)
    image[101, 60] = image[100, 61] = image[101, 61] = (255, 0, 0)

    boxes, scores = OnnxDetector.open(file).detect(image)

    assert scores == pytest.approx([0.9], abs=0.01)
    assert boxes[0] == pytest.approx([60 - 20, 100 - 10, 60 + 20, 100 + 10], abs=3)
