"""A map of looks: photos lie near each other on it where the detector's backbone sees the same in them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import cos, pi, sin, sqrt
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from haulout.tables import ProposalRow

WIDTH, HEIGHT, EDGE = 640, 400, 20
MOST = 1500
"""Photos of the season that are read and drawn, at most."""
STEPS = 6
DIRECTIONS = 8
"""Of the subspace iteration; more than the two that are drawn, so that these two come out right."""
ASIDE = 9.0
"""How far the second tile of a photo is drawn from the first."""
GOLDEN = pi * (3 - sqrt(5))
"""The angle from one tile of a photo to the next, so that they stand round the first like seeds of a sunflower."""

Place = tuple[float, float]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Looks:
    """Where the season's photos and those of a batch are drawn, in a picture of WIDTH x HEIGHT."""

    width: ClassVar[int] = WIDTH
    height: ClassVar[int] = HEIGHT
    season: tuple[Place, ...] = ()
    batch: Mapping[str, Place] = field(default_factory=dict)
    """By tile; tiles of photos that nobody described are missing."""
    told: float = 0.0
    """The share of the differences between photos that the map shows."""


def look(session: Session, model: str, tiles: Mapping[str, str]) -> Looks:
    """Return the map of the tiles' photos as this model's backbone sees them; empty when it described fewer than three.

    `tiles` gives the photo of each tile.
    """
    season, batch = _directions(session, model, _evenly(session, model)), _directions(session, model, tiles.values())
    if len(season) < 3:
        return Looks()
    seen = np.stack(list(season.values()))
    middle = seen.mean(axis=0)
    scatter = float(np.square(seen - middle).sum())
    axes = _axes(seen - middle)
    flat = np.stack([*season.values(), *batch.values()]) - middle
    places = _fitted(flat @ axes)
    told = float(np.square((seen - middle) @ axes).sum()) / scatter if scatter > 0 else 1.0
    return Looks(
        season=tuple(places[: len(season)]),
        batch=_apart(tiles, dict(zip(batch, places[len(season) :], strict=True))),
        told=told,
    )


def _evenly(session: Session, model: str) -> list[str]:
    """Return MOST photos at most, every so manieth by id: ids are hashes, so that these are a fair sample."""
    ids = list(session.exec(select(ProposalRow.photo).where(ProposalRow.model == model).order_by(ProposalRow.photo)))
    return ids[:: max(1, -(-len(ids) // MOST))]


def _directions(session: Session, model: str, photos: Iterable[str]) -> dict[str, Numbers]:
    """Return the descriptions scaled to length one, as the selection compares them."""
    query = select(ProposalRow.photo, ProposalRow.features).where(
        ProposalRow.model == model, col(ProposalRow.photo).in_(sorted(set(photos)))
    )
    read = ((photo, np.frombuffer(raw, dtype=np.float16).astype(np.float64)) for photo, raw in session.exec(query))
    lengths = ((photo, row, float(np.linalg.norm(row))) for photo, row in read)
    return {photo: row / length for photo, row, length in lengths if length > 0}


def _axes(centred: Numbers) -> Numbers:
    """Return the first two principal axes, shape (d, 2), by subspace iteration (Halko et al. 2011, algorithm 4.4).

    A whole decomposition of 1,500 descriptions of 1,280 numbers takes seconds, this some hundredths of one.
    """
    basis = centred[:: max(1, len(centred) // DIRECTIONS)][:DIRECTIONS].T
    for _ in range(STEPS):
        basis = np.linalg.qr(centred.T @ (centred @ basis)).Q
    _, _, turned = np.linalg.svd(centred @ basis, full_matrices=False)
    axes: Numbers = basis @ turned[:2].T
    return axes


def _fitted(flat: Numbers) -> list[Place]:
    """Stretch the points, shape (n, 2) or (n, 1), over the picture."""
    both = np.hstack([flat, np.zeros((len(flat), 2 - flat.shape[1]))])
    low, high = both.min(axis=0), both.max(axis=0)
    span = high - low
    share = np.divide(both - low, span, out=np.full_like(both, 0.5), where=span > 0)
    room = np.array([WIDTH, HEIGHT]) - 2 * EDGE
    return [(round(x, 1), round(y, 1)) for x, y in (EDGE + share * room).tolist()]


def _apart(tiles: Mapping[str, str], places: Mapping[str, Place]) -> dict[str, Place]:
    """Return where each tile is drawn: round its photo's place when the photo has several."""
    drawn: Counter[str] = Counter()
    found: dict[str, Place] = {}
    for tile, photo in tiles.items():
        if photo in places:
            found[tile] = _aside(places[photo], drawn[photo])
            drawn[photo] += 1
    return found


def _aside(place: Place, before: int) -> Place:
    far, angle = ASIDE * sqrt(before), GOLDEN * before
    return round(place[0] + far * cos(angle), 1), round(place[1] + far * sin(angle), 1)
