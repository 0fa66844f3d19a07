"""Finds animals: a heatmap of their centres on a frozen backbone (Zhou et al. 2019, "Objects as Points")."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from haulout_models.backbone import LITE0, STRIDES, Backbone, describe, load_backbone, shared_backbone, to_pixels
from haulout_models.calibration import Calibration
from haulout_models.tiling import Found, MachineTile, machine_tiles, merge, suppress
from labeling_configs.vocabulary import Boxes, ModelVersion

STRIDE = STRIDES[0]
_USUAL_SIZE = 48.0
"""Pixels of the network's input; sizes are learned relative to it."""


class BoxDetector(Protocol):
    """Whatever draws boxes: our own network, the built-in starter, a file from elsewhere."""

    @property
    def version(self) -> ModelVersion:
        """Name of the network, as stored with every box it draws."""

    def detect(self, image: NDArray[np.uint8]) -> Found:
        """Return the boxes in pixels of the RGB image (h, w, 3), shape (n, 4), and their scores, best first."""


@dataclass(frozen=True)
class DetectorSettings:
    """All that is needed, besides its tensors, to build a detector again; lengths in pixels of the network's input."""

    backbone: str = LITE0
    width: int = 64
    scale: float = 1.0
    """Pixels of the network's input per pixel of the photo; animals should come out 30 to 80 px long."""
    fit: int | None = None
    """Where given, every photo is scaled so that its longer side has so many pixels: for photos of any camera."""
    tile: int = 640
    overlap: int = 128
    overlap_allowed: float = 0.55
    """Two boxes of greater intersection over union are one animal; walruses in heaps do reach a half."""
    threshold: float = 0.1
    """Boxes that are less probable than this are not told."""
    calibration: Calibration = field(default_factory=Calibration)
    """Turns the network's scores into the probabilities that `detect` returns."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "DetectorSettings":
        """Read the settings from a model card, which may hold others too."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**known | {"calibration": Calibration.of(stored.get("calibration", {}))})


class Detector(nn.Module):
    """One class, "animal": the exams and the loop never ask for more."""

    def __init__(self, version: ModelVersion, settings: DetectorSettings, backbone: Backbone) -> None:
        super().__init__()
        self.version = version
        self.settings = settings
        self.backbone = backbone
        self.head = Head(backbone.channels, settings.width)
        self.head.to(memory_format=torch.channels_last)

    @classmethod
    def untrained(cls, version: ModelVersion, settings: DetectorSettings, seed: int) -> "Detector":
        """Build a detector with a new head, for training; the backbone is its own copy."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(version, settings, load_backbone(settings.backbone))

    @classmethod
    def from_tensors(
        cls, version: ModelVersion, settings: DetectorSettings, tensors: Mapping[str, Tensor]
    ) -> "Detector":
        """Build a detector from stored tensors, taking from the installed backbone what they do not hold."""
        tuned = any(name.startswith("backbone.") for name in tensors)
        backbone = load_backbone(settings.backbone) if tuned else shared_backbone(settings.backbone)
        detector = cls(version, settings, backbone)
        try:
            missing, unknown = detector.load_state_dict(tensors, strict=False)
        except RuntimeError as error:
            raise ValueError(f"the tensors of {version} fit no such detector, wrong card or file? {error}") from error
        if unknown or any(name.startswith("head.") for name in missing):
            raise ValueError(f"the tensors of {version} fit no detector of width {settings.width}: wrong card or file?")
        return detector.eval()

    def forward(self, pixels: Tensor) -> Tensor:
        """Map RGB in [-1, 1], (n, 3, h, w), to (n, 5, h / 4, w / 4): heat logit, offset x, y, log width, log height."""
        raw: Tensor = self.head(self.backbone(pixels))
        return raw

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return what training changed: the head, and those parts of the backbone that were let go."""
        free = {f"backbone.{name}" for name, weight in self.backbone.named_parameters() if weight.requires_grad}
        return {
            name: tensor.detach().clone().contiguous()
            for name, tensor in self.state_dict().items()
            if name.startswith("head.") or name in free
        }

    def stored_settings(self) -> dict[str, object]:
        """Return the settings as a model card stores them."""
        return asdict(self.settings)

    def detect(self, image: NDArray[np.uint8], threshold: float | None = None) -> Found:
        """Find the animals in an RGB image (h, w, 3) of any size, however many there are."""
        curve = self.settings.calibration
        least = curve.inverse(self.settings.threshold if threshold is None else threshold)
        fit = self.settings.fit
        scaled = _resize(image, self.settings.scale if fit is None else fit / max(image.shape[:2]))
        tiles = machine_tiles(scaled.shape[1], scaled.shape[0], self.settings.tile, self.settings.overlap)
        parts = [(tile, self._look(scaled, tile, least)) for tile in tiles]
        boxes, scores = merge(parts, self.settings.overlap_allowed)
        return _to_image(boxes, scaled, image), curve(scores)

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the frozen backbone's description of an image, shape (d,); the same for all detectors."""
        return describe(image)

    @torch.inference_mode()
    def _look(self, scaled: NDArray[np.uint8], tile: MachineTile, threshold: float) -> Found:
        shown = tile.shown
        pixels = to_pixels(_pad(scaled[shown.y1 : shown.y2, shown.x1 : shown.x2]))
        self.eval()
        boxes, scores = peaks(self(pixels[None])[0], threshold)
        near = suppress((boxes, scores), self.settings.overlap_allowed)
        return near[0] + np.array([shown.x1, shown.y1, shown.x1, shown.y1]), near[1]


