"""Lets the last stages of a re-identification network's backbone learn individuals too."""

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW

from haulout_models.appearances import Appearance, appear
from haulout_models.arcface import ArcFace, arcface
from haulout_models.backbone import to_pixels
from haulout_models.crops import Crop, mirrored
from haulout_models.embedder import Reidentifier
from haulout_models.interrupted import Interrupted, load_moments, moments_of, part, under
from haulout_models.optimisation import set_rate

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class FineTuning:
    """How the backbone learns, once enough individuals are known; measured on zebras only."""

    least_individuals: int = 15
    stages: int = 4
    """The last so many of seven; those before stay ImageNet's."""
    steps: int = 100
    looks: int = 8
    """A bigger catalogue gets more steps, so that each crop is looked at so often."""
    batch: int = 24
    rate: float = 1e-3
    stage_rate: float = 0.4
    """Share of the rate for the backbone's stages."""
    weight_decay: float = 1e-2
    save_every: int = 25
    appearance: Appearance = field(default_factory=Appearance)

    def steps_for(self, crops: int) -> int:
        """Return how many steps a catalogue of so many crops takes."""
        return max(self.steps, self.looks * crops // self.batch)


@dataclass
class _Learner:
    """What changes while it learns."""

    network: Reidentifier
    centres: nn.Parameter
    optimiser: AdamW
    weights: list[nn.Parameter]

    @classmethod
    def of(cls, start: Reidentifier, centres: Tensor, settings: FineTuning) -> "_Learner":
        network = Reidentifier(start.version, start.settings, copy.deepcopy(start.backbone), copy.deepcopy(start.head))
        free, own = network.set_free(settings.stages), nn.Parameter(centres.detach().clone())
        fast = [*network.head.parameters(), own]
        groups = [{"params": fast, "share": 1.0}, {"params": free, "share": settings.stage_rate}]
        optimiser = AdamW(groups, lr=settings.rate, weight_decay=settings.weight_decay)
        return cls(network, own, optimiser, [*fast, *free])

    def tensors(self) -> dict[str, Tensor]:
        weights = {str(row): weight for row, weight in enumerate(self.weights)}
        return under("weights", weights) | under("moments", moments_of(self.optimiser))

    def load(self, tensors: dict[str, Tensor]) -> None:
        for name, stored in part("weights", tensors).items():
            self.weights[int(name)].data.copy_(stored)
        if tensors:
            load_moments(self.optimiser, part("moments", tensors))


def fine_tune(
    start: Reidentifier,
    centres: Tensor,
    crops: Sequence[Crop],
    labels: NDArray[np.intp],
    settings: FineTuning,
    loss: ArcFace,
    seed: int,
    progress: Progress = lambda _done, _total, _loss: None,
    clock: Callable[[], float] = lambda: 0.0,
    seconds: float | None = None,
    unfinished: Path | None = None,
) -> Reidentifier:
    """Return a network of its own backbone; centres are those of the individuals and then of their mirror images.

    A file named by unfinished is written as it goes; a training that was killed goes on from it and, unless the clock
    ends it, becomes the same network.
    """
    learner = _Learner.of(start, centres, settings)
    now, tensors = Interrupted.resume(unfinished, _fingerprint(start, crops, labels, settings, loss, seed))
    learner.load(tensors)
    total, began = settings.steps_for(len(crops)), clock() - now.seconds
    for step in range(now.step, total):
        spent = (clock() - began) / seconds if seconds else 0.0
        if spent >= 1.0:
            break
        set_rate(learner.optimiser, settings.rate, max(step / total, spent))
        found = _step(learner, *_batch(crops, labels, settings, start.settings.side, seed, step), loss)
        if unfinished and (step + 1) % settings.save_every == 0:
            replace(now, step=step + 1, seconds=clock() - began).save(unfinished, learner.tensors())
        if step % 10 == 0 or step + 1 == total:
            progress(step + 1, total, found)
    return learner.network


def _step(learner: _Learner, pixels: Tensor, labels: Tensor, settings: ArcFace) -> float:
    vectors = learner.network.head(learner.network.describe(pixels))
    loss = arcface(vectors, learner.centres, labels, settings)
    learner.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    learner.optimiser.step()
    return float(loss.detach())


def _batch(
    crops: Sequence[Crop], labels: NDArray[np.intp], settings: FineTuning, side: int, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    """Each individual as often as any other, half of the time as the other individual that its mirror image is."""
    rng = np.random.default_rng([seed, step])
    individuals = int(labels.max()) + 1
    chosen = rng.choice(individuals, settings.batch, replace=individuals < settings.batch)
    images, wanted = [], []
    for individual in chosen:
        crop = crops[int(rng.choice(np.flatnonzero(labels == individual)))]
        turned = bool(rng.random() < 0.5)
        images.append(appear(mirrored(crop) if turned else crop, side, settings.appearance, rng))
        wanted.append(int(individual) + individuals * turned)
    return to_pixels(np.stack(images)), torch.tensor(wanted)


def _fingerprint(
    start: Reidentifier,
    crops: Sequence[Crop],
    labels: NDArray[np.intp],
    settings: FineTuning,
    loss: ArcFace,
    seed: int,
) -> str:
    """Name a training by all that its end hangs on."""
    digest = hashlib.sha256(repr((start.settings, settings, loss, seed, labels.tolist())).encode())
    for crop in crops:
        digest.update(repr(crop.shape).encode() + crop.tobytes())
    return digest.hexdigest()
