"""Two animals side by side: where their marks agree and what else is known of both, as a fusion takes it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from haulout.tables import AnimalRow, PhotoRow
from haulout_models.fusion import Pairs
from haulout_models.local_matching import LocalFeatures, MatchingSettings, match_locally

NEAREST = 20
"""Others that each animal is compared with, the most alike first."""
DAY = 86400.0
Ends = tuple[PhotoRow, PhotoRow]


def placed(features: LocalFeatures, animal: AnimalRow) -> LocalFeatures:
    """Return keypoints of an animal's crop with their place in the photo, by which still ground is known."""
    crop = animal.rectangle()
    longest = max(crop.x2 - crop.x1, crop.y2 - crop.y1)
    return features.seen_at((float(crop.x1), float(crop.y1)), MatchingSettings().side / longest)


def match(one: LocalFeatures, other: LocalFeatures, photos: Ends) -> float:
    """Return how well the marks of two animals agree; of one camera, what did not move is ground and left out."""
    here, there = photos
    one_camera = bool(here.camera) and (here.site, here.camera) == (there.site, there.camera)
    return match_locally(one, other, one_camera=one_camera).score


def in_columns(cosine: Sequence[float], local: Sequence[float | None], ends: Sequence[Ends]) -> Pairs:
    """Return pairs of animals as a fusion takes them, n of each."""
    return Pairs.of(
        np.array(cosine, dtype=np.float64),
        np.array([np.nan if score is None else score for score in local], dtype=np.float64),
        one_site=np.array([float(one.site == other.site) for one, other in ends], dtype=np.float64),
        days=_days(ends),
    )


def _days(ends: Sequence[Ends]) -> NDArray[np.float64]:
    """Return days between the photos, NaN where one has no time."""
    return np.array([_days_between(one, other) for one, other in ends], dtype=np.float64)


def _days_between(one: PhotoRow, other: PhotoRow) -> float:
    if one.taken_at is None or other.taken_at is None:
        return float("nan")
    return abs((one.taken_at - other.taken_at).total_seconds()) / DAY
