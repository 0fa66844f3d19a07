"""How weights move while a detector trains: which of them, how fast, and the running mean that is kept."""

import math
from typing import Any

from torch import Tensor
from torch.optim import AdamW

from haulout_models.detector import Detector


def optimiser_of(detector: Detector, rate: float, decay: float, free_stages: int, free_rate: float) -> AdamW:
    """Set the head and the backbone's last stages free; biases and norms are not pulled towards zero."""
    groups: list[dict[str, Any]] = []
    for weights, share in ((list(detector.head.parameters()), 1.0), (detector.set_free(free_stages), free_rate)):
        for decayed in (True, False):
            chosen = [weight for weight in weights if (weight.ndim > 1) == decayed]
            if chosen:
                groups.append({"params": chosen, "share": share, "weight_decay": decay if decayed else 0.0})
    return AdamW(groups, lr=rate)


def set_rate(optimiser: AdamW, rate: float, share: float) -> None:
    """Warm up over the first twentieth, then fall along a cosine."""
    now = rate * min(1.0, 0.05 + share * 20) * (0.5 + 0.5 * math.cos(math.pi * min(share, 1.0)))
    for group in optimiser.param_groups:
        group["lr"] = now * group["share"]


def running_mean(mean: Tensor, now: Tensor, updates: Tensor | int) -> Tensor:
    """Average over about the last ninth of the steps so far, however long the training is."""
    if not now.is_floating_point():
        return now
    return mean + (now - mean) * (9.0 / (10.0 + float(updates)))
