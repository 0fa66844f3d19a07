"""An expert sees the boxes volunteers could not agree on and gives the final ones.

The regions are those of the volunteers' question, so `write` and `read` are the same; a score is the share of the
volunteers who drew the box, and an origin says whether the expert kept, moved or drew it. What most volunteers saw
disturb the animals is ticked already.
"""

from collections.abc import Mapping

from labeling_configs import boxes
from labeling_configs.boxes import BoxAnswer, read, write
from labeling_configs.results import Json
from labeling_configs.vocabulary import Tile

__all__ = ["BoxAnswer", "read", "task_data", "write"]


def task_data(image_url: str, tile: Tile, extra: Mapping[str, object] | None = None, *, caption: str = "") -> Json:
    """Return the data of one task; the caption tells the expert in a line what is disputed."""
    return boxes.task_data(image_url, tile, {**(extra or {}), "caption": caption})
