"""Trains a detector on labelled tiles: the whole loop, top to bottom."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel

from haulout_models.backbone import to_pixels
from haulout_models.data import Augmentation, Drawing, Example, LabelledTile, TileStore
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.held_out import calibrated, held_out_score
from haulout_models.interrupted import Interrupted, load_moments, moments_of, part, under
from haulout_models.optimisation import optimiser_of, running_mean, set_rate
from haulout_models.targets import loss_of, targets_of
from haulout_models.team import ALONE, Team
from haulout_models.weather import Weather
from labeling_configs.vocabulary import ModelVersion

UNTITLED = ModelVersion("untitled")
ENOUGH = 200
"""With so many tiles, training the backbone too wins more than its slower steps lose."""
FREED = 5
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
    rate: float = 4e-3
    weight_decay: float = 1e-2
    free_stages: int | None = None
    """So many of the backbone's last stages are trained too; None: five where there are ENOUGH tiles, else none."""
    free_rate: float = 0.1
    """Their learning rate as a share of the head's."""
    usual_size: float | None = 50.0
    """Choose the detector's scale so that a median animal is so many pixels long; None keeps the detector's own."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    seconds: float | None = None
    """Stop after so long, by the clock given; the learning rate falls in time for it."""
    save_every: float = 60.0
    """Seconds between checkpoints; every check saves too."""
    checks: int = 10
    """So many times, evenly spread, the held-out tiles are looked at; the best network of all is kept."""
    patience: int = 4
    """After so many checks without a better one the training ends early."""
    memory: int = 1 << 30
    """Bytes of decoded tiles that are kept, so that a tile is not decoded again each time it is drawn."""

    @property
    def freed(self) -> int:
        """How many stages are free, once that is settled."""
        return self.free_stages or 0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "DetectorTraining":
        """Read settings that were written as JSON."""
        weather = Weather(**stored["augmentation"]["weather"])
        parts = {
            "augmentation": Augmentation(**stored["augmentation"] | {"weather": weather}),
            "detector": DetectorSettings.of(stored["detector"]),
        }
        return cls(**{**stored, **parts})


@dataclass(frozen=True)
class Progress:
    """Where a training is; losses are means since the last report."""

    step: int
    steps: int
    loss: float
    seconds: float
    share: float = 0.0
    """How much of it is done, by steps or by time, from 0 to 1."""

    @property
    def seconds_left(self) -> float:
        """How long it will still take at this pace; infinite at the very beginning."""
        return self.seconds * (1 - self.share) / self.share if self.share else math.inf


@dataclass(frozen=True)
class Trained:
    """A detector, and how it came about."""

    detector: Detector
    steps: int
    checks: tuple[tuple[int, float, float], ...] = ()
    """Step, seconds and average precision of each look at the held-out tiles."""

    @property
    def held_out_ap50(self) -> float | None:
        """The best of the checks, which is the detector's; None without held-out tiles."""
        return max((score for _, _, score in self.checks), default=None)


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
    *,
    held_out: Sequence[LabelledTile] = (),
    start: Detector | None = None,
    team: Team = ALONE,
) -> Trained:
    """Train a new head, or `start` further; with a checkpoint file, go on from where a killed training stopped.

    The weights returned are a running mean of those on the way (Polyak and Juditsky 1992), at the step that did best on
    the held-out tiles; these also calibrate the scores. Each process of a team learns from a batch of its own.
    """
    settings = _fitted(settings, tiles, start)
    detector = _beginning(settings, seed, version, start).to(team.device)
    optimiser = optimiser_of(detector, settings.rate, settings.weight_decay, settings.freed, settings.free_rate)
    averaged = AveragedModel(detector, avg_fn=running_mean, use_buffers=True)
    mean = cast(Detector, averaged.module)
    state, kept = Interrupted.resume(checkpoint, _fingerprint(tiles, held_out, settings, seed, start))
    best = _restore(kept, detector, averaged, optimiser)
    if held_out and start and not kept:  # what it starts from may turn out to be the best of all
        state, best = _checked(state, mean, held_out, team), mean.trained_tensors()
    store = TileStore(tiles, settings.detector.scale, settings.memory)
    drawing = Drawing(store, settings, seed, team.rank, team.size)
    began = saved = clock() - state.seconds
    losses: list[float] = []
    detector.train()
    while not state.over:
        share = _share(state, settings)
        set_rate(optimiser, settings.rate, share)
        losses.append(_learn(detector, optimiser, drawing.squares(state.step), team))
        averaged.update_parameters(detector)
        state = replace(state, step=state.step + 1, seconds=team.as_told(clock() - began))
        due = int(share * settings.checks) < int(_share(state, settings) * settings.checks)
        if held_out and due:
            state = _checked(state, mean, held_out, team)
            best = best if state.waited else mean.trained_tensors()
        state = replace(state, over=_share(state, settings) >= 1.0 or state.waited >= settings.patience)
        if team.leads and (state.step % 10 == 0 or state.over):
            now = _share(state, settings)
            progress(Progress(state.step, settings.steps, float(np.mean(losses)), state.seconds, min(now, 1.0)))
            losses.clear()
        if checkpoint and team.leads and (state.over or due or clock() - saved > settings.save_every):
            state.save(checkpoint, _all(detector, averaged, optimiser, best))
            saved = clock()
    mean.load_state_dict(best, strict=False)
    team.share(mean.buffers())  # each process has seen other squares, so other means of what its norms saw
    return Trained(calibrated(mean.to("cpu"), held_out).eval(), state.step, state.checks)


