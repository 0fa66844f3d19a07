"""What the detector should have said: Gaussian bumps on the heatmap and boxes around them, and how wrong it was."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from haulout_models.data import Example
from haulout_models.detector import STRIDE, boxes_of

UNLIKELY, LIKELY = 0.2, 0.8
"""Between these probabilities nobody knows whether a box is an animal: neither said nor unsaid."""
_SPREAD = 0.54 / 6
"""A bump's standard deviation as a share of the animal's length (Liu et al. 2020, "Training-Time-Friendly Network")."""


@dataclass(frozen=True)
class Targets:
    """Maps for a batch of n squares, each h x w at the network's stride."""

    heat: Tensor
    """(n, h, w): 1 at an animal's centre, falling off to 0."""
    centre: Tensor
    """(n, h, w): the weight of the animal whose centre this is, else 0."""
    background: Tensor
    """(n, h, w): 0 where nobody knows, else 1."""
    boxes: Tensor
    """(n, 4, h, w): the box of the nearest animal."""
    near: Tensor
    """(n, h, w): how much that box counts here; sums to the animal's weight."""

    def to(self, device: torch.device) -> "Targets":
        """Bring all maps to the device that computes."""
        return Targets(*(getattr(self, one.name).to(device) for one in fields(self)))


def targets_of(examples: Sequence[Example]) -> Targets:
    """Draw the maps for some examples of the same side."""
    maps = [_draw(e, e.image.shape[0] // STRIDE) for e in examples]
    return Targets(*(torch.from_numpy(np.stack(kind).astype(np.float32)) for kind in zip(*maps, strict=True)))


def loss_of(raw: Tensor, targets: Targets) -> Tensor:
    """Penalty-reduced focal loss of the heatmap plus five times 1 - GIoU of the boxes, per animal."""
    animals = targets.centre.sum() + len(raw)  # an empty square weighs as one animal, not as all of them
    heat = raw[:, 0].float()
    chance = heat.sigmoid()
    hits = -functional.logsigmoid(heat) * (1 - chance) ** 2 * targets.centre
    alarms = -functional.logsigmoid(-heat) * chance**2 * (1 - targets.heat) ** 4 * targets.background
    near = targets.near > 0
    drawn = boxes_of(raw).movedim(1, -1)[near]
    misfit = generalized_box_iou_loss(drawn, targets.boxes.movedim(1, -1)[near]) * targets.near[near]
    loss: Tensor = (hits.sum() + alarms.sum() + 5.0 * misfit.sum()) / animals
    return loss


_Maps = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _draw(shown: Example, cells: int) -> _Maps:
    heat, centre, near = (_blank(cells) for _ in range(3))
    background, boxes = _background(shown, cells), np.zeros((4, cells, cells))
    sure = shown.weights >= LIKELY
    if not sure.any():
        return heat, centre, background, boxes, near
    animals, weights = shown.boxes[sure], shown.weights[sure]
    bumps, x, y = _bumps(animals, cells)
    owner = bumps.argmax(axis=0)
    heat = bumps.max(axis=0)
    centre[y, x] = weights
    near = np.where(heat > 0.1, heat, 0.0)
    total = np.bincount(owner.ravel(), weights=near.ravel(), minlength=len(animals))
    near = near * (weights / np.maximum(total, 1e-9))[owner]
    boxes = animals[owner].transpose(2, 0, 1)
    return heat, centre, background, boxes, near


def _blank(cells: int) -> NDArray[np.float64]:
    return np.zeros((cells, cells))


def _bumps(animals: NDArray[np.float64], cells: int) -> tuple[NDArray[np.float64], ...]:
    """One bump per animal, (n, cells, cells), exactly 1 in the cell x, y that holds its centre."""
    x, y = (np.clip((animals[:, i] + animals[:, i + 2]) / 2 / STRIDE, 0, cells - 1).astype(int) for i in (0, 1))
    size = np.maximum((animals[:, 2:] - animals[:, :2]) / STRIDE, 1.0)
    spread = np.maximum(size * _SPREAD, 0.4)
    across = np.exp(-((np.arange(cells) - x[:, None]) ** 2) / (2 * spread[:, :1] ** 2))
    down = np.exp(-((np.arange(cells) - y[:, None]) ** 2) / (2 * spread[:, 1:] ** 2))
    return down[:, :, None] * across[:, None, :], x, y


def _background(shown: Example, cells: int) -> NDArray[np.float64]:
    background = np.ones((cells, cells))
    doubtful = (shown.weights > UNLIKELY) & (shown.weights < LIKELY)
    for x1, y1, x2, y2 in (shown.boxes[doubtful] / STRIDE).astype(int):
        background[y1 : y2 + 1, x1 : x2 + 1] = 0.0
    return background
