"""Says which crops are worth an expert's look: how big, how sharp, and from which side the animal is seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from haulout_models.backbone import to_pixels
from haulout_models.crops import Crop, checked, mirrored, squeezed
from haulout_models.embedder import Reidentifier
from labeling_configs.vocabulary import Side

LEAST_OF_A_VIEW = 20
"""Crops of a view that experts named, below which it is not learned."""
_LOOKED_AT = 96
"""Pixels of the longer side at which sharpness is measured, so that it does not hang on the camera."""
_SIXTHS = (2, 3)
_OTHER_FLANK = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}


@dataclass(frozen=True)
class QualitySettings:
    """What is sent to experts at all."""

    least_pixels: int = 64
    """Of the longer side: zebras scaled down to it are still found nine times in ten by their marks, not below."""
    least_sharpness: float = 0.02
    """Zebras blurred over 4 of 320 pixels have more, over 8 less; what that costs was not measured."""
    sure: float = 0.8
    """Probability below which a view is called unclear."""


@dataclass(frozen=True)
class Quality:
    """What can be said of a crop before anybody has looked."""

    pixels: int
    """Of the longer side, as the photo has them."""
    sharpness: float
    """Share of the crop's contrast that is fine detail, whatever the light."""

    def enough(self, settings: QualitySettings) -> bool:
        """Whether an expert could recognise the animal by its marks."""
        return self.pixels >= settings.least_pixels and self.sharpness >= settings.least_sharpness


def measure_quality(crop: Crop) -> Quality:
    """Measure size and sharpness; an even grey surface has no sharpness."""
    grey = cv2.cvtColor(checked(crop), cv2.COLOR_RGB2GRAY)
    longest = max(grey.shape)
    scale = _LOOKED_AT / longest
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    detail = cv2.Laplacian(cv2.GaussianBlur(grey, (3, 3), 0), cv2.CV_64F)
    contrast, fine = (float(np.asarray(part, dtype=np.float64).var()) for part in (grey, detail))
    return Quality(longest, fine / contrast if contrast > 1.0 else 0.0)


@dataclass(frozen=True)
class ViewHead:
    """A linear map from view features to what experts said of a crop: its side, or whether its face is seen."""

    views: tuple[str, ...]
    weight: NDArray[np.float64]
    start: NDArray[np.float64]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "ViewHead":
        """Read what `stored` returned, from a model card."""
        return cls(tuple(stored["views"]), np.array(stored["weight"]), np.array(stored["start"]), stored["counts"])

    def stored(self) -> dict[str, Any]:
        """Return plain values for a model card."""
        return asdict(self) | {"weight": self.weight.tolist(), "start": self.start.tolist()}

    def chances(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the probability of each view, (n, views)."""
        odds = features @ self.weight.T + self.start
        raised = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@torch.inference_mode()
def view_features(network: Reidentifier, crops: Sequence[Crop]) -> NDArray[np.float32]:
    """Return what the deepest map sees in each sixth of a crop, (n, f): where the head is, not only that it is."""
    side, parts = network.settings.side, []
    for crop in crops:
        deepest = network.backbone(to_pixels(squeezed(crop, side, side))[None])[-1]
        parts.append(functional.normalize(functional.adaptive_avg_pool2d(deepest, _SIXTHS).flatten(1), dim=1)[0])
    return torch.stack(parts).numpy() if parts else np.zeros((0, 0), np.float32)


def fit_views(features: NDArray[np.floating[Any]], views: Sequence[str]) -> ViewHead | None:
    """Learn what experts see from view features (n, f); None until two views have been named often enough."""
    counts = {view: count for view, count in sorted(Counter(views).items()) if count >= LEAST_OF_A_VIEW}
    if len(counts) < 2:
        return None
    rows = [row for row, view in enumerate(views) if view in counts]
    model = LogisticRegression(C=100.0, max_iter=2000, class_weight="balanced")
    model.fit(features[rows], [views[row] for row in rows])
    weight, start = model.coef_, model.intercept_
    if len(counts) == 2:  # of two views only the second has weights
        weight, start = np.vstack([-weight, weight]) / 2, np.concatenate([-start, start]) / 2
    return ViewHead(tuple(str(view) for view in model.classes_), weight, start, counts)


def fit_sides(network: Reidentifier, crops: Sequence[Crop], sides: Sequence[Side]) -> ViewHead | None:
    """Learn sides from experts' labels; a mirrored left flank looks like a right one, so each label counts for both.

    The network must be the frozen one, whose features no later training changes.
    """
    clear = [row for row, side in enumerate(sides) if side is not Side.UNCLEAR]
    shown = [crops[row] for row in clear]
    named = [sides[row] for row in clear]
    turned = [_OTHER_FLANK.get(side, side) for side in named]
    features = view_features(network, [*shown, *(mirrored(crop) for crop in shown)])
    return fit_views(features, [side.value for side in [*named, *turned]])


def sides_of(
    head: ViewHead | None, network: Reidentifier, crops: Sequence[Crop], settings: QualitySettings
) -> list[Side]:
    """Name the side of each crop: unclear while nothing is learned, or where the head is not sure."""
    if head is None or not crops:
        return [Side.UNCLEAR] * len(crops)
    chances = head.chances(view_features(network, crops))
    best = chances.argmax(axis=1)
    sure = chances.max(axis=1) >= settings.sure
    return [Side(head.views[view]) if certain else Side.UNCLEAR for view, certain in zip(best, sure, strict=True)]
