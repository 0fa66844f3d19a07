"""No detector has learned from a photo of its exam: training refuses such photos, and the exam such detectors."""

from collections.abc import Mapping, Sequence
from typing import Any

from haulout.errors import HauloutError
from haulout.retrain.material import ExamTile
from haulout_models.origin import digest_of_file, photos_of

LEARNED, LOOKED_AT = "photos", "held_out_photos"
"""In a card's data: photos that taught the network, and those it was stopped and calibrated on."""
_NAMED = 5


class ExamPhotoInTraining(HauloutError):
    """A photo of the exam is among those to learn from."""


def refuse_exam_photos(learned: Sequence[ExamTile], exam: Sequence[ExamTile]) -> None:
    """Raise ExamPhotoInTraining when a file to learn from holds the bytes of one of the exam, whatever its name."""
    if shared := _named(photos_of([tile.truth for tile in learned]), exam):
        raise ExamPhotoInTraining(
            f"{shared} must not be learned from: the exam would then say how well a detector remembers. "
            "Look at the split of these photos in the database."
        )


def leak(card: Mapping[str, Any], exam: Sequence[ExamTile]) -> str | None:
    """Say what of the exam a network has seen before, by its card; None when it has seen nothing of it."""
    data = card.get("data", {})
    if LEARNED not in data:
        return "its card does not say which photos it has learned from, so it may have learned from those of the exam"
    if shared := _named([*data[LEARNED], *data.get(LOOKED_AT, [])], exam):
        return f"it has learned from {shared}: its score would say how well it remembers"
    return None


def _named(seen: Sequence[str], exam: Sequence[ExamTile]) -> str | None:
    """Name the exam photos among those with these digests; None when there are none."""
    known = set(seen)
    photos = {tile.truth.image: tile.photo for tile in exam}
    names = sorted(
        f"{photo.name} ({photo.site}, {photo.day()})" for file, photo in photos.items() if digest_of_file(file) in known
    )
    if not names:
        return None
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{'a photo' if len(names) == 1 else f'{len(names)} photos'} of the exam, {', '.join(names[:_NAMED])}{more}"
