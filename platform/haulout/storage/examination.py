"""Is this file a photo, what does it say about itself, and what may people see of it? Runs in the decoder process."""

import struct
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from haulout.storage.pictures import (
    LEAST_BYTES,
    MOST_PIXELS,
    MOST_WHOLE_PIXELS,
    PLAUSIBLE_PIXELS,
    SUFFIXES,
    WEB_SIDE,
    displayed_size,
    open_picture,
    save_clean,
    upright,
)

_EXIF_FOLDER = 0x8769
_FIELDS = {
    "model": (None, 0x0110),
    "serial": (_EXIF_FOLDER, 0xA431),
    "taken": (_EXIF_FOLDER, 0x9003),
    "taken_fraction": (_EXIF_FOLDER, 0x9291),
    "digitized": (_EXIF_FOLDER, 0x9004),
    "digitized_fraction": (_EXIF_FOLDER, 0x9292),
}
_LONGEST = 80


class Broken(ValueError):
    """The file is no usable photo; the message says why."""


def examine(path: Path, web: Path) -> dict[str, Any]:
    """Decode all of the photo, write its sanitised version to `web`, return suffix, width, height and EXIF fields."""
    try:
        with open_picture(path) as image:
            _refuse_bombs(image, path.stat().st_size)
            width, height = displayed_size(image)
            said = _said(image)
            small = upright(image, WEB_SIDE)
            suffix = SUFFIXES[image.format or ""]
    except UnidentifiedImageError:
        raise Broken(f"is no JPEG, PNG or WebP picture; it begins with {_head(path)}") from None
    except MemoryError:
        raise Broken("needs more memory to decode than a photo may") from None
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, EOFError, struct.error) as error:
        if isinstance(error, Broken):
            raise
        raise Broken(f"is damaged or truncated: {error}") from error
    save_clean(small, web)
    return {"suffix": suffix, "width": width, "height": height, "exif": said}


def _refuse_bombs(image: Image.Image, size: int) -> None:
    count = image.width * image.height
    most = MOST_WHOLE_PIXELS[image.format or ""] if _only_whole(image) else MOST_PIXELS
    sides = f"has {image.width} x {image.height} pixels"
    if count > most:
        raise Broken(f"{sides}, more than the {most // 1_000_000} million that such a photo may have")
    if count > PLAUSIBLE_PIXELS and size < count * LEAST_BYTES:
        raise Broken(f"{sides} by its head, in {size} bytes: no photo is so empty")


def _only_whole(image: Image.Image) -> bool:
    """Say whether decoding takes the memory of all pixels; an ordinary JPEG is decoded at a fraction of its size."""
    return image.format not in ("JPEG", "MPO") or "progressive" in image.info


def _said(image: Image.Image) -> dict[str, str]:
    exif = image.getexif()
    said = {}
    for name, (folder, tag) in _FIELDS.items():
        value = (exif.get_ifd(folder) if folder else exif).get(tag)
        if text := _text(value):
            said[name] = text
    return said


def _text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    printable = "".join(c for c in text.split("\0")[0] if c.isprintable())
    return " ".join(printable.split())[:_LONGEST]


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return repr(file.read(12))[1:]
