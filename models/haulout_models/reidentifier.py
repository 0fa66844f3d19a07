"""Says how alike two animals look: frozen ImageNet features, and a linear map on them once individuals are known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from haulout_models.backbone import LITE0, Backbone, shared_backbone, to_pixels
from labeling_configs.vocabulary import ModelVersion

Crop = NDArray[np.uint8]
"""One animal cut out of its photo, RGB (h, w, 3)."""
_AT_ONCE = 16
UNTITLED = ModelVersion("untitled")


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
        self._backbone = backbone
        self._head = head.eval()

    @classmethod
    def frozen(cls, version: ModelVersion, settings: ReidentifierSettings | None = None) -> "Reidentifier":
        """Return the network that needs no training: the backbone's features as they are."""
        chosen = settings or ReidentifierSettings()
        return cls(version, chosen, shared_backbone(chosen.backbone), nn.Identity())

    @classmethod
    def from_tensors(
        cls, version: ModelVersion, settings: ReidentifierSettings, tensors: Mapping[str, Tensor]
    ) -> "Reidentifier":
        """Build a trained network from stored tensors and the installed backbone."""
        if settings.length is None:
            return cls.frozen(version, settings)
        backbone = shared_backbone(settings.backbone)
        head = _head(feature_length(backbone), settings.length)
        try:
            head.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(
                f"the tensors of {version} fit no map to {settings.length}: wrong card or file?"
            ) from error
        return cls(version, settings, backbone, head)

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """Return one vector of unit length per crop, shape (n, d)."""
        return self.project(self.features(crops))

    @torch.inference_mode()
    def features(self, crops: Sequence[Crop]) -> Tensor:
        """Return the frozen features, shape (n, f): a network trained on the same backbone can share them."""
        parts = [self._features(crops[i : i + _AT_ONCE]) for i in range(0, len(crops), _AT_ONCE)]
        return torch.cat(parts) if parts else torch.zeros(0, feature_length(self._backbone))

    @torch.inference_mode()
    def project(self, features: Tensor) -> NDArray[np.float32]:
        """Turn features (n, f) into embeddings (n, d)."""
        vectors: Tensor = self._head(features) if len(features) else features[:, : self.settings.length]
        return functional.normalize(vectors, dim=1).numpy()

    def trained_tensors(self) -> dict[str, Tensor]:
        """Return what training changed: nothing for a frozen network."""
        return {name: tensor.detach().clone() for name, tensor in self._head.state_dict().items()}

    def stored_settings(self) -> dict[str, object]:
        """Return the settings as a model card stores them."""
        return asdict(self.settings)

    def _features(self, crops: Sequence[Crop]) -> Tensor:
        """The two deepest maps: the deepest for the animal, the one before for the marks on it."""
        pixels = to_pixels(np.stack([_squeeze(crop, self.settings.side) for crop in crops]))
        maps = self._backbone(pixels)[-2:]
        means = [_generalised_mean(level, self.settings.sharpness) for level in maps]
        return torch.cat([functional.normalize(mean, dim=1) for mean in means], dim=1)


@dataclass(frozen=True)
class ReidentifierTraining:
    """How to train the linear map: sub-centre ArcFace (Deng et al. 2020) on features computed once."""

    length: int = 256
    steps: int = 300
    batch: int = 64
    rate: float = 5e-4
    weight_decay: float = 1e-2
    centres: int = 2
    """Each individual may look so many ways: its two sides, before and after a tusk broke."""
    margin: float = 0.3
    """Radians by which an animal must be nearer its own individual than any other."""
    temperature: float = 1 / 16
    network: ReidentifierSettings = field(default_factory=ReidentifierSettings)
    seconds: float | None = None


