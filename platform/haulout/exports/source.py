"""What an export is made from: one unchanging view of the database, the sites that are wanted, and their clocks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from haulout.db import reading
from haulout.errors import HauloutError
from haulout.places import time_zone
from haulout.services import Tell, silently
from haulout.tables import AnswerRow, DecisionRow, ExclusionRow, PhotoRow, SiteRow

AT_ONCE = 100
"""Photos that are in memory together."""


class NothingToExport(HauloutError):
    """There is no photo to tell of."""


class CannotExport(HauloutError):
    """The data lack something that the format demands."""


@dataclass(frozen=True)
class Source:
    """All that a format reads."""

    session: Session
    sites: tuple[str, ...]
    zones: Mapping[str, ZoneInfo]
    newest: datetime
    """When the newest photo, answer or decision came in, in UTC: the date of the data, whenever they are exported."""
    tell: Tell = silently
    wildbook_user: str | None = None
    """To whom a Wildbook shall assign what is imported."""

    def moment(self, site: str, local: datetime | None) -> str | None:
        """Return a time of the site's cameras in ISO 8601, with its distance from UTC."""
        return None if local is None else local.replace(microsecond=0, tzinfo=self.zones[site]).isoformat()

    def photos(self) -> Iterator[list[PhotoRow]]:
        """Give the photos some at a time: by site, camera and time, those without a time last."""
        query = select(PhotoRow).where(col(PhotoRow.site).in_(self.sites))
        ordered = query.order_by(PhotoRow.site, PhotoRow.camera, col(PhotoRow.taken_at).is_(None), *_IN_TIME)
        done, total = 0, self.photo_count()
        for photos in self.session.exec(ordered.execution_options(yield_per=AT_ONCE)).partitions():
            yield list(photos)
            done += len(photos)
            self.tell("Going through the photos", done, total)

    def photo_count(self) -> int:
        """Return how many photos there are."""
        return self.session.exec(select(func.count()).where(col(PhotoRow.site).in_(self.sites))).one()


_IN_TIME = (col(PhotoRow.taken_at), col(PhotoRow.id))


def utc(at: datetime | None) -> str | None:
    """Return a time that is kept in UTC without zone in ISO 8601."""
    return None if at is None else at.replace(microsecond=0, tzinfo=UTC).isoformat()


@contextmanager
def opened(
    database: Engine, site: str | None, tell: Tell = silently, wildbook_user: str | None = None
) -> Iterator[Source]:
    """Give what an export of one site, or of all, is made from; what is written meanwhile does not show."""
    with reading(database) as session:
        if database.dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        sites = _sites(session, site)
        zones = {name: time_zone(session, name) for name in sites}
        yield Source(session, sites, zones, _newest(session), tell, wildbook_user)


def _sites(session: Session, site: str | None) -> tuple[str, ...]:
    known = session.exec(select(PhotoRow.site).distinct().order_by(PhotoRow.site)).all()
    if not known:
        raise NothingToExport("there are no photos yet; read some with `haulout ingest FOLDER` first")
    if site is not None and site not in known:
        raise NothingToExport(f"there is no photo of {site!r}; there are photos of {', '.join(known)}")
    return tuple(known) if site is None else (site,)


def _newest(session: Session) -> datetime:
    moments = (PhotoRow.ingested_at, AnswerRow.received_at, DecisionRow.at, ExclusionRow.at, SiteRow.changed_at)
    found = [session.exec(select(func.max(moment))).one() for moment in moments]
    return max(moment for moment in found if moment is not None)
