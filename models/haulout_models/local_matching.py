"""Says whether two crops show the same marks in the same places: SIFT keypoints matched and checked by geometry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from haulout_models.crops import Crop, checked

_STEPS = 512.0
"""A component of a descriptor, seldom above a half, is kept as a whole number of so many parts of one."""
_WORD = 128
_KEYPOINT = 4 + _WORD
LEAST_MATCHES = 4
"""An affine map goes through any three pairs of points: only a fourth can contradict it."""


class NoFeatures(ValueError):
    """Stored bytes hold no local features."""


@dataclass(frozen=True)
class MatchingSettings:
    """How keypoints are found and what counts as a match; the numbers were chosen on zebras."""

    side: int = 320
    """Pixels of a crop's longer side; smaller crops are enlarged, so that all maps between crops are of one scale."""
    keypoints: int = 400
    """The strongest so many are kept, 132 bytes each."""
    contrast: float = 2.0
    """Limit of the local equalisation of contrast (CLAHE); 0 leaves the crop as it is."""
    ratio: float = 0.85
    """A keypoint's best partner must be nearer than this share of the second best's distance (Lowe 2004)."""
    tolerance: float = 0.04
    """How far from where the common map puts it a partner may lie, as a share of the longer side: bodies bend."""
    still: float = 0.01
    """Of one camera, matches that moved by less than this share of the crop are ground, not animal."""


@dataclass(frozen=True)
class LocalFeatures:
    """Keypoints of one crop: places (n, 2) in pixels of the described crop, and descriptors (n, 128) in whole steps."""

    places: NDArray[np.int16]
    descriptors: NDArray[np.uint8]
    corner: tuple[float, float] | None = None
    """Where the crop's upper left corner lies in its photo, in photo pixels; None when nobody said."""
    scale: float = 1.0
    """Described pixels per photo pixel."""

    def to_bytes(self) -> bytes:
        """Return places and descriptors for storage, 132 bytes a keypoint."""
        return self.places.astype("<i2").tobytes() + self.descriptors.tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "LocalFeatures":
        """Read what `to_bytes` returned; the place in the photo is the caller's to set again, with `seen_at`."""
        count, rest = divmod(len(stored), _KEYPOINT)
        if rest:
            raise NoFeatures(f"{len(stored)} bytes are no local features, {_KEYPOINT} each: describe the crop again")
        places = np.frombuffer(stored, "<i2", 2 * count).reshape(count, 2)
        return cls(places.astype(np.int16), np.frombuffer(stored, np.uint8, offset=4 * count).reshape(count, _WORD))

    def seen_at(self, corner: tuple[float, float], scale: float) -> "LocalFeatures":
        """Return the same features with their place in the photo, by which still ground is known."""
        return replace(self, corner=corner, scale=scale)

    def in_photo(self) -> NDArray[np.float64]:
        """Return places in photo pixels, (n, 2)."""
        return np.asarray(self.corner or (0.0, 0.0)) + self.places / self.scale


@dataclass(frozen=True)
class LocalMatch:
    """How many keypoints found a partner, and how many partners lie where one common map puts them."""

    matches: int
    inliers: int

    @property
    def score(self) -> float:
        """What is calibrated: inliers, equals ordered by matches."""
        return self.inliers + self.matches / 1000.0


def describe_locally(
    crop: Crop, settings: MatchingSettings | None = None, corner: tuple[float, float] | None = None
) -> LocalFeatures:
    """Find the strongest keypoints of a crop and their RootSIFT descriptors (Arandjelovic and Zisserman 2012)."""
    chosen = settings or MatchingSettings()
    grey = cv2.cvtColor(checked(crop), cv2.COLOR_RGB2GRAY)
    scale = chosen.side / max(grey.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    grey = cv2.resize(grey, [max(1, round(length * scale)) for length in grey.shape[::-1]], interpolation=how)
    if chosen.contrast:
        grey = cv2.createCLAHE(chosen.contrast, (8, 8)).apply(grey)
    found, words = cv2.SIFT.create(contrastThreshold=0.02).detectAndCompute(grey, np.full_like(grey, 255))
    if not found:
        return LocalFeatures(np.zeros((0, 2), np.int16), np.zeros((0, _WORD), np.uint8), corner, scale)
    best = np.argsort([-point.response for point in found], kind="stable")[: chosen.keypoints]
    places = np.array([found[row].pt for row in best]).round().astype(np.int16)
    return LocalFeatures(places, _root(np.asarray(words[best], dtype=np.float32)), corner, scale)


def match_locally(
    one: LocalFeatures, other: LocalFeatures, settings: MatchingSettings | None = None, one_camera: bool = False
) -> LocalMatch:
    """Count partners that agree on one map; with one_camera, what did not move in the photo is left out as ground."""
    chosen = settings or MatchingSettings()
    rows, partners = _partners(one.descriptors, other.descriptors, chosen.ratio)
    if one_camera and one.corner is not None and other.corner is not None:
        moved = np.linalg.norm(one.in_photo()[rows] - other.in_photo()[partners], axis=1)
        rows, partners = (kept[moved > chosen.still * chosen.side / one.scale] for kept in (rows, partners))
    return LocalMatch(len(rows), _agreeing(one.places[rows], other.places[partners], chosen))


def match_many(
    one: LocalFeatures, others: Sequence[LocalFeatures], settings: MatchingSettings | None = None
) -> NDArray[np.float64]:
    """Return the score of one crop against each of a shortlist, (n,)."""
    return np.array([match_locally(one, other, settings).score for other in others])


def _root(words: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Square roots of the shares: their dot product is the Hellinger likeness of two histograms."""
    rooted = np.sqrt(words / np.maximum(words.sum(axis=1, keepdims=True), 1e-9))
    return np.asarray(np.clip(rooted * _STEPS, 0, 255).round(), dtype=np.uint8)


def _partners(
    one: NDArray[np.uint8], other: NDArray[np.uint8], ratio: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of both sides that are each other's nearest and clearly nearer than the second."""
    if min(len(one), len(other)) < 2:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    near = (one.astype(np.float32) @ other.astype(np.float32).T) / _STEPS**2
    rows, best = np.arange(len(one)), near.argmax(axis=1)
    mutual = near.argmax(axis=0)[best] == rows
    nearest = near[rows, best]
    near[rows, best] = -1.0
    second = near.max(axis=1)
    kept = np.flatnonzero(mutual & ((1.0 - nearest) < ratio**2 * (1.0 - second)))
    return kept, best[kept]


def _agreeing(here: NDArray[np.int16], there: NDArray[np.int16], settings: MatchingSettings) -> int:
    """How many pairs of places one affine map explains; none if the map mirrors, or is no view of one animal."""
    if len(here) < LEAST_MATCHES:
        return 0
    found, agree = cv2.estimateAffine2D(
        here.astype(np.float32),
        there.astype(np.float32),
        ransacReprojThreshold=settings.tolerance * settings.side,
        maxIters=500,
        refineIters=0,
    )
    if found is None or not _plausible(np.asarray(found[:, :2], dtype=np.float64)):
        return 0
    return int(agree.sum())


def _plausible(turn: NDArray[np.float64]) -> bool:
    """An animal is not mirrored, nor seen more than three times larger or smaller along any direction."""
    stretch = np.linalg.svd(turn, compute_uv=False)
    return bool(np.linalg.det(turn) > 0 and stretch[0] < 3.0 and stretch[1] > 1 / 3.0)
