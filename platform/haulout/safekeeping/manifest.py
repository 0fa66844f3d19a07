"""What is in a backup, with a checksum for every file; and whether it still is."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from haulout.errors import HauloutError
from haulout.exports.manifest import is_inside
from haulout.services import Tell, silently

MANIFEST, CHECKSUMS = "manifest.json", "checksums-sha256.txt"


class DamagedBackup(HauloutError):
    """A folder is no backup, or not the one it was."""


class File(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What is in a backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    haulout: str
    """Version of the code that made it."""
    made_at: datetime
    """UTC."""
    database: str
    """sqlite or postgresql."""
    revision: str
    """Of the database's schema; empty when it was older than revisions."""
    counts: dict[str, int]
    """Rows by table."""
    left_out: dict[str, str]
    """What is not in the backup, and where it is."""
    files: tuple[File, ...]

    def text(self) -> str:
        """Return the manifest as it is stored."""
        return self.model_dump_json(indent=1) + "\n"

    def checksums(self) -> str:
        """Return all checksums as `sha256sum -c` reads them, the manifest's own among them."""
        lines = [f"{file.sha256}  {file.name}\n" for file in self.files]
        return "".join(lines) + f"{hashlib.sha256(self.text().encode()).hexdigest()}  {MANIFEST}\n"

    def digest(self) -> str:
        """Name the backup by its content."""
        return hashlib.sha256(self.checksums().encode()).hexdigest()

    def inside(self, folder: str) -> list[File]:
        """Return the files that lie in a folder of the backup, or are this file."""
        return [file for file in self.files if file.name == folder or file.name.startswith(f"{folder}/")]


def describe(path: Path, name: str) -> File:
    """Return what the manifest says of a file."""
    return File(name=name, bytes=path.stat().st_size, sha256=sha256(path))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stored:
        return hashlib.file_digest(stored, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup; DamagedBackup when it cannot be read, or was changed."""
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        checksums = (folder / CHECKSUMS).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedBackup(f"{folder} is no whole backup: {error}. {_others(folder)}") from error
    except ValidationError as error:
        raise DamagedBackup(f"{path} is damaged: {error.errors()[0]['msg']}. {_others(folder)}") from error
    if checksums != manifest.checksums() or not all(is_inside(file.name) for file in manifest.files):
        raise DamagedBackup(f"{path} was changed: it does not fit to {CHECKSUMS}. {_others(folder)}")
    return manifest


def verify(folder: Path, tell: Tell = silently) -> Manifest:
    """Return the manifest of a backup that is whole; DamagedBackup names every file that is missing or changed."""
    manifest = read_manifest(folder)
    wrong = list(_wrong(folder, manifest, tell))
    if wrong:
        raise DamagedBackup(f"{folder} is damaged: {'; '.join(wrong)}. {_others(folder)}")
    return manifest


def _wrong(folder: Path, manifest: Manifest, tell: Tell) -> Iterable[str]:
    for done, file in enumerate(manifest.files):
        tell("Checking the backup", done, len(manifest.files))
        path = folder / file.name
        if path.is_symlink() or not path.is_file():
            yield f"{file.name} is missing"
        elif path.stat().st_size != file.bytes or sha256(path) != file.sha256:
            yield f"{file.name} was changed"


def _others(folder: Path) -> str:
    return f"Use another backup of those in {folder.resolve().parent}."
