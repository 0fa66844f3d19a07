"""Tensors on disk: safetensors plus a JSON card, written whole or not at all, checked by SHA-256, never unpickled."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from labeling_configs.vocabulary import ModelCard, ModelVersion

TENSORS, CARD = "tensors.safetensors", "card.json"


class BrokenCheckpoint(ValueError):
    """A stored network is damaged, incomplete or was changed."""


def write_model(folder: Path, card: ModelCard, tensors: Mapping[str, Tensor]) -> str:
    """Put tensors and card into an existing folder and return the SHA-256 of the tensors' file."""
    content = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})
    digest = hashlib.sha256(content).hexdigest()
    write_whole(folder / TENSORS, content)
    written = json.dumps(asdict(card) | {"sha256": digest}, indent=2, sort_keys=True, allow_nan=False)
    write_whole(folder / CARD, written.encode() + b"\n")
    return digest


def read_model(folder: Path, sha256: str | None = None) -> tuple[ModelCard, dict[str, Tensor]]:
    """Return card and tensors once the checksum is verified: the card's, and the one noted elsewhere if it is given.

    Whoever changes the tensors can change the card beside them too, but not what was noted elsewhere.
    """
    card, digest = read_card(folder)
    try:
        content = (folder / TENSORS).read_bytes()
    except OSError as error:
        raise BrokenCheckpoint(f"{folder / TENSORS} cannot be read ({error}): restore it from a backup") from error
    found = hashlib.sha256(content).hexdigest()
    for wanted, told in ((digest, "its card says"), (sha256 or found, "when it was stored it had")):
        if found != wanted:
            raise BrokenCheckpoint(
                f"{folder / TENSORS} has SHA-256 {found}, {told} {wanted}: restore the file or roll back"
            )
    return card, _tensors(content, folder / TENSORS)


def read_card(folder: Path) -> tuple[ModelCard, str]:
    """Return the card and the SHA-256 that its tensors should have."""
    try:
        stored = json.loads((folder / CARD).read_text())
        digest = str(stored.pop("sha256"))
        version = ModelVersion(stored.pop("version"))
        return ModelCard(version=version, **stored), digest
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenCheckpoint(f"{folder / CARD} is no model card ({error!r}): restore it from a backup") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it."""
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    with waiting.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    waiting.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(content)
    except SafetensorError as error:
        raise BrokenCheckpoint(f"{path} is no safetensors file: {error}") from error
