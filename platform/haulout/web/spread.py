"""How a batch is spread over the season: its days and its cameras."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import func
from sqlmodel import Session, select

from haulout.localisation import Language
from haulout.report import Figure
from haulout.tables import PhotoRow
from haulout.web.charts import WIDEST_BAR, Chart, Point, Series, chart

LOWEST_TOP = 4.0
"""The least value at the upper edge of the chart, so that no line stands for half a tile."""


@dataclass(frozen=True)
class Camera:
    """One camera: its part of the batch, beside its part of all photos."""

    site: str
    name: str
    tiles: int
    photos: int


@dataclass(frozen=True)
class Spread:
    """Tiles by day, and by camera."""

    days: tuple[tuple[date, int], ...]
    timeless: int
    """Tiles of photos whose time is unknown."""
    cameras: tuple[Camera, ...]
    """All cameras of the season, those with most tiles first."""

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return sum(camera.tiles for camera in self.cameras)

    @property
    def photos(self) -> int:
        """How many photos the season has."""
        return sum(camera.photos for camera in self.cameras)

    @property
    def used(self) -> int:
        """How many cameras the batch asks about."""
        return sum(camera.tiles > 0 for camera in self.cameras)

    @property
    def several_sites(self) -> bool:
        """Whether a camera's name does not say where it stands."""
        return len({camera.site for camera in self.cameras}) > 1

    def chart(self, language: Language) -> Chart:
        """Draw how many tiles each day has."""
        points = tuple(Point(day.toordinal(), language.short_day(day), Figure(tiles)) for day, tiles in self.days)
        name = language.gettext("Tiles by day")
        top = LOWEST_TOP if max((tiles for _, tiles in self.days), default=0) < LOWEST_TOP else None
        return replace(chart(name, [Series(name, "bars", points)], top), margin=WIDEST_BAR, closest=1)


def spread(session: Session, photos: Sequence[PhotoRow]) -> Spread:
    """Return how the tiles are spread; `photos` are theirs, one for each tile."""
    days = Counter(photo.taken_at.date() for photo in photos if photo.taken_at)
    tiles = Counter((photo.site, photo.camera) for photo in photos)
    all_photos = select(PhotoRow.site, PhotoRow.camera, func.count()).group_by(PhotoRow.site, PhotoRow.camera)
    cameras = [Camera(site, name, tiles[site, name], many) for site, name, many in session.exec(all_photos)]
    cameras.sort(key=lambda camera: (-camera.tiles, camera.site, camera.name))
    return Spread(tuple(sorted(days.items())), len(photos) - days.total(), tuple(cameras))
