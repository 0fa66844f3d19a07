"""Where a network comes from: the code that trained it, and the photos it has learned from."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from haulout_models.data import LabelledTile

SHORT = 16
"""Hexadecimal digits of a photo's SHA-256 that a card keeps: 64 bits, enough to tell all photos of the world apart."""


@cache
def code_version() -> str:
    """Name the code that trains: the version of Haulout, and a digest of the sources, which any edit changes."""
    folder, digest = Path(__file__).parent, hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.relative_to(folder).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return f"{version('haulout')}+{digest.hexdigest()[:12]}"


def photos_of(tiles: Sequence[LabelledTile]) -> list[str]:
    """Return the shortened SHA-256 of the files the tiles are cut from, in order: of their bytes, not their names."""
    return sorted({digest_of_file(image) for image in {tile.image for tile in tiles}})


def digest_of_file(file: Path) -> str:
    """Return the shortened SHA-256 of a photo's bytes, as model cards list them."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:SHORT]
