"""A starter detector from a file: an ONNX network that answers as YOLOX or, like MegaDetector 5, as YOLOv5 does."""

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
_ANCHORS = 3
"""Boxes that YOLOv5 gives in each cell."""
_MEGADETECTOR_CLASSES = 3
"""Animal, person and vehicle: only the first is taken. Of any other network all classes are."""
_BORDER = 114


class UnusableNetwork(ValueError):
    """The file is missing, is no ONNX network, or does not answer as YOLOX or YOLOv5 does."""


@dataclass(frozen=True)
class OnnxDetector:
    """A network of fixed input (1, 3, h, w) and output (1, boxes, 5 + classes): place, objectness, class chances.

    YOLOX sees BGR in 0..255 and gives each cell's offset and log size; YOLOv5 sees RGB in 0..1 and gives, three times a
    cell, centre and size in pixels.
    """

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
        letter = self._letterbox(image, shrink)
        cells, many = _cells(self.side, _STRIDES), self._like_yolov5()
        answer = self._ask(letter[:, ::-1] / np.float32(255) if many else letter)
        if answer.ndim != 2 or len(answer) != (many or len(cells)) or answer.shape[1] < 6:
            raise UnusableNetwork(
                f"{self.version} answers {answer.shape}; YOLOX would answer ({len(cells)}, 5 + classes), YOLOv5 three "
                "times as many: export the network again, without its own suppression of doubles"
            )
        chances = answer[:, 5:6] if many and answer.shape[1] == 5 + _MEGADETECTOR_CLASSES else answer[:, 5:]
        scores = (answer[:, 4] * chances.max(axis=1)).astype(np.float64)
        likely = np.isfinite(answer[:, :4]).all(axis=1) & (scores >= threshold)
        boxes = _corners(answer[likely]) if many else _decode(answer[likely], cells[likely])
        return suppress((boxes / shrink, scores[likely]), self.overlap_allowed)

    def _ask(self, letter: NDArray[np.float32]) -> NDArray[np.float32]:
        name = self.session.get_inputs()[0].name
        answer: NDArray[np.float32] = self.session.run(None, {name: np.ascontiguousarray(letter)})[0][0]
        return answer

    def _like_yolov5(self) -> int | None:
        """Return how many boxes it gives if they are three a cell, on three or, as MegaDetector's, on four grids."""
        boxes = self.session.get_outputs()[0].shape[1]
        grids = (_STRIDES, (*_STRIDES, 2 * _STRIDES[-1]))
        known = [_ANCHORS * len(_cells(self.side, strides)) for strides in grids]
        return int(boxes) if boxes in known else None

    def _letterbox(self, image: NDArray[np.uint8], shrink: float) -> NDArray[np.float32]:
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        how = cv2.INTER_AREA if shrink < 1 else cv2.INTER_LINEAR
        canvas = np.full((*self.side, 3), _BORDER, dtype=np.float32)
        canvas[:height, :width] = cv2.resize(image, (width, height), interpolation=how)
        blue_first: NDArray[np.float32] = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[None])
        return blue_first


def _cells(side: tuple[int, int], strides: tuple[int, ...]) -> NDArray[np.float64]:
    """Column, row and stride of each of the network's answers, finest grid first."""
    grids = []
    for stride in strides:
        rows, columns = np.mgrid[: side[0] // stride, : side[1] // stride]
        grids.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)], axis=1))
    cells: NDArray[np.float64] = np.concatenate(grids).astype(np.float64)
    return cells


def _decode(answer: NDArray[np.float32], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = (answer[:, :2] + cells[:, :2]) * cells[:, 2:]
    half = np.exp(np.minimum(answer[:, 2:4], 10.0)) * cells[:, 2:] / 2
    boxes: NDArray[np.float64] = np.concatenate([centre - half, centre + half], axis=1)
    return boxes


def _corners(answer: NDArray[np.float32]) -> NDArray[np.float64]:
    half = answer[:, 2:4] / 2
    boxes: NDArray[np.float64] = np.concatenate([answer[:, :2] - half, answer[:, :2] + half], axis=1).astype(np.float64)
    return boxes
