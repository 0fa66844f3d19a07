"""Runs trained networks by ONNX Runtime, about twice as fast as torch on a CPU, and checked against it."""

import logging
import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from haulout_models.backbone import Description, describe, glance, shared_backbone
from haulout_models.decoding import Decoded, Size, UnreadablePhoto, decode, in_order
from haulout_models.detector import BoxDetector, Detector, DetectorSettings, best_first, hills
from haulout_models.exporting import PIXELS, TOLERANCE, UnfaithfulCopy, compare, onnx_session, probe
from haulout_models.search import search
from haulout_models.tiling import Found
from labeling_configs.vocabulary import ModelVersion

log = logging.getLogger(__name__)

_ANY = 1e-3
"""Nobody is told of fainter pixels; in the faintest, all equal to a processor, rounding alone makes hills."""

Describer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@runtime_checkable
class ScaledDetector(Protocol):
    """A detector that looks at photos at a known scale, so that they need not be decoded in full."""

    version: ModelVersion

    def seen_size(self, size: Size) -> Size:
        """Return width and height at which it looks at a photo of this width and height."""

    def detect(self, image: NDArray[np.uint8], threshold: float | None = None, size: Size | None = None) -> Found:
        """Return boxes in pixels of a photo of this size, which the image shows, perhaps at reduced scale."""


@dataclass(frozen=True)
class FastDetector:
    """A trained detector as ONNX Runtime runs it; may be asked by several threads at once."""

    version: ModelVersion
    settings: DetectorSettings
    session: onnxruntime.InferenceSession

    @classmethod
    def of(cls, detector: Detector, threads: int = 1) -> "FastDetector":
        """Export a detector; UnfaithfulCopy when its answers to a probe differ by more than TOLERANCE."""
        network = _Finding(detector).eval()
        session = onnx_session(network, ("threshold",), ("raw", "number", "boxes", "scores"), threads)
        _check_finding(detector, session)
        return cls(detector.version, detector.settings, session)

    def seen_size(self, size: Size) -> Size:
        """Return width and height at which it looks at a photo of this width and height."""
        return self.settings.seen_size(size)

    def detect(self, image: NDArray[np.uint8], threshold: float | None = None, size: Size | None = None) -> Found:
        """Find the animals as `Detector.detect` does."""
        return search(self.settings, self._look, image, threshold, size)

    def _look(self, tiles: NDArray[np.uint8], threshold: float) -> list[Found]:
        given = {"images": tiles, "threshold": np.array(threshold, dtype=np.float32)}
        number, boxes, scores = self.session.run(("number", "boxes", "scores"), given)
        return [best_first(boxes[number == tile], scores[number == tile]) for tile in range(len(tiles))]


def fast(detector: Detector, threads: int = 1) -> Detector | FastDetector:
    """Return the detector as ONNX Runtime runs it, or, with a warning, as it is where that would change its answers."""
    try:
        return FastDetector.of(detector, threads)
    except UnfaithfulCopy as error:
        log.warning("%s is run by torch, half as fast: %s", detector.version, error)
        return detector


def fast_describer(threads: int = 1) -> Describer:
    """Return `describe` as ONNX Runtime runs it, or, with a warning, as it is where that would change its answers."""
    try:
        session = onnx_session(_Describing(Description(shared_backbone())).eval(), (), ("description",), threads)

        def described(image: NDArray[np.uint8]) -> NDArray[np.float32]:
            seen: NDArray[np.float32] = session.run(None, {"images": glance(image)[None]})[0][0]
            return seen

        picture = probe()[0]
        compare("description", described(picture), describe(picture))
    except UnfaithfulCopy as error:
        log.warning("photos are described by torch, half as fast: %s", error)
        return describe
    return described


def find(detector: BoxDetector | ScaledDetector, photo: Decoded) -> Found:
    """Return the boxes in pixels of the photo as displayed; the photo must be decoded at no less than it is seen at."""
    if isinstance(detector, ScaledDetector):
        return detector.detect(photo.image, size=photo.size)
    return detector.detect(photo.image)


def share_found(detector: BoxDetector | ScaledDetector) -> float:
    """Return which share of the animals a detector's probabilities add up to; 1 where nobody has measured it."""
    return detector.settings.found if isinstance(detector, Detector | FastDetector) else 1.0


def seen_by(detector: BoxDetector | ScaledDetector) -> Callable[[Size], Size]:
    """Return what tells the size at which the detector needs a photo of some size: that size, if it does not know."""
    return detector.seen_size if isinstance(detector, ScaledDetector) else lambda size: size


def detect_files(
    detector: BoxDetector | ScaledDetector, paths: Iterable[Path], workers: int | None = None
) -> Generator[tuple[Path, Found | UnreadablePhoto], None, None]:
    """Yield the boxes found in each photo, or why it is unreadable, in order; each worker decodes and looks in turn."""
    wanted = seen_by(detector)
    return in_order(paths, lambda path: find(detector, decode(path, wanted)), workers or workers_for(detector))


def workers_for(detector: BoxDetector | ScaledDetector) -> int:
    """Return how many photos to look at side by side: one for each core, or one where torch brings its own threads."""
    return 1 if isinstance(detector, Detector) else os.cpu_count() or 1


class _Finding(nn.Module):
    """From bytes to boxes, so that nothing but the search over tiles is left to Python."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
        raw = self.detector.look(_pixels(images))
        return raw, *hills(raw, threshold)


class _Describing(nn.Module):
    def __init__(self, description: Description) -> None:
        super().__init__()
        self.description = description

    def forward(self, images: Tensor) -> Tensor:
        described: Tensor = self.description(_pixels(images))
        return described


def _pixels(images: Tensor) -> Tensor:
    """As `to_pixels`, in words that the exporter understands."""
    return (images.to(torch.float32) / 127.5 - 1.0).permute(0, 3, 1, 2)


def _check_finding(detector: Detector, session: onnxruntime.InferenceSession) -> None:
    """Compare the raw output with torch's, and what is read off it with what torch reads off the same."""
    images = probe()
    with torch.inference_mode():
        seen = detector.look(_pixels(torch.from_numpy(images)))
        least = _between(hills(seen, _ANY)[2])
        raw, *read = session.run(None, {"images": images, "threshold": np.array(least, dtype=np.float32)})
        compare("raw output", raw, seen.numpy(), TOLERANCE * detector.settings.views)
        wanted = hills(torch.from_numpy(raw), least)
    for name, ours, theirs in zip(("number", "boxes", "scores"), read, wanted, strict=True):
        compare(name, ours, theirs.numpy(), PIXELS if name == "boxes" else TOLERANCE)


def _between(scores: Tensor) -> float:
    """Return a threshold that half of the scores or more are above, and none is near: rounding must not decide."""
    ranked = np.sort(np.append(scores.numpy(), [_ANY, 1.0]).astype(np.float64))
    lower = ranked[: len(ranked) // 2 + 1]
    widest = int(np.argmax(np.diff(np.log(lower))))
    return float(np.sqrt(lower[widest] * lower[widest + 1]))
