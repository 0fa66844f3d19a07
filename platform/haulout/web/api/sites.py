"""Sites and cameras: where, since when, how many photos."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col, func, select

from haulout.places import public_place, true_place
from haulout.tables import CameraRow, MoveRow, PhotoRow, SiteRow
from haulout.tokens import Scope
from haulout.web.api.endpoint import Asked
from haulout.web.api.paging import Listed, all_of
from haulout.web.api.parameters import Nothing, OfSite
from haulout.web.api.values import Clocks, Value


class Site(Value):
    """A haulout; coordinates as its geoprivacy tells them, or the true ones to a token with the scope `places`."""

    name: str
    time_zone: str
    """Of the cameras' clocks, an IANA name."""
    latitude: float | None
    longitude: float | None
    """Degrees, WGS 84; null when withheld or unknown."""
    uncertainty: float | None
    """Metres that the place may be away from these coordinates."""
    exact: bool
    """Whether these are the true coordinates."""
    cameras: int
    photos: int
    first: datetime | None
    """When the oldest photo was taken."""
    last: datetime | None


class Move(Value):
    """A camera was turned or moved: before and after it show different places."""

    at: datetime
    by: str
    """machine or person: who noticed."""


class Camera(Value):
    """A camera of a site."""

    site: str
    camera: str
    view: str
    """Cameras of one view may see the same animals and are not added up; those of no named view share one."""
    photos: int
    first: datetime | None
    last: datetime | None
    moves: tuple[Move, ...]


_Taken = tuple[int, datetime | None, datetime | None]
"""How many photos, and when the first and the last was taken."""


def sites(asked: Asked[Nothing]) -> Listed[Site]:
    """Tell all sites that have photos or a place."""
    taken = _taken(asked.session)
    names = {site for site, _ in taken} | set(asked.session.exec(select(SiteRow.name)))
    return all_of(_site(asked, name, taken) for name in sorted(names))


def _site(asked: Asked[Nothing], name: str, taken: Mapping[tuple[str, str], _Taken]) -> Site:
    public, clocks = public_place(asked.session, name), Clocks(asked.session)
    place = true_place(asked.session, name) if asked.may(Scope.PLACES) else public
    own = [one for (site, _), one in taken.items() if site == name]
    return Site(
        name=name,
        time_zone=clocks.zone(name).key,
        latitude=place.latitude if place else None,
        longitude=place.longitude if place else None,
        uncertainty=place.uncertainty if place else None,
        exact=place is not None and place == true_place(asked.session, name),
        cameras=len(own),
        photos=sum(photos for photos, _, _ in own),
        first=clocks.moment(name, min((first for _, first, _ in own if first), default=None)),
        last=clocks.moment(name, max((last for _, _, last in own if last), default=None)),
    )


def cameras(asked: Asked[OfSite]) -> Listed[Camera]:
    """Tell all cameras that have photos or that the operator named."""
    session, site = asked.session, asked.query.site
    taken, clocks = _taken(session), Clocks(session)
    views = {(row.site, row.camera): row.view for row in session.exec(select(CameraRow))}
    moves: dict[tuple[str, str], list[Move]] = defaultdict(list)
    for row in session.exec(select(MoveRow).order_by(col(MoveRow.at))):
        at, by = clocks.moment(row.site, row.at), "machine" if row.by == "machine" else "person"
        moves[row.site, row.camera] += [Move(at=at, by=by)] if at else []
    wanted = sorted(one for one in taken.keys() | views.keys() if site in (None, one[0]))
    return all_of(_camera(clocks, one, taken.get(one, (0, None, None)), views, moves) for one in wanted)


def _camera(
    clocks: Clocks,
    one: tuple[str, str],
    taken: _Taken,
    views: Mapping[tuple[str, str], str],
    moves: Mapping[tuple[str, str], list[Move]],
) -> Camera:
    site, (photos, first, last) = one[0], taken
    return Camera(
        site=site,
        camera=one[1],
        view=views.get(one, ""),
        photos=photos,
        first=clocks.moment(site, first),
        last=clocks.moment(site, last),
        moves=tuple(moves.get(one, ())),
    )


def _taken(session: Session) -> dict[tuple[str, str], _Taken]:
    columns = (PhotoRow.site, PhotoRow.camera, func.count(), func.min(PhotoRow.taken_at), func.max(PhotoRow.taken_at))
    query = select(*columns).group_by(PhotoRow.site, PhotoRow.camera)  # type: ignore[call-overload]  # four at most
    return {(site, camera): (photos, first, last) for site, camera, photos, first, last in session.exec(query)}
