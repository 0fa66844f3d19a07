"""How picture files are opened, turned upright and stripped of everything but their pixels."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp"}
"""The formats that are read (MPO is what some cameras' JPEGs really are), and how an original of each is named."""
MOST_PIXELS = 175_000_000
"""Just below the size at which Pillow refuses by itself; the largest cameras on sale have 151 million."""
MOST_WHOLE_PIXELS = {"WEBP": 24_000_000, "PNG": 48_000_000, "JPEG": 48_000_000, "MPO": 48_000_000}
"""The same for pictures that can only be decoded as a whole, which takes ten or twenty bytes a pixel: 512 MB."""
LEAST_BYTES = 1 / 500
"""Of a photo for each of its pixels: a black night takes 1/60, a head that lies about its sides next to nothing."""
PLAUSIBLE_PIXELS = 16_000_000
"""Smaller pictures may be as empty as they like."""
WEB_SIDE = 2048
"""Pixels of the longer side of what the pages show."""
THUMBNAIL_SIDE = 640
"""The same in lists of photos: a card is half as wide, for screens with two pixels in the place of one."""
_QUALITY = 85


def open_picture(path: Path) -> Image.Image:
    """Open the file without decoding it; Pillow's UnidentifiedImageError when it is no JPEG, PNG or WebP."""
    return Image.open(path, formats=("JPEG", "PNG", "WEBP"))


def displayed_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as displayed, from the file's head alone."""
    on_its_side = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    return (image.height, image.width) if on_its_side else (image.width, image.height)


def upright(image: Image.Image, side: int | None = None) -> Image.Image:
    """Return the pixels as displayed, in RGB, the longer side at most `side`."""
    if side is not None:
        image.draft("RGB", (side, side))  # a JPEG is decoded at a fraction of its size: four times faster for 12 MP
    plain = image if image.mode == "RGB" else _rgb(image)
    if side is not None:
        plain.thumbnail((side, side))
    plain.load()
    return ImageOps.exif_transpose(plain)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = image.point(lambda v: v / 256).convert("L")  # convert() alone would clip to white
    return image.convert("RGB")


def save_clean(image: Image.Image, path: Path) -> None:
    """Write the pixels and nothing else as JPEG."""
    bare = Image.new("RGB", image.size)  # Pillow writes some of what an opened picture carries, such as its comment
    bare.paste(image)
    # Into memory first: Pillow does not notice when a full disk takes only a part of the last bytes.
    encoded = BytesIO()
    bare.save(encoded, format="JPEG", quality=_QUALITY)
    path.write_bytes(encoded.getvalue())


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return the picture as displayed, shape (h, w, 3), RGB."""
    return np.array(upright(image), dtype=np.uint8)
