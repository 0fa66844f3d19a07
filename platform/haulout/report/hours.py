"""What the cameras and people saw of a site in each hour of a year, as `active_learning.occupancy` wants it."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from active_learning.occupancy import Hours
from active_learning.rarity import Light, light
from active_learning.scene import strangeness
from active_learning.tiling import outside, stitch
from haulout.answers import SettledTile
from haulout.cameras import MACHINE, moves
from haulout.report.span import Span
from haulout.spots import Things
from haulout.tables import CameraRow, ConsensusRow, PhotoRow, ProposalRow, TileRow

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEARLY = 0.05
"""A photo counts as settled when the machine expects no more than this share, or half an animal, in the rest of it."""


@dataclass(frozen=True)
class Watched:
    """One camera's year by hours from midnight of its site's first day: t hours."""

    camera: str
    view: str
    hours: Hours
    photos: NDArray[np.int64]
    """Photos in each hour, shape (t,); so too the next two."""
    clear: NDArray[np.int64]
    checked: NDArray[np.int64]


@dataclass(frozen=True)
class Year:
    """A site's year: its cameras over the same hours."""

    span: Span
    first: date
    cameras: tuple[Watched, ...]
    digest: str
    """SHA-256 of all that was read."""

    def total(self, name: str) -> NDArray[np.int64]:
        """Return a count of photos of all cameras together, shape (t,)."""
        total: NDArray[np.int64] = np.sum([getattr(one, name) for one in self.cameras], axis=0, dtype=np.int64)
        return total


@dataclass(frozen=True)
class _Look:
    """One photo: when, what the machine expects, what people counted, and what the picture looks like."""

    at: datetime
    expected: float
    counted: float
    clear: bool
    features: bytes


def read_year(session: Session, span: Span, model: str | None, things: Things) -> Year | None:
    """Read the year; None when no photo of it was looked at by machine or people."""
    settled, hidden = _settled(session, span), _unusable(session, span)
    digest = hashlib.sha256(repr(model).encode())
    looks: dict[str, list[_Look]] = defaultdict(list)
    query = (
        select(PhotoRow, ProposalRow)
        .join(ProposalRow, (col(ProposalRow.photo) == PhotoRow.id) & (col(ProposalRow.model) == model), isouter=True)
        .where(*span.photos(), col(PhotoRow.taken_at).is_not(None))
        .order_by(PhotoRow.camera, col(PhotoRow.taken_at), PhotoRow.id)
        .execution_options(yield_per=500)
    )
    for photo, proposal in session.exec(query):
        look = _look(photo, proposal, settled.get(photo.id, []), photo.id in hidden, things)
        looks[photo.camera].append(look)
        digest.update(repr((photo.id, photo.camera, look.at, look.expected, look.counted, look.clear)).encode())
    if not any(not np.isnan([one.expected, one.counted]).all() for own in looks.values() for one in own):
        return None
    first = min(own[0].at for own in looks.values()).date()
    last = max(own[-1].at for own in looks.values()).date()
    length = ((last - first).days + 1) * 24
    views = {row.camera: row.view for row in session.exec(select(CameraRow).where(CameraRow.site == span.site))}
    cameras = []
    for camera, own in looks.items():
        turned = [row.at for row in moves(session, span.site, camera) if row.by != MACHINE]
        digest.update(repr((camera, views.get(camera, ""), turned)).encode())
        cameras.append(_watched(camera, views.get(camera, ""), own, turned, first, length))
    return Year(span, first, tuple(cameras), digest.hexdigest())


def _look(
    photo: PhotoRow, proposal: ProposalRow | None, settled: Sequence[SettledTile], hidden: bool, things: Things
) -> _Look:
    looked = proposal is not None and proposal.looked
    boxes, scores = things.read(photo, proposal) if proposal and looked else (np.zeros((0, 4)), np.zeros(0))
    found = proposal.found if proposal and looked else 1.0
    sight = proposal is None or light(proposal.brightness, proposal.contrast) is Light.CLEAR
    return _Look(
        at=photo.taken_at or datetime.min,
        expected=float(scores.sum() / found) if looked and sight and not hidden else np.nan,
        counted=np.nan if hidden else _counted(photo, settled, boxes, scores / found, looked),
        clear=sight and not hidden and (looked or bool(settled)),
        features=proposal.features if proposal and sight else b"",
    )


