"""Labelling played back from ground truth: tiles of a labelled set, and the real detector trained in seconds.

The backbone is frozen, so what it sees in each tile, and in the tile's mirror image, is computed once; each round then
trains a new head on the labels bought so far. Network, targets, loss and peaks are those of `haulout_models`.
"""

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from haulout_models.backbone import LITE0, shared_backbone, to_pixels
from haulout_models.data import Example, LabelledTile
from haulout_models.detector import Detector, DetectorSettings, peaks
from haulout_models.evaluation import average_precision
from haulout_models.targets import loss_of, targets_of
from haulout_models.tiling import Found, suppress
from labeling_configs.vocabulary import Boxes, ModelVersion

WIDTH = 32
"""Channels of the head: half of the usual, which trains in half the time."""
BURST = 60.0
"""Seconds between photos of one burst."""


@dataclass(frozen=True)
class Labelled:
    """One tile of the set with its true boxes; tiles of one `group` never lie on both sides of the split."""

    file: Path
    boxes: Boxes
    group: str
    burst: str
    split: str


def read_set(boxes: Path, images: Path) -> list[Labelled]:
    """Read boxes.csv (file, x1, y1, x2, y2, and where known split and frame) and, beside it, images.csv (taken_at).

    A picture without a row is empty. Without a split, every fourth group (a day, or a frame) is the exam.
    """
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    with boxes.open(newline="") as file:
        for row in csv.DictReader(file):
            rows[row["file"]].append(row)
    times = _times(boxes.with_name("images.csv"))
    bursts = _bursts(times)
    names = sorted(path.name for path in images.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    tiles = [_tile(images / name, rows.get(name, []), times.get(name), bursts.get(name)) for name in names]
    return tiles if any(tile.split for tile in tiles) else _split(tiles)


def _tile(file: Path, rows: Sequence[dict[str, str]], taken: datetime | None, burst: str | None) -> Labelled:
    boxes = np.array([[float(row[side]) for side in ("x1", "y1", "x2", "y2")] for row in rows]).reshape(-1, 4)
    group = rows[0].get("frame") if rows else None
    group = group or (taken.date().isoformat() if taken else file.stem)
    return Labelled(file, boxes, group, burst or file.stem, (rows[0].get("split") or "") if rows else "")


def _times(file: Path) -> dict[str, datetime]:
    if not file.is_file():
        return {}
    with file.open(newline="") as opened:
        return {row["file"]: datetime.fromisoformat(row["taken_at"]) for row in csv.DictReader(opened)}


def _bursts(times: dict[str, datetime]) -> dict[str, str]:
    names, last, burst = {}, None, ""
    for name, taken in sorted(times.items(), key=lambda entry: entry[1]):
        if last is None or (taken - last).total_seconds() > BURST:
            burst = name
        names[name], last = burst, taken
    return names


def _split(tiles: Sequence[Labelled]) -> list[Labelled]:
    groups = sorted({tile.group for tile in tiles})
    exam = set(groups[2::4])
    return [
        Labelled(tile.file, tile.boxes, tile.group, tile.burst, "test" if tile.group in exam else "train")
        for tile in tiles
    ]


@dataclass(frozen=True)
class Seen:
    """What the frozen backbone sees in some tiles of one side length, plain and mirrored, and the tiles' boxes."""

    side: int
    plain: list[list[Tensor]]
    mirrored: list[list[Tensor]]
    boxes: list[Boxes]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def of(cls, tiles: Sequence[Labelled], side: int) -> "Seen":
        """Look at all tiles; bfloat16 halves the memory: about 2 MB a tile of 320 pixels."""
        plain, mirrored, boxes, features = [], [], [], []
        for tile in tiles:
            image = LabelledTile(tile.file, None, tile.boxes, np.ones(len(tile.boxes))).read()
            scale = side / max(image.shape[:2])
            square = np.full((side, side, 3), 128, dtype=np.uint8)
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:side, :side]
            square[: small.shape[0], : small.shape[1]] = small
            plain.append(_look(square))
            mirrored.append(_look(square[:, ::-1]))
            boxes.append(tile.boxes * scale)
            means = [torch.nn.functional.normalize(m.float().mean(dim=(1, 2)), dim=0) for m in plain[-1][-2:]]
            features.append((torch.cat(means) / math.sqrt(2)).numpy())
        return cls(side, plain, mirrored, boxes, np.stack(features))

    def example(self, index: int, mirror: bool) -> tuple[list[Tensor], Example]:
        """Return a tile's maps and its boxes as training wants them."""
        boxes = self.boxes[index]
        if mirror:
            boxes = np.stack([self.side - boxes[:, 2], boxes[:, 1], self.side - boxes[:, 0], boxes[:, 3]], axis=1)
        blank = np.zeros((self.side, self.side, 3), dtype=np.uint8)
        return (self.mirrored if mirror else self.plain)[index], Example(blank, boxes, np.ones(len(boxes)))


@torch.inference_mode()
def _look(image: NDArray[np.uint8]) -> list[Tensor]:
    return [level[0].to(torch.bfloat16) for level in shared_backbone(LITE0)(to_pixels(image)[None])]


def train(seen: Seen, labelled: Sequence[int], steps: int, seed: int, batch: int = 4, rate: float = 1e-2) -> Detector:
    """Train a new head on the tiles labelled so far; every tile comes once an epoch, mirrored half of the time."""
    detector = Detector.untrained(ModelVersion("replay"), DetectorSettings(width=WIDTH, threshold=0.05), seed)
    optimiser = torch.optim.AdamW(detector.head.parameters(), lr=rate, weight_decay=1e-3)
    rng = np.random.default_rng(seed)
    detector.train()
    queue: list[int] = []
    for step in range(steps):
        while len(queue) < batch:
            queue += [int(labelled[i]) for i in rng.permutation(len(labelled))]
        drawn, queue = queue[:batch], queue[batch:]
        pairs = [seen.example(index, bool(rng.random() < 0.5)) for index in drawn]
        share = step / steps
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, 0.05 + share * 20) * (0.5 + 0.5 * math.cos(math.pi * share))
        loss = loss_of(detector.head(_stack([maps for maps, _ in pairs])), targets_of([one for _, one in pairs]))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.head.parameters(), 10.0)
        optimiser.step()
    return detector.eval()


def _stack(maps: Sequence[list[Tensor]]) -> list[Tensor]:
    return [
        torch.stack(level).float().contiguous(memory_format=torch.channels_last) for level in zip(*maps, strict=True)
    ]


@torch.inference_mode()
def detect(detector: Detector, seen: Seen, indices: Sequence[int], mirror: bool = False, chunk: int = 8) -> list[Found]:
    """Let the detector draw on some tiles; the boxes drawn on a mirrored tile are mirrored back."""
    found: list[Found] = []
    maps = seen.mirrored if mirror else seen.plain
    for start in range(0, len(indices), chunk):
        raw = detector.head(_stack([maps[i] for i in indices[start : start + chunk]]))
        for one in raw:
            boxes, scores = suppress(peaks(one, detector.settings.threshold), detector.settings.overlap_allowed)
            boxes = np.clip(boxes, 0, seen.side)
            if mirror:
                boxes = np.stack([seen.side - boxes[:, 2], boxes[:, 1], seen.side - boxes[:, 0], boxes[:, 3]], axis=1)
            found.append((boxes, scores))
    return found


def precision(detector: Detector, exam: Seen) -> float:
    """Return the average precision at intersection over union .5 on the exam."""
    return average_precision(exam.boxes, detect(detector, exam, range(len(exam))))