def train_reidentifier(
    crops: Sequence[Crop],
    identities: Sequence[str],
    settings: ReidentifierTraining,
    seed: int,
    progress: Callable[[int, int, float], None] = lambda _done, _total, _loss: None,
    clock: Callable[[], float] = lambda: 0.0,
    version: ModelVersion = UNTITLED,
) -> Reidentifier:
    """Learn which differences matter; progress is told steps done, steps in all and the loss.

    The map begins as the principal components of the features, which keep all likenesses, so few labels do little harm.
    """
    names = sorted(set(identities))
    if len(names) < 2 or len(crops) != len(identities):
        raise ValueError(f"{len(crops)} crops of {len(names)} individuals teach nothing: at least two are needed")
    frozen = Reidentifier.frozen(version, settings.network)
    features = _with_mirrored(frozen, crops)
    labels = torch.tensor([names.index(identity) for identity in identities] * 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        length = min(settings.length, features.shape[1])
        head = _principal(features, length)
        centres = nn.Parameter(_first_centres(head, features, labels, len(names), settings.centres))
    optimiser = torch.optim.AdamW([*head.parameters(), centres], lr=settings.rate, weight_decay=settings.weight_decay)
    began = clock()
    for step, rows in enumerate(_batches(len(labels), settings, np.random.default_rng(seed)), start=1):
        loss = arcface(head(features[rows]), centres, labels[rows], settings)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % 20 == 0 or step == settings.steps:
            progress(step, settings.steps, float(loss.detach()))
        if settings.seconds and clock() - began > settings.seconds:
            break
    trained = ReidentifierSettings(**(asdict(settings.network) | {"length": length}))
    return Reidentifier(version, trained, shared_backbone(trained.backbone), head)


def arcface(vectors: Tensor, centres: Tensor, labels: Tensor, settings: ReidentifierTraining) -> Tensor:
    """Cross-entropy over individuals, each as near as the nearest of its centres, the right one made harder."""
    likeness = torch.einsum("nd,ikd->nik", functional.normalize(vectors, dim=1), functional.normalize(centres, dim=2))
    nearest = likeness.amax(dim=2).clamp(-1 + 1e-6, 1 - 1e-6)
    harder = torch.cos(torch.acos(nearest) + settings.margin)
    right = functional.one_hot(labels, nearest.shape[1]).bool()
    loss: Tensor = functional.cross_entropy(torch.where(right, harder, nearest) / settings.temperature, labels)
    return loss


def feature_length(backbone: Backbone) -> int:
    """Length of the frozen features."""
    return sum(backbone.channels[-2:])


def _head(features: int, length: int) -> nn.Linear:
    return nn.Linear(features, length)


def _principal(features: Tensor, length: int) -> nn.Linear:
    """The principal components as a linear map."""
    head = _head(features.shape[1], length)
    middle = features.mean(dim=0)
    components = torch.linalg.svd(features - middle, full_matrices=True)[2][:length]
    with torch.no_grad():
        head.weight.copy_(components)
        head.bias.copy_(-components @ middle)
    return head


def _first_centres(head: nn.Linear, features: Tensor, labels: Tensor, individuals: int, centres: int) -> Tensor:
    """Begin at each individual's mean, a little apart."""
    with torch.no_grad():
        vectors = functional.normalize(head(features), dim=1)
        means = torch.stack([vectors[labels == i].mean(dim=0) for i in range(individuals)])
        return means[:, None].repeat(1, centres, 1) + 0.02 * torch.randn(individuals, centres, vectors.shape[1])


def _with_mirrored(frozen: Reidentifier, crops: Sequence[Crop]) -> Tensor:
    """Features of the crops and, after them, of their mirror images."""
    mirrored = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    return torch.cat([frozen.features(crops), frozen.features(mirrored)]).clone()


def _batches(count: int, settings: ReidentifierTraining, rng: np.random.Generator) -> Iterator[Tensor]:
    for _ in range(settings.steps):
        yield torch.from_numpy(rng.choice(count, size=min(settings.batch, count), replace=False))


def _squeeze(crop: Crop, side: int) -> Crop:
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8 or 0 in crop.shape:
        raise ValueError(f"a crop must be RGB bytes (h, w, 3); got {crop.dtype} of shape {crop.shape}")
    how = cv2.INTER_AREA if min(crop.shape[:2]) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (side, side), interpolation=how), dtype=np.uint8)


def _generalised_mean(level: Tensor, sharpness: float) -> Tensor:
    return level.clamp(min=1e-6).pow(sharpness).mean(dim=(2, 3)).pow(1 / sharpness)
