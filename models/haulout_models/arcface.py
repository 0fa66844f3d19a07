"""The loss by which individuals are told apart: sub-centre ArcFace (Deng et al. 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class ArcFace:
    """Each individual may look several ways, and must be nearer to itself than to others by a margin."""

    centres: int = 2
    """Each individual may look so many ways: its two sides, before and after a tusk broke."""
    margin: float = 0.3
    """Radians by which an animal must be nearer its own individual than any other."""
    temperature: float = 1 / 16


def arcface(vectors: Tensor, centres: Tensor, labels: Tensor, loss: ArcFace) -> Tensor:
    """Cross-entropy over individuals, each as near as the nearest of its centres, the right one made harder."""
    likeness = torch.einsum("nd,ikd->nik", functional.normalize(vectors, dim=1), functional.normalize(centres, dim=2))
    nearest = likeness.amax(dim=2).clamp(-1 + 1e-6, 1 - 1e-6)
    harder = torch.cos(torch.acos(nearest) + loss.margin)
    right = functional.one_hot(labels, nearest.shape[1]).bool()
    entropy: Tensor = functional.cross_entropy(torch.where(right, harder, nearest) / loss.temperature, labels)
    return entropy


def first_centres(vectors: Tensor, labels: Tensor, individuals: int, centres: int) -> Tensor:
    """Begin at each individual's mean, a little apart."""
    unit = functional.normalize(vectors, dim=1)
    means = torch.stack([unit[labels == i].mean(dim=0) for i in range(individuals)])
    return means[:, None].repeat(1, centres, 1) + 0.02 * torch.randn(individuals, centres, vectors.shape[1])
