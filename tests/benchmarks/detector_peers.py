"""torchvision's light detectors, trained as its reference scripts do, on the tiles that ours learns from."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import detection

from haulout_models.data import Augmentation, Drawing, LabelledTile, TileStore
from haulout_models.tiling import Found
from haulout_models.weather import Weather
from labeling_configs.vocabulary import ModelVersion

PEERS = ("ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn")


@dataclass(frozen=True)
class Squares:
    """Whole tiles, mirrored, turned and in other light as ours are."""

    batch: int
    side: int
    augmentation: Augmentation


@dataclass
class Peer:
    """A trained network that answers as our detectors do."""

    network: nn.Module
    steps: int
    version: ModelVersion

    @torch.inference_mode()
    def detect(self, image: NDArray[np.uint8]) -> Found:
        """Find animals in an RGB image, as many as torchvision was told to allow."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        answer = self.network([pixels])[0]
        return answer["boxes"].double().numpy(), answer["scores"].double().numpy()

    def tensors(self) -> dict[str, Tensor]:
        """All weights, to be stored."""
        return {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}


def build_peer(name: str, weights: Path | None = None) -> nn.Module:
    """Make a network for one class besides the background, with torchvision's own settings but for the cap on boxes.

    Its ImageNet or COCO weights are downloads: where a folder holds NAME.safetensors, those of equal shape are taken.
    """
    more = {"detections_per_img": 300} if name.startswith("ssd") else {"box_detections_per_img": 300}
    network: nn.Module = detection.__dict__[name](weights=None, weights_backbone=None, num_classes=2, **more)
    if weights and (file := weights / f"{name}.safetensors").is_file():
        own = network.state_dict()
        fitting = {n: t for n, t in load_file(file).items() if n in own and own[n].shape == t.shape}
        network.load_state_dict(fitting, strict=False)
    return network


def train_peer(
    name: str,
    tiles: list[LabelledTile],
    seconds: float,
    seed: int,
    weights: Path | None,
    tell: Callable[[str], None],
    batch: int = 8,
) -> Peer:
    """Train by SGD with momentum along a cosine, as torchvision's references do, until the time is over."""
    torch.manual_seed(seed)
    network = build_peer(name, weights)
    wanted = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(wanted, lr=0.02, momentum=0.9, weight_decay=5e-5)
    squares = Squares(batch, 512, Augmentation(upright=False, weather=Weather(rain=0.0, blur=0.0, night=0.0)))
    drawing = Drawing(TileStore(tiles, 1.0), squares, seed)
    network.train()
    began, step = time.monotonic(), 0
    while (share := (time.monotonic() - began) / seconds) < 1.0:
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * min(1.0, 0.01 + share * 20) * (0.5 + 0.5 * np.cos(np.pi * share))
        drawn = drawing.squares(step)
        pixels = [torch.from_numpy(np.ascontiguousarray(d.image)).permute(2, 0, 1).float() / 255 for d in drawn]
        losses = network(pixels, [_target(d.boxes[d.weights > 0.5]) for d in drawn])
        loss = sum(losses.values())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(wanted, 10.0)
        optimiser.step()
        step += 1
        if step % 20 == 0:
            tell(f"{name}: step {step}, {100 * share:.0f} %, loss {float(loss.detach()):.3f}")
    return Peer(network.eval(), step, ModelVersion(name))


def _target(boxes: NDArray[np.float64]) -> dict[str, Tensor]:
    wide = boxes[(boxes[:, 2] - boxes[:, 0] > 1) & (boxes[:, 3] - boxes[:, 1] > 1)]
    return {
        "boxes": torch.from_numpy(wide).float().reshape(-1, 4),
        "labels": torch.ones(len(wide), dtype=torch.int64),
    }
