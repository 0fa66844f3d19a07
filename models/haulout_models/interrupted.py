"""A training that can be killed: weights, optimiser and place in one file, replaced whole."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.optim import Optimizer

from haulout_models.checkpoints import write_whole

_DIGEST_LENGTH = 32


@dataclass(frozen=True)
class Interrupted:
    """Where a training stopped; the fingerprint says which training it was."""

    fingerprint: str
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def standing(cls, file: Path) -> "Interrupted | None":
        """Say where the training in this file stands; None when there is none, or a damaged one."""
        found = _read(file) if file.is_file() else None
        return found[0] if found else None

    @classmethod
    def resume(cls, file: Path | None, network: nn.Module, optimiser: Optimizer, fingerprint: str) -> "Interrupted":
        """Bring network and optimiser to where the file left them; begin anew if it is missing, damaged or another's.

        Nothing is lost that could not be trained again, so a damaged file is no error.
        """
        found = _read(file) if file and file.is_file() else None
        if found is None or found[0].fingerprint != fingerprint:
            return cls(fingerprint)
        state, tensors = found
        network.load_state_dict({n[6:]: t for n, t in tensors.items() if n.startswith("model/")}, strict=False)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("moment/"):
                _, index, key = name.split("/")
                moments.setdefault(int(index), {})[key] = tensor
        optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        return state

    def save(self, file: Path, network: nn.Module, optimiser: Optimizer) -> None:
        """Replace the file; the checksum before the tensors finds a bad disk."""
        trained = {name for name, weight in network.named_parameters() if weight.requires_grad}
        buffers = {name for name, _ in network.named_buffers() if not name.startswith("backbone.")}
        tensors = {f"model/{n}": t for n, t in network.state_dict().items() if n in trained | buffers}
        for index, kept in optimiser.state_dict()["state"].items():
            tensors |= {f"moment/{index}/{key}": torch.as_tensor(value) for key, value in kept.items()}
        content = safetensors.torch.save(tensors, metadata={"state": json.dumps(asdict(self))})
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, hashlib.sha256(content).digest() + content)


def _read(file: Path) -> tuple[Interrupted, dict[str, Tensor]] | None:
    whole = file.read_bytes()
    digest, content = whole[:_DIGEST_LENGTH], whole[_DIGEST_LENGTH:]
    if hashlib.sha256(content).digest() != digest:
        return None
    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return Interrupted(**json.loads(header["__metadata__"]["state"])), safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError):
        return None
