"""Photos of one camera seconds apart show the same animals: they form a burst, whatever order they arrive in."""

from datetime import datetime, time, timedelta

from sqlmodel import Session, col, select

from haulout.tables import PhotoRow

GAP = timedelta(seconds=30)
"""The longest pause inside a burst."""


def join_burst(session: Session, photo: PhotoRow) -> None:
    """Give the photo, already added to the session, its burst, and join the bursts that it connects.

    A burst is named after its first photo. It ends at midnight, so that it lies on one side of the split by days.
    """
    photo.burst = photo.id[:16]
    joined = _neighbours(session, photo) | {photo.burst}
    session.flush()
    name = _first_of(session, joined)[:16]
    for member in session.exec(select(PhotoRow).where(col(PhotoRow.burst).in_(joined - {name}))):
        member.burst = name


def _neighbours(session: Session, photo: PhotoRow) -> set[str]:
    if photo.taken_at is None:
        return set()
    earliest = max(photo.taken_at - GAP, datetime.combine(photo.taken_at, time.min))
    latest = min(photo.taken_at + GAP, datetime.combine(photo.taken_at, time.max))
    near = (
        select(PhotoRow.burst)
        .where(PhotoRow.site == photo.site, PhotoRow.camera == photo.camera, PhotoRow.id != photo.id)
        .where(col(PhotoRow.taken_at).between(earliest, latest))
    )
    return set(session.exec(near))


def _first_of(session: Session, bursts: set[str]) -> str:
    members = select(PhotoRow.id).where(col(PhotoRow.burst).in_(bursts))
    return session.exec(members.order_by(col(PhotoRow.taken_at), PhotoRow.id).limit(1)).one()
