"""Cuts big photos into overlapping tiles for the detector and puts the boxes together again, each animal once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from labeling_configs.vocabulary import Boxes, Rectangle, no_boxes

Found = tuple[Boxes, NDArray[np.float64]]
"""Boxes, shape (n, 4), and their scores in [0, 1], shape (n,), best first."""


@dataclass(frozen=True)
class MachineTile:
    """What the network sees at once; the cores of a photo's tiles partition it, as those of people's tiles do."""

    shown: Rectangle
    core: Rectangle


def machine_tiles(width: int, height: int, side: int, overlap: int) -> list[MachineTile]:
    """Cover width x height pixels with tiles of at most side pixels that share at least overlap pixels."""
    if not 0 <= overlap < side:
        raise ValueError(f"tiles of {side} px cannot overlap by {overlap} px; the overlap must be smaller")
    columns, rows = _spans(width, side, overlap), _spans(height, side, overlap)
    return [
        MachineTile(
            shown=Rectangle(left.start, top.start, left.stop, top.stop),
            core=Rectangle(left.core_start, top.core_start, left.core_stop, top.core_stop),
        )
        for top in rows
        for left in columns
    ]


def merge(parts: Iterable[tuple[MachineTile, Found]], overlap_allowed: float) -> Found:
    """Keep of every tile the boxes (in photo pixels) whose centre its core holds, then suppress doubles on the seams.

    Suppressing alone fails here: an animal cut by a seam leaves two boxes that hardly overlap.
    """
    kept = [_in_core(tile, found) for tile, found in parts]
    return suppress(stack(kept), overlap_allowed)


def suppress(found: Found, overlap_allowed: float) -> Found:
    """Drop every box whose intersection over union with a better one is above overlap_allowed; sort by score."""
    boxes, scores = found
    keep = nms(torch.from_numpy(boxes), torch.from_numpy(scores), overlap_allowed).numpy()
    return boxes[keep], scores[keep]


def stack(parts: Sequence[Found]) -> Found:
    """Put several sets of boxes into one."""
    if not parts:
        return no_boxes(), np.zeros(0)
    return np.concatenate([boxes for boxes, _ in parts]), np.concatenate([scores for _, scores in parts])


@dataclass(frozen=True)
class _Span:
    start: int
    stop: int
    core_start: int
    core_stop: int


def _spans(length: int, side: int, overlap: int) -> list[_Span]:
    """Spread as few tiles as possible evenly; cores meet in the middle of each overlap."""
    count = max(1, -(-(length - overlap) // (side - overlap)))
    starts = [round(i * (length - side) / (count - 1)) for i in range(count)] if count > 1 else [0]
    stops = [min(start + side, length) for start in starts]
    seams = [0, *((stop + start) // 2 for stop, start in zip(stops, starts[1:], strict=False)), length]
    return [_Span(*edges) for edges in zip(starts, stops, seams, seams[1:], strict=False)]


def _in_core(tile: MachineTile, found: Found) -> Found:
    boxes, scores = found
    # A centre on the very edge of the photo belongs to the last tile, whose core ends there.
    centres = np.clip((boxes[:, :2] + boxes[:, 2:]) / 2, [0, 0], [np.inf, np.inf])
    inside = tile.core.holds_centres_of(np.concatenate([centres, centres], axis=1))
    return boxes[inside], scores[inside]
