"""Places that a person said are no animal: the machine's boxes there are read apart, and none is deleted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from active_learning.recurring import lying_on
from haulout.tables import PhotoRow, ProposalRow, SpotDecisionRow, SpotRow
from labeling_configs.vocabulary import Boxes

THING, ANIMAL, OPEN = "thing", "animal", "open"
STANDS = timedelta(weeks=3)
"""So long before and after it was seen a thing is believed to be there: cameras are moved, and so are logs."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Things:
    """The places of things, by site and camera."""

    places: Mapping[tuple[str, str], Sequence[SpotRow]]

    def on(self, photo: PhotoRow, boxes: Boxes, scores: Floats) -> Bools:
        """Say which of the machine's boxes on the photo, shape (n, 4), are things; none where nobody knows the day."""
        marked = np.zeros(len(boxes), dtype=np.bool_)
        for place in self.places.get((photo.site, photo.camera), ()):
            if photo.taken_at and place.first - STANDS <= photo.taken_at.date() <= place.last + STANDS:
                marked |= lying_on(boxes, scores, np.array(place.box), place.best)
        return marked

    def read(self, photo: PhotoRow, row: ProposalRow) -> tuple[Boxes, Floats]:
        """Return the machine's boxes, shape (n, 4), and scores, shape (n,), without things."""
        boxes, scores = row.boxes(), row.scores()
        kept = ~self.on(photo, boxes, scores)
        return boxes[kept], scores[kept]


def read_things(session: Session, before: datetime | None = None) -> Things:
    """Return the places that are things by what was decided, or had been decided at that time."""
    decided = decisions(session, before)
    things = [spot for spot, decision in decided.items() if decision.decision == THING]
    places: dict[tuple[str, str], list[SpotRow]] = defaultdict(list)
    if things:
        for row in session.exec(select(SpotRow).where(col(SpotRow.id).in_(things)).order_by(col(SpotRow.id))):
            places[row.site, row.camera].append(row)
    return Things(places)


def decisions(session: Session, before: datetime | None = None) -> dict[int, SpotDecisionRow]:
    """Return the decision that holds, or held at that time, on each spot somebody decided on."""
    query = select(SpotDecisionRow).order_by(col(SpotDecisionRow.id))
    if before is not None:
        query = query.where(SpotDecisionRow.at <= before)
    return {row.spot: row for row in session.exec(query)}