def _learn(detector: Detector, optimiser: AdamW, squares: list[Example], team: Team) -> float:
    """Take one step; a loss that is not a number must not reach the weights."""
    pixels = to_pixels(np.stack([square.image for square in squares])).to(team.device)
    loss = loss_of(detector(pixels), targets_of(squares).to(team.device))
    value = float(loss.detach())
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss became {value}: lower the learning rate, or look for broken boxes")
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    weights = [weight for weight in detector.parameters() if weight.requires_grad]
    team.average_gradients(weights)
    torch.nn.utils.clip_grad_norm_(weights, 10.0)
    optimiser.step()
    return value


def _checked(state: Interrupted, mean: Detector, held_out: Sequence[LabelledTile], team: Team) -> Interrupted:
    """Look at the held-out tiles and note the score; all processes of a team note the leader's."""
    score = team.as_told(held_out_score(mean, held_out) if team.leads else 0.0)
    return replace(state, checks=(*state.checks, (state.step, state.seconds, score)))


def _beginning(settings: DetectorTraining, seed: int, version: ModelVersion, start: Detector | None) -> Detector:
    detector = Detector.untrained(version, settings.detector, seed)
    if start is not None:
        detector.load_state_dict(start.state_dict())
        detector.tuned |= start.tuned
    return detector


def _all(detector: Detector, averaged: AveragedModel, optimiser: AdamW, best: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return all that a resumed training needs besides its place."""
    mean = cast(Detector, averaged.module)
    return (
        under("now", detector.trained_tensors())
        | under("mean", mean.trained_tensors() | {"updates": averaged.n_averaged})
        | under("moments", moments_of(optimiser))
        | under("best", best)
    )


def _restore(
    kept: dict[str, Tensor], detector: Detector, averaged: AveragedModel, optimiser: AdamW
) -> dict[str, Tensor]:
    """Bring everything to where the tensors of `_all` left it; return the best weights so far."""
    if kept:
        mean = part("mean", kept)
        averaged.n_averaged.copy_(mean.pop("updates"))
        averaged.module.load_state_dict(mean, strict=False)
        detector.load_state_dict(part("now", kept), strict=False)
        load_moments(optimiser, part("moments", kept))
    return part("best", kept)


def _fitted(settings: DetectorTraining, tiles: Sequence[LabelledTile], start: Detector | None) -> DetectorTraining:
    """Settle what depends on the tiles: the scale, and squares no larger than the largest tile."""
    network = (start.settings if start else settings.detector).uncalibrated()
    scale = network.scale if start else _scale(tiles, settings)
    longest = max(max(tile.size()) for tile in tiles) * scale
    side = min(settings.side, max(64, math.ceil(longest / 32) * 32))
    free = settings.free_stages
    free = (FREED if len(tiles) >= ENOUGH else 0) if free is None else free
    return replace(settings, side=side, free_stages=free, detector=replace(network, scale=scale))


def _scale(tiles: Sequence[LabelledTile], settings: DetectorTraining) -> float:
    """Choose the scale at which a median animal has its usual size, within what makes sense for a photo."""
    boxes = np.concatenate([tile.boxes[tile.weights > 0.5] for tile in tiles]) if tiles else np.zeros((0, 4))
    if not len(boxes):
        raise NothingToLearn(f"{len(tiles)} tiles hold no animal: label some photos with walruses before training")
    if settings.usual_size is None:
        return settings.detector.scale
    lengths = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    return float(np.clip(round(settings.usual_size / max(float(np.median(lengths)), 1.0), 3), 0.1, 2.0))


def _share(state: Interrupted, settings: DetectorTraining) -> float:
    """How much of the training is done, by steps or by time, whichever is further."""
    return max(state.step / settings.steps, state.seconds / settings.seconds if settings.seconds else 0.0)


def _fingerprint(
    tiles: Sequence[LabelledTile],
    held_out: Sequence[LabelledTile],
    settings: DetectorTraining,
    seed: int,
    start: Detector | None,
) -> str:
    """A checkpoint belongs to one training: other tiles, settings, seed or beginning must begin anew."""
    source = start.version if start else None
    digest = hashlib.sha256(json.dumps([asdict(settings), seed, source], sort_keys=True).encode())
    for tile in [*tiles, *held_out]:
        digest.update(f"{tile.image}{tile.rectangle}".encode() + tile.boxes.tobytes() + tile.weights.tobytes())
    return digest.hexdigest()
