"""One walrus at a glance: best pictures by side, days, marks through time, where and with whom it was seen."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from haulout.tables import AnimalRow, PhotoRow, SightingRow
from haulout.web.individuals import Known, Sighting
from labeling_configs.vocabulary import Side

ORDER = (Side.LEFT, Side.RIGHT, Side.FRONT, Side.BACK, Side.UNCLEAR)
MOST_COMPANIONS = 10
MOST_BURSTS = 400
"""Bursts, the newest ones, in which companions are looked for: a page is waited for."""
WIDTH, EDGE = 900.0, 12.0
"""Of the drawn days, in units of the drawing."""


@dataclass(frozen=True)
class Best:
    """The best picture of one side, and how many there are."""

    side: Side
    sighting: Sighting
    pictures: int


@dataclass(frozen=True)
class MarkSeen:
    """A kind of mark: on which days experts pointed at it first and last, and on how many pictures.

    `looked` is the last day on which they pointed at other marks on the same side and not at it; None when never.
    """

    kind: str
    first: date | None
    last: date | None
    pictures: int
    looked: date | None


@dataclass(frozen=True)
class Companion:
    """Another individual seen in the same bursts."""

    individual: str
    days: int


@dataclass(frozen=True)
class Dot:
    """A day at one site: where it is drawn, how many sightings, and the first of them."""

    x: float
    day: date
    site: str
    style: int
    sightings: int
    animal: str


@dataclass(frozen=True)
class Portrait:
    """All of it."""

    best: tuple[Best, ...]
    marks: tuple[MarkSeen, ...]
    sites: tuple[tuple[str, int], ...]
    companions: tuple[Companion, ...]
    dots: tuple[Dot, ...]


def portrait(session: Session, known: Known) -> Portrait:
    """Put together what the page of one individual shows before its sightings."""
    sites = Counter(sighting.photo.site for sighting in known.sightings)
    ordered = tuple(sorted(sites.items(), key=lambda one: (-one[1], one[0])))
    return Portrait(
        best=best_by_side(known.sightings),
        marks=marks_seen(known.sightings),
        sites=ordered,
        companions=_companions(session, known),
        dots=days_drawn(known.sightings, [site for site, _ in ordered]),
    )


def best_by_side(sightings: Sequence[Sighting]) -> tuple[Best, ...]:
    """Return for each side that experts named the biggest picture, the surest box first among equals."""
    by_side: dict[Side, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        by_side[sighting.side].append(sighting)
    return tuple(Best(side, max(by_side[side], key=_size), len(by_side[side])) for side in ORDER if side in by_side)


def marks_seen(sightings: Sequence[Sighting]) -> tuple[MarkSeen, ...]:
    """Return each kind of mark with its days, the one pointed at on most pictures first."""
    with_marks = [sighting for sighting in sightings if sighting.marks]
    found = []
    for kind in sorted({mark.kind for sighting in with_marks for mark in sighting.marks}):
        here = [sighting for sighting in with_marks if any(mark.kind == kind for mark in sighting.marks)]
        sides, days = {sighting.side for sighting in here} - {Side.UNCLEAR}, _days(here)
        last = max(days, default=None)
        without = _days([one for one in with_marks if one not in here and one.side in sides])
        later = [day for day in without if last is not None and day > last]
        found.append(MarkSeen(kind, min(days, default=None), last, len(here), max(later, default=None)))
    return tuple(sorted(found, key=lambda mark: (-mark.pictures, mark.kind)))


def days_drawn(sightings: Sequence[Sighting], sites: Sequence[str]) -> tuple[Dot, ...]:
    """Place each day at each site along a line from the first to the last; a single day lies in the middle."""
    groups: dict[tuple[date, str], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        if sighting.photo.taken_at:
            groups[sighting.photo.taken_at.date(), sighting.photo.site].append(sighting)
    if not groups:
        return ()
    first, last = min(day for day, _ in groups), max(day for day, _ in groups)
    span = max((last - first).days, 1)
    return tuple(
        Dot(
            x=EDGE + (WIDTH - 2 * EDGE) * ((day - first).days / span if last > first else 0.5),
            day=day,
            site=site,
            style=sites.index(site) % 5,
            sightings=len(here),
            animal=here[0].animal.id,
        )
        for (day, site), here in sorted(groups.items())
    )


def _size(sighting: Sighting) -> tuple[float, float, str]:
    x1, y1, x2, y2 = sighting.animal.box
    return (x2 - x1) * (y2 - y1), sighting.animal.probability, sighting.animal.id


def _days(sightings: Sequence[Sighting]) -> list[date]:
    return [sighting.photo.taken_at.date() for sighting in sightings if sighting.photo.taken_at]


def _companions(session: Session, known: Known) -> tuple[Companion, ...]:
    """Return who else was in the bursts of its sightings, on most days first."""
    bursts = list(dict.fromkeys(sighting.photo.burst for sighting in reversed(known.sightings)))[:MOST_BURSTS]
    query = (
        select(SightingRow.individual, PhotoRow.burst, PhotoRow.taken_at)
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(col(PhotoRow.burst).in_(bursts), SightingRow.individual != known.individual.id)
    )
    days: dict[str, set[object]] = defaultdict(set)
    for individual, burst, taken_at in session.exec(query):
        days[individual].add(taken_at.date() if taken_at else burst)
    ranked = sorted(days.items(), key=lambda one: (-len(one[1]), one[0]))[:MOST_COMPANIONS]
    return tuple(Companion(individual, len(together)) for individual, together in ranked)
