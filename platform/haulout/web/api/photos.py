"""Photos, oldest first, and what people and machine see in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import Session, col, exists, func, select

from haulout.report import shown_detector
from haulout.tables import AnimalRow, ConsensusRow, PhotoRow, ProposalRow, TileRow, TriagedRow
from haulout.web.api.boxes import AnimalBox, MachineBox, animal_boxes, machine_boxes
from haulout.web.api.endpoint import Asked
from haulout.web.api.paging import Key, Listed, after_key, cut, start
from haulout.web.api.parameters import Nothing, OfPhotos
from haulout.web.api.problems import absent
from haulout.web.api.values import Clocks, Value
from haulout.web.photos import LIKELY


class Photo(Value):
    """One photo."""

    id: str
    """The SHA-256 of its file."""
    name: str
    site: str
    camera: str
    taken_at: datetime | None
    """On the camera's corrected clock; null when the file does not tell."""
    burst: str
    """Photos seconds apart share one."""
    width: int
    height: int
    split: str
    """train, or exam: never trained on."""
    picture: str
    """Where it can be looked at, without what the camera wrote into it."""
    animals: int
    """Animals that people agreed on."""
    model: str | None
    """The detector whose boxes are told; null while it has not looked at this photo."""
    expected: float | None
    """Animals that the detector expects."""
    triage: str | None
    """empty (likely), animals, or look: to be looked at; null before anybody told."""
    people: tuple[AnimalBox, ...] | None
    """The animals that people agreed on; null when boxes were not asked for."""
    machine: tuple[MachineBox, ...] | None
    """What the detector drew; null when boxes were not asked for, or the detector has not looked."""


class Tile(Value):
    """A part of the photo that people are asked about."""

    id: str
    shown: tuple[int, ...]
    """x1, y1, x2, y2 in pixels of the photo."""
    state: str
    """open, agreed, disputed or unusable."""
    voters: int
    agreement: float | None
    """Mean share of voters on the majority's side; null before anybody was asked."""
    missed: float | None
    """Animals expected that nobody drew."""
    disturbed: dict[str, int]
    """How many of the voters saw people, boats, bears or aircraft."""


class WholePhoto(Photo):
    """One photo with its boxes and the tiles that people are asked about."""

    tiles: tuple[Tile, ...]


def photos(asked: Asked[OfPhotos]) -> Listed[Photo]:
    """Tell the photos that are wanted; those without a time come last."""
    model = shown_detector(asked.session)
    rows, following = cut(asked, _found(asked, _conditions(asked.query, model)), lambda row: (row.taken_at, row.id))
    told = _told(asked.session, rows, model, boxes=asked.query.boxes == "yes")
    return Listed(items=tuple(told), next=following)


def photo(asked: Asked[Nothing]) -> WholePhoto:
    """Tell one photo."""
    session = asked.session
    row = session.get(PhotoRow, asked.names["photo"]) or absent(f"photo {asked.names['photo']!r}")
    (told,) = _told(session, [row], shown_detector(session), boxes=True)
    query = (
        select(TileRow, ConsensusRow)
        .join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id, isouter=True)
        .where(TileRow.photo == row.id)
        .order_by(TileRow.id)
    )
    return WholePhoto.of(told, tiles=tuple(_tile(tile, settled) for tile, settled in session.exec(query)))


def _tile(tile: TileRow, settled: ConsensusRow | None) -> Tile:
    return Tile(
        id=tile.id,
        shown=tuple(tile.shown),
        state=settled.state if settled else "open",
        voters=settled.voters if settled else 0,
        agreement=settled.agreement if settled else None,
        missed=settled.missed if settled else None,
        disturbed=dict(settled.disturbed) if settled else {},
    )


def _found(asked: Asked[OfPhotos], conditions: Sequence[ColumnElement[bool]]) -> list[PhotoRow]:
    """Return one photo more than is wanted; SQLite and PostgreSQL would put those without a time at other ends."""
    most, after = asked.query.limit + 1, start(asked)
    timed, keys = col(PhotoRow.taken_at).is_not(None), (col(PhotoRow.taken_at), col(PhotoRow.id))
    rows: list[PhotoRow] = []
    if after is None or after[0] is not None:
        query = select(PhotoRow).where(timed, *conditions, *_later(keys, after)).order_by(*keys)
        rows += asked.session.exec(query.limit(most))
    if len(rows) < most and not (asked.query.first or asked.query.last):
        last = after[1:] if after and after[0] is None else None
        query = select(PhotoRow).where(~timed, *conditions, *_later(keys[1:], last)).order_by(PhotoRow.id)
        rows += asked.session.exec(query.limit(most - len(rows)))
    return rows


def _later(keys: Sequence[Any], after: Key | None) -> list[ColumnElement[bool]]:
    return [] if after is None else [after_key(keys, after)]


def _conditions(wanted: OfPhotos, model: str | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.site:
        conditions.append(col(PhotoRow.site) == wanted.site)
    if wanted.camera:
        conditions.append(col(PhotoRow.camera) == wanted.camera)
    if wanted.first:
        conditions.append(col(PhotoRow.taken_at) >= datetime.combine(wanted.first, time()))
    if wanted.last:
        conditions.append(col(PhotoRow.taken_at) <= datetime.combine(wanted.last, time.max))
    if wanted.animals:
        conditions.append(_animals(wanted.animals, model))
    return conditions


def _animals(wanted: str, model: str | None) -> ColumnElement[bool]:
    seen = and_(col(ProposalRow.photo) == PhotoRow.id, col(ProposalRow.model) == model)
    confirmed, looked_at = exists().where(col(AnimalRow.photo) == PhotoRow.id), exists().where(seen)
    expected = exists().where(seen, col(ProposalRow.expected_animals) >= LIKELY)
    if wanted == "yes":
        return or_(confirmed, expected)
    return and_(looked_at, ~confirmed, ~expected) if wanted == "no" else ~looked_at


def _told(session: Session, rows: Sequence[PhotoRow], model: str | None, *, boxes: bool) -> list[Photo]:
    ids, clocks = [row.id for row in rows], Clocks(session)
    animals, expected, triaged = _animals_in(session, ids), _expected(session, ids, model), _triaged(session, ids)
    people = animal_boxes(session, rows) if boxes else {}
    machine = machine_boxes(session, rows, model) if boxes else {}
    return [
        Photo.of(
            row,
            taken_at=clocks.moment(row.site, row.taken_at),
            picture=f"/pictures/photos/{row.id}.jpg",
            animals=animals.get(row.id, 0),
            model=model if row.id in expected else None,
            expected=expected.get(row.id),
            triage=triaged.get(row.id),
            people=people.get(row.id, ()) if boxes else None,
            machine=machine.get(row.id),
        )
        for row in rows
    ]


def _animals_in(session: Session, ids: Sequence[str]) -> Mapping[str, int]:
    query = select(AnimalRow.photo, func.count()).where(col(AnimalRow.photo).in_(ids)).group_by(AnimalRow.photo)
    return dict(session.exec(query).all())


def _expected(session: Session, ids: Sequence[str], model: str | None) -> Mapping[str, float]:
    query = select(ProposalRow.photo, ProposalRow.expected_animals)
    return dict(session.exec(query.where(col(ProposalRow.photo).in_(ids), ProposalRow.model == model)).all())


def _triaged(session: Session, ids: Sequence[str]) -> Mapping[str, str]:
    query = select(TriagedRow.photo, TriagedRow.verdict).where(col(TriagedRow.photo).in_(ids))
    return dict(session.exec(query).all())
