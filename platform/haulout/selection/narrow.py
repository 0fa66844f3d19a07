"""The second goal of asking: the tiles that shrink the interval of one figure, "the August maximum to 10 %"."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from active_learning.estimation import Estimate
from active_learning.narrowing import narrowing, narrowing_peak, needed, needed_peak
from active_learning.sampling import NothingToDraw, draw
from active_learning.selection import drawn
from haulout.candidates import as_pool
from haulout.db import reading, writing
from haulout.errors import NothingToEstimate
from haulout.figures import LEAST_DRAWN, Figure, Season, read_season
from haulout.selection.batch import Asked, store_batch
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version

PURPOSE = 16
BLIND = 1.0
"""Share of the tiles that are shown without predictions: whoever only corrects them counts what the machine counts."""


@dataclass(frozen=True)
class Narrowing:
    """The figure as it stands, the tiles foreseen to reach the wanted width, and the batch that asks for the first."""

    estimate: Estimate
    needed: int
    asked: int
    batch: int | None


def narrow(
    services: Services,
    figure: Figure,
    relative: float,
    most: int | None = None,
    tell: Tell = silently,
    site: str | None = None,
) -> Narrowing:
    """Ask for the tiles that tell most about the figure until its 95 % interval is +- `relative` of its value.

    At most `most` tiles are asked now, by default as many as the queue has room for; none when it is narrow enough. The
    site is the configured one when none is given. NothingToEstimate while too few tiles that were drawn at random are
    settled, or when all of the figure is checked.
    """
    tell(f"Choosing what tells most about the {figure}", 0, 0)
    model, site = detector_version(services), site or services.settings.site
    with reading(services.database) as session:
        asked = Asked.read(session, model, services.settings)
        season = read_season(session, asked.candidates, site)
        if season is None or not season.domain(figure).any():
            raise NothingToEstimate(
                f"The {figure} of {site} cannot be told yet: it takes photos of that time and {LEAST_DRAWN} settled "
                "tiles that were drawn at random. Go on with `haulout run`, or name another --site."
            )
        rng = services.rng(PURPOSE, asked.batches)
        estimate = season.estimate(figure, rng)
        wanted = _needed(season, figure, relative, estimate, rng)
        room = min(wanted, asked.room(services.settings.batch_size) if most is None else most)
        if room <= 0:
            return Narrowing(estimate, wanted, 0, None)
        probability = _probability(season, asked, figure, room, rng)
        rows = draw(probability, rng, (season.frame.day, season.frame.photo))
        pool = as_pool(session, season.candidates, asked.known(), model)
        chosen = drawn(pool, probability, rows, BLIND, rng)
    with writing(services.database) as session:
        batch = store_batch(services, session, None, asked, chosen, str(figure))
    return Narrowing(estimate, wanted, len(chosen), batch)


def _needed(season: Season, figure: Figure, relative: float, estimate: Estimate, rng: Generator) -> int:
    checked = season.told(figure)
    if figure.name == "maximum":
        return needed_peak(season.frame, season.fit, checked, season.domain(figure), relative, rng)
    return needed(season.frame, season.fit, checked, season.weight(figure), relative * estimate.value)


def _probability(season: Season, asked: Asked, figure: Figure, size: int, rng: Generator) -> NDArray[np.float64]:
    """Return each unit's chance; what waits for people already is not asked twice."""
    free = np.array([one.tile.id not in asked.asked for one in season.candidates], dtype=np.bool_)
    checked = season.told(figure)
    try:
        if figure.name == "maximum":
            chance = narrowing_peak(season.frame, season.fit, checked, season.peak(figure, rng), size)
            return np.where(free, chance, 0.0)
        return narrowing(season.frame, season.fit, checked, season.weight(figure) * free, size)
    except NothingToDraw as error:
        raise NothingToEstimate(f"Nothing more can be asked for the {figure}: {error}.") from error
