"""Finds animals: a heatmap of their centres on a frozen backbone (Zhou et al. 2019, "Objects as Points")."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from haulout_models.backbone import LITE0, STRIDES, Backbone, load_backbone, new_backbone, to_pixels
from haulout_models.calibration import Calibration
from haulout_models.checkpoints import read_model
from haulout_models.search import search
from haulout_models.tiling import Found
from haulout_models.views import VIEWS, mean_of_views
from labeling_configs.vocabulary import ModelVersion

STRIDE = STRIDES[0]
_AGREEING = 5
"""Pixels of the heatmap around a centre, each way, whose boxes are averaged."""
_FAINT = 1e-6
"""Weight of a pixel without heat: rounding must not decide whom a box is averaged with."""
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
    """EfficientNet-Lite0, which is installed with Haulout, or the name of any timm network."""
    weights: str = ""
    """A safetensors file with that network's weights; empty takes the installed ones, or those that timm fetches."""
    width: int = 64
    scale: float = 1.0
    """Pixels of the network's input per pixel of the photo; animals should come out 30 to 80 px long."""
    fit: int | None = None
    """Where given, every photo is scaled so that its longer side has so many pixels: for photos of any camera."""
    tile: int = 640
    overlap: int = 128
    overlap_allowed: float = 0.55
    """Two boxes of greater intersection over union are one animal; walruses in heaps do reach a half."""
    views: int = 1
    """So many views of each tile, mirrored and turned, are averaged: 1, 2, or for views from above 4 or 8."""
    threshold: float = 0.1
    """Boxes that are less probable than this are not told."""
    calibration: Calibration = field(default_factory=Calibration)
    """Turns the network's scores into the probabilities that `detect` returns."""
    found: float = 1.0
    """What probabilities add up to as a share of the animals, on held-out tiles: the others get no box."""

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height at which the network looks at a photo of this width and height."""
        scale = self.scale if self.fit is None else self.fit / max(size)
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def uncalibrated(self) -> "DetectorSettings":
        """Return the settings of a detector whose scores nobody has compared with the truth."""
        return replace(self, calibration=Calibration(), found=1.0)

    def __post_init__(self) -> None:
        if self.views not in VIEWS:
            raise ValueError(f"a tile has {', '.join(map(str, VIEWS))} views, not {self.views}")

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
        self.tuned: frozenset[str] = frozenset()
        """Names of the backbone's tensors that are no longer as they were installed."""
        self.head = Head(backbone.channels, settings.width)
        self.head.to(memory_format=torch.channels_last)

    @classmethod
    def untrained(cls, version: ModelVersion, settings: DetectorSettings, seed: int) -> "Detector":
        """Build a detector with a new head, for training; the backbone is its own copy."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            weights = Path(settings.weights) if settings.weights else None
            detector = cls(version, settings, load_backbone(settings.backbone, weights))
        if weights or settings.backbone != LITE0:  # who loads it later may have neither the file nor internet
            detector.tuned = frozenset(f"backbone.{name}" for name in detector.backbone.state_dict())
        return detector

    @classmethod
    def from_tensors(
        cls, version: ModelVersion, settings: DetectorSettings, tensors: Mapping[str, Tensor]
    ) -> "Detector":
        """Build a detector from stored tensors, taking from the installed backbone what they do not hold."""
        tuned = frozenset(name for name in tensors if name.startswith("backbone."))
        backbone = new_backbone(settings.backbone, tuned)
        detector = cls(version, settings, backbone)
        detector.tuned = tuned
        try:
            missing, unknown = detector.load_state_dict(tensors, strict=False)
        except RuntimeError as error:
            raise ValueError(f"the tensors of {version} fit no such detector, wrong card or file? {error}") from error
        if unknown or any(name.startswith("head.") for name in missing):
            raise ValueError(f"the tensors of {version} fit no detector of width {settings.width}: wrong card or file?")
        return detector.eval()

    @classmethod
    def stored(cls, folder: Path) -> "Detector":
        """Build the detector that `write_model` put into a folder, once its checksum is verified."""
        card, tensors = read_model(folder)
        return cls.from_tensors(card.version, DetectorSettings.of(card.settings), tensors)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map RGB in [-1, 1], (n, 3, h, w), to (n, 5, h / 4, w / 4): heat logit, offset x, y, log width, log height."""
        raw: Tensor = self.head(self.backbone(pixels))
        return raw

    def look(self, pixels: Tensor) -> Tensor:
        """Map pixels as `forward` does, averaged over the views that the settings want."""
        return mean_of_views(self, pixels, self.settings.views)

    def set_free(self, stages: int) -> list[nn.Parameter]:
        """Let the backbone's last stages be trained too, and return their weights."""
        parts = self.backbone.stages()
        free = [weight for stage in parts[max(0, len(parts) - stages) :] for weight in stage.parameters()]
        for weight in free:
            weight.requires_grad_(True)
        self.tuned |= {f"backbone.{name}" for name, weight in self.backbone.named_parameters() if weight.requires_grad}
        return free

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return what training changed: the head, and those parts of the backbone that were let go."""
        return {
            name: tensor.detach().clone().contiguous()
            for name, tensor in self.state_dict().items()
            if name.startswith("head.") or name in self.tuned
        }

    def stored_settings(self) -> dict[str, object]:
        """Return the settings as a model card stores them."""
        return asdict(self.settings)

    def detect(
        self, image: NDArray[np.uint8], threshold: float | None = None, size: tuple[int, int] | None = None
    ) -> Found:
        """Find the animals in an RGB image (h, w, 3) of any size, however many there are.

        Where the image is a photo decoded at reduced scale, size is the photo's width and height; boxes are in those.
        """
        return search(self.settings, self._look, image, threshold, size)

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height at which it looks at a photo of this width and height."""
        return self.settings.seen_size(size)

    @torch.inference_mode()
    def _look(self, tiles: NDArray[np.uint8], threshold: float) -> list[Found]:
        self.eval()
        device = next(self.parameters()).device
        return [peaks(raw, threshold) for raw in self.look(to_pixels(tiles).to(device)).cpu()]


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


def hills(raw: Tensor, threshold: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the pixels of (n, 5, h, w) hotter than their eight neighbours: image's number (k,), box (k, 4), score (k,).

    Tensors in and out and nothing else, so that it can be exported with the network.
    """
    heat = raw[:, 0].sigmoid()
    hottest = functional.max_pool2d(heat[:, None], 3, stride=1, padding=1)[:, 0]
    chosen = (heat == hottest) & (heat >= threshold)
    return chosen.nonzero()[:, 0], _agreed(boxes_of(raw), heat).permute(0, 2, 3, 1)[chosen], heat[chosen]


def _agreed(boxes: Tensor, heat: Tensor) -> Tensor:
    """Average what neighbouring pixels say of the box, each weighed by the square of its heat: all see one animal."""
    weight = heat[:, None].square() + _FAINT
    total = functional.avg_pool2d(boxes * weight, _AGREEING, stride=1, padding=_AGREEING // 2)
    return total / functional.avg_pool2d(weight, _AGREEING, stride=1, padding=_AGREEING // 2)


def peaks(raw: Tensor, threshold: float) -> Found:
    """Read the boxes off one image's output (5, h, w): one for each pixel hotter than its eight neighbours."""
    _, boxes, scores = hills(raw[None], threshold)
    return best_first(boxes.numpy(), scores.numpy())


def best_first(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> Found:
    """Sort boxes, shape (n, 4), by their scores, shape (n,)."""
    best = np.argsort(-scores, kind="stable")
    return boxes[best].astype(np.float64), scores[best].astype(np.float64)
