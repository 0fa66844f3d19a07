"""What disturbed the animals, as those who looked at the photos ticked it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import String, cast
from sqlmodel import Session, col, select

from haulout.tables import ConsensusRow, PhotoRow, TileRow
from labeling_configs.vocabulary import Disturbance

LEAST_VOTERS = 2
"""Volunteers who must have looked at a tile before their ticks count; one expert is enough."""
LEAST_SHARE = 0.5
"""Share of them who must have seen it."""


@dataclass(frozen=True)
class Disturbed:
    """One kind of disturbance on one day of a site, on the cameras' clock.

    `voters` looked at the tiles that show it, and `share` of them saw it; `photos` are in the order they were taken.
    """

    day: date
    kind: Disturbance
    photos: tuple[str, ...]
    voters: int
    share: float


def read_disturbances(session: Session, site: str) -> tuple[Disturbed, ...]:
    """Return the site's disturbances by day and kind; photos without a time belong to no day and are left out."""
    seen: dict[tuple[date, Disturbance], list[_Tile]] = defaultdict(list)
    for photo, tile in _tiles(session, site):
        for kind in Disturbance:
            if photo.taken_at and _shows(tile, kind):
                seen[photo.taken_at.date(), kind].append((photo, tile))
    return tuple(_disturbed(day, kind, tiles) for (day, kind), tiles in sorted(seen.items()))


_Tile = tuple[PhotoRow, ConsensusRow]


def _tiles(session: Session, site: str) -> list[_Tile]:
    """Return the site's tiles on which anybody ticked anything, oldest first; unusable ones show nothing for sure."""
    query = (
        select(PhotoRow, ConsensusRow)
        .join(TileRow, col(TileRow.photo) == PhotoRow.id)
        .join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
        .where(PhotoRow.site == site, ConsensusRow.state != "unusable")
        .where(cast(ConsensusRow.disturbed, String) != "{}")
        .order_by(col(PhotoRow.taken_at), PhotoRow.id, ConsensusRow.tile)
    )
    return list(session.exec(query))


def _shows(tile: ConsensusRow, kind: Disturbance) -> bool:
    ticks = tile.disturbed.get(kind.value, 0)
    if tile.by_expert:
        return bool(ticks)
    return tile.voters >= LEAST_VOTERS and ticks >= LEAST_SHARE * tile.voters


def _disturbed(day: date, kind: Disturbance, tiles: Sequence[_Tile]) -> Disturbed:
    voters = sum(tile.voters for _, tile in tiles)
    ticks = sum(tile.disturbed[kind.value] for _, tile in tiles)
    photos = tuple(dict.fromkeys(photo.id for photo, _ in tiles))
    return Disturbed(day, kind, photos, voters, ticks / voters)
