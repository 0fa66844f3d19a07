"""Finding photos, page by page, as quickly among 100,000 as among a hundred."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial

from sqlalchemy import ColumnElement, and_, func, literal_column, or_
from sqlmodel import Session, col, exists, select
from sqlmodel.sql.expression import SelectOfScalar

from haulout.report import shown_detector
from haulout.tables import AnimalRow, ConsensusRow, PhotoRow, ProposalRow, SightingRow, TileRow, TriagedRow
from haulout.web.onwards import Condition, onwards
from haulout.web.wanted import Filter
from labeling_configs.vocabulary import COLD

IsOfPhoto = Callable[[str], Condition]
"""Says that a column holds the id of the photo that is asked about."""
PER_PAGE = 24
LIKELY = 0.5
"""From how many expected animals on a photo counts as one with animals."""
TICKED: ColumnElement[bool] = literal_column("CAST(consensus.disturbed AS VARCHAR) != '{}'")
"""As the index `consensus_disturbed` has it: only tiles on which somebody ticked something are read."""


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
    total: int | None
    """How many photos there are on all pages; counted for the first page only."""
    earlier: bool
    later: bool
    """Whether there are pages before and after this one."""


def find(session: Session, wanted: Filter, after: str = "", before: str = "") -> Found:
    """Return the first page, or the one that follows or precedes the photo of this id; an unknown id is none."""
    model = _looking(session)
    conditions = _conditions(wanted, model, _of_photo(session))
    here = session.get(PhotoRow, after or before) if after or before else None
    ids, earlier, later = _page(session, wanted, conditions, here, backwards=not after)
    if here is not None and (not ids or (before and not earlier and len(ids) < PER_PAGE)):
        return find(session, wanted)  # nothing follows any more, or the first page would not be full
    total = _count(session, conditions) if here is None else None
    return Found(_cards(session, ids, model), total, earlier, later)


def cameras(session: Session) -> dict[str, list[str]]:
    """Return the cameras of each site that photos can be filtered by."""
    query = select(PhotoRow.site, PhotoRow.camera).distinct().order_by(PhotoRow.site, PhotoRow.camera)
    found: dict[str, list[str]] = {}
    for site, camera in session.exec(query):
        found.setdefault(site, []).append(camera)
    return found


def neighbours(session: Session, photo: PhotoRow) -> tuple[str | None, str | None]:
    """Return the photos that the same camera took before and after; photos without a time come first."""
    same = [col(PhotoRow.site) == photo.site, col(PhotoRow.camera) == photo.camera]
    before, after = (
        onwards(session, same, photo, most=1, backwards=backwards, one_camera=True) for backwards in (True, False)
    )
    return next(iter(before), None), next(iter(after), None)


def _looking(session: Session) -> str | None:
    """Return the detector whose boxes are shown; what stands in for one before the first has looked at nothing."""
    model = shown_detector(session)
    return None if model == COLD else model


def _page(
    session: Session, wanted: Filter, conditions: Sequence[Condition], here: PhotoRow | None, *, backwards: bool
) -> tuple[list[str], bool, bool]:
    """Return the ids of a page in order, and whether there are photos before and after it."""
    one_camera, timed = bool(wanted.site and wanted.camera), bool(wanted.first or wanted.last)
    read, back = partial(onwards, one_camera=one_camera, timed=timed), backwards and here is not None
    ids = read(session, conditions, here, most=PER_PAGE + 1, backwards=back)
    more, ids = len(ids) > PER_PAGE, ids[:PER_PAGE]
    if here is None or not ids:
        return ids, False, more
    nearest = session.get_one(PhotoRow, ids[0])
    other = bool(read(session, conditions, nearest, most=1, backwards=not back))
    return (ids[::-1], more, other) if back else (ids, other, more)


def _count(session: Session, conditions: Sequence[Condition]) -> int:
    return session.exec(select(func.count()).select_from(PhotoRow).where(*conditions)).one()


def _of_photo(session: Session) -> IsOfPhoto:
    """SQLite is asked for a range of one: else it takes the primary key, and reads rows where an index would do."""
    if session.get_bind().dialect.name == "sqlite":
        return lambda column: col(column).between(PhotoRow.id, PhotoRow.id)
    return lambda column: col(column) == PhotoRow.id


def _conditions(wanted: Filter, model: str | None, of_photo: IsOfPhoto) -> list[Condition]:
    """What few photos fulfil is listed and looked up; all else is asked of each photo, the cheapest first."""
    conditions = [*_of_place(wanted), *_between(wanted.first, wanted.last)]
    if wanted.split:
        conditions.append(_tested(PhotoRow.split) == wanted.split)
    if wanted.disturbed:
        conditions.append(col(PhotoRow.id).in_(_disturbed(wanted.disturbed)))
    if wanted.individual:
        conditions.append(col(PhotoRow.id).in_(_sighted(wanted.individual)))
    if wanted.triage:
        conditions.append(exists().where(of_photo(TriagedRow.photo), col(TriagedRow.verdict) == wanted.triage))
    if wanted.shows:
        conditions.append(_shows(wanted.shows, partial(_looked, model, of_photo)))
    return conditions


def _of_place(wanted: Filter) -> list[Condition]:
    """Only site and camera together are looked up: their index holds the order."""
    if wanted.site and wanted.camera:
        return [col(PhotoRow.site) == wanted.site, col(PhotoRow.camera) == wanted.camera]
    given = ((PhotoRow.site, wanted.site), (PhotoRow.camera, wanted.camera))
    return [_tested(column) == name for column, name in given if name]


def _tested(column: str) -> ColumnElement[str]:
    """Keep databases from taking an index on a column that tells little, and sorting all that they find."""
    return func.coalesce(col(column), "")


def _between(first: date | None, last: date | None) -> list[Condition]:
    from_then = [col(PhotoRow.taken_at) >= datetime.combine(first, time.min)] if first else []
    till_then = [col(PhotoRow.taken_at) <= datetime.combine(last, time.max)] if last else []
    return from_then + till_then


def _shows(what: str, looked: Callable[..., Condition]) -> Condition:
    confirmed = exists().where(col(AnimalRow.photo) == PhotoRow.id)
    if what == "animals":
        return or_(looked(col(ProposalRow.expected_animals) >= LIKELY), confirmed)
    if what == "nothing":
        return and_(looked(col(ProposalRow.expected_animals) < LIKELY), ~confirmed)
    return ~looked()


def _looked(model: str | None, of_photo: IsOfPhoto, *expecting: Condition) -> Condition:
    """Whether the detector has looked at the photo, and expects so much; read from an index, beside the boxes."""
    this = (of_photo(ProposalRow.photo), col(ProposalRow.model) == model, col(ProposalRow.found) > 0)
    return exists().where(*this, *expecting)


def _disturbed(kind: str) -> SelectOfScalar[str]:
    """Read only the tiles on which somebody ticked anything."""
    tiles = select(TileRow.photo).join(ConsensusRow, col(ConsensusRow.tile) == TileRow.id)
    return tiles.where(TICKED, col(ConsensusRow.disturbed)[kind].as_integer() > 0)


def _sighted(individual: str) -> SelectOfScalar[str]:
    seen = select(AnimalRow.photo).join(SightingRow, col(SightingRow.animal) == AnimalRow.id)
    return seen.where(SightingRow.individual == individual)


def _cards(session: Session, ids: Sequence[str], model: str | None) -> tuple[Card, ...]:
    photos = {row.id: row for row in session.exec(select(PhotoRow).where(col(PhotoRow.id).in_(ids)))}
    counted = select(AnimalRow.photo, func.count()).where(col(AnimalRow.photo).in_(ids)).group_by(AnimalRow.photo)
    looked = select(ProposalRow.photo, ProposalRow.expected_animals).where(
        col(ProposalRow.photo).in_(ids), ProposalRow.model == model, ProposalRow.found > 0
    )
    sorted_so = select(TriagedRow.photo, TriagedRow.verdict).where(col(TriagedRow.photo).in_(ids))
    animals, expected = dict(session.exec(counted).all()), dict(session.exec(looked).all())
    triaged = dict(session.exec(sorted_so).all())
    return tuple(Card(photos[one], animals.get(one, 0), expected.get(one), triaged.get(one, "")) for one in ids)