class Head(nn.Module):
    """A feature pyramid of depthwise convolutions, read out at stride 4."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in channels)
        self.blends = nn.ModuleList(_Depthwise(width) for _ in channels)
        self.context = _Depthwise(width)
        self.tower = nn.Sequential(_Depthwise(width), _Depthwise(width))
        self.out = nn.Conv2d(width, 5, 1)
        nn.init.zeros_(self.out.weight[1:])
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.out.bias[:1], -4.0)  # type: ignore[index]  # a centre is rare: start from few

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Blend the maps from the deepest to the finest."""
        flat = [norm(lateral(level)) for norm, lateral, level in zip(self.norms, self.laterals, maps, strict=True)]
        blended = self.context(functional.relu(flat[-1]))
        for level, blend in list(zip(flat, self.blends, strict=True))[::-1]:
            if level.shape != blended.shape:
                blended = functional.interpolate(blended, size=level.shape[-2:], mode="nearest")
            blended = blend(functional.relu(level + blended))
        raw: Tensor = self.out(self.tower(blended))
        return raw


class _Depthwise(nn.Module):
    """A 5x5 depthwise and a 1x1 convolution around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, blended: Tensor) -> Tensor:
        """Keep the shape."""
        added: Tensor = blended + self.body(blended)
        return added


def boxes_of(raw: Tensor) -> Tensor:
    """Decode (..., 5, h, w) into boxes x1, y1, x2, y2 of the network's input, shape (..., 4, h, w)."""
    height, width = raw.shape[-2:]
    y = (torch.arange(height, device=raw.device) + 0.5)[:, None] * STRIDE
    x = (torch.arange(width, device=raw.device) + 0.5)[None, :] * STRIDE
    centre_x = x + raw[..., 1, :, :] * STRIDE
    centre_y = y + raw[..., 2, :, :] * STRIDE
    half = raw[..., 3:5, :, :].clamp(-4, 4).exp() * (_USUAL_SIZE / 2)
    half_x, half_y = half[..., 0, :, :], half[..., 1, :, :]
    return torch.stack([centre_x - half_x, centre_y - half_y, centre_x + half_x, centre_y + half_y], dim=-3)


def peaks(raw: Tensor, threshold: float) -> Found:
    """Read the boxes off one image's output (5, h, w): one for each pixel hotter than its eight neighbours."""
    heat = raw[0].sigmoid()
    hottest = functional.max_pool2d(heat[None, None], 3, stride=1, padding=1)[0, 0]
    chosen = (heat == hottest) & (heat >= threshold)
    scores = heat[chosen].double().numpy()
    boxes: Boxes = boxes_of(raw)[:, chosen].T.double().numpy()
    best = np.argsort(-scores, kind="stable")
    return boxes[best], scores[best]


def _resize(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"an image must be RGB bytes (h, w, 3); got {image.dtype} of shape {image.shape}")
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    if size == image.shape[1::-1]:
        return image
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)


def _pad(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill up to multiples of 32 with mid grey, which is the backbone's zero."""
    bottom, right = (-side % STRIDES[-1] for side in image.shape[:2])
    return np.pad(image, ((0, bottom), (0, right), (0, 0)), constant_values=128)


def _to_image(boxes: Boxes, scaled: NDArray[np.uint8], image: NDArray[np.uint8]) -> Boxes:
    """Bring boxes to pixels of the original and cut off what hangs over its edge."""
    height, width = image.shape[:2]
    factor = np.array([width / scaled.shape[1], height / scaled.shape[0]] * 2)
    limit = np.array([width, height] * 2, dtype=np.float64)
    inside: Boxes = np.clip(boxes * factor, 0.0, limit)
    return inside
