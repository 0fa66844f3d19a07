"""Deployments: the times in which a camera stood in one place and took photos."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlmodel import col, select

from haulout.exports.source import Source
from haulout.tables import MoveRow, PhotoRow

LONGEST_PAUSE = timedelta(days=30)
"""A camera that took no photo for longer was out of use."""


@dataclass(frozen=True)
class Deployment:
    """A camera in one place, from its first photo to its last on its own clock."""

    id: str
    site: str
    camera: str
    start: datetime
    end: datetime
    photos: int
    days: int
    """Days with at least one photo."""


class Deployments:
    """All deployments, by site, camera and time."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        self.all = tuple(deployments)
        self._by_camera: dict[tuple[str, str], list[Deployment]] = defaultdict(list)
        for deployment in self.all:
            self._by_camera[deployment.site, deployment.camera].append(deployment)

    def of(self, site: str, camera: str, at: datetime) -> Deployment:
        """Return the deployment in which the camera took a photo at this time."""
        own = self._by_camera[site, camera]
        return own[bisect_right(own, at, key=lambda deployment: deployment.start) - 1]


def read_deployments(source: Source) -> Deployments:
    """Cut each camera's photos where it was moved, and where it paused for more than a month.

    A photo without a time belongs to no deployment.
    """
    moves = _moves(source)
    return Deployments(_deployment(*key, times) for key, times in _runs(source, moves))


_Key = tuple[str, str]


def _moves(source: Source) -> Mapping[_Key, Sequence[datetime]]:
    query = select(MoveRow).where(col(MoveRow.site).in_(source.sites)).order_by(col(MoveRow.at))
    found: dict[_Key, list[datetime]] = defaultdict(list)
    for move in source.session.exec(query):
        found[move.site, move.camera].append(move.at)
    return found


def _runs(source: Source, moves: Mapping[_Key, Sequence[datetime]]) -> Iterator[tuple[_Key, list[datetime]]]:
    """Give the times of each deployment, in order."""
    query = (
        select(PhotoRow.site, PhotoRow.camera, PhotoRow.taken_at)
        .where(col(PhotoRow.site).in_(source.sites), col(PhotoRow.taken_at).is_not(None))
        .order_by(PhotoRow.site, PhotoRow.camera, col(PhotoRow.taken_at))
    )
    key, run = ("", ""), list[datetime]()
    for site, camera, taken_at in source.session.exec(query.execution_options(yield_per=10_000)):
        at = cast(datetime, taken_at)
        if run and (key != (site, camera) or _parted(run[-1], at, moves.get(key, ()))):
            yield key, run
            run = []
        key = (site, camera)
        run.append(at)
    if run:
        yield key, run


def _parted(before: datetime, after: datetime, moves: Sequence[datetime]) -> bool:
    return after - before > LONGEST_PAUSE or bisect_right(moves, after) > bisect_right(moves, before)


def _deployment(site: str, camera: str, times: Sequence[datetime]) -> Deployment:
    days = len({at.date() for at in times})
    name = f"{_part(site)}/{_part(camera)}/{times[0].isoformat()}"
    return Deployment(name, site, camera, times[0], times[-1], len(times), days)


def _part(name: str) -> str:
    """Return the name without slashes, so that no two cameras' deployments ever share one."""
    return name.replace("%", "%25").replace("/", "%2F")
