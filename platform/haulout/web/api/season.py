"""Days, haulout events, seasons and figures as the last run told them."""

from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from haulout.report import read_disturbances, sites
from haulout.tables import EventRow, FigureRow, OccupancyRow, SeasonRow, SiteRow
from haulout.web.api.endpoint import Asked
from haulout.web.api.paging import Listed, all_of, paged
from haulout.web.api.parameters import AtSite, During, OfSeasons, PagedOfSite
from haulout.web.api.problems import absent
from haulout.web.api.values import Clocks, Value, utc


class Day(Value):
    """One day of a site, as people and machine together see it."""

    site: str
    time_zone: str
    """The zone of the day, an IANA name."""
    day: date
    photos: int
    visible: int
    """Photos in which animals could be seen; none, and the day is a gap."""
    checked: int
    """Photos that people have settled as a whole."""
    present: float
    """The probability that any animal was ashore."""
    maximum: float
    """The largest number at once."""
    maximum_low: float
    maximum_high: float
    mean: float
    """The mean number through the day."""
    mean_low: float
    mean_high: float
    told_at: datetime
    """When the run told it, UTC."""


class Event(Value):
    """A haulout event: animals came, stayed, and left; each date with its 95 % limits."""

    site: str
    time_zone: str
    number: int
    year: int
    arrival: date
    arrival_low: date
    arrival_high: date
    arrival_open: bool
    """Animals were there as soon as anybody looked: they may have come before."""
    departure: date
    """The last day with animals."""
    departure_low: date
    departure_high: date
    departure_open: bool
    """Animals were there as long as anybody looked."""
    peak: date
    peak_low: date
    peak_high: date
    maximum: float
    maximum_low: float
    maximum_high: float


class Season(Value):
    """One site's year in figures that can be put beside other years."""

    site: str
    time_zone: str
    year: int
    index: float
    """Mean number of animals ashore over the days from `first` to `last`, each day weighing the same."""
    index_low: float
    index_high: float
    maximum: float
    maximum_low: float
    maximum_high: float
    days: int
    """Days with photos."""
    occupied: int
    """Days with animals."""
    unseen: int
    """Days on which nobody could see."""
    first: date
    last: date
    profile: dict[str, Any]
    """Mean share of the day's mean, by hour of the day and by height of the tide."""
    data: str
    """Version of the data: SHA-256 of all that the figures rest on."""


class Estimated(Value):
    """A figure of all photos of a site, with its 95 % interval."""

    site: str
    name: str
    """mean, total, maximum, empty, recall or precision."""
    during: str | None
    """A month or a day; null for the whole season."""
    value: float
    low: float
    high: float
    drawn: int
    """Tiles drawn at random and settled that it rests on."""
    model: str
    """The detector that looked at all photos."""


class Disturbance(Value):
    """One kind of disturbance on one day, as those who looked at the photos ticked it."""

    site: str
    time_zone: str
    day: date
    kind: str
    """people, boat, bear or aircraft."""
    photos: tuple[str, ...]
    voters: int
    """Who looked at the tiles that show it."""
    share: float
    """The share of them who saw it."""


def days(asked: Asked[During]) -> Listed[Day]:
    """Tell the days, by site."""
    wanted, query = asked.query, select(OccupancyRow)
    if wanted.site:
        query = query.where(OccupancyRow.site == wanted.site)
    if wanted.first:
        query = query.where(OccupancyRow.day >= wanted.first)
    if wanted.last:
        query = query.where(OccupancyRow.day <= wanted.last)
    keys = (col(OccupancyRow.site), col(OccupancyRow.day))
    rows, following = paged(asked, query, keys, lambda row: (row.site, row.day))
    clocks = Clocks(asked.session)
    items = (Day.of(row, time_zone=clocks.zone(row.site).key, told_at=utc(row.at)) for row in rows)
    return Listed(items=tuple(items), next=following)


def events(asked: Asked[OfSeasons]) -> Listed[Event]:
    """Tell the haulout events, by site."""
    wanted, query = asked.query, select(EventRow)
    if wanted.site:
        query = query.where(EventRow.site == wanted.site)
    if wanted.year:
        query = query.where(EventRow.year == wanted.year)
    keys = (col(EventRow.site), col(EventRow.number))
    rows, following = paged(asked, query, keys, lambda row: (row.site, row.number))
    clocks = Clocks(asked.session)
    return Listed(items=tuple(Event.of(row, time_zone=clocks.zone(row.site).key) for row in rows), next=following)


def seasons(asked: Asked[OfSeasons]) -> Listed[Season]:
    """Tell the seasons, by site and year."""
    wanted, query = asked.query, select(SeasonRow)
    if wanted.site:
        query = query.where(SeasonRow.site == wanted.site)
    if wanted.year:
        query = query.where(SeasonRow.year == wanted.year)
    keys = (col(SeasonRow.site), col(SeasonRow.year))
    rows, following = paged(asked, query, keys, lambda row: (row.site, row.year))
    clocks = Clocks(asked.session)
    return Listed(items=tuple(Season.of(row, time_zone=clocks.zone(row.site).key) for row in rows), next=following)


def figures(asked: Asked[PagedOfSite]) -> Listed[Estimated]:
    """Tell the figures, by site and name."""
    query = select(FigureRow)
    if asked.query.site:
        query = query.where(FigureRow.site == asked.query.site)
    keys = (col(FigureRow.site), col(FigureRow.name), col(FigureRow.during))
    rows, following = paged(asked, query, keys, lambda row: (row.site, row.name, row.during))
    return Listed(items=tuple(Estimated.of(row, during=row.during or None) for row in rows), next=following)


def disturbances(asked: Asked[AtSite]) -> Listed[Disturbance]:
    """Tell what disturbed the animals of a site, by day."""
    site = known_site(asked.session, asked.query.site)
    zone = Clocks(asked.session).zone(site).key
    found = read_disturbances(asked.session, site)
    return all_of(Disturbance.of(one, site=site, time_zone=zone, kind=one.kind.value) for one in found)


def known_site(session: Session, site: str) -> str:
    """Return the site; the request is broken off when nobody knows it."""
    if site not in sites(session) and session.get(SiteRow, site) is None:
        absent(f"site {site!r}")
    return site
