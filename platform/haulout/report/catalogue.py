"""How many walruses are known, and how often they came back."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func
from sqlmodel import Session, col, select

from haulout.tables import AnimalRow, DisputeRow, PhotoRow, SightingRow


@dataclass(frozen=True)
class Catalogue:
    """The individuals sighted at a site."""

    individuals: int
    seen_again: int
    """Individuals sighted on two days or more."""
    sightings: int
    disputes: int
    """Pairs of animals on which experts contradict each other."""


def read_catalogue(session: Session, site: str) -> Catalogue:
    """Count the site's individuals, sightings and open disputes."""
    seen = (
        select(SightingRow.individual, PhotoRow.taken_at)
        .join(AnimalRow, col(AnimalRow.id) == SightingRow.animal)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(PhotoRow.site == site)
    )
    sightings = list(session.exec(seen))
    days: dict[str, set[date]] = defaultdict(set)
    for individual, taken_at in sightings:
        days[individual] |= {taken_at.date()} if taken_at else set()
    seen_again = sum(len(each) > 1 for each in days.values())
    return Catalogue(len(days), seen_again, len(sightings), _disputes(session, site))


def _disputes(session: Session, site: str) -> int:
    query = (
        select(func.count())
        .select_from(DisputeRow)
        .join(AnimalRow, col(AnimalRow.id) == DisputeRow.first)
        .join(PhotoRow, col(PhotoRow.id) == AnimalRow.photo)
        .where(PhotoRow.site == site)
    )
    return session.exec(query).one()
