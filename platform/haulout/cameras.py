"""What is said of cameras: which show the same animals, and when one was moved; a person's word beats a machine's."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from haulout.errors import BadPlace
from haulout.tables import CameraRow, MoveRow, PhotoRow, StillRow

OPERATOR, MACHINE = "operator", "machine"
NEAR = timedelta(days=1)
"""Two times so near are one move: a machine sees it only when the next photo is clear enough."""


def known_cameras(session: Session, site: str) -> list[str]:
    """Return the cameras of a site's photos; BadPlace with the known sites when it has none."""
    cameras = session.exec(select(PhotoRow.camera).where(PhotoRow.site == site).distinct().order_by(PhotoRow.camera))
    found = list(cameras)
    if not found:
        sites = session.exec(select(PhotoRow.site).distinct().order_by(PhotoRow.site))
        raise BadPlace(f"There are no photos of the site {site!r}. Known: {', '.join(sites) or 'none yet'}.")
    return found


def check_camera(session: Session, site: str, camera: str) -> None:
    """Raise BadPlace, with the known cameras, when the site has no photo of this one."""
    known = known_cameras(session, site)
    if camera not in known:
        raise BadPlace(f"{site} has no photos of a camera {camera!r}. Known: {', '.join(known)}.")


def set_view(session: Session, site: str, camera: str, view: str) -> None:
    """Name what the camera shows: animals of cameras with one view are not added up."""
    check_camera(session, site, camera)
    session.merge(CameraRow(site=site, camera=camera, view=view.strip()))


def moved(session: Session, site: str, camera: str, at: datetime, by: str = OPERATOR) -> None:
    """Note that the camera was moved; what was said against it before holds no more."""
    check_camera(session, site, camera)
    for still in _denials_near(session, site, camera, at):
        session.delete(still)
    for row in _moves_near(session, site, camera, at):
        if row.by == MACHINE:
            session.delete(row)
    session.flush()
    session.merge(MoveRow(site=site, camera=camera, at=at, by=by))


def not_moved(session: Session, site: str, camera: str, at: datetime, now: datetime, by: str = OPERATOR) -> None:
    """Deny the move that was noted at this time, for good; BadPlace, with the moves that are, when there is none."""
    check_camera(session, site, camera)
    row = session.get(MoveRow, (site, camera, at))
    if row is None:
        told = ", ".join(f"{known.at:%Y-%m-%d %H:%M:%S}" for known in moves(session, site, camera)) or "none"
        raise BadPlace(f"No move of {site} {camera} is noted at {at:%Y-%m-%d %H:%M:%S}. Known moves: {told}.")
    session.delete(row)
    session.merge(StillRow(site=site, camera=camera, at=at, by=by, said_at=now))


def moves(session: Session, site: str, camera: str) -> list[MoveRow]:
    """Return the camera's moves, the oldest first."""
    own = select(MoveRow).where(MoveRow.site == site, MoveRow.camera == camera)
    return list(session.exec(own.order_by(col(MoveRow.at))))


def machine_found(session: Session, site: str, camera: str, found: Sequence[datetime], year: int | None = None) -> None:
    """Replace what a machine found before, in one year or ever, by what it finds now; a person's word beats it."""
    for row in moves(session, site, camera):
        if row.by == MACHINE and year in (None, row.at.year):
            session.delete(row)
    session.flush()
    for at in found:
        told = any(row.by != MACHINE for row in _moves_near(session, site, camera, at))
        if not told and not _denials_near(session, site, camera, at):
            session.merge(MoveRow(site=site, camera=camera, at=at, by=MACHINE))


def _moves_near(session: Session, site: str, camera: str, at: datetime) -> Sequence[MoveRow]:
    own = select(MoveRow).where(MoveRow.site == site, MoveRow.camera == camera)
    return session.exec(own.where(col(MoveRow.at).between(at - NEAR, at + NEAR))).all()


def _denials_near(session: Session, site: str, camera: str, at: datetime) -> Sequence[StillRow]:
    own = select(StillRow).where(StillRow.site == site, StillRow.camera == camera)
    return session.exec(own.where(col(StillRow.at).between(at - NEAR, at + NEAR))).all()
