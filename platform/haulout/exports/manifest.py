"""What an export holds, in words, numbers and checksums; and whether it still does."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from haulout.errors import HauloutError

MANIFEST, CHECKSUMS = "manifest.json", "checksums-sha256.txt"


class DamagedExport(HauloutError):
    """A folder is no export, or not the one it was."""


class File(BaseModel):
    """One file of an export; `records` are rows without the header, 0 where there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    records: int = Field(ge=0)


class Manifest(BaseModel):
    """What is in an export."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    haulout: str
    """Version of the code that wrote it."""
    data_version: str
    """SHA-256 over the checksums of all files: the same data, exported again, have the same."""
    counts: dict[str, int]
    left_out: dict[str, str]
    """What could not be exported, and why."""
    files: tuple[File, ...]

    @classmethod
    def of(cls, format_: str, code: str, files: Sequence[File], left_out: Mapping[str, str]) -> Self:
        """Return the manifest of these files."""
        return cls(
            format=format_,
            haulout=code,
            data_version=hashlib.sha256(_lines(files).encode()).hexdigest(),
            counts={
                "files": len(files),
                "bytes": sum(file.bytes for file in files),
                "records": sum(file.records for file in files),
            },
            left_out=dict(sorted(left_out.items())),
            files=tuple(sorted(files, key=lambda file: file.name)),
        )

    def text(self) -> str:
        """Return the manifest as it is stored."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    def checksums(self) -> str:
        """Return all checksums as `sha256sum -c` reads them, the manifest's own among them."""
        return _lines(self.files) + f"{hashlib.sha256(self.text().encode()).hexdigest()}  {MANIFEST}\n"


def _lines(files: Sequence[File]) -> str:
    return "".join(f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda file: file.name))


def is_inside(name: str) -> bool:
    """Say whether the name stays inside the folder, and on one line."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and str(path) == name
    return bool(path.parts) and plain and not path.is_absolute() and ".." not in path.parts


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of an export; DamagedExport when there is none that can be read."""
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise DamagedExport(f"{folder} is no export: {path} cannot be read ({reason})") from error
    except ValidationError as error:
        raise DamagedExport(f"{path} is no manifest of an export; export again: {error.errors()[0]['msg']}") from error
    bad = [file.name for file in manifest.files if not is_inside(file.name)]
    if bad:
        raise DamagedExport(f"{path} names {bad[0]!r}, which lies outside of the export; export again")
    return manifest


def strangers(folder: Path, manifest: Manifest) -> list[str]:
    """Return the files in the folder that the manifest does not name."""
    known = {file.name for file in manifest.files} | {MANIFEST, CHECKSUMS}
    there = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return sorted(set(there) - known)


def verify(folder: Path) -> Manifest:
    """Return the manifest of an export that is whole; DamagedExport names whatever is missing, changed or added."""
    manifest = read_manifest(folder)
    wrong = [problem for file in manifest.files if (problem := _problem(folder / file.name, file))]
    wrong += [f"{name} was added" for name in strangers(folder, manifest)]
    if manifest != Manifest.of(manifest.format, manifest.haulout, manifest.files, manifest.left_out):
        wrong.append(f"{MANIFEST} was changed")
    if _text(folder / CHECKSUMS) != manifest.checksums():
        wrong.append(f"{CHECKSUMS} does not fit to {MANIFEST}")
    if wrong:
        raise DamagedExport(f"{folder} is damaged: {'; '.join(wrong)}. Export again.")
    return manifest


def _problem(path: Path, file: File) -> str:
    if path.is_symlink() or not path.is_file():
        return f"{file.name} is missing"
    try:
        with path.open("rb") as stored:
            digest = hashlib.file_digest(stored, "sha256").hexdigest()
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror or error})"
    return "" if digest == file.sha256 else f"{file.name} was changed"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
