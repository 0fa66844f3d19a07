"""A starter detector from a file: any YOLOX-style ONNX network, all its classes taken as "animal"."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from haulout_models.tiling import Found, machine_tiles, merge, suppress
from labeling_configs.vocabulary import ModelVersion

_STRIDES = (8, 16, 32)
_BORDER = 114


class UnusableNetwork(ValueError):
    """The file is missing, is no ONNX network, or does not answer as YOLOX does."""


@dataclass(frozen=True)
class OnnxDetector:
    """Input (1, 3, h, w) BGR in 0..255; output (1, cells, 5 + classes): offset, log size, objectness, class chances."""

    version: ModelVersion
    session: onnxruntime.InferenceSession
    side: tuple[int, int]
    """Height and width of the network's input."""
    threshold: float = 0.1
    overlap_allowed: float = 0.55
    tile: int | None = None
    """Side in photo pixels of the tiles it looks at one by one; None shrinks the whole photo to its input."""

    @classmethod
    def open(cls, file: Path, tile: int | None = None, threads: int = 0) -> "OnnxDetector":
        """Load a network; its version is the file's name and the beginning of its SHA-256; 0 threads are all cores."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            content = file.read_bytes()
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise UnusableNetwork(f"{file} cannot be used as starter detector: {error}") from error
        shape = session.get_inputs()[0].shape
        if len(shape) != 4 or shape[1] != 3 or not all(isinstance(side, int) for side in shape[2:]):
            raise UnusableNetwork(f"{file} wants input {shape}; export it with a fixed input (1, 3, height, width)")
        version = ModelVersion(f"{file.stem}-{hashlib.sha256(content).hexdigest()[:8]}")
        return cls(version, session, (shape[2], shape[3]), tile=tile)

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height at which it looks at a photo of this width and height."""
        shrink = 1.0 if self.tile else min(self.side[1] / size[0], self.side[0] / size[1], 1.0)
        return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))

    def detect(
        self, image: NDArray[np.uint8], threshold: float | None = None, size: tuple[int, int] | None = None
    ) -> Found:
        """Find what the network takes for any object in an RGB image (h, w, 3); boxes are in pixels of this size."""
        least = self.threshold if threshold is None else threshold
        height, width = image.shape[:2]
        side = self.tile or max(height, width)
        parts = []
        for tile in machine_tiles(width, height, side, side // 5 if self.tile else 0):
            shown = tile.shown
            boxes, scores = self._look(image[shown.y1 : shown.y2, shown.x1 : shown.x2], least)
            parts.append((tile, (boxes + np.array([shown.x1, shown.y1] * 2), scores)))
        boxes, scores = merge(parts, self.overlap_allowed)
        across, down = size or (width, height)
        return np.clip(boxes * ([across / width, down / height] * 2), 0.0, [across, down] * 2), scores

    def _look(self, image: NDArray[np.uint8], threshold: float) -> Found:
        shrink = min(self.side[0] / image.shape[0], self.side[1] / image.shape[1])
        answer = self.session.run(None, {self.session.get_inputs()[0].name: self._letterbox(image, shrink)})[0][0]
        cells = _cells(self.side)
        if answer.ndim != 2 or len(answer) != len(cells) or answer.shape[1] < 6:
            raise UnusableNetwork(
                f"{self.version} answers {answer.shape}, YOLOX would answer ({len(cells)}, 5 + classes)"
            )
        scores = (answer[:, 4] * answer[:, 5:].max(axis=1)).astype(np.float64)
        likely = np.isfinite(answer[:, :4]).all(axis=1) & (scores >= threshold)
        return suppress((_decode(answer[likely], cells[likely]) / shrink, scores[likely]), self.overlap_allowed)

    def _letterbox(self, image: NDArray[np.uint8], shrink: float) -> NDArray[np.float32]:
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        how = cv2.INTER_AREA if shrink < 1 else cv2.INTER_LINEAR
        canvas = np.full((*self.side, 3), _BORDER, dtype=np.float32)
        canvas[:height, :width] = cv2.resize(image, (width, height), interpolation=how)
        blue_first: NDArray[np.float32] = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[None])
        return blue_first


def _cells(side: tuple[int, int]) -> NDArray[np.float64]:
    """Column, row and stride of each of the network's answers, finest grid first."""
    grids = []
    for stride in _STRIDES:
        rows, columns = np.mgrid[: side[0] // stride, : side[1] // stride]
        grids.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    cells: NDArray[np.float64] = np.concatenate(grids).astype(np.float64)
    return cells


def _decode(answer: NDArray[np.float32], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = (answer[:, :2] + cells[:, :2]) * cells[:, 2:]
    half = np.exp(np.minimum(answer[:, 2:4], 10.0)) * cells[:, 2:] / 2
    boxes: NDArray[np.float64] = np.concatenate([centre - half, centre + half], axis=1)
    return boxes
