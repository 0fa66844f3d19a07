"""Step 3 of the loop: choose the tiles that people are asked next, write down why, and order what waits."""

from collections.abc import Sequence

from sqlmodel import Session

from active_learning.selection import Chosen, Shares
from active_learning.selection import select as choose
from haulout.aside import set_aside
from haulout.candidates import as_pool, features_of, occupied_tiles
from haulout.config import Settings
from haulout.db import reading, writing
from haulout.figures import TEACH
from haulout.selection.batch import Asked, store_batch
from haulout.selection.narrow import Narrowing, narrow
from haulout.selection.order import reorder
from haulout.services import Services, Tell, silently
from haulout.serving import detector_version
from haulout.teaching import foresee

__all__ = ["Narrowing", "narrow", "put_in_order", "select_batch"]

PURPOSE = 3
"""Keeps the random numbers of selection apart from those of other stages."""
ORDERING = 14
"""The same for the order of what waits."""
RARE = 0.2
"""Share of settled tiles with an animal below which animals are rare, and likely ones are looked for."""


def select_batch(services: Services, run: int | None = None, tell: Tell = silently) -> int | None:
    """Fill the queue up to the size of a batch; return the new batch's id, or None when the queue is full.

    Also None when nothing is left to ask, or when asking more would teach nothing. A second call, after a crash or in a
    slow week, asks nobody twice as much. What waits already is put in the order of what it is worth now.
    """
    tell("Choosing what to ask next", 0, 0)
    model = detector_version(services)
    with reading(services.database) as session:
        season = Asked.read(session, model, services.settings)
        teaching = foresee(session, services.settings)
        pays = teaching is None or teaching.pays
        if teaching and not pays:
            tell(teaching.sentence(), 0, 0)
        chosen = _choose(session, season, services) if pays else ()
    with writing(services.database) as session:
        batch = store_batch(services, session, run, season, chosen, TEACH) if chosen else None
    put_in_order(services)
    return batch


def put_in_order(services: Services) -> int:
    """Order the open tasks by what they are worth to the detector that serves now; return how many moved."""
    model = detector_version(services)
    with writing(services.database) as session:
        season = Asked.read(session, model, services.settings)
        waiting = [one for one in season.known() if season.is_open(one)]
        answered = season.known(answered=True)
        pool = as_pool(session, waiting, answered, model)
        return reorder(session, pool, features_of(answered), services.rng(ORDERING))


def _choose(session: Session, season: Asked, services: Services) -> Sequence[Chosen]:
    room = season.room(services.settings.batch_size)
    if room <= 0 or not season.fresh(room):
        return ()
    # Photos that triage sets aside are still drawn at random: figures would be wrong without them, and so would triage.
    fresh = {one.tile.id for one in season.fresh(room, set_aside(session, season.model))}
    known = season.known()
    pool = as_pool(session, season.unasked(), known, season.model, fresh, season.begun)
    shares = _shares(session, services.settings)
    return choose(pool, room, services.rng(PURPOSE, season.batches), shares, features_of(known))


def _shares(session: Session, settings: Settings) -> Shares:
    """Likely animals are looked for while few settled tiles show any: a detector learns little from bare beach."""
    told = list(occupied_tiles(session).values())
    rare = bool(told) and sum(told) < RARE * len(told)
    return Shares(
        random=settings.random_share,
        exam=settings.exam_share,
        easy=settings.easy_share,
        positive=settings.positive_share if rare else 0.0,
        blind=settings.blind_share,
    )
