"""Finding photos, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, exists, select
from sqlmodel.sql.expression import SelectOfScalar

from haulout.aside import ANIMALS, EMPTY, LOOK
from haulout.report import shown_detector
from haulout.tables import AnimalRow, PhotoRow, ProposalRow, TriagedRow

PER_PAGE = 24
LIKELY = 0.5
"""From how many expected animals on a photo counts as one with animals."""
SHOWS = ("animals", "nothing", "unseen")
TRIAGE = (EMPTY, ANIMALS, LOOK)


@dataclass(frozen=True)
class Filter:
    """Which photos are wanted; empty fields want all."""

    camera: str = ""
    day: date | None = None
    shows: str = ""
    """animals, nothing, or unseen: no machine has looked yet."""
    split: str = ""
    triage: str = ""
    """empty, animals or look: what triage says of the photo."""

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Self:
        """Read the filter from a page's address; what makes no sense there is left out."""
        shows, split = arguments.get("shows", ""), arguments.get("split", "")
        triage = arguments.get("triage", "")
        return cls(
            camera=arguments.get("camera", ""),
            day=_day(arguments.get("day", "")),
            shows=shows if shows in SHOWS else "",
            split=split if split in ("train", "exam") else "",
            triage=triage if triage in TRIAGE else "",
        )

    def arguments(self) -> dict[str, str]:
        """Return the filter as it is written in an address."""
        day = self.day.isoformat() if self.day else ""
        given = {"camera": self.camera, "day": day, "shows": self.shows, "split": self.split}
        given["triage"] = self.triage
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Card:
    """One photo in the list; `expected` is None while no machine has looked."""

    photo: PhotoRow
    animals: int
    expected: float | None
    triage: str = ""
    """What triage says: empty, animals, look, or nothing yet."""


@dataclass(frozen=True)
class Found:
    """One page of the photos that were wanted, oldest first."""

    cards: tuple[Card, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PER_PAGE))


def find(session: Session, wanted: Filter, page: int) -> Found:
    """Return this page, or the last one when there are not so many."""
    model = shown_detector(session)
    conditions = _conditions(wanted, model)
    total = session.exec(select(func.count()).select_from(PhotoRow).where(*conditions)).one()
    page = min(max(page, 1), max(1, -(-total // PER_PAGE)))
    query = _in_order(select(PhotoRow).where(*conditions)).offset((page - 1) * PER_PAGE).limit(PER_PAGE)
    return Found(_cards(session, list(session.exec(query)), model), total, page)


def cameras(session: Session) -> list[str]:
    """Return the cameras that photos can be filtered by."""
    return list(session.exec(select(PhotoRow.camera).distinct().order_by(PhotoRow.camera)))


def neighbours(session: Session, photo: PhotoRow) -> tuple[PhotoRow | None, PhotoRow | None]:
    """Return the photos that the same camera took before and after; photos without a time come first."""
    moment = func.coalesce(col(PhotoRow.taken_at), datetime.min)
    here = photo.taken_at or datetime.min
    same = select(PhotoRow).where(PhotoRow.site == photo.site, PhotoRow.camera == photo.camera)
    before = same.where(or_(moment < here, and_(moment == here, col(PhotoRow.id) < photo.id)))
    after = same.where(or_(moment > here, and_(moment == here, col(PhotoRow.id) > photo.id)))
    return (
        session.exec(before.order_by(moment.desc(), col(PhotoRow.id).desc()).limit(1)).first(),
        session.exec(after.order_by(moment, col(PhotoRow.id)).limit(1)).first(),
    )


def _in_order(query: SelectOfScalar[PhotoRow]) -> SelectOfScalar[PhotoRow]:
    return query.order_by(func.coalesce(col(PhotoRow.taken_at), datetime.min), PhotoRow.camera, PhotoRow.id)


def _conditions(wanted: Filter, model: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.camera:
        conditions.append(col(PhotoRow.camera) == wanted.camera)
    if wanted.day:
        start = datetime.combine(wanted.day, datetime.min.time())
        conditions += [col(PhotoRow.taken_at) >= start, col(PhotoRow.taken_at) < start + timedelta(days=1)]
    if wanted.split:
        conditions.append(col(PhotoRow.split) == wanted.split)
    if wanted.triage:
        sorted_so = and_(col(TriagedRow.photo) == PhotoRow.id, col(TriagedRow.verdict) == wanted.triage)
        conditions.append(exists().where(sorted_so))
    if wanted.shows:
        conditions.append(_shows(wanted.shows, model))
    return conditions


def _shows(what: str, model: str | None) -> ColumnElement[bool]:
    seen = and_(col(ProposalRow.photo) == PhotoRow.id, col(ProposalRow.model) == model)
    confirmed = exists().where(col(AnimalRow.photo) == PhotoRow.id)
    expected = exists().where(seen, col(ProposalRow.expected_animals) >= LIKELY)
    looked_at = exists().where(seen)
    if what == "animals":
        return or_(confirmed, expected)
    if what == "nothing":
        return and_(looked_at, ~confirmed, ~expected)
    return ~looked_at


def _cards(session: Session, photos: list[PhotoRow], model: str | None) -> tuple[Card, ...]:
    ids = [photo.id for photo in photos]
    counted = select(AnimalRow.photo, func.count()).where(col(AnimalRow.photo).in_(ids)).group_by(AnimalRow.photo)
    looked = select(ProposalRow.photo, ProposalRow.expected_animals).where(
        col(ProposalRow.photo).in_(ids), ProposalRow.model == model
    )
    animals, expected = dict(session.exec(counted).all()), dict(session.exec(looked).all())
    triaged = dict(
        session.exec(select(TriagedRow.photo, TriagedRow.verdict).where(col(TriagedRow.photo).in_(ids))).all()
    )
    return tuple(
        Card(photo, animals.get(photo.id, 0), expected.get(photo.id), triaged.get(photo.id, "")) for photo in photos
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
