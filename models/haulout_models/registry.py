"""Every network ever trained here, one folder each; which one serves is in the platform's database."""

import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from haulout_models.checkpoints import read_card, read_model, sync_folder, write_model, write_whole
from haulout_models.detector import Detector, DetectorSettings
from haulout_models.reidentifier import Reidentifier, ReidentifierSettings
from labeling_configs.vocabulary import ModelCard, ModelVersion

DETECTOR, REIDENTIFIER = "detector", "reidentifier"
EXAM = "exam.json"
_PREFIX = {DETECTOR: "det", REIDENTIFIER: "reid"}


class UnknownModel(ValueError):
    """No network of this version or kind is stored here."""


class VersionTaken(ValueError):
    """Another training stored a network under this name first."""


@dataclass(frozen=True)
class StoredModel:
    """Where a network went, and the SHA-256 of its tensors."""

    version: ModelVersion
    path: Path
    sha256: str


@dataclass(frozen=True)
class Registry:
    """A folder that only grows."""

    folder: Path

    def next_version(self, kind: str) -> ModelVersion:
        """Name the next network of this kind."""
        prefix = _prefix(kind)
        last = max((_number(path.name) for path in self.folder.glob(f"{prefix}-*")), default=0)
        return ModelVersion(f"{prefix}-{last + 1:04d}")

    def save(self, card: ModelCard, tensors: Mapping[str, Tensor]) -> StoredModel:
        """Store a network under its card's version, whole or not at all; nothing stored is ever replaced."""
        if _number(card.version) == 0 or not card.version.startswith(_prefix(card.kind) + "-"):
            raise UnknownModel(f"a {card.kind} cannot be called {card.version!r}: ask next_version({card.kind!r})")
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = Path(tempfile.mkdtemp(prefix=".waiting-", dir=self.folder))
        try:
            digest = write_model(waiting, card, tensors)
            _move(waiting, self.folder / card.version)
        finally:
            shutil.rmtree(waiting, ignore_errors=True)
        return StoredModel(card.version, self.folder / card.version, digest)

    def versions(self, kind: str | None = None) -> list[ModelVersion]:
        """List what is stored, of one kind or of both, oldest first within a kind."""
        wanted = [_prefix(kind)] if kind else list(_PREFIX.values())
        found = [path.name for path in self.folder.glob("*-*") if _number(path.name) and path.is_dir()]
        chosen = [name for name in found if name.rsplit("-", 1)[0] in wanted]
        return [ModelVersion(name) for name in sorted(chosen, key=lambda name: (name.split("-")[0], _number(name)))]

    def card(self, version: ModelVersion) -> ModelCard:
        """Read a stored network's card without its tensors."""
        return read_card(self._place(version))[0]

    def stored(self, version: ModelVersion) -> tuple[ModelCard, str]:
        """Read a stored network's card and the SHA-256 that its tensors should have."""
        return read_card(self._place(version))

    def exam(self, version: ModelVersion) -> dict[str, Any]:
        """Read what a network scored, empty when it was never examined."""
        try:
            told = json.loads((self._place(version) / EXAM).read_text())
        except FileNotFoundError:
            return {}
        return told if isinstance(told, dict) else {}

    def verify(self, version: ModelVersion, sha256: str | None = None) -> None:
        """Raise BrokenCheckpoint when a network is damaged, or is not the one whose SHA-256 was noted when stored."""
        read_model(self._place(version), sha256)

    def load_detector(self, version: ModelVersion, sha256: str | None = None) -> Detector:
        """Build a stored detector once its checksum is verified, see `verify`."""
        card, tensors = self._read(version, DETECTOR, sha256)
        return Detector.from_tensors(version, DetectorSettings.of(card.settings), tensors)

    def load_reidentifier(self, version: ModelVersion, sha256: str | None = None) -> Reidentifier:
        """Build a stored re-identification network once its checksum is verified, see `verify`."""
        card, tensors = self._read(version, REIDENTIFIER, sha256)
        return Reidentifier.from_tensors(version, ReidentifierSettings.of(card.settings), tensors)

    def keep_exam(self, version: ModelVersion, scores: Mapping[str, object]) -> None:
        """Write what a network scored beside its card, so that its folder tells all of it wherever it is taken."""
        content = json.dumps(scores, indent=2, sort_keys=True, allow_nan=False)
        write_whole(self._place(version) / EXAM, content.encode() + b"\n")

    def _read(self, version: ModelVersion, kind: str, sha256: str | None) -> tuple[ModelCard, dict[str, Tensor]]:
        card, tensors = read_model(self._place(version), sha256)
        if card.kind != kind:
            raise UnknownModel(f"{version} is a {card.kind}, not a {kind}")
        return card, tensors

    def _place(self, version: ModelVersion) -> Path:
        if version not in self.versions():
            raise UnknownModel(f"no model {version} in {self.folder}; there are {', '.join(self.versions()) or 'none'}")
        return self.folder / version


def _prefix(kind: str) -> str:
    if kind not in _PREFIX:
        raise UnknownModel(f"a model is a {' or a '.join(_PREFIX)}, not a {kind!r}")
    return _PREFIX[kind]


def _number(name: str) -> int:
    match = re.fullmatch(r"(?:det|reid)-(\d{4,})", name)
    return int(match[1]) if match else 0


def _move(waiting: Path, place: Path) -> None:
    """Renaming a folder onto one that holds something fails, which makes the version ours alone."""
    waiting.chmod(0o755)
    try:
        waiting.rename(place)
    except OSError as error:
        if place.exists():
            raise VersionTaken(f"{place.name} is stored already in {place.parent}; ask for the next version") from error
        raise
    sync_folder(place.parent)
