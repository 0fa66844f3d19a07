"""Where a haulout is, as exactly as whoever asks may know: true coordinates are read here and nowhere else."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor
from zoneinfo import ZoneInfo, available_timezones

from sqlmodel import Session

from haulout.errors import BadPlace
from haulout.tables import SiteRow


class Geoprivacy(StrEnum):
    """How exactly the place may be told to others.

    Coordinates are rounded to a grid, as Chapman (2020), Current best practices for generalizing sensitive species
    occurrence data, GBIF, has them: the same for ever, so that many exports tell no more than one.
    """

    WITHHELD = "withheld"
    OBSCURED = "obscured"
    """To .1 degrees."""
    APPROXIMATE = "approximate"
    """To .01 degrees."""
    EXACT = "exact"


GRID = {Geoprivacy.OBSCURED: 0.1, Geoprivacy.APPROXIMATE: 0.01}
METRES_PER_DEGREE = 111_320.0
EXACT_TO = 30.0
"""Metres; what a hand-held receiver is sure of."""


@dataclass(frozen=True)
class Place:
    """Coordinates in degrees (WGS 84), true to within `uncertainty` metres."""

    latitude: float
    longitude: float
    uncertainty: float


def public_place(session: Session, site: str) -> Place | None:
    """Return where the site is, as its geoprivacy tells it to others; None when withheld or unknown."""
    row = session.get(SiteRow, site)
    if row is None or row.latitude is None or row.longitude is None:
        return None
    return generalised(row.latitude, row.longitude, Geoprivacy(row.geoprivacy))


def true_place(session: Session, site: str) -> Place | None:
    """Return where the site really is, for those alone who may know it; None when unknown."""
    row = session.get(SiteRow, site)
    if row is None or row.latitude is None or row.longitude is None:
        return None
    return generalised(row.latitude, row.longitude, Geoprivacy.EXACT)


def generalised(latitude: float, longitude: float, geoprivacy: Geoprivacy) -> Place | None:
    """Return the middle of the grid's cell that holds the place, and how far the place may be from it."""
    if geoprivacy is Geoprivacy.WITHHELD:
        return None
    if geoprivacy is Geoprivacy.EXACT:
        return Place(latitude, longitude, EXACT_TO)
    grid = GRID[geoprivacy]
    half_diagonal = grid / 2 * METRES_PER_DEGREE * 2**0.5
    return Place(_middle(latitude, grid, 90), _middle(longitude, grid, 180), ceil(half_diagonal))


def time_zone(session: Session, site: str) -> ZoneInfo:
    """Return the zone of the site's camera clocks, UTC when nobody has told it."""
    row = session.get(SiteRow, site)
    return ZoneInfo(row.time_zone if row and row.time_zone else "UTC")


def place(
    session: Session,
    site: str,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    geoprivacy: str | None = None,
    time_zone: str | None = None,
) -> SiteRow:
    """Change what is given of what is known of a site, and return its row for the caller to add; BadPlace otherwise."""
    if not site.strip() or not site.isprintable():
        raise BadPlace(f"{site!r} cannot be the name of a site; name it as in `haulout ingest --site`")
    row = session.get(SiteRow, site) or SiteRow(name=site)
    if latitude is not None and not -90 <= latitude <= 90:
        raise BadPlace(f"latitude {latitude:g} is not between -90 and 90; give degrees, south negative")
    if longitude is not None and not -180 <= longitude <= 180:
        raise BadPlace(f"longitude {longitude:g} is not between -180 and 180; give degrees, west negative")
    if geoprivacy is not None and geoprivacy not in set(Geoprivacy):
        raise BadPlace(f"geoprivacy {geoprivacy!r} is none of {', '.join(Geoprivacy)}")
    if time_zone and time_zone not in available_timezones():
        raise BadPlace(f"time zone {time_zone!r} is unknown; give its IANA name, as in Europe/Moscow")
    sides = (latitude, row.latitude), (longitude, row.longitude)
    if len({new is None and old is None for new, old in sides}) > 1:
        raise BadPlace("half a place was given; give --latitude and --longitude together")
    given = {"latitude": latitude, "longitude": longitude, "geoprivacy": geoprivacy, "time_zone": time_zone}
    for name, value in given.items():
        if value is not None:
            setattr(row, name, value)
    return row


def _middle(degrees: float, grid: float, most: int) -> float:
    """Return the middle of the cell; a place on a border is of the cell above, the pole and the date line of the last.

    The remainder of the division is about 1e-12, so a border is one only with some tolerance.
    """
    cell = min(floor(degrees / grid + 1e-9), round(most / grid) - 1)
    return round((cell + 0.5) * grid, 6)
