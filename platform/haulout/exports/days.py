"""What each camera saw on each day: the most animals in one photo, and whether anybody has looked at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlmodel import col, select

from haulout.exports.deployments import Deployment, Deployments
from haulout.exports.looks import Look, read_looks
from haulout.exports.source import Source
from haulout.tables import OccupancyRow


@dataclass(frozen=True)
class CameraDay:
    """One day of one deployment."""

    deployment: Deployment
    day: date
    first: datetime
    last: datetime
    photos: int
    looked_at: int
    checked: int
    """Photos that people have settled as a whole."""
    people: int
    """The most animals that people found in one photo."""
    most: int
    """The most animals in one photo, those of the machine among them."""
    individuals: tuple[str, ...]
    models: tuple[str, ...]
    """The detectors that looked."""
    occupancy: OccupancyRow | None

    @property
    def present(self) -> bool | None:
        """Whether walruses were there; None when that is not known.

        People's word holds. A machine's box, or its finding none, counts only where the site's whole day agrees.
        """
        if self.people:
            return True
        whole = self.occupancy.present if self.occupancy else None
        if self.most:
            return True if whole is None or whole >= 0.5 else None
        seen = self.looked_at > 0 and (self.occupancy is None or self.occupancy.visible > 0)
        return False if seen and (whole is None or whole < 0.5) else None


def read_camera_days(source: Source, deployments: Deployments) -> Iterator[CameraDay]:
    """Give the days of each deployment in order; photos without a time belong to none."""
    occupancy = _occupancy(source)
    dated = (look for look in read_looks(source) if look.photo.taken_at is not None)
    for (deployment, day), looks in groupby(dated, key=lambda look: _key(deployments, look)):
        yield _day(deployment, day, list(looks), occupancy.get((deployment.site, day)))


def _key(deployments: Deployments, look: Look) -> tuple[Deployment, date]:
    at = look.photo.taken_at or datetime.min
    return deployments.of(look.photo.site, look.photo.camera, at), at.date()


def _occupancy(source: Source) -> Mapping[tuple[str, date], OccupancyRow]:
    rows = source.session.exec(select(OccupancyRow).where(col(OccupancyRow.site).in_(source.sites)))
    return {(row.site, row.day): row for row in rows}


def _day(deployment: Deployment, day: date, looks: list[Look], occupancy: OccupancyRow | None) -> CameraDay:
    times = [look.photo.taken_at for look in looks if look.photo.taken_at]
    individuals = {animal.individual for look in looks for animal in look.animals if animal.individual}
    return CameraDay(
        deployment=deployment,
        day=day,
        first=times[0],
        last=times[-1],
        photos=len(looks),
        looked_at=sum(look.looked_at and not look.unusable for look in looks),
        checked=sum(look.checked for look in looks),
        people=max(look.people() for look in looks),
        most=max(len(look.animals) for look in looks),
        individuals=tuple(sorted(individuals)),
        models=tuple(sorted({look.model for look in looks if look.model})),
        occupancy=occupancy,
    )