def _counted(photo: PhotoRow, settled: Sequence[SettledTile], boxes: Floats, scores: Floats, looked: bool) -> float:
    """Return the animals that people settled, the machine's for a small rest; NaN when the rest is not small."""
    if not settled:
        return np.nan
    counted = len(stitch(settled).boxes)
    cores = [tile.core for tile, _, _ in settled]
    if sum(core.width * core.height for core in cores) >= photo.width * photo.height:
        return float(counted)
    rest = float(scores[outside(cores, boxes)].sum())
    return counted + rest if looked and counted and rest <= max(NEARLY * counted, 0.5) else np.nan


def _watched(
    camera: str, view: str, looks: Sequence[_Look], turned: Sequence[datetime], first: date, length: int
) -> Watched:
    start = datetime.combine(first, datetime.min.time())
    hour = np.array([(one.at - start) // timedelta(hours=1) for one in looks], dtype=np.int64)
    strange = _strange(looks, turned)
    columns = {
        "expected": np.array([one.expected for one in looks]),
        "counted": np.array([one.counted for one in looks]),
    }
    mean = {name: _mean(hour, values, length) for name, values in (*columns.items(), ("strange", strange))}
    most = np.full(length, -np.inf)
    known = ~np.isnan(columns["counted"])
    np.maximum.at(most, hour[known], columns["counted"][known])
    counted = np.where(np.isinf(most), np.nan, most)
    return Watched(
        camera,
        view,
        Hours(mean["expected"], counted, mean["strange"]),
        *(np.bincount(hour[kept], minlength=length) for kept in (hour >= 0, _clear(looks), known)),
    )


def _clear(looks: Sequence[_Look]) -> Bools:
    return np.array([one.clear for one in looks], dtype=np.bool_)


def _mean(hour: NDArray[np.int64], values: Floats, length: int) -> Floats:
    known = ~np.isnan(values)
    number = np.bincount(hour[known], minlength=length)
    sums = np.bincount(hour[known], values[known], minlength=length)
    mean: Floats = np.where(number > 0, sums / np.maximum(number, 1), np.nan)
    return mean


def _strange(looks: Sequence[_Look], turned: Sequence[datetime]) -> Floats:
    """Compare each clear photo with the others between the same two moves that a person told of."""
    strange = np.full(len(looks), np.nan)
    part = np.searchsorted(np.array(sorted(turned), dtype="datetime64[us]"), [np.datetime64(one.at) for one in looks])
    usable = _clear(looks) & np.array([bool(one.features) for one in looks])
    for _, group in groupby(np.flatnonzero(usable), key=lambda place: part[place]):
        places = list(group)
        described = [np.frombuffer(looks[place].features, dtype=np.float16) for place in places]
        strange[places] = strangeness(np.stack(described).astype(np.float64))
    return strange


def _settled(session: Session, span: Span) -> Mapping[str, Sequence[SettledTile]]:
    """Return the tiles on which people agreed, by photo."""
    agreed = (
        select(TileRow, ConsensusRow)
        .join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed", *span.photos())
    )
    found: dict[str, list[SettledTile]] = defaultdict(list)
    for tile, consensus in session.exec(agreed.order_by(TileRow.id)):
        found[tile.photo].append((tile.word(), consensus.accepted(), consensus.accepted_probabilities()))
    return found


def _unusable(session: Session, span: Span) -> set[str]:
    """Return the photos of which people said that nothing can be seen."""
    query = (
        select(TileRow.photo)
        .join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "unusable", *span.photos())
    )
    return set(session.exec(query))
