"""The photos with most animals, and those of the first and last days, as people and machine together count them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import nlargest

from sqlmodel import Session, col, func, select

from active_learning.tiling import outside, stitch
from haulout.answers import agreed_tiles
from haulout.report.detectors import shown_detector
from haulout.report.span import Span
from haulout.spots import Things, read_things
from haulout.tables import AnimalRow, PhotoRow, ProposalRow
from labeling_configs.vocabulary import Rectangle

DAYS_SHOWN = 8
LOOKED_AT = 3
"""Photos of a day that are counted exactly to find its fullest ones: the machine's sums order them only roughly."""
SHOWS_ANY = 0.5
"""Animals below which a photo is taken to be empty."""


@dataclass(frozen=True)
class Full:
    """A photo and its animals: `counted` by people in the parts they have settled, `expected` in all others."""

    photo: PhotoRow
    counted: int
    expected: float
    checked: bool
    """Whether people have settled every part of it."""

    @property
    def animals(self) -> float:
        """Both together."""
        return self.counted + self.expected


@dataclass(frozen=True)
class Pictures:
    """The photos that a report shows."""

    fullest: tuple[Full, ...]
    """The fullest photo of each of the fullest days, the fullest day first."""
    of_days: Mapping[date, tuple[Full, ...]]
    """The photos with most animals of the days on which animals came or left, in the order they were taken."""


def read_pictures(session: Session, span: Span, days: Iterable[date]) -> Pictures:
    """Find the fullest photos of the season, and those of each of the days."""
    model, things = shown_detector(session), read_things(session)
    by_day = _roughly(session, span, model)

    def look_at(day: date | str) -> list[Full]:
        best = nlargest(LOOKED_AT, by_day[day], key=by_day[day].__getitem__)
        looks = [_look(session, session.get_one(PhotoRow, photo), model, things) for photo in best]
        return [look for look in looks if look.animals >= SHOWS_ANY]

    full_days = nlargest(2 * DAYS_SHOWN, by_day, key=lambda day: (max(by_day[day].values()), str(day)))
    fullest = [max(looks, key=lambda look: look.animals) for looks in map(look_at, full_days) if looks]
    edges = {day: sorted(look_at(day), key=lambda look: str(look.photo.taken_at)) for day in days if day in by_day}
    return Pictures(
        fullest=tuple(sorted(fullest, key=lambda look: -look.animals)[:DAYS_SHOWN]),
        of_days={day: tuple(looks) for day, looks in edges.items() if looks},
    )


def _roughly(session: Session, span: Span, model: str | None) -> Mapping[date | str, Mapping[str, float]]:
    """Return by day, or by burst where the time is unknown, about how many animals each photo shows."""
    photos = select(PhotoRow.id, PhotoRow.taken_at, PhotoRow.burst).where(*span.photos())
    machine = (
        select(ProposalRow.photo, ProposalRow.expected_animals)
        .join(PhotoRow, col(PhotoRow.id) == ProposalRow.photo)
        .where(ProposalRow.model == model, *span.photos())
    )
    people = (
        select(AnimalRow.photo, func.count())
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(*span.photos())
        .group_by(AnimalRow.photo)
    )
    expected, confirmed = dict(session.exec(machine).all()), dict(session.exec(people).all())
    days: dict[date | str, dict[str, float]] = defaultdict(dict)
    for photo, taken_at, burst in session.exec(photos):
        if photo in expected or photo in confirmed:
            about = max(expected.get(photo, 0.0), confirmed.get(photo, 0))
            days[taken_at.date() if taken_at else burst][photo] = about
    return days


def _look(session: Session, photo: PhotoRow, model: str | None, things: Things) -> Full:
    settled = agreed_tiles(session, photo.id)
    cores = [tile.core for tile, _, _ in settled]
    covered = sum(core.width * core.height for core in cores)
    expected = _outside(session, photo, cores, model, things)
    return Full(photo, len(stitch(settled).boxes), expected, covered >= photo.width * photo.height)


def _outside(session: Session, photo: PhotoRow, cores: Sequence[Rectangle], model: str | None, things: Things) -> float:
    """Return what the machine expects in the parts that people have not settled."""
    proposal = session.get(ProposalRow, (photo.id, model or ""))
    if proposal is None:
        return 0.0
    boxes, scores = things.read(photo, proposal)
    return float(scores[outside(cores, boxes)].sum())
