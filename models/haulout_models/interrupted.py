"""A training that can be killed: weights, optimiser and place in one file, replaced whole."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim import Optimizer

from haulout_models.checkpoints import write_whole

_DIGEST_LENGTH = 32


@dataclass(frozen=True)
class Interrupted:
    """Where a training stopped; the fingerprint says which training it was."""

    fingerprint: str
    step: int = 0
    seconds: float = 0.0
    checks: tuple[tuple[int, float, float], ...] = ()
    """Step, seconds and score of each look at the held-out tiles; the tensors of the best are in the file too."""
    over: bool = False
    """Nothing is left to do: a resumed training only has to read its end."""

    @property
    def best(self) -> float | None:
        """The best score on held-out tiles so far."""
        return max((score for _, _, score in self.checks), default=None)

    @property
    def waited(self) -> int:
        """Checks since the best one; of equals the last is best, for it has learned longest."""
        scores = [score for _, _, score in self.checks]
        return scores[::-1].index(max(scores)) if scores else 0

    @classmethod
    def standing(cls, file: Path) -> "Interrupted | None":
        """Say where the training in this file stands; None when there is none, or a damaged one."""
        found = _read(file) if file.is_file() else None
        return found[0] if found else None

    @classmethod
    def resume(cls, file: Path | None, fingerprint: str) -> "tuple[Interrupted, dict[str, Tensor]]":
        """Return where the file left that training, and its tensors by name; a beginning and no tensors without one.

        Nothing is lost that could not be trained again, so a file that is damaged or another training's is no error.
        """
        found = _read(file) if file and file.is_file() else None
        if found is None or found[0].fingerprint != fingerprint:
            return cls(fingerprint), {}
        return found

    def save(self, file: Path, tensors: Mapping[str, Tensor]) -> None:
        """Replace the file; the checksum before the tensors finds a bad disk."""
        whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
        content = safetensors.torch.save(whole, metadata={"state": json.dumps(asdict(self))})
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, hashlib.sha256(content).digest() + content)


def moments_of(optimiser: Optimizer) -> dict[str, Tensor]:
    """Return what the optimiser remembers of each weight, by name."""
    state = optimiser.state_dict()["state"]
    return {f"{index}/{key}": torch.as_tensor(value) for index, kept in state.items() for key, value in kept.items()}


def load_moments(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what `moments_of` returned."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split("/")
        moments.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put a prefix before the names of some tensors, to keep several sets in one file."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def part(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the set of tensors that `under` stored with this prefix."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def _read(file: Path) -> tuple[Interrupted, dict[str, Tensor]] | None:
    whole = file.read_bytes()
    digest, content = whole[:_DIGEST_LENGTH], whole[_DIGEST_LENGTH:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        stored = json.loads(header["__metadata__"]["state"])
        checks = tuple((int(step), float(at), float(score)) for step, at, score in stored.pop("checks"))
        return Interrupted(**stored, checks=checks), safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None
