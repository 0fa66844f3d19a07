"""Opens photos no larger than they are looked at, several at a time, and goes on after one that is broken."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Size = tuple[int, int]
"""Width and height in pixels."""

_FORMATS = ("JPEG", "PNG", "WEBP")
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)

T = TypeVar("T")
R = TypeVar("R")


class UnreadablePhoto(ValueError):
    """The file is gone, damaged or no photo; the message names it and says why."""


@dataclass(frozen=True)
class Decoded:
    """A photo as displayed, perhaps at reduced scale: RGB (h, w, 3), and the width and height it really has."""

    image: NDArray[np.uint8]
    size: Size


def decode(path: Path, wanted: Callable[[Size], Size] | None = None) -> Decoded:
    """Decode a photo, a JPEG at the smallest of 1/1, 1/2, 1/4 and 1/8 not below the width and height wanted of its own.

    The discrete cosine transform gives those scales for a fraction of the work, and what is left is what shrinking the
    whole photo would have left. Both sizes are as displayed.
    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            turned = opened.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE
            size = _turned(opened.size, turned)
            if wanted is not None:
                opened.draft("RGB", _turned(wanted(size), turned))
            return Decoded(np.asarray(_upright(opened), dtype=np.uint8), size)
    except UnidentifiedImageError as error:
        raise UnreadablePhoto(f"{path} is no JPEG, PNG or WebP picture") from error
    except FileNotFoundError as error:
        raise UnreadablePhoto(f"{path} is gone") from error
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError) as error:
        raise UnreadablePhoto(f"{path} is damaged or truncated: {error}") from error
    except Image.DecompressionBombError as error:
        raise UnreadablePhoto(f"{path} is too large: {error}") from error


def in_order(
    items: Iterable[T], work: Callable[[T], R], workers: int
) -> Generator[tuple[T, R | UnreadablePhoto], None, None]:
    """Do the work on each item in so many threads, and yield item and result, or why its photo is unreadable, in order.

    Only twice as many items as threads are taken ahead of what was yielded, so memory does not grow with the season.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    supply = iter(items)
    with ThreadPoolExecutor(workers, thread_name_prefix="photo") as pool:
        try:
            for item in islice(supply, 2 * workers):
                waiting.append((item, pool.submit(work, item)))
            while waiting:
                item, future = waiting.popleft()
                result = _result(future)
                for following in islice(supply, 1):
                    waiting.append((following, pool.submit(work, following)))
                yield item, result
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # whoever stops listening waits for what has begun only


def _result(future: Future[R]) -> R | UnreadablePhoto:
    try:
        return future.result()
    except UnreadablePhoto as error:
        return error


def _turned(size: Size, turned: bool) -> Size:
    return (size[1], size[0]) if turned else size


def _upright(opened: Image.Image) -> Image.Image:
    if opened.mode.startswith("I;16"):
        opened = opened.point(lambda value: value / 256).convert("L")  # convert() alone would clip to white
    return ImageOps.exif_transpose(opened).convert("RGB")
