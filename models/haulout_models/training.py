"""Trains a detector on labelled tiles: the whole loop, top to bottom."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import AdamW

from haulout_models.backbone import to_pixels
from haulout_models.data import Augmentation, Example, LabelledTile, TileStore, example
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.interrupted import Interrupted
from haulout_models.targets import loss_of, targets_of
from labeling_configs.vocabulary import ModelVersion

UNTITLED = ModelVersion("untitled")
Clock = Callable[[], float]
"""Seconds that only rise, for instance time.monotonic."""


class NothingToLearn(ValueError):
    """There are no tiles, or no animal in any of them."""


@dataclass(frozen=True)
class DetectorTraining:
    """How to train; the same settings, seed and tiles give the same detector unless seconds cut the training short."""

    steps: int = 1500
    batch: int = 4
    side: int = 512
    """Pixels of the training squares, a multiple of 32."""
    rate: float = 2e-3
    weight_decay: float = 1e-3
    free_stages: int = 0
    """So many of the backbone's last stages are trained too; worth it above about a thousand tiles."""
    free_rate: float = 0.1
    """Their learning rate as a share of the head's."""
    usual_size: float | None = 50.0
    """Choose the detector's scale so that a median animal is so many pixels long; None keeps the detector's own."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    seconds: float | None = None
    """Stop after so long, by the clock given; the learning rate falls in time for it."""
    save_every: float = 60.0
    """Seconds between checkpoints."""


@dataclass(frozen=True)
class Progress:
    """Where a training is; losses are means since the last report."""

    step: int
    steps: int
    loss: float
    seconds: float


def silent(_: Progress) -> None:
    """Tell nobody."""


def stopped() -> float:
    """A clock that stands still: no limit by time, no checkpoint but the last."""
    return 0.0


def train_detector(
    tiles: Sequence[LabelledTile],
    settings: DetectorTraining,
    seed: int,
    progress: Callable[[Progress], None] = silent,
    checkpoint: Path | None = None,
    clock: Clock = stopped,
    version: ModelVersion = UNTITLED,
) -> Detector:
    """Train a new head; with a checkpoint file, go on from where a killed training of the same kind stopped."""
    settings = _fitted(settings, tiles)
    detector = Detector.untrained(version, settings.detector, seed)
    optimiser = _optimiser(detector, settings)
    state = Interrupted.resume(checkpoint, detector, optimiser, _fingerprint(tiles, settings, seed))
    store = TileStore(tiles, settings.detector.scale)
    began = saved = clock() - state.seconds
    losses: list[float] = []
    detector.train()
    while (share := _share(state, settings)) < 1.0:
        _set_rate(optimiser, settings, share)
        loss = _learn(detector, optimiser, _draw(store, settings, seed, state.step))
        state = replace(state, step=state.step + 1, seconds=clock() - began)
        losses.append(loss)
        if state.step % 10 == 0 or _share(state, settings) >= 1.0:
            progress(Progress(state.step, settings.steps, float(np.mean(losses)), state.seconds))
            losses.clear()
        if checkpoint and clock() - saved > settings.save_every:
            state.save(checkpoint, detector, optimiser)
            saved = clock()
    if checkpoint:
        state.save(checkpoint, detector, optimiser)
    return detector.eval()


def _learn(detector: Detector, optimiser: AdamW, squares: list[Example]) -> float:
    """Take one step; a loss that is not a number must not reach the weights."""
    pixels = to_pixels(np.stack([square.image for square in squares]))
    raw = detector(pixels)
    loss = loss_of(raw, targets_of(squares))
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss became {value}: lower the learning rate, or look for broken boxes")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_([p for p in detector.parameters() if p.requires_grad], 10.0)
    optimiser.step()
    return value


def _draw(store: TileStore, settings: DetectorTraining, seed: int, step: int) -> list[Example]:
    """Every tile comes once an epoch; all chance hangs on the seed and the step, so a resumed training is the same."""
    places = range(step * settings.batch, (step + 1) * settings.batch)
    epochs = {place // len(store): np.random.default_rng([seed, 0, place // len(store)]) for place in places}
    orders = {epoch: rng.permutation(len(store)) for epoch, rng in epochs.items()}
    rng = np.random.default_rng([seed, 1, step])
    chosen = [int(orders[place // len(store)][place % len(store)]) for place in places]
    return [example(store, index, settings.side, settings.augmentation, rng) for index in chosen]


def _fitted(settings: DetectorTraining, tiles: Sequence[LabelledTile]) -> DetectorTraining:
    """Settle what depends on the tiles: the scale, and squares no larger than the largest tile."""
    scale = _scale(tiles, settings)
    longest = max(max(tile.size()) for tile in tiles) * scale
    side = min(settings.side, max(64, math.ceil(longest / 32) * 32))
    return replace(settings, side=side, detector=replace(settings.detector, scale=scale))


def _scale(tiles: Sequence[LabelledTile], settings: DetectorTraining) -> float:
    """Choose the scale at which a median animal has its usual size, within what makes sense for a photo."""
    boxes = np.concatenate([tile.boxes[tile.weights > 0.5] for tile in tiles]) if tiles else np.zeros((0, 4))
    if not len(boxes):
        raise NothingToLearn(f"{len(tiles)} tiles hold no animal: label some photos with walruses before training")
    if settings.usual_size is None:
        return settings.detector.scale
    lengths = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    return float(np.clip(round(settings.usual_size / max(float(np.median(lengths)), 1.0), 3), 0.1, 2.0))


def _optimiser(detector: Detector, settings: DetectorTraining) -> AdamW:
    groups: list[dict[str, Any]] = [{"params": list(detector.head.parameters()), "share": 1.0}]
    if settings.free_stages:
        stages = detector.backbone.stages()[-settings.free_stages :]
        free = [weight for stage in stages for weight in stage.parameters()]
        for weight in free:
            weight.requires_grad_(True)
        groups.append({"params": free, "share": settings.free_rate})
    return AdamW(groups, lr=settings.rate, weight_decay=settings.weight_decay)


def _share(state: Interrupted, settings: DetectorTraining) -> float:
    """How much of the training is done, by steps or by time, whichever is further."""
    return max(state.step / settings.steps, state.seconds / settings.seconds if settings.seconds else 0.0)


def _set_rate(optimiser: AdamW, settings: DetectorTraining, share: float) -> None:
    """Warm up over the first twentieth, then fall along a cosine."""
    rate = settings.rate * min(1.0, 0.05 + share * 20) * (0.5 + 0.5 * math.cos(math.pi * min(share, 1.0)))
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]


def _fingerprint(tiles: Sequence[LabelledTile], settings: DetectorTraining, seed: int) -> str:
    """A checkpoint belongs to one training: other tiles, settings or seed must begin anew."""
    digest = hashlib.sha256(json.dumps([asdict(settings), seed], sort_keys=True).encode())
    for tile in tiles:
        digest.update(f"{tile.image}{tile.rectangle}".encode() + tile.boxes.tobytes() + tile.weights.tobytes())
    return digest.hexdigest()
