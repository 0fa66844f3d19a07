"""What the database is told about a card; every transaction is short, and may be repeated."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, delete, select

from haulout.db import reading, writing
from haulout.ingest.bursts import join_burst
from haulout.services import Services
from haulout.tables import IngestionRow, PhotoRow, QuarantineRow


@dataclass
class Pending:
    """What has been read since the last commit."""

    photos: dict[str, PhotoRow] = field(default_factory=dict)
    broken: list[QuarantineRow] = field(default_factory=list)
    known: int = 0

    def size(self) -> int:
        """Return how many files have been read since the last commit."""
        return len(self.photos) + len(self.broken) + self.known


def start(services: Services, folder: str, site: str) -> int:
    """Note that a card is being read; return the number of this reading."""
    row = IngestionRow(folder=folder, site=site, started_at=services.now())
    with writing(services.database) as session:
        session.add(row)
        session.flush()
        number = row.id
    return number or 0


def known_suffix(services: Services, photo: str) -> str | None:
    """Return the suffix of a photo that is in the database, None for a new one."""
    with reading(services.database) as session:
        return session.exec(select(PhotoRow.suffix).where(PhotoRow.id == photo)).first()


def commit(services: Services, ingestion: int, pending: Pending, finished_at: datetime | None = None) -> int:
    """Store what is pending; return how many photos were new, which another reading may have made fewer."""
    with writing(services.database) as session:
        _one_at_a_time(session)
        this = session.get_one(IngestionRow, ingestion)
        fresh = _not_stored(session, pending.photos)
        for photo in fresh:
            session.add(photo)
            join_burst(session, photo)
        for row in pending.broken:
            _note_broken(session, row)
        _heal(session, this.folder, pending.photos)
        _count(this, pending, len(fresh), finished_at)
    return len(fresh)


def _one_at_a_time(session: Session) -> None:
    """Two readings that do not see each other's photos would tear a burst apart; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql("LOCK TABLE photo IN SHARE ROW EXCLUSIVE MODE")


def _not_stored(session: Session, photos: dict[str, PhotoRow]) -> list[PhotoRow]:
    stored = set(session.exec(select(PhotoRow.id).where(col(PhotoRow.id).in_(photos))))
    return [photo for name, photo in photos.items() if name not in stored]


def _heal(session: Session, folder: str, photos: dict[str, PhotoRow]) -> None:
    """A file that was refused for a passing reason, such as a bad contact of the card, is no longer broken."""
    session.exec(delete(QuarantineRow).where(col(QuarantineRow.sha256).in_(photos)))
    paths = [f"{folder}/{photo.name}" for photo in photos.values()]
    session.exec(delete(QuarantineRow).where(col(QuarantineRow.sha256) == "", col(QuarantineRow.path).in_(paths)))


def _note_broken(session: Session, row: QuarantineRow) -> None:
    same = (QuarantineRow.path == row.path, QuarantineRow.sha256 == row.sha256)
    if session.exec(select(QuarantineRow.id).where(*same)).first() is None:
        session.add(row)
        session.flush()


def _count(row: IngestionRow, pending: Pending, added: int, finished_at: datetime | None) -> None:
    row.added += added
    row.known += pending.known + len(pending.photos) - added
    row.quarantined += len(pending.broken)
    row.finished_at = finished_at
