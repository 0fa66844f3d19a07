"""How many animals were there on each day: what people counted, and beside it what the machine expects."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlmodel import Session, col, select

from active_learning.counts import DailyCount, PhotoCount, daily_counts
from active_learning.tiling import stitch
from haulout.answers import SettledTile
from haulout.spots import Things, read_things
from haulout.tables import ConsensusRow, ModelRow, PhotoRow, ProposalRow, TileRow
from labeling_configs.vocabulary import PhotoId, Rectangle


@dataclass(frozen=True)
class Day:
    """One day on the camera's clock."""

    day: date
    photos: int
    """Photos that people or a machine have looked at."""
    counted: DailyCount | None
    """What people counted; None when they counted no photo of the day."""
    expected: float
    """Animals in the fullest photo: settled boxes where people agreed, the sum of the machine's scores elsewhere."""


@dataclass(frozen=True)
class _Seen:
    """The animals in one photo; `checked` when people have settled every part of it."""

    photo: PhotoRow
    confirmed: int
    expected: float
    checked: bool

    @property
    def counts(self) -> bool:
        """Whether people have found an animal, or made sure that there is none."""
        return self.checked or self.confirmed > 0


def shown_detector(session: Session) -> str | None:
    """Return the detector whose boxes are shown: the serving one, else the one that looked last."""
    serving = select(ModelRow.version).where(ModelRow.kind == "detector", ModelRow.state == "serving")
    newest = select(ProposalRow.model).order_by(col(ProposalRow.made_at).desc()).limit(1)
    return session.exec(serving).first() or session.exec(newest).first()


def read_days(session: Session, site: str) -> tuple[Day, ...]:
    """Return the days of the site with photos that somebody has looked at, in order."""
    seen = _seen(session, site)
    counted = {day.day: day for day in daily_counts(_photo_counts(seen))}
    by_day: dict[date, list[_Seen]] = defaultdict(list)
    for one in seen:
        if one.photo.taken_at:
            by_day[one.photo.taken_at.date()].append(one)
    return tuple(
        Day(day, len(ones), counted.get(day), max(one.confirmed + one.expected for one in ones))
        for day, ones in sorted(by_day.items())
    )


def _photo_counts(seen: Iterable[_Seen]) -> list[PhotoCount]:
    return [
        PhotoCount(PhotoId(one.photo.id), one.photo.site, one.photo.burst, one.photo.taken_at, one.confirmed)
        for one in seen
        if one.counts
    ]


def _seen(session: Session, site: str) -> list[_Seen]:
    settled = _settled(session, site)
    proposals, things = _proposals(session, site), read_things(session)
    photos = session.exec(select(PhotoRow).where(PhotoRow.site == site))
    return [
        _look(photo, settled.get(photo.id, []), proposals.get(photo.id), things)
        for photo in photos
        if photo.id in settled or photo.id in proposals
    ]


def _settled(session: Session, site: str) -> Mapping[str, Sequence[SettledTile]]:
    """Return the tiles on which people agreed, by photo."""
    agreed = (
        select(TileRow, ConsensusRow)
        .join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
        .join(PhotoRow, col(PhotoRow.id) == TileRow.photo)
        .where(ConsensusRow.state == "agreed", PhotoRow.site == site)
    )
    found: dict[str, list[SettledTile]] = defaultdict(list)
    for tile, consensus in session.exec(agreed.order_by(TileRow.id)):
        found[tile.photo].append((tile.word(), consensus.accepted(), consensus.accepted_probabilities()))
    return found


def _proposals(session: Session, site: str) -> Mapping[str, ProposalRow]:
    looked_at = select(ProposalRow).join(PhotoRow, col(PhotoRow.id) == ProposalRow.photo)
    query = looked_at.where(PhotoRow.site == site, ProposalRow.model == shown_detector(session))
    return {row.photo: row for row in session.exec(query)}


def _look(photo: PhotoRow, settled: Sequence[SettledTile], proposal: ProposalRow | None, things: Things) -> _Seen:
    cores = [tile.core for tile, _, _ in settled]
    confirmed = len(stitch(settled).boxes)
    covered = sum(core.width * core.height for core in cores)
    expected = _expected_outside(photo, cores, proposal, things)
    return _Seen(photo, confirmed, expected, covered >= photo.width * photo.height)


def _expected_outside(
    photo: PhotoRow, cores: Iterable[Rectangle], proposal: ProposalRow | None, things: Things
) -> float:
    """Return the machine's expectation for the part of the photo that people have not settled."""
    if proposal is None:
        return 0.0
    boxes, scores = things.read(photo, proposal)
    inside = np.zeros(len(boxes), dtype=np.bool_)
    for core in cores:
        inside |= core.holds_centres_of(boxes)
    return float(scores[~inside].sum())
