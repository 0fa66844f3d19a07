"""Looks at the same tile mirrored and turned, and takes the mean: steadier boxes for as many times the work."""

from collections.abc import Callable

import torch
from torch import Tensor

VIEWS = (1, 2, 4, 8)
"""As it is; mirrored left to right too; top to bottom too, for views from above; and transposed."""
_SURE = 1e-5
_FAINT = 1e-6
"""Where there is no heat in any view, rounding must not decide which of them is believed."""


def mean_of_views(network: Callable[[Tensor], Tensor], pixels: Tensor, views: int) -> Tensor:
    """Return the mean raw output (n, 5, h, w), see `Detector.forward`, over so many of the eight views of a square.

    Heat is averaged as a probability; what is said of a box is weighed by the square of the heat.
    """
    if views == 1:
        return network(pixels)
    seen = torch.stack([_back(network(_turn(pixels, view)), view) for view in range(views)])
    heat = seen[:, :, :1].sigmoid()
    weight = heat.square() + _FAINT
    boxes = (seen[:, :, 1:] * weight).sum(0) / weight.sum(0)
    return torch.cat([heat.mean(0).clamp(_SURE, 1 - _SURE).logit(), boxes], dim=1)


def _turn(pixels: Tensor, view: int) -> Tensor:
    if view & 1:
        pixels = pixels.flip(-1)
    if view & 2:
        pixels = pixels.flip(-2)
    return pixels.transpose(-1, -2) if view & 4 else pixels


def _back(raw: Tensor, view: int) -> Tensor:
    """Undo `_turn` for heat, offset x, y, log width and log height, which turn along."""
    heat, x, y, width, height = torch.split(raw, 1, dim=1)
    if view & 4:
        heat, x, y, width, height = (one.transpose(-1, -2) for one in (heat, y, x, height, width))
    if view & 2:
        heat, x, y, width, height = (one.flip(-2) for one in (heat, x, -y, width, height))
    if view & 1:
        heat, x, y, width, height = (one.flip(-1) for one in (heat, -x, y, width, height))
    return torch.cat([heat, x, y, width, height], dim=1)
