"""Learns who is who: a linear map on frozen features, and the backbone's last stages once enough walruses are known."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from haulout_models.arcface import ArcFace, arcface, first_centres
from haulout_models.crops import Crop, mirrored
from haulout_models.embedder import Reidentifier, ReidentifierSettings, feature_length
from haulout_models.fine_tuning import FineTuning, Progress, fine_tune
from labeling_configs.vocabulary import ModelVersion

__all__ = [
    "Crop",
    "FineTuning",
    "Reidentifier",
    "ReidentifierSettings",
    "ReidentifierTraining",
    "feature_length",
    "train_reidentifier",
]

UNTITLED = ModelVersion("untitled")


@dataclass(frozen=True)
class ReidentifierTraining:
    """How to train: first a linear map on features computed once, then the backbone's last stages with it."""

    length: int = 256
    steps: int = 300
    batch: int = 64
    rate: float = 5e-4
    weight_decay: float = 1e-2
    loss: ArcFace = field(default_factory=ArcFace)
    network: ReidentifierSettings = field(default_factory=ReidentifierSettings)
    fine: FineTuning | None = field(default_factory=FineTuning)
    """None leaves the backbone as it is, whoever is known."""
    seconds: float | None = None


def train_reidentifier(
    crops: Sequence[Crop],
    identities: Sequence[str],
    settings: ReidentifierTraining,
    seed: int,
    progress: Progress = lambda _done, _total, _loss: None,
    clock: Callable[[], float] = lambda: 0.0,
    version: ModelVersion = UNTITLED,
    unfinished: Path | None = None,
) -> Reidentifier:
    """Learn which differences matter; progress is told steps done, steps in all and the loss.

    Mirror images are learned as other individuals: the marks of a left flank, mirrored, are on nobody's right one.
    A file named by unfinished lets a killed fine-tuning go on.
    """
    names = sorted(set(identities))
    if len(names) < 2 or len(crops) != len(identities):
        raise ValueError(f"{len(crops)} crops of {len(names)} individuals teach nothing: at least two are needed")
    labels = np.array([names.index(identity) for identity in identities])
    began = clock()
    mapped, centres = _learn_map(crops, labels, settings, seed, progress, clock, version)
    fine = settings.fine
    if fine is None or len(names) < fine.least_individuals:
        return mapped
    left = None if settings.seconds is None else max(0.0, settings.seconds - (clock() - began))
    return fine_tune(
        mapped, centres, crops, labels, fine, settings.loss, seed, progress, clock, left, unfinished=unfinished
    )


def _learn_map(
    crops: Sequence[Crop],
    labels: NDArray[np.intp],
    settings: ReidentifierTraining,
    seed: int,
    progress: Progress,
    clock: Callable[[], float],
    version: ModelVersion,
) -> tuple[Reidentifier, Tensor]:
    """Begin as the principal components of the features, which keep all likenesses, so few labels do little harm."""
    frozen = Reidentifier.frozen(version, settings.network)
    features = torch.cat([frozen.features(crops), frozen.features([mirrored(crop) for crop in crops])]).clone()
    individuals = int(labels.max()) + 1
    targets = torch.from_numpy(np.concatenate([labels, labels + individuals]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = _principal(features, min(settings.length, features.shape[1]))
        with torch.no_grad():
            first = first_centres(head(features), targets, 2 * individuals, settings.loss.centres)
    centres = nn.Parameter(first)
    optimiser = torch.optim.AdamW([*head.parameters(), centres], lr=settings.rate, weight_decay=settings.weight_decay)
    began = clock()
    for step, rows in enumerate(_batches(len(targets), settings, np.random.default_rng(seed)), start=1):
        loss = arcface(head(features[rows]), centres, targets[rows], settings.loss)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % 20 == 0 or step == settings.steps:
            progress(step, settings.steps, float(loss.detach()))
        if settings.seconds and clock() - began > settings.seconds:
            break
    trained = replace(settings.network, length=head.out_features)
    return Reidentifier(version, trained, frozen.backbone, head), centres.detach()


def _principal(features: Tensor, length: int) -> nn.Linear:
    """The principal components as a linear map."""
    head = nn.Linear(features.shape[1], length)
    middle = features.mean(dim=0)
    components = torch.linalg.svd(features - middle, full_matrices=True)[2][:length]
    with torch.no_grad():
        head.weight.copy_(components)
        head.bias.copy_(-components @ middle)
    return head


def _batches(count: int, settings: ReidentifierTraining, rng: np.random.Generator) -> Iterator[Tensor]:
    for _ in range(settings.steps):
        yield torch.from_numpy(rng.choice(count, size=min(settings.batch, count), replace=False))
