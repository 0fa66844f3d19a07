"""Turns crops into vectors whose dot product says how alike two animals look."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from haulout_models.backbone import LITE0, Backbone, new_backbone, shared_backbone, to_pixels
from haulout_models.crops import Crop, squeezed
from labeling_configs.vocabulary import ModelVersion

_AT_ONCE = 16
_BACKBONE = "backbone."


@dataclass(frozen=True)
class ReidentifierSettings:
    """All that is needed, besides its tensors, to build a re-identification network again."""

    backbone: str = LITE0
    side: int = 224
    """Crops are squeezed to a square of so many pixels."""
    sharpness: float = 3.0
    """Exponent of the generalised mean over a feature map: 1 is the mean, infinity the maximum (Radenovic 2019)."""
    length: int | None = None
    """Length of the embedding after the trained map; None while there is none."""

    @classmethod
    def of(cls, stored: Mapping[str, object]) -> "ReidentifierSettings":
        """Read the settings from a model card, which may hold others too."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if name in stored})  # type: ignore[arg-type]


class Reidentifier:
    """Crops in, vectors of unit length out; their dot product is the likeness."""

    def __init__(
        self, version: ModelVersion, settings: ReidentifierSettings, backbone: Backbone, head: nn.Module
    ) -> None:
        self.version = version
        self.settings = settings
        self.backbone = backbone
        self.head = head.eval()
        self._tuned: frozenset[str] = frozenset()

    @classmethod
    def frozen(cls, version: ModelVersion, settings: ReidentifierSettings | None = None) -> "Reidentifier":
        """Return the network that needs no training: the backbone's features as they are."""
        chosen = settings or ReidentifierSettings()
        return cls(version, chosen, shared_backbone(chosen.backbone), nn.Identity())

    @classmethod
    def from_tensors(
        cls, version: ModelVersion, settings: ReidentifierSettings, tensors: Mapping[str, Tensor]
    ) -> "Reidentifier":
        """Build a trained network from stored tensors, taking from the installed backbone what they do not hold."""
        if settings.length is None:
            return cls.frozen(version, settings)
        tuned = frozenset(name for name in tensors if name.startswith(_BACKBONE))
        network = cls(version, settings, new_backbone(settings.backbone, tuned), nn.Identity())
        network.head = nn.Linear(feature_length(network.backbone), settings.length).eval()
        network._tuned = tuned
        try:
            network.head.load_state_dict({name: tensor for name, tensor in tensors.items() if name not in tuned})
            unknown = network.backbone.load_state_dict(_inside(tensors), strict=False).unexpected_keys if tuned else []
        except RuntimeError as error:
            raise ValueError(
                f"the tensors of {version} fit no map to {settings.length}: wrong card or file?"
            ) from error
        if unknown:
            raise ValueError(f"{settings.backbone} has no {unknown[0]}, which {version} holds: wrong card or file?")
        return network

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """Return one vector of unit length per crop, shape (n, d)."""
        return self.project(self.features(crops))

    @torch.inference_mode()
    def features(self, crops: Sequence[Crop]) -> Tensor:
        """Return the backbone's features, shape (n, f): networks on one frozen backbone can share them."""
        groups = (crops[i : i + _AT_ONCE] for i in range(0, len(crops), _AT_ONCE))
        side = self.settings.side
        parts = [self.describe(to_pixels(np.stack([squeezed(crop, side, side) for crop in some]))) for some in groups]
        return torch.cat(parts) if parts else torch.zeros(0, feature_length(self.backbone))

    @torch.inference_mode()
    def project(self, features: Tensor) -> NDArray[np.float32]:
        """Turn features (n, f) into embeddings (n, d)."""
        vectors: Tensor = self.head(features) if len(features) else features[:, : self.settings.length]
        return functional.normalize(vectors, dim=1).numpy()

    def describe(self, pixels: Tensor) -> Tensor:
        """The two deepest maps of (n, 3, h, w): the deepest for the animal, the one before for the marks on it."""
        means = [_generalised_mean(level, self.settings.sharpness) for level in self.backbone(pixels)[-2:]]
        return torch.cat([functional.normalize(mean, dim=1) for mean in means], dim=1)

    def set_free(self, stages: int) -> list[nn.Parameter]:
        """Let the last stages of the backbone, an own copy, be trained too, and return their weights."""
        parts = self.backbone.stages()
        free = list(chain.from_iterable(stage.parameters() for stage in parts[max(0, len(parts) - stages) :]))
        for weight in free:
            weight.requires_grad_(True)
        self._tuned |= {_BACKBONE + name for name, weight in self.backbone.named_parameters() if weight.requires_grad}
        return free

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return what training changed: the map, and those parts of the backbone that were let go."""
        inside = {_BACKBONE + name: tensor for name, tensor in self.backbone.state_dict().items()}
        changed = self.head.state_dict() | {name: inside[name] for name in sorted(self._tuned)}
        return {name: tensor.detach().clone().contiguous() for name, tensor in changed.items()}

    def stored_settings(self) -> dict[str, object]:
        """Return the settings as a model card stores them."""
        return asdict(self.settings)


def feature_length(backbone: Backbone) -> int:
    """Length of the features before the map."""
    return sum(backbone.channels[-2:])


def _inside(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(_BACKBONE): t for name, t in tensors.items() if name.startswith(_BACKBONE)}


def _generalised_mean(level: Tensor, sharpness: float) -> Tensor:
    return level.clamp(min=1e-6).pow(sharpness).mean(dim=(2, 3)).pow(1 / sharpness)
